"""Local indicators, by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from drg.dip.matcher import group
from drg.dip.supervision import supervise
from tests.drg.dip.examples import case_table, catalogue, row

CATALOGUE = catalogue([row(id="JC-1", layer="JC", dx="K80", mean_cost_fen=1000_00)])


def stay(
    person: str | None, admitted: int, discharged: int, dx: str = "K80.302", **fields: Any
) -> dict[str, Any]:
    first = dt.date(2026, 1, 1)
    return {
        "dx": [dx],
        "person": person,
        "hospital": "甲",
        "admission_date": first + dt.timedelta(days=admitted),
        "discharge_date": first + dt.timedelta(days=discharged),
        **fields,
    }


def values(cases: list[dict[str, Any]], quality: list[float] | None = None) -> dict[str, tuple[Any, int]]:
    table = case_table(cases)
    if quality is not None:
        table = table.append_column("record_quality", pa.array(quality))
    lines = supervise(table, group(table, CATALOGUE)).to_pylist()
    assert all("local" in line["name"] and line["formula"] for line in lines)
    return {line["indicator"]: (line["value"], line["denominator"]) for line in lines}


def test_readmission() -> None:
    """a: again after exactly 31 days, then after 32; b: for another category; c: not known who; d died."""
    cases = [
        stay("a", 0, 5),
        stay("a", 36, 40),
        stay("a", 72, 75),
        stay("b", 0, 5),
        stay("b", 10, 12, dx="I10.x00"),
        stay(None, 0, 5),
        stay("d", 0, 5, discharge_way=5),
    ]
    assert values(cases)["readmission"] == (1 / 5, 5)


def test_without_persons_readmission_is_unknown() -> None:
    assert values([stay(None, 0, 5)])["readmission"] == (None, 0)


def test_low_standard_and_long_stay() -> None:
    cases = [
        stay("a", 0, 2, los_days=2, total_cost_fen=499_99),
        stay("b", 0, 2, los_days=2, total_cost_fen=500_00),
        stay("c", 0, 3, los_days=3, total_cost_fen=100_00),
        stay("d", 0, 2, los_days=2, total_cost_fen=100_00, proc=["51.2300"]),
        stay("e", 0, 61, los_days=61),
    ]
    found = values(cases)
    assert found["low_standard"] == (1 / 3, 3)
    assert found["long_stay"] == (1 / 5, 5)


def test_deaths_in_groups_of_low_risk() -> None:
    """The only group has deaths, so no group has a low risk: nothing to divide by."""
    dead, alive = stay("a", 0, 5, discharge_way=5), stay("b", 0, 5, discharge_way=1)
    assert values([dead, alive])["low_risk_death"] == (None, 0)
    assert values([alive])["low_risk_death"] == (0, 1)


def test_record_quality_where_there_is_such_a_column() -> None:
    assert values([stay("a", 0, 5)])["record_quality"] == (None, 0)
    assert values([stay("a", 0, 5), stay("b", 0, 5)], [80.0, 90.0])["record_quality"] == (85.0, 2)
