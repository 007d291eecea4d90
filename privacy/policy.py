"""Policies: what a party lets the other learn of each column, how often, for what and until when.

A policy is a TOML file with its Ed25519 signature beside it (``NAME.toml.sig``, hex). ``Policy.check`` is called
when a job is planned and again when it runs; ``QuotaLedger`` counts what ran. The format, with an example, is in
``docs/policy.md``; which constraint permits which use is data, ``policy_uses.toml``.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy.database import create, transaction
from privacy.errors import Refused
from privacy.files import replace

SIGNATURE_SUFFIX = ".sig"
SIGNATURE_CONTEXT = b"drgbridge policy 1\n"
MAX_POLICY_BYTES = 1 << 20
FINGERPRINT_BYTES = 8

Constraint = Literal["PLAINTEXT", "AFTER_JOIN", "AFTER_AGGREGATE", "AFTER_SCORE", "ENCRYPTED_ONLY", "NEVER"]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Positive = Annotated[int, Field(ge=1)]
Fingerprints = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class JobRequest:
    """What a job wants of a table of ours.

    ``columns``: column -> use (``id``, ``value``, ...: the uses of the protocol in ``policy_uses.toml``).
    ``queries``: rows or lookups that are answered. ``rows``: persons behind the smallest value released, None
    while that is not known. ``minimum_group``: smallest group that the job will release, None where it releases
    no groups. ``model_sha256``: hash of the peer's model, where there is one.
    """

    peer: str
    protocol: str
    purpose: str
    table: str
    columns: Mapping[str, str]
    day: date
    queries: int = 1
    rows: int | None = None
    minimum_group: int | None = None
    model_sha256: str | None = None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ColumnRule(_Part):
    """The constraint of one column towards one party, and a minimum group size of its own."""

    constraint: Constraint
    minimum_group: Positive | None = None


class Quota(_Part):
    """At most ``jobs`` jobs and ``queries`` queries in any ``days`` days, of the jobs that the filters match."""

    days: Positive
    table: Name | None = None
    protocol: Name | None = None
    model_sha256: Sha256 | None = None
    jobs: Positive | None = None
    queries: Positive | None = None

    def covers(self, request: JobRequest) -> bool:
        """Whether the quota counts this job."""
        wanted = (self.table, self.protocol, self.model_sha256)
        given = (request.table, request.protocol, request.model_sha256)
        return all(want is None or want == value for want, value in zip(wanted, given, strict=True))


class SetRule(_Part):
    """A set of rows must equal every set used in the last ``days`` days or differ by ``differ_by`` rows or more."""

    days: Positive
    differ_by: Positive


class PolicyDocument(_Part):
    """The content of a policy file."""

    version: Literal[1]
    owner: Name
    valid_from: date
    expires: date
    purposes: Annotated[list[Name], Field(min_length=1)]
    protocols: Annotated[list[Name], Field(min_length=1)]
    minimum_group: Positive
    approved_models: list[Sha256] = []
    quotas: list[Quota] = []
    sets: SetRule
    columns: dict[Name, dict[Name, dict[Name, ColumnRule]]]
    """party -> table -> column -> rule; what is not named is NEVER."""


@dataclass(frozen=True)
class Permission:
    """What a party may do with a column: ``uses`` are ``protocol:use`` as in ``policy_uses.toml``."""

    party: str
    table: str
    column: str
    constraint: Constraint
    minimum_group: int
    uses: tuple[str, ...]


class Policy:
    """A policy whose signature was checked. ``sha256`` (hex) names it in the logs of both parties."""

    def __init__(self, document: PolicyDocument, sha256: str):
        self.document = document
        self.sha256 = sha256

    @classmethod
    def load(cls, path: Path, public_key: Ed25519PublicKey) -> Policy:
        """Read and verify a policy. Raises ``Refused``: ``policy.unreadable``, ``policy.signature``."""
        content = _read(path)
        try:
            signature = bytes.fromhex(_read(signature_path(path)).decode("ascii").strip())
            public_key.verify(signature, SIGNATURE_CONTEXT + content)
        except (InvalidSignature, ValueError) as error:
            raise Refused("policy.signature", path=str(path)) from error
        return cls(_parsed(path, content), hashlib.sha256(content).hexdigest())

    def check(self, request: JobRequest) -> None:
        """Raise ``Refused`` where the policy does not allow the job; quotas are ``QuotaLedger``'s."""
        self._check_frame(request)
        for column, use in request.columns.items():
            self._check_column(request, column, use)
        self._check_groups(request)

    def require_in_time(self, day: date) -> None:
        """Raise ``Refused`` (``policy.not_yet_valid``, ``policy.expired``) where the policy is not for this day."""
        if day < self.document.valid_from:
            raise Refused("policy.not_yet_valid", day=str(self.document.valid_from))
        if day > self.document.expires:
            raise Refused("policy.expired", day=str(self.document.expires))

    def permissions(self) -> list[Permission]:
        """Every column that the policy names, in its order, with the uses that the constraint permits."""
        return [
            Permission(
                party,
                table,
                column,
                rule.constraint,
                max(self.document.minimum_group, rule.minimum_group or 0),
                self._permitted_uses(rule),
            )
            for party, tables in self.document.columns.items()
            for table, rules in tables.items()
            for column, rule in rules.items()
        ]

    def minimum_group(self, request: JobRequest) -> int:
        """The smallest number of persons that a released value may be about: the largest minimum that applies."""
        rules = (self._rule(request, column) for column in request.columns)
        own = (rule.minimum_group for rule in rules if rule is not None and rule.minimum_group is not None)
        return max([self.document.minimum_group, *own])

    def quotas(self, request: JobRequest) -> list[Quota]:
        """The quotas that count this job."""
        return [quota for quota in self.document.quotas if quota.covers(request)]

    def _check_frame(self, request: JobRequest) -> None:
        document = self.document
        self.require_in_time(request.day)
        if request.purpose not in document.purposes:
            raise Refused("policy.purpose", purpose=request.purpose)
        if request.protocol not in document.protocols:
            raise Refused("policy.protocol", protocol=request.protocol)
        if request.model_sha256 is not None and request.model_sha256 not in document.approved_models:
            raise Refused("policy.model", model=request.model_sha256)
        if request.queries < 1:
            raise Refused("policy.queries", queries=request.queries)

    def _check_column(self, request: JobRequest, column: str, use: str) -> None:
        wanted = _uses().get(request.protocol, {}).get(use)
        if wanted is None:
            raise Refused("policy.use", column=column, use=use, protocol=request.protocol)
        rule = self._rule(request, column)
        if rule is None or rule.constraint == "NEVER":
            raise Refused("policy.column_never", column=column, table=request.table, peer=request.peer)
        if wanted.needs not in _permits()[rule.constraint]:
            raise Refused(
                "policy.column_constraint",
                column=column,
                constraint=rule.constraint,
                needed=wanted.needs,
                protocol=request.protocol,
            )
        if wanted.model and request.model_sha256 is None:
            raise Refused("policy.model_missing", column=column)

    def _check_groups(self, request: JobRequest) -> None:
        minimum = self.minimum_group(request)
        for found in (request.rows, request.minimum_group):
            if found is not None and found < minimum:
                raise Refused("policy.group_small", minimum=minimum, found=found, table=request.table)

    def _permitted_uses(self, rule: ColumnRule) -> tuple[str, ...]:
        return tuple(
            f"{protocol}:{name}"
            for protocol in self.document.protocols
            for name, use in _uses().get(protocol, {}).items()
            if use.needs in _permits()[rule.constraint] and (self.document.approved_models or not use.model)
        )

    def _rule(self, request: JobRequest, column: str) -> ColumnRule | None:
        return self.document.columns.get(request.peer, {}).get(request.table, {}).get(column)


