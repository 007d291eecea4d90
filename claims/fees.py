"""Fee lines of a file of their own, joined to claims by case id in bounded memory: they are sorted on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.errors import input_error
from drg.quality import cells
from drg.quality.columns import bind, used_headers
from drg.quality.layout import Field
from drg.records import mapping, values
from drg.records.dialect import Dialect, Headers, load
from drg.records.findings import REJECTION_SCHEMA, Finding, rejection_table
from drg.records.record_file import open_source
from drg.records.source import Chunk

CHUNK_ROWS = 500_000
SORT_MEMORY = "1GB"
ROW_GROUP_ROWS = 50_000
MAX_ORPHANS_TOLD = 1_000
MAX_LINES_OF_CLAIM = 50_000


@cache
def fee_dialect() -> Dialect:
    """The mapping file of fee details."""
    return load(Path(__file__).with_name("fee-detail.toml"))


class FeeFile:
    """The fee lines of a file (CSV, XLSX or Parquet), kept sorted by case in ``folder``.

    ``rejections`` (``drg.records`` form): rows that are no fee line. Raises ``InputError`` where the file is none.
    """

    def __init__(self, path: Path, fields: Sequence[Field], folder: Path):
        import duckdb

        self._path = path
        self._sorted = folder / "sorted.parquet"
        self._source = open_source(path, fee_dialect())
        self._bound = bind(fields, "plain", self._source.columns, str(path))
        self._fields = [one for one in fields if one.path in self._bound]
        unsorted = folder / "lines.parquet"
        self.rejections = self._written(unsorted)
        self._database: Any = duckdb.connect(str(folder / "fees.duckdb"))
        self._database.execute(f"SET memory_limit='{SORT_MEMORY}'")
        self._database.execute("SET temp_directory=?", [str(folder)])
        self._database.execute(
            f"COPY (SELECT * FROM read_parquet(?) ORDER BY case_id, row) TO '{_quoted(self._sorted)}' "  # noqa: S608
            f"(FORMAT parquet, ROW_GROUP_SIZE {ROW_GROUP_ROWS})",
            [str(unsorted)],
        )
        unsorted.unlink()
        self._database.execute("CREATE TABLE seen (case_id VARCHAR)")

    def _written(self, target: Path) -> pa.Table:
        """The lines in the order of the file, as Parquet; returns the rejections."""
        rejections = [REJECTION_SCHEMA.empty_table()]
        schema = pa.schema(
            [
                ("case_id", pa.string()),
                ("row", pa.int64()),
                *((one.path, pa.string()) for one in self._fields),
            ]
        )
        with pq.ParquetWriter(target, schema) as writer:
            for lines, rejected in self._chunks():
                rejections.append(rejected)
                writer.write_table(lines.cast(schema))
        return pa.concat_tables(rejections)

    def _chunks(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        source = self._source
        known = Headers.of(source.columns)
        (names,) = fee_dialect().fields["case_id"].parts
        found = [known.names[place] for name in names for place in known.places(name)[:1]][:1]
        if not found or "fee_lines.code" not in self._bound:
            raise input_error("claims.fee_columns", str(self._path), columns=", ".join(source.columns[:20]))
        binding = mapping.Binding(fee_dialect(), {"case_id": [found]}, {"case_id": []}, {}, {}, {}, [])
        mapper = mapping.Mapper(binding)
        if source.row_count == 0:
            return
        for chunk in source.chunks(list(dict.fromkeys([*used_headers(self._bound), *found])), CHUNK_ROWS):
            yield self._lines(chunk, mapper)

    def _lines(self, chunk: Chunk, mapper: mapping.Mapper) -> tuple[pa.Table, pa.Table]:
        count = len(chunk.rows)
        ids = mapper.columns(chunk)["case_id"]
        columns = {}
        for one in self._fields:
            texts = cells.text_at(self._bound[one.path][0], chunk.columns)
            columns[one.path] = pa.nulls(count, pa.string()) if texts is None else texts
        problems = [*chunk.problems, *ids.problems]
        something = values.as_mask(pc.is_valid(columns["fee_lines.code"]))
        if "fee_lines.name" in columns:
            something |= values.as_mask(pc.is_valid(columns["fee_lines.name"]))
        missing = values.as_mask(pc.is_null(ids.values))
        for message, name, mask in (
            ("records.case_id_missing", "case_id", missing & something),
            ("records.row_empty", "", ~something),
        ):
            places = np.flatnonzero(mask).astype(np.int64)
            if len(places):
                problems.append(Finding(message, name, places, pa.nulls(len(places), pa.string())))
        problems += _too_long(columns)
        kept = np.ones(count, np.bool_)
        for problem in problems:
            kept[problem.positions] = False
        lines = pa.table({"case_id": ids.values, "row": chunk.rows, **columns}).filter(pa.array(kept))
        rejected = rejection_table(problems, chunk.rows, ids.values)
        return lines, pa.concat_tables([chunk.rejections, rejected])

    def joined(self, records: pa.Table) -> pa.Table:
        """Records with their fee lines as lists, in the order of the file; empty where there are none."""
        ids = pa.table({"case_id": records.column("case_id"), "place": pa.array(np.arange(len(records)))})
        self._database.register("ids", ids)
        self._database.execute("INSERT INTO seen SELECT case_id FROM ids")
        names = ", ".join(f'f."{one.path}"' for one in self._fields)
        lines = self._database.sql(
            f"SELECT ids.place AS place, {names} FROM ids JOIN read_parquet(?) f USING (case_id) "  # noqa: S608
            "ORDER BY ids.place, f.row",
            params=[str(self._sorted)],
        ).to_arrow_table()
        self._database.unregister("ids")
        counts = np.bincount(lines.column("place").to_numpy(), minlength=len(records))
        if len(counts) and counts.max(initial=0) > MAX_LINES_OF_CLAIM:
            case = records.column("case_id")[int(counts.argmax())].as_py()
            raise input_error("claims.fee_lines_many", str(self._path), case=case, most=MAX_LINES_OF_CLAIM)
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        for one in self._fields:
            texts = lines.column(one.path).combine_chunks()
            records = records.append_column(one.path, pa.ListArray.from_arrays(offsets, texts))
        return records

    def orphans(self) -> pa.Table:
        """The lines of claims that were not there, the first of them, in ``REJECTION_SCHEMA``."""
        lines = self._database.sql(
            "SELECT row, case_id FROM read_parquet(?) f ANTI JOIN seen USING (case_id) ORDER BY row LIMIT ?",
            params=[str(self._sorted), MAX_ORPHANS_TOLD],
        ).to_arrow_table()
        self._database.close()
        count = len(lines)
        ids = lines.column("case_id").combine_chunks()
        told = Finding("recordtable.fee_without_record", "case_id", np.arange(count), ids)
        return rejection_table([told], lines.column("row").combine_chunks(), ids)


def _too_long(columns: dict[str, pa.Array]) -> list[Finding]:
    found = []
    for path, texts in columns.items():
        lengths = pc.fill_null(pc.utf8_length(texts), 0).to_numpy(zero_copy_only=False)
        places = np.flatnonzero(lengths > values.MAX_CELL_LENGTH)
        if len(places):
            shown = pa.array(lengths[places]).cast(pa.string())
            found.append(Finding("records.cell_too_long", path, places.astype(np.int64), shown))
    return found


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
