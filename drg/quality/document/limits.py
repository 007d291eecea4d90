"""Time limits of documents (``limits.toml``) and the evaluator that all of them share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drg import messages
from drg.errors import input_error
from drg.quality.document.anchors import ANCHORS, Anchor
from drg.quality.document.found import Found, Outcome, Value, cell, heading
from drg.quality.document.record import Document, WholeRecord
from drg.quality.document.rule import DocumentRule, Question
from drg.quality.document.words import any_of, words
from drg.quality.layout import value_sets
from drg.quality.rule import Severity, Wording
from drg.scheme.pack import read_toml

EFFECTIVE_FROM = dt.date(2010, 3, 1)
"""The day on which the basic rules of medical record writing came into force."""
SHIPPED = Path(__file__).with_name("limits.toml")
MISSING, LATE = 0, 1
DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(days=7)
ROLES = {
    "attending": ("attending_physician", "chief_physician", "department_head"),
    "chief": ("chief_physician", "department_head"),
}
"""Role -> the scalars that name the people who have it."""

Condition = Literal["exists", "within", "before", "every", "per_week", "daily"]


class LimitRow(BaseModel):
    """A row of ``limits.toml``; the file says what the columns mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^R[0-9]{2}[a-z]?$")
    version: int = 1
    title: Wording
    documents: tuple[str, ...] = Field(min_length=1)
    instead: tuple[str, ...] = ()
    anchor: str
    condition: Condition
    limit: float = 0
    role: Literal["", "attending", "chief"] = ""
    words: tuple[str, ...] = ()
    only_if_present: bool = False
    min_stay_hours: float | None = None
    max_stay_hours: float | None = None
    died: bool | None = None
    severity: Severity
    confirmed: bool
    jurisdiction: str = "CN"
    basis: Wording


