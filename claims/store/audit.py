"""The audit trail: who did what with which object, chained by hashes.

Every entry has the hash of the one before it, the head has the hash of the last one, and each entry has the hash of the
row as it was and as it became. So :func:`verify` finds a changed or missing entry, and a row that was changed past
this program, also where the program wrote it again later. Who owns the database can still make up a whole new trail:
keep the head hash that ``verify`` prints somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnCollection

from claims.errors import ClaimProblem
from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.items import reasons_hash
from claims.store.transaction import digest, plain, row_hash, writing

FIRST_HASH = "0" * 64
READ_ROWS = 2_000
MOST_PROBLEMS = 100
AUDITED = (
    schema.run,
    schema.run_partition,
    schema.work_item,
    schema.item_event,
    schema.decision,
    schema.sign_off,
    schema.appeal,
    schema.account,
    schema.credential,
    schema.draft,
)


@dataclass(frozen=True)
class AuditEntry:
    """One entry. The hashes are SHA-256 in hex of the row before and after; ``None``: there was none."""

    number: int
    at: datetime
    person: str
    action: str
    object_kind: str
    object_id: str
    before_hash: str | None
    after_hash: str | None
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class AuditFilter:
    """Which entries: each value that is given must be exactly that; ``since <= at < until``."""

    person: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Verified:
    """What :func:`verify` found: the first problems, and the last entry, to be kept elsewhere."""

    problems: tuple[ClaimProblem, ...]
    entries: int
    head_hash: str


def record(store: Store, person: str, action: str, object_kind: str, object_id: str) -> None:
    """Add an entry for what changes nothing: a person was looked at, something was exported. No personal data."""
    with writing(store, person) as transaction:
        transaction.record(action, object_kind, object_id)


def audit_since(
    store: Store, number: int = 0, size: int = 100, person: str | None = None
) -> list[AuditEntry]:
    """Entries after ``number``, oldest first; the next page begins after the last one's number."""
    table = schema.audit_entry
    statement = sa.select(table).where(table.c.number > number).order_by(table.c.number).limit(size)
    if person is not None:
        statement = statement.where(table.c.person == person)
    with read_connection(store) as connection:
        return [AuditEntry(**row) for row in connection.execute(statement).mappings()]


def audit_page(
    store: Store, which: AuditFilter, before: int | None = None, size: int = 100
) -> list[AuditEntry]:
    """Entries that fit, newest first; the next page begins before the last one's number."""
    table = schema.audit_entry
    statement = sa.select(table).where(*_conditions(which)).order_by(table.c.number.desc()).limit(size)
    if before is not None:
        statement = statement.where(table.c.number < before)
    with read_connection(store) as connection:
        return [AuditEntry(**row) for row in connection.execute(statement).mappings()]


def _conditions(which: AuditFilter) -> list[sa.ColumnElement[bool]]:
    column = schema.audit_entry.c
    names = ("person", "action", "object_kind", "object_id")
    equal = [column[name] == value for name in names if (value := getattr(which, name)) is not None]
    since = [column.at >= which.since] if which.since is not None else []
    until = [column.at < which.until] if which.until is not None else []
    return [*equal, *since, *until]


def audit_of(store: Store, object_kind: str, object_id: int | str) -> list[AuditEntry]:
    """The entries of one object, oldest first."""
    table = schema.audit_entry
    statement = (
        sa.select(table)
        .where(table.c.object_kind == object_kind, table.c.object_id == str(object_id))
        .order_by(table.c.number)
    )
    with read_connection(store) as connection:
        return [AuditEntry(**row) for row in connection.execute(statement).mappings()]


def verify(store: Store) -> Verified:
    """Check the chain, and every row against the last entry about it. Stops after 100 problems."""
    with read_connection(store) as connection:
        return verify_in(connection)


def verify_in(connection: sa.Connection) -> Verified:
    """As :func:`verify`, in a transaction of the caller."""
    problems: list[ClaimProblem] = []
    head = connection.execute(sa.select(schema.audit_head)).one_or_none()
    for problem in _problems(connection, head):
        problems.append(problem)
        if len(problems) == MOST_PROBLEMS:
            break
    return Verified(tuple(problems), head.number if head else 0, head.hash if head else FIRST_HASH)


