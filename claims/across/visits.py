"""The tables that the rules read, bound to files: columns cast as the contract says, what does not fit rejected.

``visits.toml`` is the contract. A source is one table, or several whose rows belong together by ``case_id`` (cases,
their groups, their prices): a column is taken from the first that has it.
"""

# ruff: noqa: S608 - the SQL is put together from the names of visits.toml

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from claims.across.database import HOME
from claims.errors import input_error
from claims.nightly.results import Results
from drg.analytics.database import literal, quoted

if TYPE_CHECKING:
    import duckdb

TableName = Literal["visits", "lines", "network"]
KEYS: dict[TableName, str] = {"visits": "case_id", "lines": "case_id", "network": "person"}
"""The column without which a row says nothing."""
MAX_TEXT = 200
MAX_TEXTS = 500
MAX_TOLD_VALUE = 80
MAX_VISITS_OF_PERSON = 2_000
"""A person with more visits is no person but a placeholder; its visits count for nobody."""


_NATIVE = {
    "date": ("DATE",),
    "fen": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
    "count": ("TINYINT", "SMALLINT", "INTEGER"),
    "flag": ("BOOLEAN",),
}
"""The types of Parquet that need no cast, so that no value can be lost."""
_CASTS = {
    "text": "nullif(trim({x}::VARCHAR), '')",
    "date": "TRY_CAST({x} AS DATE)",
    "fen": "CASE WHEN TRY_CAST({x} AS BIGINT) = TRY_CAST({x} AS DECIMAL(38, 6)) THEN TRY_CAST({x} AS BIGINT) END",
    "count": "CASE WHEN TRY_CAST({x} AS INTEGER) = TRY_CAST({x} AS DECIMAL(38, 6)) THEN TRY_CAST({x} AS INTEGER) END",
    "number": "CASE WHEN isfinite(TRY_CAST({x} AS DOUBLE)) THEN TRY_CAST({x} AS DECIMAL(18, 6)) END",
    "flag": "CASE lower({x}::VARCHAR) WHEN 'true' THEN true WHEN 'false' THEN false END",
    "texts": "{x}::VARCHAR[]",
}
_TYPES = {
    "text": "VARCHAR",
    "date": "DATE",
    "fen": "BIGINT",
    "count": "INTEGER",
    "number": "DECIMAL(18, 6)",
    "flag": "BOOLEAN",
    "texts": "VARCHAR[]",
}
_TEXTS_FROM_TEXT = "CASE WHEN {x}::VARCHAR <> '' THEN string_split({x}::VARCHAR, '|') END"


