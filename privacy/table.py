"""A party's table, Parquet or CSV: ids and the columns that a job may read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.errors import Refused


@dataclass(frozen=True)
class Table:
    """Rows of one party: ``ids`` (n), number columns (float64, n, NaN where missing), text columns (n)."""

    ids: list[str]
    columns: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    texts: dict[str, list[str | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Table:
        """The rows at these places, in this order."""
        places = np.asarray(rows, dtype=np.int64)
        return Table(
            [self.ids[place] for place in places],
            {name: values[places] for name, values in self.columns.items()},
            {name: [values[place] for place in places] for name, values in self.texts.items()},
        )

    def require_unique_ids(self) -> None:
        """Raise ``Refused`` where an id comes twice."""
        repeated = len(self.ids) - len(set(self.ids))
        if repeated:
            raise Refused("table.id_repeated", rows=repeated)


def read_table(
    path: Path,
    id_column: str,
    *,
    numbers: Sequence[str] = (),
    texts: Sequence[str] = (),
    max_rows: int,
) -> Table:
    """Read the id column and the named columns, no others, and at most ``max_rows`` rows.

    Ids are texts, or whole numbers written as texts; a missing id is ``Refused``, as is a column that is not
    there or not of its kind. A missing number is NaN; an infinite one is ``Refused``.
    """
    wanted = list(dict.fromkeys([id_column, *numbers, *texts]))
    batches: list[pa.RecordBatch] = []
    rows = 0
    try:
        for batch in _batches(path, wanted, {id_column, *texts}):
            rows += batch.num_rows
            if rows > max_rows:
                raise Refused("table.too_many_rows", path=path.name, most=max_rows)
            batches.append(batch)
    except (OSError, pa.ArrowException) as error:
        raise Refused("table.unreadable", path=path.name) from error
    if not batches:
        return Table([], {name: np.empty(0) for name in numbers}, {name: [] for name in texts})
    table = pa.Table.from_batches(batches)
    return Table(
        _ids(table.column(id_column), path),
        {name: _numbers(table.column(name), name, path) for name in numbers},
        {name: _texts(table.column(name), name, path) for name in texts},
    )


def _batches(path: Path, wanted: list[str], as_text: set[str]) -> Iterator[pa.RecordBatch]:
    kind = path.suffix.lower()
    if kind == ".parquet":
        from pyarrow import parquet

        with parquet.ParquetFile(path) as file:
            _require(wanted, file.schema_arrow.names, path)
            yield from file.iter_batches(columns=wanted)
    elif kind == ".csv":
        from pyarrow import csv

        types = {name: pa.string() if name in as_text else pa.float64() for name in wanted}
        with path.open("rb") as raw:
            head = raw.readline(1_000_000).decode("utf-8-sig", errors="replace")
        _require(wanted, _csv_names(head), path)
        options = csv.ConvertOptions(
            column_types=types,
            include_columns=wanted,
            strings_can_be_null=True,
            null_values=["", "NA", "null"],
        )
        with csv.open_csv(path, convert_options=options) as reader:
            yield from reader
    else:
        raise Refused("table.kind", path=path.name)


def _csv_names(head: str) -> list[str]:
    import csv

    return next(csv.reader([head]), [])


def _require(wanted: list[str], present: list[str], path: Path) -> None:
    for name in wanted:
        if present.count(name) != 1:
            raise Refused("table.column_missing", path=path.name, column=name)


def _ids(column: pa.ChunkedArray, path: Path) -> list[str]:
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if not (_is_text(column.type) or pa.types.is_integer(column.type)):
        raise Refused("table.id_kind", path=path.name, kind=str(column.type))
    trimmed = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    missing = pc.sum(pc.fill_null(pc.equal(trimmed, ""), True)).as_py() or 0
    if missing:
        raise Refused("table.id_missing", path=path.name, rows=missing)
    ids: list[str] = trimmed.to_pylist()
    return ids


def _numbers(column: pa.ChunkedArray, name: str, path: Path) -> NDArray[np.float64]:
    kind = column.type
    if not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    ):
        raise Refused("table.column_kind", path=path.name, column=name, kind=str(kind))
    if pa.types.is_boolean(kind):
        column = pc.cast(column, pa.int8())
    try:
        # A whole number that float64 cannot hold is refused, not rounded.
        values: NDArray[np.float64] = pc.cast(column, pa.float64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise Refused("table.column_kind", path=path.name, column=name, kind=str(kind)) from error
    if np.isinf(values).any():
        raise Refused("table.infinite", path=path.name, column=name)
    return values


def _texts(column: pa.ChunkedArray, name: str, path: Path) -> list[str | None]:
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    kind: Any = column.type
    if not (_is_text(kind) or pa.types.is_date(kind) or pa.types.is_integer(kind)):
        raise Refused("table.column_kind", path=path.name, column=name, kind=str(kind))
    texts: list[str | None] = pc.cast(column, pa.string()).to_pylist()
    return texts


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
