"""Work items: adding them, and what a person does with one.

A work item goes ``open -> assigned -> decided -> closed``; a decided or closed one can be reopened. Every function is
one transaction with its audit entries. One that changes an item takes the version that the person saw and raises
:class:`StaleEdit` where somebody was faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

import orjson
import sqlalchemy as sa

from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.errors import StoreError
from claims.store.resolutions import Kind, resolutions
from claims.store.transaction import Transaction, Values, check_values, digest, find, writing
from privacy.canonical import canonical_json

Param = str | int | float | bool | None
BATCH = 5_000


class State(StrEnum):
    """Where a work item stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    DECIDED = "decided"
    CLOSED = "closed"
    REOPENED = "reopened"


class Action(StrEnum):
    """What a person does with a work item."""

    ASSIGN = "assign"
    RELEASE = "release"
    DECIDE = "decide"
    CORRECT = "correct"
    CLOSE = "close"
    REOPEN = "reopen"


ACTIVE = (State.OPEN, State.REOPENED, State.ASSIGNED)
"""The states in which a person still has to do something."""

TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.OPEN, Action.ASSIGN): State.ASSIGNED,
    (State.REOPENED, Action.ASSIGN): State.ASSIGNED,
    (State.ASSIGNED, Action.ASSIGN): State.ASSIGNED,
    (State.ASSIGNED, Action.RELEASE): State.OPEN,
    (State.ASSIGNED, Action.DECIDE): State.DECIDED,
    (State.DECIDED, Action.CORRECT): State.DECIDED,
    (State.CLOSED, Action.CORRECT): State.CLOSED,
    (State.DECIDED, Action.CLOSE): State.CLOSED,
    (State.DECIDED, Action.REOPEN): State.REOPENED,
    (State.CLOSED, Action.REOPEN): State.REOPENED,
}


@dataclass(frozen=True)
class Reason:
    """Why an item is to be looked at: a rule or a feature of the model.

    ``code`` names the sentence, ``params`` is what it shows (no names of persons); ``contribution`` is the share of
    the risk score in log odds, where a model gave it.
    """

    code: str
    params: Mapping[str, Param]
    contribution: float | None = None


@dataclass(frozen=True)
class NewItem:
    """A case or claim that a person should look at; ``reasons`` with the main one first.

    ``priority`` orders the queue, higher first: expected recoverable fen, for example. ``amount_fen`` is what is at
    stake, ``None`` where it is not known. ``model_hash`` and ``policy_hash`` say what made the score and the band.
    """

    kind: Kind
    case_id: str
    hospital: str
    priority: int
    amount_fen: int | None
    reasons: tuple[Reason, ...]
    risk_score: float | None = None
    risk_band: str | None = None
    model_hash: str | None = None
    policy_hash: str | None = None


@dataclass(frozen=True)
class WorkItem:
    """A work item as it stands in the store; see :class:`NewItem`."""

    id: int
    version: int
    kind: Kind
    state: State
    source_run: str
    case_id: str
    hospital: str
    amount_fen: int | None
    priority: int
    risk_score: float | None
    risk_band: str | None
    model_hash: str | None
    policy_hash: str | None
    owner: str | None
    created_at: datetime
    changed_at: datetime
    changed_by: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Event:
    """One step in the life of an item. An assignment is one with an ``assignee``."""

    action: Action
    from_state: State
    to_state: State
    assignee: str | None
    reason: str | None
    person: str
    at: datetime


@dataclass(frozen=True)
class Judgement:
    """What a person decides: a resolution of the closed set, why, and what was shown to decide from."""

    resolution: str
    reason: str
    rules_version: str
    model_version: str | None = None


@dataclass(frozen=True)
class Decision:
    """A judgement in the store; ``corrects`` is the decision that it stands in place of."""

    id: int
    resolution: str
    reason: str
    rules_version: str
    model_version: str | None
    person: str
    at: datetime
    corrects: int | None


def add_items(store: Store, run_id: str, items: Iterable[NewItem], person: str) -> int:
    """Add what a run found; returns how many are new.

    A case that this run gave already is left as it is, so that a run can be resumed. Raises :class:`StoreError`
    where two of ``items`` are the same case.
    """
    added = 0
    seen: set[tuple[Kind, str]] = set()
    with writing(store, person) as transaction:
        transaction.find(schema.run, run_id)
        for batch in _batches(items):
            for item in batch:
                if (item.kind, item.case_id) in seen:
                    raise StoreError("store.item_twice", item.case_id)
                seen.add((item.kind, item.case_id))
            added += _add(transaction, run_id, batch)
    return added


