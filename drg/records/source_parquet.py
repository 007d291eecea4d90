"""Parquet files, read batch by batch; only the wanted columns are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drg.errors import InputError, input_error
from drg.records.dialect import Dialect, not_recognised, recognise
from drg.records.source import Chunk


class ParquetSource:
    """An open Parquet file; rows are numbered from 1. See :class:`drg.records.source.Source`."""

    file_type = "parquet"
    encoding = ""

    def __init__(self, path: Path, dialect: Dialect | None):
        self.path = path
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _not_readable(path, error) from error
        self.columns: Sequence[str] = self._file.schema_arrow.names
        self.row_count: int | None = self._file.metadata.num_rows
        found = dialect or recognise(self.columns, self.file_type)
        if found is None:
            raise not_recognised(str(path), self.columns, self.file_type)
        self.dialect = found

    def chunks(self, wanted: Sequence[str], batch_rows: int) -> Iterator[Chunk]:
        """Rows in batches of ``batch_rows``."""
        next_row = 1
        try:
            for batch in self._file.iter_batches(batch_size=batch_rows, columns=list(wanted)):
                rows = pa.array(np.arange(next_row, next_row + batch.num_rows))
                next_row += batch.num_rows
                columns = {name: self._cells(name, batch.column(name)) for name in wanted}
                yield Chunk(rows, columns)
        except (pa.ArrowException, OSError) as error:
            raise _not_readable(self.path, error) from error

    def _cells(self, name: str, column: pa.Array) -> pa.Array:
        """Cells as scalars or lists of strings; other types cannot be fields of a case."""
        column.validate(full=True)
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.dictionary_decode()
            kind = column.type
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            column = pc.cast(column, pa.list_(pa.string()))
        elif pa.types.is_large_string(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
            column = pc.cast(column, pa.string())
        elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise input_error("records.column_type", str(self.path), column=name, type=str(kind))
        return column


def _not_readable(path: Path, error: Exception) -> InputError:
    return input_error("records.parquet_not_readable", str(path), detail=str(error)[:200].rstrip("."))