class LimitFile(BaseModel):
    """``limits.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: tuple[LimitRow, ...]


@dataclass(frozen=True)
class TimeLimit:
    """A time limit ready to run."""

    rule: DocumentRule
    row: LimitRow

    def outcome(self, record: WholeRecord) -> Outcome:
        """What the limit finds; not applicable without documents, or without the anchor."""
        if not record.carries("documents") or not self._applies(record):
            return None
        anchors = list(ANCHORS[self.row.anchor](record))
        notes = [note for note in record.of_kind(*self.row.documents) if self._fits(note, record)]
        if not anchors or (self.row.only_if_present and not notes):
            return None
        if any(note.written is None for note in notes):
            return None
        return tuple(
            found for anchor in anchors for found in _CONDITIONS[self.row.condition](self.row, anchor, notes)
        )

    def _applies(self, record: WholeRecord) -> bool:
        row = self.row
        if row.died is not None and record.died is not row.died:
            return False
        if row.min_stay_hours is not None or row.max_stay_hours is not None:
            hours = record.stay_hours
            if hours is None or hours < (row.min_stay_hours or 0):
                return False
            if row.max_stay_hours is not None and hours > row.max_stay_hours:
                return False
        return not (row.instead and record.of_kind(*row.instead))

    def _fits(self, note: Document, record: WholeRecord) -> bool:
        if self.row.words and not any_of(self.row.words).search(note.body):
            return False
        if not self.row.role:
            return True
        people = {record.text(name) for name in ROLES[self.row.role]} - {""}
        return note.author in people or any_of(words(self.row.role)).search(note.body[:200]) is not None


def _times(notes: Iterable[Document]) -> list[tuple[dt.datetime, Document]]:
    return [(note.written, note) for note in notes if note.written is not None]


def _missing(anchor: Anchor, *more: Value) -> Found:
    return Found((*anchor.seen, *more), check=MISSING)


def _late(anchor: Anchor, note: Document, due: dt.datetime) -> Found:
    values = (Value("due", due.isoformat(" ", "minutes")), cell(note, "documents", "written"), *anchor.seen)
    return Found(values, (heading(note),), note.position, LATE)


def _exists(row: LimitRow, anchor: Anchor, notes: Sequence[Document]) -> Iterator[Found]:
    if not notes:
        yield _missing(anchor)


def _within(row: LimitRow, anchor: Anchor, notes: Sequence[Document]) -> Iterator[Found]:
    due = anchor.time + dt.timedelta(hours=row.limit)
    after = [(time, note) for time, note in _times(notes) if time >= (anchor.since or anchor.time)]
    if not after:
        yield _missing(anchor, Value("due", due.isoformat(" ", "minutes")))
    elif after[0][0] > due:
        yield _late(anchor, after[0][1], due)


def _before(row: LimitRow, anchor: Anchor, notes: Sequence[Document]) -> Iterator[Found]:
    timed = _times(notes)
    if not timed:
        yield _missing(anchor)
    elif timed[0][0] > anchor.time:
        yield _late(anchor, timed[0][1], anchor.time)


def _every(row: LimitRow, anchor: Anchor, notes: Sequence[Document]) -> Iterator[Found]:
    """Between two notes, and at both ends of the period, at most so many calendar days pass without one."""
    end = anchor.until or anchor.time
    days = sorted(
        {time.date() for time, _ in _times(notes) if anchor.time.date() <= time.date() <= end.date()}
    )
    for earlier, later in pairwise([anchor.time.date(), *days, end.date()]):
        if (later - earlier).days > row.limit:
            gap = (Value("from", earlier.isoformat()), Value("to", later.isoformat()))
            yield Found((*gap, *anchor.seen), check=MISSING)


def _per_week(row: LimitRow, anchor: Anchor, notes: Sequence[Document]) -> Iterator[Found]:
    """In every full week of the stay."""
    start, end = anchor.time, anchor.until or anchor.time
    while start + WEEK <= end:
        written = sum(start <= time < start + WEEK for time, _ in _times(notes))
        if written < row.limit:
            week = (Value("from", start.date().isoformat()), Value("written", str(written)))
            yield Found((*week, *anchor.seen), check=MISSING)
        start += WEEK


def _daily(row: LimitRow, anchor: Anchor, notes: Sequence[Document]) -> Iterator[Found]:
    """On each of the first days after the anchor, as far as the notes of the stay reach."""
    days = {time.date() for time, _ in _times(notes)}
    last = max(days, default=None)
    for number in range(1, int(row.limit) + 1):
        day = anchor.time.date() + number * DAY
        if last is not None and day < last and day not in days:
            yield _missing(anchor, Value("day", day.isoformat()))


_CONDITIONS: dict[str, Callable[[LimitRow, Anchor, Sequence[Document]], Iterator[Found]]] = {
    "exists": _exists,
    "within": _within,
    "before": _before,
    "every": _every,
    "per_week": _per_week,
    "daily": _daily,
}


@cache
def load_limits(path: Path = SHIPPED) -> tuple[TimeLimit, ...]:
    """The time limits of a file. Raises ``InputError`` with what is wrong in it."""
    limits = []
    for row in read_toml(path, LimitFile).limits:
        unknown = {*row.documents, *row.instead} - set(value_sets()["document_kind"].labels)
        if row.anchor not in ANCHORS or unknown:
            named = ", ".join(sorted(unknown)) or row.anchor
            raise input_error("document.limit_name", path.name, id=row.id, name=named)
        if not row.confirmed and row.severity != "hint":
            raise input_error("quality.rule_unconfirmed_severity", f"{path.name}: {row.id}")
        limits.append(TimeLimit(_rule(row), row))
    return tuple(limits)


def _rule(row: LimitRow) -> DocumentRule:
    """The words of a limit: those of its kind of condition, with its own title and number."""
    questions = tuple(
        Question(
            "documents.written",
            _wording(f"document.limit_{row.condition}_{state}", row),
            _wording(f"document.limit_remedy_{state}", row),
        )
        for state in ("missing", "late")
    )
    return DocumentRule(
        id=row.id,
        version=row.version,
        kind="time limit",
        severity=row.severity,
        confirmed=row.confirmed,
        basis=row.basis,
        effective_from=EFFECTIVE_FROM,
        effective_to=None,
        jurisdiction=row.jurisdiction,
        appealable=True,
        title=row.title,
        why=_wording("document.limit_why", row),
        payer=_wording("document.limit_payer", row),
        checks=questions,
    )


def _wording(id: str, row: LimitRow) -> Wording:
    en, zh = (
        messages.text(id, lang, title=row.title.text(lang), limit=f"{row.limit:g}") for lang in ("en", "zh")
    )
    return Wording(en=en, zh=zh)