@dataclass(frozen=True)
class PolicyFile:
    """A policy file as it stands: its hash (hex), its content, and what is wrong with it today.

    ``document`` is None where the file cannot be read; ``problem`` is the refusal of a job that came now, if any.
    """

    sha256: str
    document: PolicyDocument | None
    problem: Refused | None

    @property
    def is_signed(self) -> bool:
        """Whether the file is as its owner signed it."""
        return self.document is not None and (self.problem is None or self.problem.code != "policy.signature")


def look(path: Path, public_key: Ed25519PublicKey, day: date) -> PolicyFile:
    """A policy for a person to read, signed or not; a job goes by ``Policy.load``."""
    try:
        content = _read(path)
        document = _parsed(path, content)
    except Refused as refused:
        return PolicyFile("", None, refused)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        Policy.load(path, public_key).require_in_time(day)
    except Refused as refused:
        return PolicyFile(sha256, document, refused)
    return PolicyFile(sha256, document, None)


def sign_policy(path: Path, key: Ed25519PrivateKey) -> Path:
    """Check the policy's format and write its signature beside it; the path of the signature."""
    content = _read(path)
    _parsed(path, content)
    signature = signature_path(path)
    replace(signature, key.sign(SIGNATURE_CONTEXT + content).hex().encode() + b"\n")
    return signature


_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS uses (job TEXT, peer TEXT, source TEXT, protocol TEXT, model TEXT,"
    " day INTEGER, queries INTEGER, PRIMARY KEY (job, source))",
    "CREATE TABLE IF NOT EXISTS sets (job TEXT, peer TEXT, source TEXT, day INTEGER, size INTEGER,"
    " fingerprints BLOB, PRIMARY KEY (job, source))",
)


