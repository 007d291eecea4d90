"""Payment: what cannot be priced says why; nothing is lost in the settlement. The worked examples: test_docs.py."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.dip.matcher import group
from drg.dip.payment import (
    Contract,
    allot,
    budget_point_value,
    find_contract,
    payable_fen,
    price,
    settle,
)
from drg.errors import InputError
from tests.drg.dip.examples import case_table, catalogue, row

CATALOGUE = catalogue(
    [
        row(id="JC-1", layer="JC", dx="K80", mean_cost_fen=12_345_67, score=Decimal("987.65")),
        row(id="JC-2", layer="JC", dx="I10"),
    ],
    excluded_dx={"R65.300": ""},
    settings={"reference_cost_fen": 9_876_54},
)
CONTRACT = find_contract("reference")


def priced(*cases: dict[str, Any], contract: Contract = CONTRACT) -> list[dict[str, Any]]:
    full = [{"dx": ["K80.302"], "hospital_level": "三级", "total_cost_fen": 1000_00, **one} for one in cases]
    table = case_table(full)
    found: list[dict[str, Any]] = price(table, group(table, CATALOGUE), CATALOGUE, contract).to_pylist()
    return found


def test_what_cannot_be_priced_says_why() -> None:
    lines = priced(
        {"dx": ["R65.300"]},
        {"total_cost_fen": None},
        {"total_cost_fen": 0},
        {"dx": ["I10.x00"]},
        {"total_cost_fen": 10**12},
        {"hospital_level": None},
        {"hospital_level": "特级"},
    )
    assert [line["price_reason"] for line in lines] == [
        "dip.price_not_grouped",
        "dip.price_no_cost",
        "dip.price_cost_not_positive",
        "dip.price_no_score",
        "dip.price_cost_too_large",
        "dip.price_no_level",
        "dip.price_level_unknown",
    ]
    assert all(line["payment_fen"] is None and line["points"] is None for line in lines)


def test_a_level_for_all_others() -> None:
    data = CONTRACT.model_dump()
    data["levels"].append({"names": ["*"], "coefficient": "1"})
    line = priced({"hospital_level": None}, contract=Contract.model_validate(data))[0]
    assert line["hospital_coefficient"] == 1


def test_a_hospital_with_a_coefficient_of_its_own() -> None:
    data = CONTRACT.model_dump() | {"hospitals": {"甲": "0.9512"}}
    contract = Contract.model_validate(data)
    own, other = priced({"hospital": "甲", "hospital_level": None}, {"hospital": "乙"}, contract=contract)
    assert (own["hospital_coefficient"], other["hospital_coefficient"]) == (0.9512, 0.93)


def by_hand(cost: int) -> int:
    """The payment of a case of JC-1 at level 三级, in plain decimals, rounded where docs/dip.md says."""

    def rounded(number: Fraction, decimals: int) -> Fraction:
        unit = Decimal(1).scaleb(-decimals)
        scaled = Decimal(number.numerator) / Decimal(number.denominator)
        return Fraction(scaled.quantize(unit, ROUND_HALF_UP))

    ratio = rounded(Fraction(cost, 12_345_67), 6)
    score = Fraction("987.65")
    if ratio < Fraction(1, 2):
        score = rounded(score * ratio, 4)
    elif ratio > 2:
        score = rounded(score * (ratio - 1), 4)
    points = rounded(score * Fraction("0.93"), 4)
    return int(rounded(points * 1000, 0))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_payment_is_what_the_formula_gives(costs: list[int]) -> None:
    found = [line["payment_fen"] for line in priced(*({"total_cost_fen": cost} for cost in costs))]
    assert found == [by_hand(cost) for cost in costs]


@given(st.integers(0, 10**14), st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_allotting_loses_and_makes_nothing(amount: int, parts: list[int]) -> None:
    if not sum(parts):
        with pytest.raises(InputError):
            allot(amount, np.array(parts))
        return
    shares = allot(amount, np.array(parts, np.int64)).tolist()
    assert sum(shares) == amount
    for share, part in zip(shares, parts, strict=True):
        assert abs(share - Fraction(amount * part, sum(parts))) < 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("甲乙丙"), st.integers(1, 10**8)), min_size=1, max_size=30))
def test_settlement_conserves_every_fen(cases: list[tuple[str, int]]) -> None:
    table = case_table(
        {
            "dx": ["K80.302"],
            "hospital": hospital,
            "hospital_level": "一级",
            "total_cost_fen": cost,
            "patient_paid_fen": cost // 3,
        }
        for hospital, cost in cases
    )
    prices = price(table, group(table, CATALOGUE), CATALOGUE, CONTRACT)
    if sum(prices.column("points").to_pylist()) == 0:
        return
    settled = settle(table, prices, 1_000_003)
    assert sum(settled.payment_fen.values()) == 1_000_003
    patients = sum(settled.patient_paid_fen.values())
    assert sum(settled.fund_fen.values()) + patients == 1_000_003
    assert settled.point_value * sum(map(Fraction, settled.points.values())) == 1_000_003


def test_settlement_needs_what_patients_paid() -> None:
    table = case_table(
        [{"dx": ["K80.302"], "hospital": "甲", "hospital_level": "一级", "total_cost_fen": 1000_00}]
    )
    prices = price(table, group(table, CATALOGUE), CATALOGUE, CONTRACT)
    with pytest.raises(InputError, match="甲"):
        settle(table, prices, 100)


def test_budget_figures() -> None:
    """1,000,000.00 yuan predicted over 90,000 points: 1111.11 fen a point. 300 yuan are 75 % of 400."""
    assert round(budget_point_value(1_000_000_00, Decimal(90_000)), 2) == Fraction("1111.11")
    assert payable_fen(300_00, Decimal("0.75")) == 400_00


def test_contract_without_point_value_needs_one() -> None:
    contract = CONTRACT.model_copy(update={"point_value_yuan": None})
    with pytest.raises(InputError, match="point value"):
        priced({}, contract=contract)
