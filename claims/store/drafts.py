"""Drafts of a case: the codes and facts that a person works on. Every save is a new row; none is changed.

A sign-off names the hash of what was signed, so what was signed stays readable by :func:`content_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.errors import StaleEdit, StoreError
from claims.store.transaction import Values, digest, writing
from privacy.canonical import canonical_json

MOST_BYTES = 200_000


@dataclass(frozen=True)
class Draft:
    """A saved state of a case. ``number`` counts the drafts of the case, from 1."""

    id: int
    case_id: str
    number: int
    content: Mapping[str, Any]
    content_hash: str
    person: str
    at: datetime


def save_draft(
    store: Store, case_id: str, content: Mapping[str, Any], last_number: int, person: str
) -> Draft:
    """Save the codes and facts of a case; ``last_number`` is that of the draft the person saw, 0: there was none.

    The same content again is no new draft. Raises :class:`StaleEdit` where there is a later draft, and
    :class:`StoreError` for content that is too large or that JSON cannot hold.
    """
    written = _written(case_id, content)
    table = schema.draft
    with writing(store, person) as transaction:
        last = transaction.connection.execute(_newest(case_id)).mappings().one_or_none()
        if last is not None and last["number"] != last_number:
            raise StaleEdit("draft", str(last["id"]), last["person"], "save", last["at"])
        if last is None and last_number != 0:
            raise StoreError("store.not_found", kind="draft", id=last_number)
        if last is not None and last["content"] == written:
            return _draft(last)
        row = {
            "case_id": case_id,
            "number": last_number + 1,
            "content": written,
            "content_hash": content_hash(content),
            "person": person,
            "at": transaction.at,
        }
        return _draft(transaction.insert(table, "save", [row])[0])


def latest_draft(store: Store, case_id: str) -> Draft | None:
    """The last draft of a case, ``None`` where there is none."""
    with read_connection(store) as connection:
        row = connection.execute(_newest(case_id)).mappings().one_or_none()
    return _draft(row) if row is not None else None


def content_of(store: Store, hash: str) -> Mapping[str, Any] | None:
    """The content that has this hash, of a sign-off for example; ``None`` where none was saved."""
    table = schema.draft
    statement = sa.select(table.c.content).where(table.c.content_hash == hash).limit(1)
    with read_connection(store) as connection:
        found = connection.scalar(statement)
    return orjson.loads(found) if found is not None else None


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 in hex of the content as canonical JSON: what a sign-off names."""
    return digest(dict(content))


def _newest(case_id: str) -> sa.Select[Any]:
    table = schema.draft
    return sa.select(table).where(table.c.case_id == case_id).order_by(table.c.number.desc()).limit(1)


def _written(case_id: str, content: Mapping[str, Any]) -> str:
    try:
        written = canonical_json(dict(content))
    except TypeError:
        raise StoreError("store.draft_wrong", case_id) from None
    if len(written) > MOST_BYTES:
        raise StoreError("store.draft_large", case_id, most=MOST_BYTES)
    return written.decode()


def _draft(row: Values) -> Draft:
    return Draft(**{**row, "content": orjson.loads(row["content"])})