def _problems(connection: sa.Connection, head: Any) -> Iterator[ClaimProblem]:
    if head is None:
        yield ClaimProblem("store.audit_no_head", "audit_head")
        return
    yield from _chain_problems(connection, head)
    yield from _history_problems(connection)
    for table in AUDITED:
        yield from _row_problems(connection, table)
    yield from _reason_problems(connection)


def _chain_problems(connection: sa.Connection, head: Any) -> Iterator[ClaimProblem]:
    number, hash = 0, FIRST_HASH
    for entry in _stream(connection, sa.select(schema.audit_entry).order_by(schema.audit_entry.c.number)):
        where = f"audit_entry {entry['number']}"
        if entry["number"] != number + 1:
            yield ClaimProblem(
                "store.audit_missing", where, {"first": number + 1, "last": entry["number"] - 1}
            )
        elif entry["previous_hash"] != hash:
            yield ClaimProblem("store.audit_broken", where)
        if digest({name: value for name, value in entry.items() if name != "hash"}) != entry["hash"]:
            yield ClaimProblem("store.audit_changed", where)
        number, hash = entry["number"], entry["hash"]
    if (number, hash) != (head.number, head.hash):
        yield ClaimProblem("store.audit_end", f"audit_entry {number}", {"head": head.number})


def _history_problems(connection: sa.Connection) -> Iterator[ClaimProblem]:
    """Entries that found their row in another state than the entry before had left it in."""
    entry = schema.audit_entry.c
    row = (entry.object_kind, entry.object_id)
    left = sa.func.lag(entry.after_hash).over(partition_by=row, order_by=entry.number).label("left_hash")
    steps = sa.select(entry.number, entry.before_hash, *row, left).where(_changes_a_row(entry)).subquery()
    broken = (
        sa.select(steps.c.number, steps.c.object_kind, steps.c.object_id)
        .where(steps.c.before_hash.is_distinct_from(steps.c.left_hash))
        .order_by(steps.c.number)
    )
    for found in connection.execute(broken):
        where = f"{found.object_kind} {found.object_id}"
        yield ClaimProblem("store.row_changed_before", where, {"number": found.number})


def _changes_a_row(entry: ColumnCollection[str, sa.Column[Any]]) -> sa.ColumnElement[bool]:
    """An entry without hashes changed no row: somebody looked at it."""
    return sa.or_(entry.before_hash.is_not(None), entry.after_hash.is_not(None))


def _row_problems(connection: sa.Connection, table: sa.Table) -> Iterator[ClaimProblem]:
    entry = schema.audit_entry
    last = (
        sa.select(entry.c.object_id, sa.func.max(entry.c.number).label("number"))
        .where(entry.c.object_kind == table.name, _changes_a_row(entry.c))
        .group_by(entry.c.object_id)
        .subquery()
    )
    told = (
        sa.select(last.c.object_id, entry.c.after_hash)
        .join(entry, entry.c.number == last.c.number)
        .subquery()
    )
    id_as_text = sa.cast(table.c.id, schema.audit_entry.c.object_id.type)
    rows = sa.select(table, told.c.after_hash.label("told_hash")).outerjoin(
        told, told.c.object_id == id_as_text
    )
    for row in _stream(connection, rows):
        told_hash = row.pop("told_hash")
        if told_hash is None:
            yield ClaimProblem("store.row_unknown", f"{table.name} {row['id']}")
        elif told_hash != row_hash(row):
            yield ClaimProblem("store.row_changed", f"{table.name} {row['id']}")
    missing = sa.select(told.c.object_id).where(
        ~sa.exists().where(id_as_text == told.c.object_id), told.c.after_hash.is_not(None)
    )
    for id in connection.scalars(missing):
        yield ClaimProblem("store.row_missing", f"{table.name} {id}")


def _reason_problems(connection: sa.Connection) -> Iterator[ClaimProblem]:
    item, reason = schema.work_item, schema.reason
    statement = (
        sa.select(item.c.id, item.c.reasons_hash, reason)
        .outerjoin(reason, reason.c.item_id == item.c.id)
        .order_by(item.c.id, reason.c.position)
    )
    for (id, told), rows in groupby(_stream(connection, statement), itemgetter("id", "reasons_hash")):
        if reasons_hash(row for row in rows if row["position"] is not None) != told:
            yield ClaimProblem("store.row_changed", f"reason {id}")


def _stream(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[dict[str, Any]]:
    rows = connection.execute(statement, execution_options={"yield_per": READ_ROWS})
    for row in rows.mappings():
        yield plain(row)
