"""The read step: a file or folder cut into partitions of cases, records, fee lines and rejections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.lines import FEE_LINES, ClaimSource, open_claims, read_claims
from claims.nightly.case_columns import AMOUNT_FEN, case_table, with_amounts
from claims.nightly.inputs import Source
from claims.nightly.rejections import joined, rejected
from claims.nightly.whole_records import cases_of_records
from drg.case import CASE_SCHEMA
from drg.grouper.files import Edition, in_nhsa_edition
from drg.quality.record import RecordBatch
from drg.quality.record_objects import WHOLE_RECORD
from drg.records import Batch, read
from drg.records.findings import REJECTION_SCHEMA

LINE_PREFIX = f"{FEE_LINES}."
MAX_PART_BYTES = 256 * 1024 * 1024
"""Records of a partition, as Arrow: whole records are large, and partitions of them have fewer rows."""


@dataclass(frozen=True)
class Part:
    """A partition of a source. ``lines`` is None where the source has no fee lines."""

    cases: pa.Table
    records: pa.Table
    lines: pa.Table | None
    rejected: pa.Table

    def tables(self) -> dict[str, pa.Table]:
        """The result tables by name."""
        found = {"cases": self.cases, "records": self.records, "rejected": self.rejected}
        return found if self.lines is None else {**found, "lines": self.lines}


@dataclass(frozen=True)
class Opened:
    """A source that could be opened; ``edition`` is that of its codes."""

    source: Source
    dialect: str
    edition: Edition
    rows: int

    def parts(self, key: bytes) -> Iterator[Part]:
        """The partitions in the order of the file; ``key``: of the pseudonyms.

        Raises ``InputError`` where the file turns out to be unreadable.
        """
        cases = None if self.dialect == WHOLE_RECORD else _Cases(self.source, self.rows)
        claims = ClaimSource(self.source.path, self.source.fees, self.source.profile)
        for batch, is_last in _with_last(_gathered(read_claims(claims, self.rows), self.rows)):
            own = cases_of_records(batch.records) if cases is None else cases.until(batch, is_last)
            yield self._part(batch, own, key)

    def _part(self, batch: _Gathered, own: Batch, key: bytes) -> Part:
        records = batch.records
        rejections = [rejected(table, path.name) for path, table in batch.rejections]
        rejections.append(rejected(own.rejections, self.source.path.name))
        cases = in_nhsa_edition(own.cases, self.edition)[0]
        names = [name for name in records.column_names if not name.startswith(LINE_PREFIX)]
        return Part(
            case_table(cases, own.case_rows, records, key),
            records.select(names),
            fee_lines(records),
            _once(joined(rejections)),
        )


def open_source(source: Source, rows: int) -> Opened:
    """Open a source. Raises ``InputError`` where it cannot be used at all."""
    found = open_claims(ClaimSource(source.path, source.fees, source.profile), rows)
    edition: Edition = "clinical" if (source.edition or found.edition) == "clinical" else "nhsa"
    return Opened(source, found.dialect, edition, rows)


def fee_lines(records: pa.Table) -> pa.Table | None:
    """The fee lines of a record table, one row a line in the order of the records; None where it carries none.

    The columns are those of a fee line as written, with ``amount_fen`` beside ``amount``.
    """
    names = [name for name in records.column_names if name.startswith(LINE_PREFIX)]
    if not names:
        return None
    lists = {name: records.column(name).combine_chunks() for name in names}
    parents = pc.list_parent_indices(lists[names[0]])
    columns = {"case_id": records.column("case_id").combine_chunks().take(parents)}
    columns |= {name.removeprefix(LINE_PREFIX): one.flatten() for name, one in lists.items()}
    return with_amounts(pa.table(columns))


def with_fee_lines(records: pa.Table, lines: pa.Table) -> pa.Table:
    """The inverse of :func:`fee_lines`: the records with their lines as lists."""
    place = pc.index_in(lines.column("case_id"), value_set=records.column("case_id").combine_chunks())
    counts = np.bincount(place.to_numpy(), minlength=len(records))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    for name in lines.column_names[1:]:
        if name == AMOUNT_FEN:
            continue
        values = lines.column(name).combine_chunks()
        records = records.append_column(LINE_PREFIX + name, pa.ListArray.from_arrays(offsets, values))
    return records


@dataclass
class _Gathered:
    """Records of one partition and the rejections beside them, with the files that these are of."""

    tables: list[pa.Table] = field(default_factory=list)
    rejections: list[tuple[Path, pa.Table]] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    last_row: int = 0

    def add(self, batch: RecordBatch, is_record_file: bool) -> None:
        if len(batch.records) or not self.tables:
            self.tables.append(batch.records)
        self.rejections.append((batch.path, batch.rejections))
        self.rows += batch.row_count
        self.size += batch.records.nbytes
        told = [batch.records] + ([batch.rejections] if is_record_file else [])
        numbers = [pc.max(table.column("row")).as_py() for table in told if len(table)]
        self.last_row = max([self.last_row, *numbers])

    @property
    def records(self) -> pa.Table:
        return pa.concat_tables(self.tables, promote_options="default").combine_chunks()


def _gathered(batches: Iterator[RecordBatch], rows: int) -> Iterator[_Gathered]:
    """Batches put together up to ``rows``; what stands beside them (fee lines without a case) goes with a neighbour."""
    held = _Gathered()
    for batch in batches:
        is_full = held.rows + batch.row_count > rows or held.size + batch.records.nbytes > MAX_PART_BYTES
        if held.rows and batch.row_count and is_full:
            yield held
            held = _Gathered()
        held.add(batch, batch.row_count > 0)
    yield held


def _with_last(items: Iterator[_Gathered]) -> Iterator[tuple[_Gathered, bool]]:
    before = None
    for item in items:
        if before is not None:
            yield before, False
        before = item
    if before is not None:
        yield before, True


class _Cases:
    """The cases of a table file, taken as far as the records of a partition go."""

    def __init__(self, source: Source, rows: int):
        self._batches = read(source.path, source.profile, rows).batches()
        self._cases: list[tuple[pa.Table, pa.Array]] = []
        self._rejections: list[pa.Table] = [REJECTION_SCHEMA.empty_table()]

    def until(self, records: _Gathered, is_last: bool) -> Batch:
        """Cases and rejections up to the last row of ``records``; all that are left for the last partition."""
        end = None if is_last else records.last_row
        while (end is None or self._reached() <= end) and self._pull():
            pass
        cases = pa.concat_tables([CASE_SCHEMA.empty_table(), *(table for table, _ in self._cases)])
        rows = pa.concat_arrays([pa.array([], pa.int64()), *(one for _, one in self._cases)])
        rejections = pa.concat_tables(self._rejections)
        if end is not None:
            later, sooner = pc.greater(rows, end), pc.less_equal(rows, end)
            self._cases = [(cases.filter(later), rows.filter(later))]
            beyond = pc.greater(rejections.column("row"), end)
            self._rejections = [rejections.filter(beyond)]
            cases, rows = cases.filter(sooner), rows.filter(sooner)
            rejections = rejections.filter(pc.invert(beyond))
        return Batch(1, len(rows), cases.combine_chunks(), rows, rejections, pa.table({}))

    def _reached(self) -> int:
        """The last row that was read."""
        columns = [rows for _, rows in self._cases] + [one.column("row") for one in self._rejections]
        return max((pc.max(one).as_py() for one in columns if len(one)), default=0)

    def _pull(self) -> bool:
        batch = next(self._batches, None)
        if batch is None:
            return False
        self._cases.append((batch.cases, batch.case_rows))
        self._rejections.append(batch.rejections)
        return True


def _once(rejections: pa.Table) -> pa.Table:
    """Each line once: case and record are read from the same row, and may be rejected for the same reason."""
    return rejections.group_by(rejections.column_names, use_threads=False).aggregate([])