def get_item(store: Store, item_id: int) -> WorkItem:
    """One work item. Raises :class:`StoreError` where there is none."""
    with read_connection(store) as connection:
        row = find(connection, schema.work_item, item_id)
        return work_items(connection, [row])[0]


def assign(store: Store, item_id: int, version: int, assignee: str, person: str) -> WorkItem:
    """Give an item to somebody, oneself for example."""
    with writing(store, person) as transaction:
        return _move(transaction, item_id, version, Action.ASSIGN, assignee)


def release(store: Store, item_id: int, version: int, person: str) -> WorkItem:
    """Take an item from its owner, back to the queue."""
    with writing(store, person) as transaction:
        return _move(transaction, item_id, version, Action.RELEASE, None)


def decide(store: Store, item_id: int, version: int, judgement: Judgement, person: str) -> WorkItem:
    """The owner decides. Raises :class:`StoreError` where ``person`` is not the owner."""
    with writing(store, person) as transaction:
        return decide_in(transaction, item_id, version, judgement)


def correct(store: Store, item_id: int, version: int, judgement: Judgement, person: str) -> WorkItem:
    """A new decision in place of the last one, which stays in the store."""
    with writing(store, person) as transaction:
        after = _move(transaction, item_id, version, Action.CORRECT, _owner(transaction, item_id))
        decision = schema.decision
        last = transaction.connection.execute(
            sa.select(sa.func.max(decision.c.id)).where(decision.c.item_id == item_id)
        ).scalar_one()
        _write_decision(transaction, after, judgement, corrects=last)
        return after


def close(store: Store, item_id: int, version: int, person: str) -> WorkItem:
    """Close a decided item: its decision becomes a label of the risk model."""
    with writing(store, person) as transaction:
        return _move(transaction, item_id, version, Action.CLOSE, _owner(transaction, item_id))


def reopen(store: Store, item_id: int, version: int, reason: str, person: str) -> WorkItem:
    """Put a decided or closed item back into the queue, without an owner."""
    with writing(store, person) as transaction:
        return _move(transaction, item_id, version, Action.REOPEN, None, reason)


def events(store: Store, item_id: int) -> list[Event]:
    """What happened to an item, oldest first."""
    table = schema.item_event
    columns = (
        table.c[name] for name in ("action", "from_state", "to_state", "assignee", "reason", "person", "at")
    )
    statement = sa.select(*columns).where(table.c.item_id == item_id).order_by(table.c.id)
    with read_connection(store) as connection:
        return [
            Event(Action(action), State(before), State(after), *rest)
            for action, before, after, *rest in connection.execute(statement)
        ]


def decisions(store: Store, item_id: int) -> list[Decision]:
    """The decisions on an item, oldest first; the last one counts."""
    table = schema.decision
    columns = [column for column in table.c if column.name != "item_id"]
    statement = sa.select(*columns).where(table.c.item_id == item_id).order_by(table.c.id)
    with read_connection(store) as connection:
        return [Decision(**row) for row in connection.execute(statement).mappings()]


def decide_in(transaction: Transaction, item_id: int, version: int, judgement: Judgement) -> WorkItem:
    """As :func:`decide`, in a transaction of the caller."""
    owner = _owner(transaction, item_id)
    after = _move(transaction, item_id, version, Action.DECIDE, owner)
    if owner != transaction.person:
        raise StoreError("store.not_owner", f"work_item {item_id}", owner=owner)
    _write_decision(transaction, after, judgement, corrects=None)
    return after


def work_items(connection: sa.Connection, rows: Sequence[Values]) -> list[WorkItem]:
    """Rows of ``work_item`` with their reasons, in the same order."""
    table = schema.reason
    statement = (
        sa.select(table)
        .where(table.c.item_id.in_([row["id"] for row in rows]))
        .order_by(table.c.item_id, table.c.position)
    )
    reasons: dict[int, list[Reason]] = {row["id"]: [] for row in rows}
    for found in connection.execute(statement):
        reasons[found.item_id].append(Reason(found.code, orjson.loads(found.params), found.contribution))
    return [_work_item(row, tuple(reasons[row["id"]])) for row in rows]