class Column(BaseModel):
    """A column of a table: its type (see ``visits.toml``) and what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["text", "texts", "date", "fen", "count", "number", "flag"]
    en: str
    zh: str


@cache
def contract() -> Mapping[str, Mapping[str, Column]]:
    """The columns by table and name."""
    entries = tomllib.loads((HOME / "visits.toml").read_text(encoding="utf-8"))
    return {
        table: {name: Column.model_validate(column) for name, column in columns.items()}
        for table, columns in entries.items()
    }


Parts = Sequence[Sequence[Path]]
"""The Parquet files of a table: for each part (cases, groups, prices) its own."""


@dataclass(frozen=True)
class Sources:
    """The files of the tables; ``visits`` is needed. ``network``: ``measures.parquet`` of a network."""

    visits: Parts
    lines: Parts = ()
    network: Parts = ()


@dataclass(frozen=True)
class _Written:
    """Where a column is found: its name in SQL, and its type there."""

    column: Column
    sql: str
    kind: str

    @property
    def cast(self) -> str:
        if self.kind in _NATIVE.get(self.column.type, ()):
            return self.sql
        is_list = self.kind.endswith("[]")
        pattern = (
            _TEXTS_FROM_TEXT if self.column.type == "texts" and not is_list else _CASTS[self.column.type]
        )
        return pattern.format(x=self.sql)

    @property
    def shown(self) -> str:
        """What is written there as text, null where nothing is."""
        return f"nullif(trim({self.sql}::VARCHAR), '')"

    @property
    def lost(self) -> str | None:
        """Whether a value does not fit; None where it always does."""
        if self.kind in _NATIVE.get(self.column.type, ()):
            return None
        if self.column.type == "text":
            return f"len({self.sql}) > {MAX_TEXT}" if self.kind == "VARCHAR" else None
        if self.column.type == "texts":
            return f"len({self.cast}) > {MAX_TEXTS}"
        return f"{self.shown} IS NOT NULL AND {self.cast} IS NULL"


def load(connection: duckdb.DuckDBPyConnection, table: TableName, parts: Parts) -> frozenset[str]:
    """Make ``table`` from files, add rows that do not fit to ``rejected``; returns the columns with any value.

    Raises ``InputError`` where a file cannot be read or lacks the key of the table.
    """
    found: dict[str, _Written] = {}
    for number, files in enumerate(parts):
        columns = _view(connection, f"source_{number}", files, KEYS[table])
        for name, column in contract()[table].items():
            if name in columns and name not in found:
                found[name] = _Written(column, f"source_{number}.{quoted(name)}", columns[name])
    joins = [f"LEFT JOIN source_{n} ON source_{n}.case_id = source_0.case_id" for n in range(1, len(parts))]
    connection.execute(_reading(table, found, " ".join(joins)))
    _separate(connection, table, list(found))
    return _filled(connection, table, list(found))


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], key: str
) -> dict[str, str]:
    """A view of Parquet files; returns its columns with their types."""
    import duckdb

    paths = [str(path) for path in files]
    try:
        relation = connection.read_parquet(paths, file_row_number=True, filename=True, union_by_name=True)
        relation.create_view(name, replace=True)
    except duckdb.Error as error:
        raise input_error("across.unreadable", paths[0], detail=str(error).splitlines()[0][:200]) from None
    columns = dict(zip(relation.columns, map(str, relation.types), strict=True))
    if key not in columns:
        raise input_error("across.no_key", paths[0], key=key, columns=", ".join(list(columns)[:20]))
    return columns


def _reading(table: str, found: Mapping[str, _Written], joins: str) -> str:
    """SQL that casts every column; ``misfit`` and ``misfit_value``: the first column whose value has been lost."""
    nothing = "WHEN false THEN NULL"
    casts = ", ".join(f"{one.cast} AS {quoted(name)}" for name, one in found.items())
    lost = [(name, one.lost, one.shown) for name, one in found.items() if one.lost is not None]
    misfit = " ".join(f"WHEN {lost} THEN {literal(name)}" for name, lost, _ in lost)
    value = " ".join(f"WHEN {lost} THEN {shown}" for _, lost, shown in lost)
    return (
        f"CREATE TABLE read_{table} AS SELECT source_0.filename AS source, source_0.file_row_number + 1 AS row, "
        f"CASE {misfit or nothing} END AS misfit, CASE {value or nothing} END AS misfit_value, "
        f"{casts} FROM source_0 {joins}"
    )


def _separate(connection: duckdb.DuckDBPyConnection, table: TableName, columns: Sequence[str]) -> None:
    """The view ``<table>_read`` of the rows of ``read_<table>`` that fit; the others are added to ``rejected``."""
    reasons = [
        "WHEN misfit IS NOT NULL THEN 'across.misfit'",
        f"WHEN {KEYS[table]} IS NULL THEN 'across.key_missing'",
    ]
    if {"admission_date", "discharge_date"} <= set(columns):
        reasons.append("WHEN discharge_date < admission_date THEN 'across.discharge_first'")
    reason = f"CASE {' '.join(reasons)} END"
    case_id = "case_id" if KEYS[table] == "case_id" else "NULL"
    told = f"'{table}', source, row, {case_id}, misfit, misfit_value[1:{MAX_TOLD_VALUE}]"
    connection.execute(
        f"INSERT INTO rejected SELECT {told}, {reason} FROM read_{table} WHERE {reason} IS NOT NULL"
    )
    if table == "visits":
        connection.execute(
            f"INSERT INTO rejected SELECT {told}, 'across.case_twice' FROM read_visits "
            f"WHERE {reason} IS NULL AND case_id IN ("
            f"SELECT case_id FROM read_visits WHERE {reason} IS NULL GROUP BY case_id HAVING count(*) > 1) "
            "QUALIFY row_number() OVER (PARTITION BY case_id ORDER BY source, row) > 1"
        )
    connection.execute(
        f"CREATE VIEW {table}_read AS SELECT {', '.join(map(quoted, columns))} FROM read_{table} "
        f"ANTI JOIN (SELECT source, row FROM rejected WHERE \"table\" = '{table}') USING (source, row)"
    )


def all_columns(
    connection: duckdb.DuckDBPyConnection,
    table: TableName,
    held: frozenset[str],
    absent: Mapping[str, str] | None = None,
) -> None:
    """The view ``<table>_all`` with every column of the contract: null (or as ``absent`` says) where none is held."""
    chosen = []
    for name, column in contract()[table].items():
        value = quoted(name) if name in held else (absent or {}).get(name, "NULL")
        chosen.append(f"{value}::{_TYPES[column.type]} AS {quoted(name)}")
    source = f"FROM {table}_read" if held else "LIMIT 0"
    connection.execute(f"CREATE VIEW {table}_all AS SELECT {', '.join(chosen)} {source}")


def _filled(
    connection: duckdb.DuckDBPyConnection, table: TableName, columns: Sequence[str]
) -> frozenset[str]:
    """The columns with a value in some row."""
    counts = ", ".join(f"count({quoted(name)})" for name in columns)
    (row,) = connection.sql(f"SELECT {counts} FROM {table}_read").fetchall()
    return frozenset(name for name, count in zip(columns, row, strict=True) if count)


RESULT_PARTS = ("cases", "groups", "prices")
"""The tables of a results folder that make the visits."""


def results_sources(folder: Path) -> Sources:
    """The visits and fee lines of a results folder. Raises ``InputError`` where it holds no cases."""
    results = Results(folder)
    if not results.has("cases"):
        raise input_error("across.no_cases", str(folder))
    visits = [results.files(name) for name in RESULT_PARTS if results.has(name)]
    return Sources(visits, [results.files("lines")] if results.has("lines") else [])
