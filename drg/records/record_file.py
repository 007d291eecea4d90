"""Record files as cases and rejections: every row becomes one or the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.case import CASE_SCHEMA
from drg.records import derived, values
from drg.records.dialect import Dialect, named
from drg.records.findings import NOTE_SCHEMA, Finding, note_table, rejection_table
from drg.records.mapping import Mapper, bind
from drg.records.source import Chunk, Source, file_type_of
from drg.records.values import Column

if TYPE_CHECKING:
    from drg.records.fingerprints import SeenIds

BATCH_ROWS = 200_000


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of a file, each among ``case_rows`` or in ``rejections``.

    ``cases``: table in ``CASE_SCHEMA``; ``case_rows``: int64, the source row of each case. ``rejections``: row,
    case_id, field, value, reason. ``notes``: row, case_id, field, value, became, note. ``row`` is the spreadsheet
    row of CSV and XLSX (the header is row 1 unless blank lines stand before it) and the record from 1 of Parquet
    and JSON. ``first_row`` is the lowest row of the batch, ``row_count`` how many rows it has.
    """

    first_row: int
    row_count: int
    cases: pa.Table
    case_rows: pa.Array
    rejections: pa.Table
    notes: pa.Table


class RecordFile:
    """An opened record file; made by :func:`read`."""

    def __init__(self, path: Path, source: Source, batch_rows: int):
        self.path = path
        self._source = source
        self._batch_rows = batch_rows
        self._binding = bind(source.dialect, source.columns, str(path), source.file_type == "json")
        used = {name.partition("[")[0] for name in self._binding.headers()}
        self.file_type = source.file_type
        self.encoding = source.encoding
        self.dialect = source.dialect.id
        self.edition = source.dialect.edition
        self.columns = [name for name in source.columns if name in used]
        self.ignored_columns = [name for name in source.columns if name not in used]
        self.missing_columns = self._binding.missing
        self.row_count = source.row_count

    @property
    def mapping(self) -> Dialect:
        """The dialect's mapping file."""
        return self._source.dialect

    def batches(self) -> Iterator[Batch]:
        """The rows of the file in order; raises ``InputError`` where the file turns out to be unreadable."""
        if self.row_count == 0:
            yield _header_only()
            return
        mapper = Mapper(self._binding)
        seen: SeenIds | None = None
        for chunk in self._source.chunks(self._binding.headers(), self._batch_rows):
            if seen is None:
                # Numba is slow to import: only when there are rows to read
                from drg.records.fingerprints import SeenIds as Seen

                seen = Seen()
            yield _batch(chunk, mapper, seen)


def read(path: str | Path, profile: str | Path | None = None, batch_rows: int = BATCH_ROWS) -> RecordFile:
    """Open a record file: CSV, XLSX, Parquet or JSON, found by content.

    ``profile`` is a dialect id or the path of a mapping file (``.toml``); without it the dialect is found by the
    headers. Raises :class:`drg.errors.InputError` when the file cannot be used at all.
    """
    path = Path(path)
    dialect = named(profile) if profile is not None else None
    return RecordFile(path, open_source(path, dialect), batch_rows)


def open_source(path: Path, dialect: Dialect | None) -> Source:
    """The file as a source of cells, whatever its type; see :func:`read`."""
    file_type = file_type_of(path)
    if file_type == "csv":
        from drg.records.source_csv import CsvSource

        return CsvSource(path, dialect)
    if file_type == "parquet":
        from drg.records.source_parquet import ParquetSource

        return ParquetSource(path, dialect)
    if file_type == "xlsx":
        from drg.records.source_xlsx import XlsxSource

        return XlsxSource(path, dialect)
    from drg.records.source_json import JsonSource

    return JsonSource(path, dialect)


def _header_only() -> Batch:
    note = {"row": 1, "note": "records.header_only"}
    return Batch(
        first_row=1,
        row_count=0,
        cases=CASE_SCHEMA.empty_table(),
        case_rows=pa.array([], pa.int64()),
        rejections=rejection_table([], pa.array([], pa.int64()), pa.array([], pa.string())),
        notes=pa.Table.from_pylist([note], schema=NOTE_SCHEMA),
    )