class QuotaLedger:
    """What the peers used, in a SQLite file: jobs, queries, and keyed fingerprints of the sets of rows.

    Each method is one transaction, so that jobs that run at the same time cannot pass a quota together.
    """

    def __init__(self, path: Path):
        self._path = path
        create(path, _SCHEMA)

    def check(self, policy: Policy, request: JobRequest, job: str) -> None:
        """Raise ``Refused`` (``policy.quota_jobs``, ``policy.quota_queries``) where the job would pass a quota."""
        with transaction(self._path) as database:
            _require_quotas(database, policy, request, job)

    def charge(self, policy: Policy, request: JobRequest, job: str, ids: Sequence[str], key: bytes) -> None:
        """Check, then count the job and keep the set of our rows (``ids``) in it, as fingerprints under ``key``.

        Raises ``Refused`` and counts nothing: as ``check``; ``policy.set_similar`` where the set differs from an
        earlier one of the same peer and table by at least one row but fewer than the policy's ``differ_by``;
        ``policy.job_again`` where the job was counted before: its id would let a peer use a quota twice.
        """
        fingerprints = fingerprint_set(ids, key)
        with transaction(self._path) as database:
            _require_quotas(database, policy, request, job)
            _require_no_similar_set(database, policy.document.sets, request, fingerprints)
            whose = (job, request.peer, request.table)
            day = request.day.toordinal()
            use = (*whose, request.protocol, request.model_sha256, day, request.queries)
            _insert_once(database, "uses", use)
            _insert_once(database, "sets", (*whose, day, len(fingerprints), fingerprints.tobytes()))


def _require_no_similar_set(
    database: sqlite3.Connection, rule: SetRule, request: JobRequest, fingerprints: Fingerprints
) -> None:
    # A set that differs by few rows has nearly the same size: only those are read and compared.
    rows = database.execute(
        "SELECT fingerprints FROM sets WHERE peer = ? AND source = ? AND day > ? AND abs(size - ?) < ?",
        (
            request.peer,
            request.table,
            request.day.toordinal() - rule.days,
            len(fingerprints),
            rule.differ_by,
        ),
    )
    for (earlier,) in rows:
        differing = _differing(fingerprints, np.frombuffer(earlier, np.uint64))
        if 0 < differing < rule.differ_by:
            raise Refused("policy.set_similar", table=request.table, minimum=rule.differ_by)


def _insert_once(database: sqlite3.Connection, name: str, row: tuple[object, ...]) -> None:
    """Insert a row whose first value is a job's id."""
    try:
        database.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 (our own names)
    except sqlite3.IntegrityError as error:
        raise Refused("policy.job_again", job=str(row[0])) from error


def fingerprint_set(ids: Sequence[str], key: bytes) -> Fingerprints:
    """Sorted fingerprints (8 bytes of keyed BLAKE2b) of the distinct ids."""
    digests = b"".join(
        hashlib.blake2b(id.encode(), key=key, digest_size=FINGERPRINT_BYTES).digest() for id in ids
    )
    return np.unique(np.frombuffer(digests, np.uint64))


def _differing(one: Fingerprints, other: Fingerprints) -> int:
    """How many fingerprints are in one of two sorted sets only."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return len(one) + len(other) - 2 * common


def _require_quotas(database: sqlite3.Connection, policy: Policy, request: JobRequest, job: str) -> None:
    for quota in policy.quotas(request):
        first = (request.day - timedelta(days=quota.days)).toordinal()
        filters = {"source": quota.table, "protocol": quota.protocol, "model": quota.model_sha256}
        given = {column: value for column, value in filters.items() if value is not None}
        where = "".join(f" AND {column} = ?" for column in given)
        jobs, queries = database.execute(
            "SELECT count(*), coalesce(sum(queries), 0) FROM uses"  # noqa: S608 (column names of ours only)
            f" WHERE peer = ? AND day > ? AND NOT (job = ? AND source = ?){where}",
            (request.peer, first, job, request.table, *given.values()),
        ).fetchone()
        if quota.jobs is not None and jobs + 1 > quota.jobs:
            raise Refused("policy.quota_jobs", limit=quota.jobs, days=quota.days, table=request.table)
        if quota.queries is not None and queries + request.queries > quota.queries:
            left = max(quota.queries - queries, 0)
            raise Refused("policy.quota_queries", limit=quota.queries, days=quota.days, left=left)


class _Use(_Part):
    needs: Constraint
    model: bool = False


class _Uses(_Part):
    permits: dict[Constraint, list[Constraint]]
    uses: dict[str, dict[str, _Use]]


@cache
def _tables() -> _Uses:
    text = Path(__file__).with_name("policy_uses.toml").read_text(encoding="utf-8")
    return _Uses.model_validate(tomllib.loads(text))


def _uses() -> Mapping[str, Mapping[str, _Use]]:
    return _tables().uses


def _permits() -> Mapping[Constraint, Sequence[Constraint]]:
    return _tables().permits


def signature_path(path: Path) -> Path:
    """Where the signature of a policy lies."""
    return path.with_name(path.name + SIGNATURE_SUFFIX)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_POLICY_BYTES + 1)
    except OSError as error:
        raise Refused("policy.unreadable", path=str(path), detail=error.strerror or "") from error
    if len(content) > MAX_POLICY_BYTES:
        raise Refused("policy.unreadable", path=str(path), detail=f"> {MAX_POLICY_BYTES} bytes")
    return content


def _parsed(path: Path, content: bytes) -> PolicyDocument:
    try:
        document = PolicyDocument.model_validate(tomllib.loads(content.decode("utf-8")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused("policy.unreadable", path=str(path), detail=f"{place}: {first['msg']}") from error
    except ValueError as error:
        raise Refused("policy.unreadable", path=str(path), detail=str(error)) from error
    return document
