"""Year-end settlement by points: nothing is lost or made. The worked example: test_docs.py."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.dip.matcher import group
from drg.dip.payment import case_points, find_contract
from drg.dip.settlement import Settlement, Tally, budget_point_value
from drg.errors import InputError
from drg.payment.settlement import ALL
from tests.drg.dip.examples import case_table
from tests.drg.dip.test_payment import CATALOGUE

CASE = {"dx": ["K80.302"], "hospital": "甲", "hospital_level": "一级", "total_cost_fen": 1000_00}


def settled(tables: list[pa.Table], budgets: dict[str, int], pay_share: Fraction = Fraction(1)) -> Settlement:
    tally = Tally(by_type=ALL not in budgets)
    for table in tables:
        tally.add(table, *case_points(table, group(table, CATALOGUE), CATALOGUE, find_contract("reference")))
    return tally.settle(budgets, pay_share)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["甲", "乙", None]), st.integers(1, 10**8)), min_size=1, max_size=30),
    st.integers(1, 9),
    st.integers(0, 10**12),
    st.fractions(Fraction(1, 10), 1, max_denominator=100),
)
def test_settlement_conserves_every_fen(
    rows: list[tuple[str | None, int]], size: int, budget: int, share: Fraction
) -> None:
    cases: list[dict[str, Any]] = [
        {**CASE, "hospital": hospital, "total_cost_fen": cost, "patient_paid_fen": cost // 3}
        for hospital, cost in rows
    ]
    table = case_table(cases)
    try:
        whole = settled([table], {ALL: budget}, share)
    except InputError as error:
        assert error.problems[0].code == "payment.nothing_to_settle"
        return
    pool = whole.pools[0]
    assert abs(pool.total_fen - budget / share) <= Fraction(1, 2)
    sums = {name: sum(whole.hospitals.column(name).to_pylist()) for name in whole.hospitals.column_names[2:]}
    assert sums["payment_fen"] == pool.total_fen
    assert sums["fund_fen"] + sums["patient_paid_fen"] == pool.total_fen
    assert sums["patient_paid_fen"] == sum(cost // 3 for _, cost in rows)
    assert sums["cases"] == len(rows)
    assert pool.point_value * pool.points == pool.total_fen
    batches = [table.slice(start, size) for start in range(0, len(table), size)]
    assert settled(batches, {ALL: budget}, share) == whole


def test_a_budget_for_each_insurance_type() -> None:
    cases = [{**CASE, "patient_paid_fen": 0, "insurance_type": kind} for kind in ("310", "310", "390")]
    found = settled([case_table(cases)], {"310": 1001, "390": 500})
    assert found.hospitals.column("payment_fen").to_pylist() == [1001, 500]
    with pytest.raises(InputError, match="390"):
        settled([case_table(cases)], {"310": 1001})


def test_cases_without_points_are_counted_by_reason() -> None:
    cases = [{**CASE, "patient_paid_fen": 0}, {**CASE, "total_cost_fen": None}]
    assert settled([case_table(cases)], {ALL: 1}).unpriced == {"dip.price_no_cost": 1}


def test_settlement_needs_what_patients_paid() -> None:
    with pytest.raises(InputError, match="甲"):
        settled([case_table([CASE])], {ALL: 100})


def test_nothing_to_settle() -> None:
    with pytest.raises(InputError, match="nothing to settle"):
        settled([case_table([{**CASE, "total_cost_fen": None}])], {ALL: 100})


def test_point_value_before_the_year() -> None:
    """1,000,000.00 yuan predicted over 90,000 points: 1111.11 fen a point."""
    assert round(budget_point_value(1_000_000_00, Decimal(90_000)), 2) == Fraction("1111.11")