def _batch(chunk: Chunk, mapper: Mapper, seen: SeenIds) -> Batch:
    count = len(chunk.rows)
    columns = derived.complete(mapper.columns(chunk), mapper, chunk)
    case_ids = columns["case_id"].values
    problems = [*chunk.problems, *(problem for column in columns.values() for problem in column.problems)]
    problems += _missing_ids(case_ids)
    problems = _empty_rows_told_once(problems, columns, case_ids)
    problems += _duplicates(case_ids, chunk.rows.to_numpy(), seen)
    rejected = np.zeros(count, np.bool_)
    for problem in problems:
        rejected[problem.positions] = True
    cases = _case_table(columns, count)
    case_rows = chunk.rows
    if rejected.any():
        kept = pa.array(~rejected)
        cases, case_rows = cases.filter(kept), case_rows.filter(kept)
    found = rejection_table(problems, chunk.rows, case_ids)
    rejections = pa.concat_tables([chunk.rejections, found])
    if rejections.num_rows:
        rejections = rejections.sort_by("row")
    told = [*chunk.notes, *(note for column in columns.values() for note in column.notes)]
    starts = [rows[0].as_py() for rows in (chunk.rows, rejections.column("row")) if len(rows)]
    return Batch(
        first_row=min(starts, default=1),
        row_count=count + pc.count_distinct(chunk.rejections.column("row")).as_py(),
        cases=cases,
        case_rows=case_rows,
        rejections=rejections,
        notes=note_table(told, chunk.rows, case_ids),
    )


def _case_table(columns: dict[str, Column], count: int) -> pa.Table:
    arrays = []
    for field in CASE_SCHEMA:
        column = columns.get(field.name)
        if column is None:
            empty = pa.nulls(count, field.type)
            arrays.append(pc.fill_null(empty, []) if pa.types.is_list(field.type) else empty)
        elif pa.types.is_date(field.type):
            arrays.append(values.as_date(column.values))
        else:
            arrays.append(pc.cast(column.values, field.type))
    return pa.table(arrays, schema=CASE_SCHEMA)


def _missing_ids(case_ids: pa.Array) -> list[Finding]:
    missing = np.flatnonzero(values.as_mask(pc.is_null(case_ids))).astype(np.int64)
    if not len(missing):
        return []
    return [Finding("records.case_id_missing", "case_id", missing, pa.nulls(len(missing), pa.string()))]


def _empty_rows_told_once(
    problems: list[Finding], columns: dict[str, Column], case_ids: pa.Array
) -> list[Finding]:
    """A row with nothing in it gets one line, not one for each field it lacks."""
    empty = values.as_mask(pc.is_null(case_ids))
    if not empty.any():
        return problems
    for column in columns.values():
        empty &= _nothing_in(column)
    if not empty.any():
        return problems
    told = [problem.only(~empty[problem.positions]) for problem in problems]
    places = np.flatnonzero(empty).astype(np.int64)
    return [*told, Finding("records.row_empty", "", places, pa.nulls(len(places), pa.string()))]


def _nothing_in(column: Column) -> npt.NDArray[np.bool_]:
    if pa.types.is_list(column.values.type):
        nothing = values.as_mask(pc.equal(pc.list_value_length(column.values), 0))
    else:
        nothing = values.as_mask(pc.is_null(column.values))
    for problem in column.problems:
        if problem.message != "records.principal_dx_missing":
            nothing[problem.positions] = False
    return nothing


def _duplicates(case_ids: pa.Array, rows: npt.NDArray[np.int64], seen: SeenIds) -> list[Finding]:
    """Case ids that stood in a row before; the value of the finding is that first row."""
    given = np.flatnonzero(values.as_mask(pc.is_valid(case_ids)))
    firsts = seen.first_rows(case_ids.drop_null(), rows[given])
    repeated = firsts >= 0
    if not repeated.any():
        return []
    shown = pa.array(firsts[repeated]).cast(pa.string())
    return [Finding("records.case_id_repeated", "case_id", given[repeated].astype(np.int64), shown)]
