"""What is looked up: for a person and a code group, the month of the first record before a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from privacy import ids
from privacy.canonical import canonical_json
from privacy.errors import Refused
from privacy.table import Table

FIRST_YEAR = 1900
LAST_MONTH = 4095
"""In the year 2241. An answer is a whole number from 1 to this."""


@dataclass(frozen=True)
class Records:
    """Keyed questions that have an answer, and the month number of each.

    ``entries``: the rows of the table, which the peer knows. What is made of the records has the size of so many, so
    that it tells nothing of how many persons have a group.
    """

    keys: list[bytes]
    months: list[int]
    entries: int


def keyed_questions(persons: Sequence[str], groups: Sequence[str], key: bytes, purpose: str) -> list[bytes]:
    """A person and a group as 32 bytes under the secret of the pair."""
    pairs = zip(persons, groups, strict=True)
    return ids.keyed((canonical_json(pair).decode() for pair in pairs), key, purpose)


def first_months(
    table: Table, group_column: str, day_column: str, groups: Sequence[str], before: date
) -> dict[tuple[str, str], int]:
    """(id, group) -> month number of the earliest record before the day; others do not occur.

    A row without a group or a day is no record of either. Raises ``Refused`` (``lookup.day``).
    """
    days = _days(table.texts[day_column], day_column)
    wanted = frozenset(groups)
    found: dict[tuple[str, str], int] = {}
    months = month_numbers(days)
    for row in np.flatnonzero(days < np.datetime64(before)).tolist():
        group = table.texts[group_column][row]
        if group in wanted:
            question = (table.ids[row], group)
            month = int(months[row])
            found[question] = min(month, found.get(question, month))
    return found


def month_numbers(
    days: np.ndarray[tuple[int], np.dtype[np.datetime64]],
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """1 for January 1900, and so on."""
    epoch = np.datetime64(f"{FIRST_YEAR}-01", "M")
    return (days.astype("datetime64[M]") - epoch).astype(np.int64) + 1


def month_text(number: int) -> str:
    """``2024-03`` of a month number."""
    return str(np.datetime64(f"{FIRST_YEAR}-01", "M") + np.timedelta64(number - 1, "M"))


def _days(texts: Sequence[str | None], column: str) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    try:
        days = np.array([text or "NaT" for text in texts], dtype="datetime64[D]")
    except ValueError as error:
        raise Refused("lookup.day", column=column) from error
    known = days[~np.isnat(days)]
    if len(known) and not (month_numbers(known).min() >= 1 and month_numbers(known).max() <= LAST_MONTH):
        raise Refused("lookup.day", column=column)
    return days
