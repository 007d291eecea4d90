"""What a record file holds, for ``drgbridge records inspect``: kind, columns, and what is wrong with rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from drg.records.record_file import read

MAX_EXAMPLES = 3


@dataclass(frozen=True)
class Inspection:
    """A record file seen as a whole.

    ``dialect_reason``: the columns by which the dialect was recognised, or ``profile`` when it was named.
    ``rejections`` and ``notes`` count lines by message id; ``rejected_rows`` counts rows. ``examples`` holds the
    first lines of each reason (keys as in ``Batch.rejections``), ``note_examples`` of each note.
    """

    path: Path
    file_type: str
    encoding: str
    dialect: str
    dialect_title: dict[str, str]
    dialect_reason: str
    edition: str
    columns: list[str]
    ignored_columns: list[str]
    missing_columns: list[str]
    rows: int
    cases: int
    rejected_rows: int
    rejections: dict[str, int]
    notes: dict[str, int]
    examples: list[dict[str, Any]] = field(default_factory=list)
    note_examples: list[dict[str, Any]] = field(default_factory=list)


def inspect(path: str | Path, profile: str | Path | None = None) -> Inspection:
    """Read the whole file and say what is in it; raises :class:`drg.errors.InputError` like ``read``."""
    file = read(path, profile)
    rows = cases = rejected_rows = 0
    rejections, notes = _Lines("reason"), _Lines("note")
    for batch in file.batches():
        rows += batch.row_count
        cases += batch.cases.num_rows
        rejected_rows += batch.row_count - batch.cases.num_rows
        rejections.add(batch.rejections)
        notes.add(batch.notes)
    detected = ", ".join(" / ".join(one) for one in file.mapping.detect)
    return Inspection(
        path=file.path,
        file_type=file.file_type,
        encoding=file.encoding,
        dialect=file.dialect,
        dialect_title=file.mapping.title.model_dump(),
        dialect_reason=detected if profile is None else "profile",
        edition=file.edition,
        columns=file.columns,
        ignored_columns=file.ignored_columns,
        missing_columns=file.missing_columns,
        rows=rows,
        cases=cases,
        rejected_rows=rejected_rows,
        rejections=dict(rejections.counts.most_common()),
        notes=dict(notes.counts.most_common()),
        examples=rejections.examples,
        note_examples=notes.examples,
    )


class _Lines:
    """Counts of the messages in a column, and the first few lines of each."""

    def __init__(self, column: str):
        self.column = column
        self.counts: Counter[str] = Counter()
        self.examples: list[dict[str, Any]] = []

    def add(self, table: pa.Table) -> None:
        for entry in table.column(self.column).value_counts().to_pylist():
            message = entry["values"]
            wanted = MAX_EXAMPLES - self.counts[message]
            self.counts[message] += entry["counts"]
            if wanted > 0:
                lines = table.filter(pc.equal(table.column(self.column), message))
                self.examples.extend(lines.slice(0, wanted).to_pylist())
