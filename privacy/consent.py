"""Consent tokens: a person's signed permission, and the register that says whose rows may take part in a job.

A token is ``header.payload.signature`` (base64url, Ed25519), the compact form of JWS (RFC 7515) with one fixed
header. Its format, with an example, is in ``docs/policy.md``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy import ids as person_ids
from privacy.canonical import canonical_json
from privacy.database import create, transaction
from privacy.errors import Refused

MAX_TOKEN_CHARS = 8192
SUBJECT_PURPOSE = "consent subject"
TOKEN_ID = re.compile(r"[0-9a-f]{32}")
_HEADER = {"alg": "EdDSA", "typ": "drgbridge-consent-1"}

Name = Annotated[str, Field(min_length=1, max_length=80)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=200)]
TokenState = Literal["valid", "not_yet_issued", "expired", "revoked"]
Mask = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]


class Consent(BaseModel):
    """What a person permits.

    ``subject``: the person's keyed id (hex, ``subjects``). ``window_from``, ``window_to``: days of the records
    that may be used, both included. ``expires``: last day of use. ``columns``, ``protocols``: the scope.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_id: Annotated[str, Field(pattern=f"^{TOKEN_ID.pattern}$")]
    subject: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    recipient: Name
    purpose: Name
    protocols: Names
    columns: Names
    window_from: date
    window_to: date
    issued: date
    expires: date


@dataclass(frozen=True)
class Imported:
    """How many tokens a register took, and how many it refused by code (``consent.signature``, ...)."""

    accepted: int
    refused: Mapping[str, int]


@dataclass(frozen=True)
class TokenCount:
    """How many tokens of one scope a register holds: ``valid`` on the day asked for, ``revoked``, and the rest.

    ``out_of_time``: expired, or issued later than that day.
    """

    recipient: str
    purpose: str
    protocol: str
    valid: int
    out_of_time: int
    revoked: int


@dataclass(frozen=True)
class ExpiryCount:
    """How many tokens for a recipient and purpose end in one month (its first day), by what they are worth."""

    recipient: str
    purpose: str
    month: date
    valid: int
    not_yet_issued: int
    expired: int
    revoked: int


@dataclass(frozen=True)
class Permitted:
    """Which ids have a token, one bool an id, and the hash (hex) of the register that says so."""

    mask: Mask
    register_sha256: str


@dataclass(frozen=True)
class HeldToken:
    """A token of one person, and what it is worth on a day; the other fields are those of ``Consent``."""

    token_id: str
    state: TokenState
    recipient: str
    purpose: str
    protocols: tuple[str, ...]
    columns: tuple[str, ...]
    window_from: date
    window_to: date
    issued: date
    expires: date


def issue(consent: Consent, key: Ed25519PrivateKey) -> str:
    """The signed token. Raises ``Refused`` (``consent.window``) where the dates are the wrong way round."""
    _check_dates(consent)
    signed = f"{_encoded(_HEADER)}.{_encoded(consent.model_dump(mode='json'))}"
    return f"{signed}.{_base64(key.sign(signed.encode('ascii')))}"


def verify(token: str, public_key: Ed25519PublicKey) -> Consent:
    """The content of a token. Raises ``Refused``: ``consent.malformed``, ``consent.signature``, ``consent.window``.

    Says nothing about expiry and revocation: that is ``ConsentRegister.valid_ids``.
    """
    parts = token.split(".") if len(token) <= MAX_TOKEN_CHARS and token.isascii() else []
    # One header only: a token cannot choose its algorithm.
    if len(parts) != 3 or parts[0] != _encoded(_HEADER):
        raise Refused("consent.malformed")
    try:
        public_key.verify(_bytes(parts[2]), f"{parts[0]}.{parts[1]}".encode("ascii"))
    except InvalidSignature as error:
        raise Refused("consent.signature") from error
    try:
        consent = Consent.model_validate(orjson.loads(_bytes(parts[1])))
    except ValidationError as error:
        raise Refused("consent.malformed") from error
    except orjson.JSONDecodeError as error:
        raise Refused("consent.malformed") from error
    _check_dates(consent)
    return consent


def subjects(ids: Iterable[str], key: bytes) -> list[bytes]:
    """The keyed ids that stand for persons in tokens (32 bytes each; ``Consent.subject`` is their hex form)."""
    return person_ids.keyed(ids, key, SUBJECT_PURPOSE)


