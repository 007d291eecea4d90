"""Cases of a file together with their rows of the record table, batch by batch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drg import records
from drg.case import CASE_SCHEMA
from drg.grouper.files import Edition, in_nhsa_edition
from drg.quality.record import RecordBatch, Records, open_records
from drg.quality.record_objects import WHOLE_RECORD

BATCH_ROWS = 20_000
WHOLE_RECORDS_AT_ONCE = 200
"""Records with documents are large."""
LIST_SEPARATOR = "|"
AS_CASE = {
    **{
        name: name
        for name in (
            *("sex", "age", "age_days", "admission_weight_g", "los_days", "discharge_way", "department"),
            *("region", "hospital", "hospital_level", "insurance_type"),
        )
    },
    "total_cost": "total_cost_yuan",
    "own_payment": "patient_paid_yuan",
}
"""Fields of a whole record -> columns of the plain table, as which its case is read."""
DATES = {"admission_time": "admission_date", "discharge_time": "discharge_date"}
LISTS = {"diagnoses.code": "dx", "procedures.code": "proc"}
BIRTH_WEIGHTS, BIRTH_WEIGHT = "birth_weights.weight_g", "birth_weight_g"


@dataclass(frozen=True)
class Pairs:
    """Cases (``CASE_SCHEMA``, NHSA codes) and their records, row by row; ``rejections`` of rows that are no case."""

    cases: pa.Table
    records: pa.Table
    rejections: pa.Table


def paired(
    path: Path, profile: str | None = None, edition: Edition | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[Pairs]:
    """The cases of a file or folder with their records, in order. Raises ``InputError``."""
    source = open_records(path, profile, batch_rows)
    if source.dialect == WHOLE_RECORD:
        yield from _whole_records(path, edition)
    else:
        yield from _tables(path, profile, edition, source)


def _tables(path: Path, profile: str | None, edition: Edition | None, source: Records) -> Iterator[Pairs]:
    """Front pages and lists: cases and records are read side by side and matched by row."""
    file = records.read(path, profile)
    waiting = _Waiting(file.batches())
    for batch in source.batches():
        if batch.records.num_rows:
            last = batch.records.column("row")[-1].as_py()
            cases, rows, rejections = waiting.up_to(last)
            yield _matched(cases, rows, rejections, batch.records, edition or file.edition)


class _Waiting:
    """The cases that were read and not yet given out."""

    def __init__(self, batches: Iterator[records.Batch]):
        self._batches = batches
        self._cases: list[tuple[pa.Table, pa.Array]] = []
        self._rejections: list[pa.Table] = []
        self._read_to = 0

    def up_to(self, last: int) -> tuple[pa.Table, pa.Array, pa.Table]:
        """The cases of the rows to ``last``, their rows, and the rejections read so far."""
        while self._read_to < last and (batch := next(self._batches, None)) is not None:
            self._cases.append((batch.cases, batch.case_rows))
            self._rejections.append(batch.rejections)
            self._read_to = batch.first_row + batch.row_count - 1 if batch.row_count else self._read_to
            self._read_to = max(self._read_to, batch.case_rows[-1].as_py() if len(batch.case_rows) else 0)
        cases = pa.concat_tables([cases for cases, _ in self._cases])
        rows = pa.concat_arrays([rows for _, rows in self._cases])
        count = pc.sum(pc.less_equal(rows, last)).as_py() or 0
        self._cases = [(cases.slice(count), rows.slice(count))]
        rejections, self._rejections = pa.concat_tables(self._rejections), [self._rejections[0].slice(0, 0)]
        return cases.slice(0, count), rows.slice(0, count), rejections


def _matched(
    cases: pa.Table, rows: pa.Array, rejections: pa.Table, found: pa.Table, edition: Edition
) -> Pairs:
    places = pc.index_in(rows, value_set=found.column("row").combine_chunks())
    known = places.is_valid()
    converted = in_nhsa_edition(cases.filter(known), edition)[0]
    return Pairs(converted, found.take(places.filter(known)), rejections)


def _whole_records(path: Path, edition: Edition | None) -> Iterator[Pairs]:
    """Whole records: the case is read from the record itself, as a row of the plain table."""
    source = open_records(path, None, WHOLE_RECORDS_AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        for number, batch in enumerate(source.batches()):
            if batch.records.num_rows:
                table = Path(folder) / f"{number}.parquet"
                pq.write_table(_plain(batch), table)
                for read in records.read(table, "plain").batches():
                    found = batch.records.take(pc.subtract(read.case_rows, 1))
                    rejections = pa.concat_tables([batch.rejections, read.rejections])
                    cases = in_nhsa_edition(read.cases, edition or _edition(source))[0]
                    yield Pairs(cases, found, rejections)
                table.unlink()
            elif batch.rejections.num_rows:
                nothing = CASE_SCHEMA.empty_table()
                yield Pairs(nothing, batch.records, batch.rejections)


def _edition(source: Records) -> Edition:
    return "clinical" if source.edition == "clinical" else "nhsa"


def _plain(batch: RecordBatch) -> pa.Table:
    found = batch.records
    columns = {"case_id": found.column("case_id")}
    for name, plain in AS_CASE.items():
        if name in found.column_names:
            columns[plain] = found.column(name)
    for name, plain in DATES.items():
        if name in found.column_names:
            columns[plain] = pc.utf8_slice_codeunits(found.column(name), 0, 10)
    if BIRTH_WEIGHTS in found.column_names:
        weights = found.column(BIRTH_WEIGHTS).to_pylist()
        columns[BIRTH_WEIGHT] = pa.array([next(iter(one or ()), None) for one in weights], pa.string())
    for name, plain in LISTS.items():
        lists = (
            found.column(name) if name in found.column_names else pa.nulls(len(found), pa.list_(pa.string()))
        )
        columns[plain] = pa.array([_joined(codes) for codes in lists.to_pylist()], pa.string())
    return pa.table(columns)


def _joined(codes: list[str | None] | None) -> str:
    """The codes in one cell; a first row without a code stays in front, so that no other becomes principal."""
    listed = codes or []
    return LIST_SEPARATOR.join(code or "" for code in listed)
