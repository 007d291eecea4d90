"""A write to the store: rows and their audit entries, all or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from typing import Any

import sqlalchemy as sa

from claims.store import schema
from claims.store.columns import PERSON_LENGTH
from claims.store.database import Store, write_connection
from claims.store.errors import StaleEdit, StoreError
from privacy.canonical import canonical_json

Values = Mapping[Any, Any]
INTEGER_LIMIT = 2**63
REFUSED_SIGNS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control signs but for tab and new line, and halves of a pair: PostgreSQL cannot keep them all."""


def digest(value: Any) -> str:
    """SHA-256 in hex of a value as canonical JSON."""
    return sha256(canonical_json(value)).hexdigest()


def row_hash(row: Values) -> str:
    """The hash of a row: all its columns with their names."""
    return digest(plain(row))


def plain(row: Values) -> dict[str, Any]:
    """A row with column names of the type that JSON takes: SQLAlchemy has its own kind of text for them."""
    return {str(name): value for name, value in row.items()}


class Transaction:
    """One write transaction of one person. Every method that writes also makes the audit entries."""

    def __init__(self, connection: sa.Connection, person: str):
        self.connection = connection
        self.person = person
        self.at = datetime.now(UTC)
        # Locking the head makes writers queue here, so they neither deadlock nor fork the chain.
        head = connection.execute(sa.select(schema.audit_head).with_for_update()).one()
        self._number: int = head.number
        self._hash: str = head.hash
        self._entries: list[dict[str, Any]] = []

    def find(self, table: sa.Table, id: int | str) -> Values:
        """The row with this ``id``. Raises :class:`StoreError` where there is none."""
        return find(self.connection, table, id)

    def insert(
        self, table: sa.Table, action: str, rows: Sequence[Values], audited: bool = True
    ) -> Sequence[Values]:
        """Write new rows; returns them as the database has them, in the same order."""
        for row in rows:
            check_values(table, row)
        statement = sa.insert(table).returning(*table.c, sort_by_parameter_order=True)
        written = (
            [dict(row) for row in self.connection.execute(statement, list(rows)).mappings()] if rows else []
        )
        if audited:
            for row in written:
                self.record(action, table.name, str(row["id"]), None, row_hash(row))
        return written

    def change(self, table: sa.Table, id: int | str, version: int, action: str, **values: Any) -> Values:
        """Change the row that has this ``id`` and ``version``; returns it as it is now, with the next version.

        Raises :class:`StaleEdit` where the row has another version.
        """
        before = self.find(table, id)
        if before["version"] != version:
            raise self._stale(table, id, before)
        return self._update(
            table, before, action, version=version + 1, changed_by=self.person, changed_at=self.at, **values
        )

    def replace(self, table: sa.Table, before: Values, action: str, **values: Any) -> Values:
        """Change a row of a table without versions; returns it as it is now."""
        return self._update(table, before, action, **values)

    def record(
        self,
        action: str,
        object_kind: str,
        object_id: str,
        before: str | None = None,
        after: str | None = None,
    ) -> None:
        """Add an audit entry. No personal data: ids of the store, hashes."""
        entry: dict[str, Any] = {
            "number": self._number + 1,
            "at": self.at,
            "person": self.person,
            "action": action,
            "object_kind": object_kind,
            "object_id": object_id,
            "before_hash": before,
            "after_hash": after,
            "previous_hash": self._hash,
        }
        entry["hash"] = digest(entry)
        self._number, self._hash = entry["number"], entry["hash"]
        self._entries.append(entry)

    def write_audit(self) -> None:
        """Write the entries that were recorded. The last step of the transaction."""
        if not self._entries:
            return
        for entry in self._entries:
            check_values(schema.audit_entry, entry)
        self.connection.execute(sa.insert(schema.audit_entry), self._entries)
        self.connection.execute(sa.update(schema.audit_head).values(number=self._number, hash=self._hash))

    def _update(self, table: sa.Table, before: Values, action: str, **values: Any) -> Values:
        check_values(table, {**before, **values})
        statement = sa.update(table).where(table.c.id == before["id"]).values(values).returning(*table.c)
        after = dict(self.connection.execute(statement).mappings().one())
        self.record(action, table.name, str(before["id"]), row_hash(before), row_hash(after))
        return after

    def _stale(self, table: sa.Table, id: int | str, now: Values) -> StaleEdit:
        entry = schema.audit_entry
        last_action = (
            sa.select(entry.c.action)
            .where(entry.c.object_kind == table.name, entry.c.object_id == str(id))
            .order_by(entry.c.number.desc())
            .limit(1)
        )
        action = self.connection.execute(last_action).scalar() or "-"
        return StaleEdit(table.name, str(id), now["changed_by"], action, now["changed_at"])


@contextmanager
def writing(store: Store, person: str) -> Iterator[Transaction]:
    """A write transaction of a person, committed with its audit entries where the block ends well."""
    check_text("person", person, PERSON_LENGTH)
    with write_connection(store) as connection:
        transaction = Transaction(connection, person)
        yield transaction
        transaction.write_audit()


def find(connection: sa.Connection, table: sa.Table, id: int | str) -> Values:
    """The row with this ``id``. Raises :class:`StoreError` where there is none."""
    row = connection.execute(sa.select(table).where(table.c.id == id)).mappings().one_or_none()
    if row is None:
        raise StoreError("store.not_found", kind=table.name, id=id)
    return dict(row)


@dataclass(frozen=True)
class _Column:
    """What a value of a column must be; looked up once, because many rows are checked."""

    name: str
    where: str
    may_be_missing: bool
    kind: type
    most: int | None


@lru_cache(maxsize=64)
def _columns(table: sa.Table) -> tuple[_Column, ...]:
    return tuple(
        _Column(
            column.name,
            f"{table.name}.{column.name}",
            bool(column.nullable) or column.name == "id",
            column.type.python_type,
            getattr(column.type, "length", None),
        )
        for column in table.columns
    )


def check_values(table: sa.Table, values: Values) -> None:
    """Raises :class:`StoreError` for a value that a column cannot hold the same way in both databases."""
    for column in _columns(table):
        value = values.get(column.name)
        if value is None:
            if not column.may_be_missing:
                raise StoreError("store.value_missing", column.where)
        elif column.kind is str:
            check_text(column.where, value, column.most)
        elif not _fits(column.kind, value):
            raise StoreError("store.value_wrong", column.where, kind=type(value).__name__)


def check_text(where: str, value: object, most: int | None) -> None:
    """Raises :class:`StoreError` for a text that is empty, too long, or has signs that cannot be kept or shown."""
    if not isinstance(value, str) or not value.strip():
        raise StoreError("store.value_missing", where)
    if most is not None and len(value) > most:
        raise StoreError("store.text_long", where, length=len(value), most=most)
    if REFUSED_SIGNS.search(value):
        raise StoreError("store.text_signs", where)


def _fits(expected: type, value: object) -> bool:
    if isinstance(value, bool) or expected is bool:
        return isinstance(value, bool) and expected is bool
    if expected is int:
        return isinstance(value, int) and -INTEGER_LIMIT <= value < INTEGER_LIMIT
    if expected is float:
        return isinstance(value, int | float) and isfinite(value)
    if expected is datetime:
        return isinstance(value, datetime) and value.tzinfo is not None
    return expected is date and isinstance(value, date)
