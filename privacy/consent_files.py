"""Files of consent: an issuer's keys, tokens for the persons of a table, files of tokens."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TextIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from privacy import files, ids
from privacy.consent import MAX_TOKEN_CHARS, Consent, issue, subjects
from privacy.errors import Refused
from privacy.party import KEY_BYTES, key_bytes
from privacy.table import read_table

SIGNING_KEY, PUBLIC_KEY, SUBJECT_KEY = "issuer.key", "issuer.pub", "subject.key"
MOST_ROWS = 10_000_000
MOST_IDS, MOST_ID_CHARS = 10_000, 1000
_FIRST_ROW = {".csv": 2}
"""The row of the first record as a person counts; 1 in formats without a header row."""


@dataclass(frozen=True)
class Scope:
    """What all persons of a table permit; the fields are those of ``Consent``."""

    recipient: str
    purpose: str
    protocols: tuple[str, ...]
    columns: tuple[str, ...]
    window_from: date
    window_to: date
    issued: date
    expires: date


@dataclass(frozen=True)
class Issued:
    """How many persons got a token, and the rows (as in a spreadsheet) whose id is not valid."""

    tokens: int
    invalid_rows: list[int]


def make_issuer(folder: Path) -> str:
    """Make the folder of an issuer: signing key, public key, subject key. The public key (hex) is returned.

    Nothing is overwritten: ``Refused`` (``party.file_exists``).
    """
    paths = [folder / name for name in (SIGNING_KEY, SUBJECT_KEY, PUBLIC_KEY)]
    for path in paths:
        if path.exists():
            raise Refused("party.file_exists", path=str(path))
    files.owner_folder(folder)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw().hex()
    contents = (key.private_bytes_raw().hex(), secrets.token_hex(KEY_BYTES), public)
    for path, content in zip(paths, contents, strict=True):
        files.write_new(path, content.encode())
    return public


def issue_for_table(
    table: Path, id_column: str, id_kind: str, issuer: Path, scope: Scope, out: Path
) -> Issued:
    """Write a token for every person of a table to the new file ``out``, owner-only, one a line, in their order.

    Ids are normalised as a node does it; a person in several rows gets one token. Raises ``Refused``: ``table.*``,
    ``party.*`` for keys and an ``out`` that exists, ``consent.scope``, ``consent.window``.
    """
    key = Ed25519PrivateKey.from_private_bytes(key_bytes(issuer / SIGNING_KEY))
    subject_key = key_bytes(issuer / SUBJECT_KEY)
    normal = ids.normalised(read_table(table, id_column, max_rows=MOST_ROWS).ids, id_kind)
    first_row = _FIRST_ROW.get(table.suffix.lower(), 1)
    invalid = [row for row, id in enumerate(normal, first_row) if id is None]
    persons = subjects(dict.fromkeys(id for id in normal if id is not None), subject_key)
    template = _template(scope)
    _write_lines(out, (_token(template, subject, key) for subject in persons))
    return Issued(len(persons), invalid)


def read_tokens(path: Path) -> Iterator[str]:
    """The tokens of a file, one a line. What is too long for a token comes in pieces, which are none."""
    with path.open(encoding="ascii", errors="replace") as file:
        while line := file.readline(MAX_TOKEN_CHARS + 1):
            if line.strip():
                yield line.strip()


def read_ids(lines: TextIO, kind: str) -> list[str | None]:
    """The ids of a file, one a line, normalised as a node does it; None for a line that is no id of this kind.

    Raises ``Refused`` (``consent.ids_many``). They are not kept anywhere.
    """
    found: list[str] = []
    while line := lines.readline(MOST_ID_CHARS):
        if len(found) == MOST_IDS:
            raise Refused("consent.ids_many", most=MOST_IDS)
        found.append(line.strip())
    return ids.normalised(found, kind)


def _template(scope: Scope) -> Consent:
    try:
        return Consent.model_validate({"token_id": "0" * 32, "subject": "0" * 64, **vars(scope)})
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise Refused("consent.scope", place=place, why=problem["msg"]) from error


def _token(template: Consent, subject: bytes, key: Ed25519PrivateKey) -> str:
    own = {"token_id": secrets.token_hex(16), "subject": subject.hex()}
    return issue(template.model_copy(update=own), key)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    """A new file, owner-only, whole or not at all; the lines are not held in memory."""
    if path.exists():
        raise Refused("party.file_exists", path=str(path))
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, files.OWNER_FILE), "w") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
