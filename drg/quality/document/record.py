"""A whole record as objects: one row of the record table with its documents, orders and laboratory results."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import pyarrow as pa

from drg.quality.dictionary import CLINICAL, Edition, listing
from drg.quality.document.copying import Compared, compared
from drg.quality.document.reading import Reading, read
from drg.quality.document.words import words
from drg.quality.layout import groups

_NUMBER = re.compile(r"^[<>≤≥＜＞]?\s*(\d{1,9}(?:\.\d{1,9})?)$")
FIRST_YEAR, LAST_YEAR = 1900, 2200
DIED = "5"
"""Value of ``discharge_way`` (RC019)."""


def moment(text: str | None) -> dt.datetime | None:
    """A time as written, or ``None`` where it is missing, unreadable or of no possible year; a zone is ignored."""
    if not text:
        return None
    try:
        time = dt.datetime.fromisoformat(text.strip().replace("/", "-")).replace(tzinfo=None)
    except ValueError:
        return None
    return time if FIRST_YEAR <= time.year <= LAST_YEAR else None


def number(text: str | None) -> float | None:
    """A number as written, also behind a sign of comparison; ``None`` for any other text."""
    found = _NUMBER.match((text or "").strip())
    return float(found[1]) if found else None


@dataclass(frozen=True)
class Row:
    """A row of a group: ``position`` from 1, and its fields as written."""

    position: int
    values: Mapping[str, str | None]

    def text(self, name: str) -> str:
        """The field as written, empty where it is missing."""
        return self.values.get(name) or ""

    def time(self, name: str) -> dt.datetime | None:
        return moment(self.values.get(name))


@dataclass(frozen=True)
class Document(Row):
    """A note. ``body`` is its text; all offsets count from its first character."""

    @property
    def kind(self) -> str:
        return self.text("kind")

    @property
    def author(self) -> str:
        return self.text("author").strip()

    @property
    def body(self) -> str:
        return self.text("text")

    @cached_property
    def written(self) -> dt.datetime | None:
        return self.time("written")

    @cached_property
    def reading(self) -> Reading:
        """What the note says; made when it is first asked for."""
        return read(self.body)

    @cached_property
    def comparable(self) -> Compared:
        """The note ready to be compared with others; made when it is first asked for."""
        return compared(self.body)


@dataclass(frozen=True)
class Operation(Row):
    """A procedure that counts as an operation."""

    @property
    def begin(self) -> dt.datetime | None:
        return self.time("begin") or self.time("date")

    @property
    def end(self) -> dt.datetime | None:
        """The end as given, or from the duration; else the begin, which is never too late."""
        if (end := self.time("end")) is not None:
            return end
        begin, hours = self.begin, number(self.values.get("hours"))
        return begin if begin is None or hours is None else begin + dt.timedelta(hours=hours)


@dataclass(frozen=True)
class WholeRecord:
    """One record. A group that the source does not carry is ``None``; ``edition`` is that of the codes."""

    case_id: str
    row: int | None
    scalars: Mapping[str, str | None]
    lists: Mapping[str, Sequence[Row]]
    edition: Edition = CLINICAL

    def text(self, name: str) -> str:
        """A scalar as written, empty where it is missing."""
        return (self.scalars.get(name) or "").strip()

    def time(self, name: str) -> dt.datetime | None:
        return moment(self.scalars.get(name))

    def rows(self, group: str) -> Sequence[Row]:
        """The rows of a group, none where it is not carried."""
        return self.lists.get(group, ())

    def carries(self, *names: str) -> bool:
        """Whether the source has all these groups."""
        return all(name in self.lists for name in names)

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The notes with a kind and a text, in the order in which they were written; undated ones last."""
        notes = [Document(row.position, row.values) for row in self.rows("documents") if row.text("kind")]
        return tuple(sorted(notes, key=lambda note: (note.written or dt.datetime.max, note.position)))

    def of_kind(self, *kinds: str) -> tuple[Document, ...]:
        """The notes of some kinds, in the order of time."""
        return tuple(note for note in self.documents if note.kind in kinds)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The diagnosis codes, in capitals, without blanks."""
        return tuple(row.text("code").strip().upper() for row in self.rows("diagnoses") if row.text("code"))

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The procedures that are operations by the dictionary, or by their level where it does not know the code."""
        chosen = []
        for row in self.rows("procedures"):
            kind = _operation_class(row.text("code"), self.edition) if row.text("code") else None
            if kind in words("operation_classes") or (
                kind is None and row.text("code") and row.text("level")
            ):
                chosen.append(Operation(row.position, row.values))
        return tuple(chosen)

    @cached_property
    def admission(self) -> dt.datetime | None:
        return self.time("admission_time")

    @cached_property
    def discharge(self) -> dt.datetime | None:
        return self.time("discharge_time")

    @property
    def died(self) -> bool | None:
        """Whether the patient died; ``None`` where the way of discharge is not known."""
        way = self.text("discharge_way")
        return way == DIED if way else None

    @cached_property
    def stay_hours(self) -> float | None:
        if self.admission is None or self.discharge is None:
            return None
        return (self.discharge - self.admission).total_seconds() / 3600

    @cached_property
    def age(self) -> float | None:
        """Completed years."""
        return number(self.scalars.get("age"))


@cache
def _operation_class(code: str, edition: Edition) -> str | None:
    found: list[str | None] = listing(edition, "icd9cm3").operation_classes(pa.array([code])).to_pylist()
    return found[0]


def whole_records(table: pa.Table, edition: Edition = CLINICAL) -> Iterator[WholeRecord]:
    """The rows of a record table as objects, one at a time."""
    carried = frozenset(table.column_names)
    scalars = [name for name in table.column_names if "." not in name and name not in ("row", "case_id")]
    members = {
        group: [field.path for field in fields if field.path in carried] for group, fields in groups().items()
    }
    wanted = [name for paths in members.values() for name in paths]
    keys = [name for name in ("row", "case_id") if name in carried]
    for batch in table.select([*keys, *scalars, *wanted]).to_batches(max_chunksize=64):
        for values in batch.to_pylist():
            lists = {
                group: _rows(paths, values)
                for group, paths in members.items()
                if any(values[path] is not None for path in paths)
            }
            yield WholeRecord(
                values.get("case_id") or "",
                values.get("row"),
                {name: values[name] for name in scalars},
                lists,
                edition,
            )


def _rows(paths: Sequence[str], values: Mapping[str, list[str | None] | None]) -> tuple[Row, ...]:
    columns = {path.partition(".")[2]: values[path] or [] for path in paths}
    length = max(map(len, columns.values()), default=0)
    rows = (
        {name: column[place] if place < len(column) else None for name, column in columns.items()}
        for place in range(length)
    )
    return tuple(Row(place, row) for place, row in enumerate(rows, start=1) if any(row.values()))