def reasons_hash(rows: Iterable[Values]) -> str:
    """The hash over the reasons of one item, in their order: rows of ``reason``, or what becomes one."""
    return digest([[row["position"], row["code"], row["params"], row["contribution"]] for row in rows])


def _work_item(row: Values, reasons: tuple[Reason, ...]) -> WorkItem:
    values = {name: value for name, value in row.items() if name != "reasons_hash"}
    return WorkItem(**{**values, "kind": Kind(row["kind"]), "state": State(row["state"]), "reasons": reasons})


def _batches(items: Iterable[NewItem]) -> Iterator[list[NewItem]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _add(transaction: Transaction, run_id: str, items: Sequence[NewItem]) -> int:
    table = schema.work_item
    known = transaction.connection.execute(
        sa.select(table.c.kind, table.c.case_id).where(
            table.c.source_run == run_id, table.c.case_id.in_([item.case_id for item in items])
        )
    )
    there = {tuple(row) for row in known}
    new = [item for item in items if (item.kind.value, item.case_id) not in there]
    reasons = [reason_rows(item) for item in new]
    rows = [_item_row(transaction, run_id, *pair) for pair in zip(new, reasons, strict=True)]
    written = transaction.insert(table, "add", rows)
    of_items = [
        {"item_id": row["id"], **reason}
        for row, rows in zip(written, reasons, strict=True)
        for reason in rows
    ]
    for row in of_items:
        check_values(schema.reason, row)
    if of_items:
        transaction.connection.execute(sa.insert(schema.reason), of_items)
    return len(written)


def _item_row(
    transaction: Transaction, run_id: str, item: NewItem, reasons: Iterable[Values]
) -> dict[str, object]:
    return {
        **{name: value for name, value in vars(item).items() if name != "reasons"},
        "version": 1,
        "state": State.OPEN.value,
        "kind": item.kind.value,
        "source_run": run_id,
        "reasons_hash": reasons_hash(reasons),
        "owner": None,
        "created_at": transaction.at,
        "changed_at": transaction.at,
        "changed_by": transaction.person,
    }


def reason_rows(item: NewItem) -> list[dict[str, object]]:
    """What becomes the rows of ``reason``, as :func:`reasons_hash` takes them."""
    return [
        {
            "position": position,
            "code": reason.code,
            "params": canonical_json(dict(reason.params)).decode(),
            "contribution": None if reason.contribution is None else float(reason.contribution),
        }
        for position, reason in enumerate(item.reasons)
    ]


def _owner(transaction: Transaction, item_id: int) -> str | None:
    owner: str | None = transaction.find(schema.work_item, item_id)["owner"]
    return owner


def _move(
    transaction: Transaction,
    item_id: int,
    version: int,
    action: Action,
    owner: str | None,
    reason: str | None = None,
) -> WorkItem:
    """Take an item along one of the ``TRANSITIONS``, and write the event."""
    before = transaction.find(schema.work_item, item_id)
    state = State(before["state"])
    target = TRANSITIONS.get((state, action))
    if before["version"] == version and target is None:
        raise StoreError("store.wrong_state", f"work_item {item_id}", action=action.value, state=state.value)
    after = transaction.change(
        schema.work_item, item_id, version, action.value, state=(target or state).value, owner=owner
    )
    event = {
        "item_id": item_id,
        "action": action.value,
        "from_state": state.value,
        "to_state": after["state"],
        "assignee": owner if action is Action.ASSIGN else None,
        "reason": reason,
        "person": transaction.person,
        "at": transaction.at,
    }
    if action is Action.REOPEN and reason is None:
        raise StoreError("store.value_missing", "item_event.reason")
    transaction.insert(schema.item_event, action.value, [event])
    return work_items(transaction.connection, [after])[0]


def _write_decision(
    transaction: Transaction, item: WorkItem, judgement: Judgement, corrects: int | None
) -> None:
    resolution = resolutions().get(judgement.resolution)
    if resolution is None or item.kind not in resolution.kinds:
        raise StoreError("store.resolution_unknown", resolution=judgement.resolution, kind=item.kind.value)
    row = {
        "item_id": item.id,
        **asdict(judgement),
        "person": transaction.person,
        "at": transaction.at,
        "corrects": corrects,
    }
    transaction.insert(schema.decision, "decide" if corrects is None else "correct", [row])
