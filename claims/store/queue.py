"""The queue: pages of work items, filtered and in order, fast at a million items."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import Any

import sqlalchemy as sa

from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.errors import StoreError
from claims.store.items import ACTIVE, State, WorkItem, work_items
from claims.store.resolutions import Kind
from claims.store.transaction import Values, check_text

MOST_ON_A_PAGE = 500
FEW = 500
"""Up to so many items of a text are looked up one by one; where there are more, the queue soon meets one."""
LAST_SIGN = "\U0010ffff"
LONGEST_TEXT = 128


class Order(StrEnum):
    """What stands first: the highest priority (then the newest), or what waits longest."""

    PRIORITY = "priority"
    WAITING = "waiting"


@dataclass(frozen=True)
class Filter:
    """Which items.

    ``text`` is the beginning of a case id, or the code of a reason; ``codes``: any of these
    reasons, unless it lowers the risk.
    """

    kind: Kind
    states: tuple[State, ...] = ACTIVE
    band: str | None = None
    owner: str | None = None
    min_amount_fen: int | None = None
    text: str | None = None
    hospital: str | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """The last item of a page; the next page begins after it, whatever was added or closed meanwhile."""

    priority: int
    id: int


@dataclass(frozen=True)
class Page:
    """Some items in order, and where the next page begins (``None``: there is none)."""

    items: tuple[WorkItem, ...]
    next: Place | None


def open_items(
    store: Store,
    which: Filter,
    order: Order = Order.PRIORITY,
    after: Place | None = None,
    size: int = 50,
) -> Page:
    """A page of at most ``size`` items (1 to 500)."""
    if not 1 <= size <= MOST_ON_A_PAGE:
        raise StoreError("store.page_size", most=MOST_ON_A_PAGE)
    with read_connection(store) as connection:
        source, text_is_met = _source(connection, which)
        # One statement a state: each then runs along an index in the order that is wanted.
        found = [
            connection.execute(_page_of_state(source, which, state, order, after, size + 1, text_is_met))
            .mappings()
            .all()
            for state in dict.fromkeys(which.states)
        ]
        rows: list[Values] = list(islice(merge(*found, key=lambda row: _rank(row, order)), size + 1))
        items = tuple(work_items(connection, rows[:size]))
    last = items[-1] if len(rows) > size else None
    return Page(items, Place(last.priority, last.id) if last else None)


def state_counts(store: Store, kind: Kind) -> dict[State, int]:
    """How many items of a kind are in each state."""
    table = schema.work_item
    statement = (
        sa.select(table.c.state, sa.func.count().label("number"))
        .where(table.c.kind == kind.value)
        .group_by(table.c.state)
    )
    with read_connection(store) as connection:
        found = {row.state: row.number for row in connection.execute(statement)}
    return {state: found.get(state.value, 0) for state in State}


def _rank(row: Values, order: Order) -> tuple[int, ...]:
    return (row["id"],) if order is Order.WAITING else (-row["priority"], -row["id"])


def _page_of_state(
    source: sa.FromClause,
    which: Filter,
    state: State,
    order: Order,
    after: Place | None,
    size: int,
    text_is_met: bool,
) -> sa.Select[Any]:
    column = source.c
    statement = sa.select(source).where(column.kind == which.kind.value, column.state == state.value)
    if which.band is not None:
        statement = statement.where(column.risk_band == which.band)
    if which.owner is not None:
        statement = statement.where(column.owner == which.owner)
    if which.min_amount_fen is not None:
        statement = statement.where(column.amount_fen >= which.min_amount_fen)
    if which.hospital is not None:
        statement = statement.where(column.hospital == which.hospital)
    if which.codes:
        statement = statement.where(_has_reason(column.id, which.codes, raising=True))
    if which.text is not None and not text_is_met:
        statement = statement.where(
            sa.or_(_begins(column.case_id, which.text), _is_for_reason(column.id, which.text))
        )
    if order is Order.WAITING:
        if after is not None:
            statement = statement.where(column.id > after.id)
        return statement.order_by(column.id).limit(size)
    if after is not None:
        statement = statement.where(sa.tuple_(column.priority, column.id) < (after.priority, after.id))
    return statement.order_by(column.priority.desc(), column.id.desc()).limit(size)


def _source(connection: sa.Connection, which: Filter) -> tuple[sa.FromClause, bool]:
    """Where to look: all items, or, where only few have the text, just those."""
    table, reason = schema.work_item, schema.reason
    if which.text is None:
        return table, True
    check_text("text", which.text, LONGEST_TEXT)
    by_case = sa.select(table.c.id).where(_begins(table.c.case_id, which.text)).limit(FEW + 1)
    by_reason = sa.select(reason.c.item_id).where(reason.c.code == which.text).limit(FEW + 1)
    ids = {*connection.scalars(by_case), *connection.scalars(by_reason)}
    if len(ids) > FEW:
        return table, False
    # The limit keeps the database from going along the queue instead of looking these few up.
    return sa.select(table).where(table.c.id.in_(ids)).limit(FEW).subquery(), True


def _begins(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    """``LIKE 'text%'`` by an index of either database; the columns are compared byte by byte."""
    return sa.and_(column >= text, column < text + LAST_SIGN)


def _is_for_reason(item_id: sa.ColumnElement[int], code: str) -> sa.ColumnElement[bool]:
    """As :func:`_has_reason`, item by item: beside an OR, PostgreSQL would first collect all items that have it."""
    reason = schema.reason
    found = sa.select(reason.c.item_id).where(reason.c.item_id == item_id, reason.c.code == code).limit(1)
    return found.scalar_subquery().is_not(None)


def _has_reason(
    item_id: sa.ColumnElement[int], codes: tuple[str, ...], raising: bool = False
) -> sa.ColumnElement[bool]:
    reason = schema.reason
    found = sa.exists().where(reason.c.item_id == item_id, reason.c.code.in_(codes))
    if raising:
        # A rule has no contribution: it is a reason in itself.
        found = found.where(sa.or_(reason.c.contribution.is_(None), reason.c.contribution > 0))
    return found
