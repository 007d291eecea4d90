"""DuckDB over Arrow tables: in memory, without access to files or the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb


@contextmanager
def connected(**tables: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the tables registered under their names."""
    import duckdb

    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        yield connection


def query(sql: str, **tables: pa.Table) -> pa.Table:
    """The result of one query over the tables."""
    with connected(**tables) as connection:
        return connection.sql(sql).to_arrow_table()


def quoted(name: str) -> str:
    """An identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A text, number or list of texts for SQL."""
    if isinstance(value, list):
        return f"[{', '.join(literal(one) for one in value)}]"
    if isinstance(value, int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def with_columns(table: pa.Table, kinds: Mapping[str, pa.DataType]) -> pa.Table:
    """The columns named by ``kinds`` in these types; a column that the table lacks is all null.

    Dictionaries become plain values. Raises ``pa.ArrowInvalid`` where a value does not fit its type.
    """
    columns = {
        name: _as(table.column(name), kind) if name in table.column_names else pa.nulls(len(table), kind)
        for name, kind in kinds.items()
    }
    return pa.table(columns)


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type) and column.type.value_type == kind:
        return column
    return column.cast(kind)
