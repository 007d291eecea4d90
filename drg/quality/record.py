"""The record table: front pages, settlement lists and whole records as rows of raw text (``docs/records.md``).

One row a record: ``row`` (int64, in the source), ``case_id``, ``dialect``, then those columns of ``layout.csv`` that
the source carries: a field that it has no column or key for has no column in the table either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.errors import input_error
from drg.quality import cells
from drg.quality.columns import Position, bind, used_headers
from drg.quality.layout import Field, fields, grouped
from drg.records import mapping, values
from drg.records.dialect import Headers, built_in
from drg.records.findings import Finding, rejection_table
from drg.records.record_file import open_source
from drg.records.source import Chunk, Source, file_type_of

if TYPE_CHECKING:
    from drg.records.fingerprints import SeenIds

BATCH_ROWS = 100_000
OBJECT_ROWS = 2_000
"""Records of a batch where they come as objects, with documents and fee lines."""
MAX_GROUP_ROWS = 500
MAX_ROWS_OF_GROUP = {"documents": 2_000, "orders": 20_000, "labs": 50_000, "fee_lines": 50_000}
DOCUMENT_TEXT = "documents.text"
MAX_DOCUMENT_LENGTH = 200_000
ID_COLUMNS = ("row", "case_id", "dialect")
LAYOUT_OF_DIALECT = {
    "front-page": "front_page",
    "pinyin": "pinyin",
    "legacy": "legacy",
    "settlement": "settlement",
    "plain": "plain",
}
"""Dialect of ``drg.records`` -> column of ``layout.csv``."""


def record_schema(known: Mapping[str, Field] | None = None) -> pa.Schema:
    """The schema of a record table that carries everything: ``row``, ``case_id``, ``dialect``, then the layout
    (``known`` fields by path, by default those of ``layout.csv``)."""
    ids = [("row", pa.int64()), ("case_id", pa.string()), ("dialect", pa.string())]
    return pa.schema([*ids, *((path, field.arrow_type) for path, field in (known or fields()).items())])


@dataclass(frozen=True)
class RecordBatch:
    """Consecutive rows of a file, each among ``records`` (columns of ``record_schema()``) or in ``rejections``.

    ``rejections``: as those of :class:`drg.records.Batch`. ``row_count``: how many rows of the file these are.
    """

    path: Path
    records: pa.Table
    rejections: pa.Table
    row_count: int


class Records:
    """An opened source of records; made by :func:`open_records`.

    ``dialect`` as the record table has it (a column of ``layout.csv``, or ``whole-record``); ``file_type`` is
    ``folder`` for a folder of cases. ``columns`` are used, ``ignored_columns`` are not mapped to any field.
    """

    def __init__(self, path: Path, source: Rows, batch_rows: int):
        self.path = path
        self._source = source
        self._batch_rows = batch_rows
        self.file_type = source.file_type
        self.encoding = source.encoding
        self.dialect = source.dialect
        self.edition = source.edition
        self.columns = source.columns
        self.ignored_columns = source.ignored_columns

    def batches(self, wanted: Sequence[str] | None = None) -> Iterator[RecordBatch]:
        """The rows of the file in order; with ``wanted`` (paths) only these fields are read.

        Raises ``InputError`` where the file turns out to be unreadable.
        """
        seen: SeenIds | None = None
        known = self._source.known
        for part in self._source.parts(set(known) if wanted is None else set(wanted), self._batch_rows):
            if seen is None:
                # Numba is slow to import: only when there are rows to read
                from drg.records.fingerprints import SeenIds as Seen

                seen = Seen()
            yield _batch(self.path, self.dialect, part, seen, record_schema(known))


@dataclass(frozen=True)
class Part:
    """Some rows as read: numbers, case ids, the columns that are carried by path, and what rejects rows."""

    rows: pa.Array
    case_ids: pa.Array
    columns: Mapping[str, pa.Array]
    problems: Sequence[Finding]
    rejections: pa.Table


class Rows:
    """A source of :class:`Part`; the two kinds are :class:`TableRows` and ``record_objects.ObjectRows``."""

    known: Mapping[str, Field]
    file_type: str
    encoding: str
    dialect: str
    edition: str
    columns: Sequence[str]
    ignored_columns: Sequence[str]

    def parts(self, wanted: set[str], batch_rows: int) -> Iterator[Part]:
        raise NotImplementedError


def open_records(
    path: str | Path,
    profile: str | None = None,
    batch_rows: int = BATCH_ROWS,
    known: Mapping[str, Field] | None = None,
) -> Records:
    """Open a front page, settlement list, plain table or whole record (file, or folder of case folders).

    ``known``: the fields that a record of a file may have, by path, where they are not those of ``layout.csv``.
    ``profile`` is the id of a built-in dialect; without it the dialect is found by the headers. Raises
    :class:`drg.errors.InputError` when the source cannot be used at all.
    """
    path = Path(path)
    known = known or fields()
    dialect = None
    if profile is not None:
        if profile not in LAYOUT_OF_DIALECT:
            built = ", ".join(LAYOUT_OF_DIALECT)
            raise input_error("recordtable.profile_not_built_in", str(path), profile=profile, known=built)
        dialect = built_in()[profile]
    if path.is_dir():
        from drg.quality.record_folder import FolderRows

        return Records(path, FolderRows(path, known), min(batch_rows, OBJECT_ROWS))
    if file_type_of(path) == "json":
        from drg.quality.record_objects import json_rows

        found = json_rows(path, dialect, known)
        if found is not None:
            return Records(path, found, min(batch_rows, OBJECT_ROWS))
    return Records(path, TableRows(path, open_source(path, dialect), known), batch_rows)


def read_record_table(
    paths: str | Path | Iterable[str | Path],
    *,
    profile: str | None = None,
    batch_rows: int = BATCH_ROWS,
    with_previous: bool = False,
) -> Iterator[RecordBatch]:
    """The records of files and folders, one after the other, in batches of at most ``batch_rows``.

    ``with_previous`` also fills ``previous_admission_time``, ``previous_discharge_time`` and
    ``previous_admission_number`` from the earlier record of the same person in the same hospital; the sources are
    read twice for it. Raises :class:`drg.errors.InputError`.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    sources = [open_records(path, profile, batch_rows) for path in listed]
    previous = None
    if with_previous:
        from drg.quality.previous import NEEDED, previous_admissions

        narrow = [batch.records for source in sources for batch in source.batches(NEEDED)]
        if narrow:
            previous = previous_admissions(pa.concat_tables(narrow, promote_options="default"))
    start = 0
    for source in sources:
        for batch in source.batches():
            if previous is None:
                yield batch
                continue
            count = batch.records.num_rows
            yield replace(batch, records=_with_columns(batch.records, previous.slice(start, count)))
            start += count


