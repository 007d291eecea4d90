"""The coder's queue: work items with what a coder wants to know before opening one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from claims import messages
from claims.coding_desk.case_file import FINDINGS
from claims.nightly.results import Results
from claims.store import (
    Filter,
    Kind,
    Order,
    Place,
    Reason,
    StaleEdit,
    State,
    Store,
    WorkItem,
    assign,
    open_items,
)
from drg import messages as drg_messages
from drg.quality.finding import OPEN
from drg.quality.known_rules import known_rules

UNOWNED = (State.OPEN, State.REOPENED)
GROUPS = "groups"


@dataclass(frozen=True)
class QueueRow:
    """A work item, its open findings by severity, its group, and how many days it waits."""

    item: WorkItem
    findings: Mapping[str, int]
    drg: str | None
    drg_name: str | None
    days: int


@dataclass(frozen=True)
class QueuePage:
    """Rows in order, and where the next page begins (``None``: there is none)."""

    rows: tuple[QueueRow, ...]
    next: Place | None


def queue_page(
    store: Store,
    results: Results | None,
    which: Filter,
    order: Order = Order.PRIORITY,
    after: Place | None = None,
    size: int = 50,
) -> QueuePage:
    """A page of the queue. Without results findings and groups are not known."""
    page = open_items(store, which, order, after, size)
    case_ids = [item.case_id for item in page.items]
    counts = _finding_counts(results, case_ids)
    groups = {row["case_id"]: row for row in _rows(results, GROUPS, ("case_id", "drg", "drg_name"), case_ids)}
    now = datetime.now(UTC)
    rows = tuple(
        QueueRow(
            item,
            counts.get(item.case_id, Counter()),
            groups.get(item.case_id, {}).get("drg"),
            groups.get(item.case_id, {}).get("drg_name"),
            (now - item.created_at).days,
        )
        for item in page.items
    )
    return QueuePage(rows, page.next)


def _finding_counts(results: Results | None, case_ids: Sequence[str]) -> Mapping[str, Counter[str]]:
    """Open findings of each case by severity."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _rows(results, FINDINGS, ("case_id", "severity", "status"), case_ids):
        if row["status"] == OPEN:
            found[row["case_id"]][row["severity"]] += 1
    return found


def _rows(
    results: Results | None, table: str, columns: Sequence[str], case_ids: Sequence[str]
) -> list[dict[str, Any]]:
    if results is None or not case_ids or not results.has(table):
        return []
    rows: list[dict[str, Any]] = results.table(table, columns, case_ids).to_pylist()
    return rows


def reason_text(reason: Reason, lang: str) -> str:
    """Why an item is in the queue, in words: the title of a rule, a message of either library, or the code."""
    rule = known_rules().get(reason.code)
    if rule is not None:
        return rule.title.text(lang)
    known = next(
        (texts for texts in (messages.TEXTS, drg_messages.TEXTS) if reason.code in texts.catalogue), None
    )
    return reason.code if known is None else known.text(reason.code, lang, **reason.params)


def find_item(store: Store, case_id: str) -> WorkItem | None:
    """The open work item of a case for a coder; ``None`` where there is none."""
    found = open_items(store, Filter(Kind.CODER, text=case_id)).items
    return next((item for item in found if item.case_id == case_id), None)


def take(store: Store, item: WorkItem, person: str) -> WorkItem:
    """The item as the person's own. Raises :class:`StaleEdit` where somebody else was faster."""
    if item.owner == person:
        return item
    return assign(store, item.id, item.version, person, person)


def take_next(
    store: Store, which: Filter, order: Order, person: str, skip: frozenset[int] = frozenset()
) -> WorkItem | None:
    """The next item to work on: one of the person's own, else one that nobody has, which is taken.

    ``which`` as the queue is filtered, whatever its owner and states; ``skip`` are items not to offer again.
    """
    own = replace(which, owner=person, states=(State.ASSIGNED,))
    free = replace(which, owner=None, states=UNOWNED)
    for item in (*_waiting(store, own, order, skip), *_waiting(store, free, order, skip)):
        try:
            return take(store, item, person)
        except StaleEdit:
            continue
    return None


def _waiting(store: Store, which: Filter, order: Order, skip: frozenset[int]) -> Iterator[WorkItem]:
    return (item for item in open_items(store, which, order).items if item.id not in skip)
