"""The board of a manager: cases with their group and price, DRG or DIP, and what stands out among them.

``board_cases`` puts the tables of a run beside each other in the columns that ``indicators`` reads, so that one board
shows both ways of payment. Everything is one pass of Arrow or DuckDB over a year of cases.
"""

# ruff: noqa: S608 - the SQL is put together from constants of this module

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from drg.analytics.database import literal, query, quoted
from drg.analytics.indicators import indicators
from drg.analytics.reference import make_reference
from drg.analytics.sources import beside_priced
from drg.errors import input_error

OutlierKind = Literal["high", "low"]
OUTLIER_KINDS: tuple[OutlierKind, ...] = ("high", "low")
LEDGER_DIVISIONS = ("department", "doctor", "drg", "month")

LEDGER = (
    "cases",
    "total_weight",
    "cost_fen",
    "payment_fen",
    "profit_fen",
    "mean_cost_fen",
    "cmi",
    "cost_index",
)
"""The indicators of a profit and loss account."""

OUTLIER_COLUMNS = (
    *("case_id", "department", "doctor", "drg", "drg_name", "los_days"),
    *("total_cost_fen", "standard_fen", "ratio", "payment_fen", "profit_fen"),
)
"""What is told of an outlier; what a run does not know is null."""


class _Dip(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, str]
    deviations: dict[str, str]


@cache
def _dip() -> _Dip:
    """``board.toml``: what the columns and deviations of DIP are called on the board."""
    text = Path(__file__).with_name("board.toml").read_text(encoding="utf-8")
    return _Dip.model_validate(tomllib.loads(text)["dip"])


def board_cases(cases: pa.Table, grouping: pa.Table, prices: pa.Table | None = None) -> pa.Table:
    """The cases with the columns of their grouping and price; all have the same rows in one order.

    ``month`` is that of discharge. Of DIP the group is in ``drg``, the RW in ``weight``, the deviation in ``outlier``.
    Raises ``InputError`` where the tables have different numbers of rows.
    """
    counts = {len(table) for table in (cases, grouping, prices) if table is not None}
    if len(counts) > 1:
        found = ", ".join(map(str, sorted(counts)))
        raise input_error("analytics.board_rows", counts=found)
    if "dip" in grouping.column_names:
        grouping = grouping.rename_columns([_dip().columns.get(name, name) for name in grouping.column_names])
        prices = None if prices is None else _as_outliers(prices)
    month = pc.strftime(cases.column("discharge_date"), format="%Y-%m")
    return beside_priced(cases, grouping, prices).append_column("month", month)


def _as_outliers(prices: pa.Table) -> pa.Table:
    """The deviation of a DIP price as the outlier class that it stands for."""
    known = _dip().deviations
    deviation = prices.column("deviation").cast(pa.string())
    place = pc.index_in(deviation, value_set=pa.array(list(known)))
    return prices.append_column("outlier", pa.array(list(known.values())).take(place.combine_chunks()))


def ledger(cases: pa.Table, by: str, reference: pa.Table | None = None) -> pa.Table:
    """Profit and loss by one of ``LEDGER_DIVISIONS``: that column and ``LEDGER``, the largest loss first (months in
    their order); groups with their name."""
    if by not in LEDGER_DIVISIONS:
        raise input_error("analytics.division", divisions=by, known=", ".join(LEDGER_DIVISIONS))
    table = indicators(cases, (by,), reference).select([by, *LEDGER])
    if by == "drg":
        names = _group_names(cases)
        told = [names.get(code) for code in table.column("drg").to_pylist()]
        table = table.add_column(1, "drg_name", pa.array(told, pa.string()))
    return table if by == "month" else table.sort_by([("profit_fen", "ascending"), ("cases", "descending")])


def _group_names(cases: pa.Table) -> Mapping[str, str]:
    if "drg_name" not in cases.column_names:
        return {}
    pairs = cases.select(["drg", "drg_name"]).group_by(["drg", "drg_name"]).aggregate([]).to_pylist()
    return {pair["drg"]: pair["drg_name"] for pair in pairs}


def part_of(cases: pa.Table, **values: str | None) -> pa.Table:
    """The cases that have these values; ``None`` leaves a column out of account."""
    chosen = {name: value for name, value in values.items() if value is not None}
    if not chosen:
        return cases
    parts = [f"{quoted(name)} = {literal(value)}" for name, value in chosen.items()]
    return query(f"SELECT * FROM cases WHERE {' AND '.join(parts)}", cases=cases)


def outliers(cases: pa.Table, kind: OutlierKind) -> pa.Table:
    """The high or low outliers in ``OUTLIER_COLUMNS``, the one furthest from its standard first."""
    columns = [
        quoted(name) if name in cases.column_names else f"NULL AS {quoted(name)}" for name in OUTLIER_COLUMNS
    ]
    direction = "DESC" if kind == "high" else "ASC"
    if "outlier" not in cases.column_names:
        cases = cases.append_column("outlier", pa.nulls(len(cases), pa.string()))
    return query(
        f"SELECT {', '.join(columns)} FROM cases WHERE outlier = {literal(kind)} "
        f"ORDER BY ratio {direction} NULLS LAST, case_id",
        cases=cases,
    )


def outlier_shares(cases: pa.Table, by: str) -> pa.Table:
    """``by``, the number of cases, and the shares of high and low outliers, the most high outliers first."""
    names = ["cases", "high_outlier_share", "low_outlier_share"]
    found = indicators(cases, (by,)).select([by, *names])
    return found.sort_by([("high_outlier_share", "descending"), ("cases", "descending")])


def peers_of(cases: pa.Table, reference: pa.Table | None) -> pa.Table:
    """What is usual in each group: the reference that was given, else the cases themselves (a department is then
    compared with the whole house)."""
    return make_reference(cases) if reference is None else reference


def complication_rates(cases: pa.Table, peers: pa.Table, by: str) -> pa.Table:
    """``by``, ``cases`` (grouped), ``cc_rate``, ``expected_rate`` (what peers with the same ADRGs have) and
    ``cc_index`` (their ratio); furthest above the peers first."""
    return query(
        f"SELECT {quoted(by)}, cc_rate_base AS cases, cc_rate, cc_rate / nullif(cc_index, 0) AS expected_rate, "
        f"cc_index FROM found WHERE cc_rate_base > 0 ORDER BY cc_index DESC NULLS LAST, cases DESC",
        found=indicators(cases, (by,), peers),
    )


def known_values(cases: pa.Table, name: str) -> Sequence[str]:
    """The values of a text column that occur, in order."""
    if name not in cases.column_names:
        return []
    values = pc.unique(cases.column(name).cast(pa.string())).to_pylist()
    return sorted(value for value in values if value is not None)