def _with_columns(records: pa.Table, filled: pa.Table) -> pa.Table:
    for name in filled.column_names:
        records = records.append_column(record_schema().field(name), filled.column(name))
    return records


class TableRows(Rows):
    """Rows of a file whose records are flat: CSV, XLSX, Parquet, or JSON without lists of objects."""

    def __init__(self, path: Path, source: Source, known: Mapping[str, Field]):
        self.known = known
        self._source = source
        self._ids = _id_binding(source, str(path))
        self.file_type, self.encoding = source.file_type, source.encoding
        self.dialect = LAYOUT_OF_DIALECT[source.dialect.id]
        self.edition = source.dialect.edition
        self._bound = bind(list(known.values()), self.dialect, source.columns, str(path))
        used = {*used_headers(self._bound), *self._ids.headers()}
        self.columns = [name for name in source.columns if name in used]
        self.ignored_columns = [name for name in source.columns if name not in used]

    def parts(self, wanted: set[str], batch_rows: int) -> Iterator[Part]:
        if self._source.row_count == 0:
            return
        bound = {path: found for path, found in self._bound.items() if path in wanted}
        headers = list(dict.fromkeys([*used_headers(bound), *self._ids.headers()]))
        mapper = mapping.Mapper(self._ids)
        for chunk in self._source.chunks(headers, batch_rows):
            yield _table_part(chunk, bound, mapper, self.known)


def _id_binding(source: Source, where: str) -> mapping.Binding:
    """The binding of ``drg.records`` for the case id alone: the ids must be those of the grouped cases."""
    headers = Headers.of(source.columns)
    parts = source.dialect.fields["case_id"].join
    found = [
        [headers.names[place] for name in one for place in headers.places(name)[:1]][:1] for one in parts
    ]
    if not all(found):
        names = " + ".join(" / ".join(one) for one in parts)
        raise input_error("records.column_missing", where, field="case_id", column=names)
    return mapping.Binding(source.dialect, {"case_id": found}, {"case_id": []}, {}, {}, {}, [])


def _table_part(
    chunk: Chunk, bound: Mapping[str, list[Position]], mapper: mapping.Mapper, known: Mapping[str, Field]
) -> Part:
    count = len(chunk.rows)
    ids = mapper.columns(chunk)["case_id"]
    columns: dict[str, pa.Array] = {}
    for path, found in bound.items():
        if not known[path].group:
            texts = cells.text_at(found[0], chunk.columns)
            columns[path] = pa.nulls(count, pa.string()) if texts is None else texts
    for group, members in grouped(known.values()).items():
        held = [member for member in members if member.path in bound]
        if held:
            columns.update(_group(group, held, bound, chunk, count))
    problems = [*chunk.problems, *ids.problems]
    return Part(chunk.rows, ids.values, columns, problems, chunk.rejections)


def _group(
    group: str, held: Sequence[Field], bound: Mapping[str, list[Position]], chunk: Chunk, count: int
) -> dict[str, pa.Array]:
    """The columns of a group, of which the file has the fields ``held``."""
    listed = {one.path: bound[one.path][0][0] for one in held if _is_listed(bound[one.path])}
    if listed:
        return {path: cells.split_rows(chunk.columns[cell.columns[0]]) for path, cell in listed.items()}
    return cells.rows_of_group(
        {one.path: [cells.text_at(position, chunk.columns) for position in bound[one.path]] for one in held},
        count,
    )


