"""The list of claims: work items as an analyst reads them, and what is done with several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from claims.claim_desk.patterns import Pattern, patterns_of
from claims.claim_desk.words import reason_text
from claims.store import Reason, StaleEdit, Store, StoreError, WorkItem, assign

MAIN_REASONS = 2


@dataclass(frozen=True)
class Line:
    """A work item in the list. ``days`` in the queue; ``elsewhere``: visits of the person at other hospitals in a band
    that people look at."""

    item: WorkItem
    main_reasons: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    days: int
    elsewhere: int


def lines_of(items: Iterable[WorkItem], elsewhere: Mapping[str, int], now: datetime, lang: str) -> list[Line]:
    """The items in the same order."""
    return [
        Line(
            item,
            tuple(reason_text(one, lang) for one in raising(item)[:MAIN_REASONS]),
            tuple(patterns_of(item.reasons)),
            max((now - item.created_at).days, 0),
            elsewhere.get(item.case_id, 0),
        )
        for item in items
    ]


def raising(item: WorkItem) -> list[Reason]:
    """The reasons that speak for a look at the claim; what lowers its risk is left to the page of the claim."""
    return [one for one in item.reasons if one.contribution is None or one.contribution > 0]


@dataclass(frozen=True)
class Assigned:
    """What became of a batch: the items that were given to somebody, and those that were not, with the reason."""

    done: tuple[WorkItem, ...]
    refused: tuple[tuple[WorkItem, StoreError], ...]


def assign_each(store: Store, items: Sequence[WorkItem], assignee: str, person: str) -> Assigned:
    """Give each item to ``assignee``. One that somebody changed meanwhile is left as it is, the others go on."""
    done: list[WorkItem] = []
    refused: list[tuple[WorkItem, StoreError]] = []
    for item in items:
        try:
            done.append(assign(store, item.id, item.version, assignee, person))
        except StaleEdit as error:
            refused.append((item, error))
        except StoreError as error:
            if error.code != "store.wrong_state":
                raise
            refused.append((item, error))
    return Assigned(tuple(done), tuple(refused))
