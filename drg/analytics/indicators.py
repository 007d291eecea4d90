"""Every indicator of ``indicators.toml`` over a table of cases with their group and price, by any division."""

# ruff: noqa: S608 - the SQL is put together from indicators.toml and column names of this module

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from drg.analytics.database import literal, query, quoted, with_columns
from drg.analytics.reference import REFERENCE_SCHEMA
from drg.errors import input_error

DIVISIONS = ("hospital", "department", "doctor", "mdc", "adrg", "drg", "month", "insurance_type")
"""By what the cases may be divided; ``month`` is the month of discharge (``2026-07``)."""

CASE_COLUMNS: dict[str, pa.DataType] = {
    **dict.fromkeys(
        ("hospital", "department", "doctor", "person", "insurance_type", "status", "mdc", "adrg", "drg"),
        pa.string(),
    ),
    **dict.fromkeys(("cc_level", "outlier"), pa.string()),
    **dict.fromkeys(("admission_date", "discharge_date"), pa.date32()),
    **dict.fromkeys(("los_days", "discharge_way"), pa.int32()),
    **dict.fromkeys(
        ("total_cost_fen", "drug_cost_fen", "consumable_cost_fen", "payment_fen"),
        pa.int64(),
    ),
    "weight": pa.decimal128(20, 6),
}
"""What the indicators read: columns of a case, of its grouping and of its price. Absent columns count as missing."""

MISSING = "_missing"
"""Ends the name of the column that counts the cases an indicator had to leave out."""

BASE = "_base"
"""Ends the name of the column that counts the cases an indicator is computed over."""


class Words(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: str
    zh: str


class Indicator(BaseModel):
    """One entry of ``indicators.toml``; the keys are explained there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: Words
    formula: Words
    unit: str
    kind: Literal["count", "share", "ratio", "weight", "money", "mean_money"]
    additive: bool
    source: str
    value: str
    base: str
    missing: str
    worked: str
    result: float
    result_base: int
    result_missing: int

    @property
    def is_mean(self) -> bool:
        """Whether it is a mean, a rate or an index, which says little over few cases."""
        return self.kind in ("share", "ratio", "mean_money")


class _Definitions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: dict[str, int | str | list[str]]
    derived: dict[str, str]
    indicator: tuple[Indicator, ...]


@cache
def _load() -> _Definitions:
    path = Path(__file__).with_name("indicators.toml")
    return _Definitions.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def definitions() -> tuple[Indicator, ...]:
    """The indicators in the order of ``indicators.toml``."""
    return _load().indicator


def few_cases() -> int:
    """Under so many cases a figure is marked in reports."""
    return int(str(_load().settings["few"]))


def with_settings(sql: str) -> str:
    """SQL with every ``$name`` replaced by the setting of that name."""
    return re.sub(r"\$(\w+)", lambda found: literal(_load().settings[found[1]]), sql)


# Z over the logarithms of the mortalities; groups without a death are low, as their logarithm has no value.
_DEATH_RISK = """
SELECT *, CASE WHEN mortality IS NULL THEN NULL WHEN mortality = 0 THEN 'low'
               WHEN spread IS NULL OR spread = 0 THEN NULL
               WHEN (ln(mortality) - mean) / spread < -1 THEN 'low'
               WHEN (ln(mortality) - mean) / spread < 0 THEN 'mid_low'
               WHEN (ln(mortality) - mean) / spread < 1 THEN 'mid_high'
               ELSE 'high' END AS death_risk
FROM reference, (SELECT avg(ln(mortality)) AS mean, stddev_samp(ln(mortality)) AS spread
                 FROM reference WHERE mortality > 0)
"""


def death_risk(reference: pa.Table) -> pa.Table:
    """``drg`` and its ``death_risk`` (low, mid_low, mid_high, high; null where the mortality is not known)."""
    known = with_columns(reference, {field.name: field.type for field in REFERENCE_SCHEMA})
    return query(f"SELECT drg, death_risk FROM ({_DEATH_RISK}) ORDER BY drg", reference=known)


def indicators(grouped: pa.Table, by: Sequence[str] = (), reference: pa.Table | None = None) -> pa.Table:
    """All indicators of the cases, divided ``by`` some of ``DIVISIONS``; without any, one row for the whole.

    ``grouped``: one row a case with columns of ``CASE_COLUMNS`` (others are ignored, absent ones are missing);
    ``reference``: a table in ``REFERENCE_SCHEMA``, without which the indexes are null. The result has the
    divisions, and for each indicator its value (money in fen), ``<id>_base``: the cases it is computed over, and
    ``<id>_missing``: the cases it had to leave out.
    Rows are ordered by the divisions, not known ones last. Raises ``InputError`` for an unknown division or a column
    of another type.
    """
    unknown = [name for name in by if name not in DIVISIONS]
    if unknown:
        raise input_error("analytics.division", divisions=", ".join(unknown), known=", ".join(DIVISIONS))
    known = REFERENCE_SCHEMA.empty_table() if reference is None else reference
    tables = {
        "cases": _columns(grouped, CASE_COLUMNS),
        "reference": _columns(known, {field.name: field.type for field in REFERENCE_SCHEMA}),
    }
    return query(_statement(by), **tables)


def _columns(table: pa.Table, kinds: dict[str, pa.DataType]) -> pa.Table:
    try:
        return with_columns(table, kinds)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise input_error("analytics.column_type", detail=str(error)[:200]) from None


def _statement(by: Sequence[str]) -> str:
    loaded = _load()
    figures = [f"reference.{name} AS reference_{name}" for name in REFERENCE_SCHEMA.names[2:]]
    joined = (
        f"SELECT cases.*, {', '.join(figures)}, reference.death_risk AS reference_death_risk "
        f"FROM cases LEFT JOIN ({_DEATH_RISK}) AS reference ON cases.drg = reference.drg"
    )
    derived = [f"{with_settings(sql)} AS {name}" for name, sql in loaded.derived.items()]
    seen = f"SELECT *, {', '.join(derived)} FROM ({joined})"
    values = [
        f"{with_settings(sql)} AS {quoted(name)}"
        for one in loaded.indicator
        for name, sql in ((one.id, one.value), (one.id + BASE, one.base), (one.id + MISSING, one.missing))
    ]
    divisions = [quoted(name) for name in by]
    statement = f"SELECT {', '.join([*divisions, *values])} FROM ({seen})"
    if divisions:
        statement += (
            f" GROUP BY {', '.join(divisions)} ORDER BY {', '.join(f'{one} NULLS LAST' for one in divisions)}"
        )
    return statement