def _is_listed(found: Sequence[Position]) -> bool:
    """Whether one column holds all rows of a group."""
    return bool(found[0]) and found[0][0].glue == "[]"


def _batch(path: Path, dialect: str, part: Part, seen: SeenIds, schema: pa.Schema) -> RecordBatch:
    count = len(part.rows)
    part = _with_ventilator_hours(part)
    problems = [*part.problems, *_too_large(part.columns)]
    problems += _without_id(part.case_ids, part.columns)
    given = np.flatnonzero(values.as_mask(pc.is_valid(part.case_ids)))
    firsts = seen.first_rows(part.case_ids.drop_null(), part.rows.to_numpy()[given])
    if (firsts >= 0).any():
        shown = pa.array(firsts[firsts >= 0]).cast(pa.string())
        problems.append(Finding("records.case_id_repeated", "case_id", given[firsts >= 0], shown))
    records = _record_table(part, dialect, schema)
    rejected = np.zeros(count, np.bool_)
    for problem in problems:
        rejected[problem.positions] = True
    if rejected.any():
        records = records.filter(pa.array(~rejected))
    found = rejection_table(problems, part.rows, part.case_ids)
    rejections = pa.concat_tables([part.rejections, found])
    if rejections.num_rows:
        rejections = rejections.sort_by("row")
    uncut = pc.count_distinct(part.rejections.column("row")).as_py() if part.rejections.num_rows else 0
    return RecordBatch(path, records, rejections, count + uncut)


def _with_ventilator_hours(part: Part) -> Part:
    """The hours of ventilation where the source gives days, hours and minutes: rules see one form."""
    if "ventilator_hours" in part.columns or "ventilator_duration" not in part.columns:
        return part
    hours = cells.hours_of(part.columns["ventilator_duration"])
    return replace(part, columns={**part.columns, "ventilator_hours": hours})


def _record_table(part: Part, dialect: str, schema: pa.Schema) -> pa.Table:
    ids = [part.rows, part.case_ids, pa.repeat(pa.scalar(dialect, pa.string()), len(part.rows))]
    carried = [name for name in schema.names if name in part.columns]
    arrays = [*ids, *(part.columns[name] for name in carried)]
    return pa.table(arrays, schema=pa.schema([schema.field(name) for name in (*ID_COLUMNS, *carried)]))


def _without_id(case_ids: pa.Array, columns: Mapping[str, pa.Array]) -> list[Finding]:
    """Rows without a case id; a row with nothing in it is told as empty."""
    missing = values.as_mask(pc.is_null(case_ids))
    if not missing.any():
        return []
    something = np.zeros(len(missing), np.bool_)
    for column in columns.values():
        full = (
            pc.greater(pc.list_value_length(column), 0)
            if pa.types.is_list(column.type)
            else pc.is_valid(column)
        )
        something |= values.as_mask(full)
    found = []
    for message, name, mask in (
        ("records.case_id_missing", "case_id", missing & something),
        ("records.row_empty", "", missing & ~something),
    ):
        places = np.flatnonzero(mask).astype(np.int64)
        if len(places):
            found.append(Finding(message, name, places, pa.nulls(len(places), pa.string())))
    return found


def _too_large(columns: Mapping[str, pa.Array]) -> list[Finding]:
    """Cells of more than 100,000 characters and groups of too many rows; documents have limits of their own."""
    found = []
    for path, column in columns.items():
        group = path.rpartition(".")[0]
        limit = MAX_ROWS_OF_GROUP.get(group, MAX_GROUP_ROWS)
        if group:
            found += _finding("recordtable.group_too_long", path, pc.list_value_length(column), limit)
        most = MAX_DOCUMENT_LENGTH if path == DOCUMENT_TEXT else values.MAX_CELL_LENGTH
        texts = column.flatten() if group else column
        if (pc.max(pc.binary_length(texts)).as_py() or 0) <= most:
            continue
        lengths = pc.utf8_length(texts)
        if group:
            lengths = _longest_of(lengths, pc.list_parent_indices(column), len(column))
        message = "recordtable.document_too_long" if path == DOCUMENT_TEXT else "records.cell_too_long"
        found += _finding(message, path, lengths, most)
    return found


def _longest_of(lengths: pa.Array, parents: pa.Array, count: int) -> pa.Array:
    longest = np.zeros(count, np.int64)
    np.maximum.at(longest, parents.to_numpy(), pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False))
    return pa.array(longest)


def _finding(message: str, path: str, sizes: pa.Array, most: int) -> list[Finding]:
    """The positions whose size is over ``most``; the value of the finding is the size."""
    places = np.flatnonzero(values.as_mask(pc.greater(sizes, most))).astype(np.int64)
    if not len(places):
        return []
    return [Finding(message, path, places, pc.cast(sizes.take(pa.array(places)), pa.string()))]