class ConsentRegister:
    """The tokens that a party holds, verified once when imported, and the revocations, in a SQLite file.

    ``recipient``: the party the rows would go to; tokens for others are never valid here. ``subject_key``: the
    secret that ``subjects`` takes.
    """

    def __init__(self, path: Path, issuer_key: Ed25519PublicKey, subject_key: bytes, recipient: str):
        self._path = path
        self._issuer_key = issuer_key
        self._subject_key = subject_key
        self._recipient = recipient
        create(path, _SCHEMA)

    def add(self, tokens: Iterable[str]) -> Imported:
        """Verify tokens and keep the good ones. A revoked token stays revoked; one held already counts again."""
        accepted, refused = 0, Counter[str]()
        with transaction(self._path) as database:
            for token in tokens:
                try:
                    _insert(database, verify(token.strip(), self._issuer_key))
                    accepted += 1
                except Refused as error:
                    refused[error.code] += 1
        return Imported(accepted, dict(refused))

    def revoke(self, token_id: str) -> None:
        """Make a token invalid for good, also one that is not held yet. Raises ``Refused`` (``consent.token_id``)."""
        if not TOKEN_ID.fullmatch(token_id):
            raise Refused("consent.token_id")
        with transaction(self._path) as database:
            database.execute("INSERT OR IGNORE INTO revocations VALUES (?)", (token_id,))

    def valid_ids(
        self,
        ids: Sequence[str],
        purpose: str,
        protocol: str,
        day: date,
        columns: Iterable[str] = (),
        record_days: Days | None = None,
    ) -> Permitted:
        """Which of the (normalised) ids have a token for this use on ``day``.

        ``columns``: all of them must be in the token's scope. ``record_days`` (datetime64[D], one an id): the day
        of each row, which must lie in the token's window; without it every row counts as one of ``day``.
        """
        with transaction(self._path) as database:
            held = self._tokens(database, purpose, protocol, day, frozenset(columns))
            sha256 = _register_sha256(database)
        wanted = np.array(subjects(ids, self._subject_key), dtype="S32")
        if record_days is None:
            record_days = np.full(len(wanted), np.datetime64(day), dtype="datetime64[D]")
        mask = _covered(wanted, record_days.astype("datetime64[D]").astype(np.int64), *held)
        return Permitted(mask, sha256)

    def find(self, ids: Sequence[str], day: date) -> list[list[HeldToken]]:
        """All tokens that are held for each of the (normalised) ids, whoever the recipient, in order of issue."""
        with transaction(self._path) as database:
            return [_tokens_of(database, subject, day) for subject in subjects(ids, self._subject_key)]

    def counts(self, day: date) -> list[TokenCount]:
        """How many tokens are held, by recipient, purpose and protocol; a token of several protocols counts in each."""
        found = Counter[tuple[str, str, str, str]]()
        with transaction(self._path) as database:
            rows = database.execute(
                "SELECT scopes.scope, token_id IN (SELECT token_id FROM revocations) AS revoked,"
                " issued <= ? AND expires >= ? AS in_time, count(*)"
                " FROM tokens JOIN scopes ON tokens.scope = scopes.number GROUP BY 1, 2, 3",
                (_day_number(day), _day_number(day)),
            ).fetchall()
        for text, revoked, in_time, tokens in rows:
            scope = orjson.loads(text)
            state = "revoked" if revoked else "valid" if in_time else "out_of_time"
            for protocol in scope["protocols"]:
                found[scope["recipient"], scope["purpose"], protocol, state] += tokens
        return [
            TokenCount(*name, *(found[*name, state] for state in ("valid", "out_of_time", "revoked")))
            for name in sorted({key[:3] for key in found})
        ]

    def sha256(self) -> str:
        """The hash (hex) of the tokens held and revoked, for the audit log."""
        with transaction(self._path) as database:
            return _register_sha256(database)

    def _tokens(
        self,
        database: sqlite3.Connection,
        purpose: str,
        protocol: str,
        day: date,
        columns: frozenset[str],
    ) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Subjects (sorted) and windows (days since 1970) of the tokens valid for a use."""
        scopes = [
            number
            for number, text in database.execute("SELECT number, scope FROM scopes")
            if _permits(orjson.loads(text), self._recipient, purpose, protocol, columns)
        ]
        rows = database.execute(
            "SELECT subject, window_from, window_to FROM tokens"
            " WHERE scope IN (SELECT value FROM json_each(?)) AND issued <= ? AND expires >= ?"
            " AND token_id NOT IN (SELECT token_id FROM revocations) ORDER BY subject",
            (orjson.dumps(scopes).decode(), _day_number(day), _day_number(day)),
        ).fetchall()
        found, first, last = zip(*rows, strict=True) if rows else ((), (), ())
        return np.array(found, dtype="S32"), np.array(first, np.int64), np.array(last, np.int64)


def expiry_counts(path: Path, day: date) -> list[ExpiryCount]:
    """The tokens of a register by recipient, purpose and month of expiry; names nobody and needs no key.

    Raises ``Refused`` (``consent.register_missing``) where there is no register.
    """
    if not path.is_file():
        raise Refused("consent.register_missing", path=str(path))
    found: dict[tuple[str, str, date], Counter[TokenState]] = {}
    try:
        with transaction(path) as database:
            rows = database.execute(
                "SELECT scopes.scope, token_id IN (SELECT token_id FROM revocations), issued > ?, expires < ?,"
                " strftime('%Y-%m-01', expires * 86400, 'unixepoch'), count(*)"
                " FROM tokens JOIN scopes ON tokens.scope = scopes.number GROUP BY 1, 2, 3, 4, 5",
                (_day_number(day), _day_number(day)),
            ).fetchall()
    except sqlite3.Error as error:
        raise Refused("consent.register_missing", path=str(path)) from error
    for text, is_revoked, is_early, is_late, month, tokens in rows:
        scope = orjson.loads(text)
        state: TokenState = "expired" if is_late else "not_yet_issued" if is_early else "valid"
        key = (scope["recipient"], scope["purpose"], date.fromisoformat(month))
        found.setdefault(key, Counter())["revoked" if is_revoked else state] += tokens
    states: tuple[TokenState, ...] = ("valid", "not_yet_issued", "expired", "revoked")
    return [ExpiryCount(*key, *(found[key][state] for state in states)) for key in sorted(found)]


_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS scopes (number INTEGER PRIMARY KEY, scope TEXT UNIQUE)",
    "CREATE TABLE IF NOT EXISTS tokens (token_id TEXT PRIMARY KEY, subject BLOB, scope INTEGER,"
    " window_from INTEGER, window_to INTEGER, issued INTEGER, expires INTEGER)",
    "CREATE TABLE IF NOT EXISTS revocations (token_id TEXT PRIMARY KEY)",
    # For one person's tokens, and for all of them in order.
    "CREATE INDEX IF NOT EXISTS by_subject ON tokens (subject)",
)


def _insert(database: sqlite3.Connection, consent: Consent) -> None:
    scope = {
        "recipient": consent.recipient,
        "purpose": consent.purpose,
        "protocols": sorted(consent.protocols),
        "columns": sorted(consent.columns),
    }
    text = canonical_json(scope).decode()
    database.execute("INSERT OR IGNORE INTO scopes (scope) VALUES (?)", (text,))
    (number,) = database.execute("SELECT number FROM scopes WHERE scope = ?", (text,)).fetchone()
    row = (
        consent.token_id,
        bytes.fromhex(consent.subject),
        number,
        *map(_day_number, (consent.window_from, consent.window_to, consent.issued, consent.expires)),
    )
    database.execute("INSERT OR IGNORE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    held = database.execute("SELECT * FROM tokens WHERE token_id = ?", (consent.token_id,)).fetchone()
    if tuple(held) != row:
        raise Refused("consent.token_id_used")


def _register_sha256(database: sqlite3.Connection) -> str:
    held, revoked = (
        [id for (id,) in database.execute(f"SELECT token_id FROM {name} ORDER BY token_id")]  # noqa: S608 (our own names)
        for name in ("tokens", "revocations")
    )
    return hashlib.sha256(canonical_json([held, revoked])).hexdigest()


def _tokens_of(database: sqlite3.Connection, subject: bytes, day: date) -> list[HeldToken]:
    rows = database.execute(
        "SELECT token_id, token_id IN (SELECT token_id FROM revocations), scopes.scope,"
        " window_from, window_to, issued, expires"
        " FROM tokens JOIN scopes ON tokens.scope = scopes.number WHERE subject = ? ORDER BY issued, token_id",
        (subject,),
    )
    return [_held_token(*row, day=day) for row in rows]


def _held_token(token_id: str, is_revoked: int, scope: str, *days: int, day: date) -> HeldToken:
    named = orjson.loads(scope)
    window_from, window_to, issued, expires = (_day(number) for number in days)
    state: TokenState = "valid"
    if is_revoked:
        state = "revoked"
    elif day < issued:
        state = "not_yet_issued"
    elif day > expires:
        state = "expired"
    protocols, columns = tuple(named["protocols"]), tuple(named["columns"])
    scope_of = (named["recipient"], named["purpose"], protocols, columns)
    return HeldToken(token_id, state, *scope_of, window_from, window_to, issued, expires)


def _permits(
    scope: Mapping[str, object], recipient: str, purpose: str, protocol: str, columns: frozenset[str]
) -> bool:
    protocols, permitted = scope["protocols"], scope["columns"]
    assert isinstance(protocols, list) and isinstance(permitted, list)  # noqa: S101 (written by _insert)
    same = scope["recipient"] == recipient and scope["purpose"] == purpose
    return same and protocol in protocols and columns <= set(permitted)


def _covered(
    wanted: npt.NDArray[np.bytes_],
    days: npt.NDArray[np.int64],
    held: npt.NDArray[np.bytes_],
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> Mask:
    """Which wanted subjects hold a token whose window has the day; ``held`` is sorted, with repeats."""
    start, end = np.searchsorted(held, wanted, "left"), np.searchsorted(held, wanted, "right")
    covered = np.zeros(len(wanted), dtype=np.bool_)
    for nth in range(int((end - start).max(initial=0))):
        rows = np.flatnonzero(start + nth < end)
        token = start[rows] + nth
        covered[rows] |= (first[token] <= days[rows]) & (days[rows] <= last[token])
    return covered


def _check_dates(consent: Consent) -> None:
    if consent.window_from > consent.window_to or consent.issued > consent.expires:
        raise Refused("consent.window")


def _day_number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _day(number: int) -> date:
    return date.fromordinal(number + date(1970, 1, 1).toordinal())


def _encoded(value: object) -> str:
    return _base64(canonical_json(value))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise Refused("consent.malformed") from error
    # One spelling for one token: unused bits must be zero.
    if _base64(content) != text:
        raise Refused("consent.malformed")
    return content
