"""Payment: what cannot be priced says why, and limits are exact. The worked examples: test_docs.py."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drg.dip.catalogue import Catalogue
from drg.dip.matcher import group
from drg.dip.payment import Contract, find_contract, price
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
    if Fraction(cost, 12_345_67) < Fraction(1, 2):
        score = rounded(score * ratio, 4)
    elif Fraction(cost, 12_345_67) > 2:
        score = rounded(score * (ratio - 1), 4)
    points = rounded(score * Fraction("0.93"), 4)
    return int(rounded(points * 1000, 0))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_payment_is_what_the_formula_gives(costs: list[int]) -> None:
    found = [line["payment_fen"] for line in priced(*({"total_cost_fen": cost} for cost in costs))]
    assert found == [by_hand(cost) for cost in costs]


def test_a_limit_is_compared_with_the_exact_ratio() -> None:
    """One fen below half of the mean, r = 0.4999999999 is rounded to 0.5, but the case is low."""
    mean = 100_000_000_00
    exact = catalogue([row(id="JC-1", layer="JC", dx="K80", mean_cost_fen=mean, score=Decimal(1000))])
    costs = [mean // 2 - 1, mean // 2, 2 * mean, 2 * mean + 1, 5 * mean, 5 * mean + 1]
    table = case_table(
        {"dx": ["K80.302"], "hospital_level": "三级", "total_cost_fen": cost} for cost in costs
    )
    found = price(table, group(table, exact), exact, CONTRACT)
    assert found.column("deviation").to_pylist() == ["low", "normal", "normal", "high", "high", "review"]
    # 1000 x 0.5 x 0.93 and 1000 x 0.93
    assert found.column("points").to_pylist()[:2] == [465, 930]


def test_what_the_patient_paid_cannot_be_negative() -> None:
    lines = priced({"patient_paid_fen": -1}, {"patient_paid_fen": 10**12}, {"patient_paid_fen": None})
    assert [line["price_reason"] for line in lines] == ["dip.price_patient_paid_invalid"] * 2 + [None]
    assert lines[0]["payment_fen"] is None


@pytest.mark.parametrize(
    "broken",
    [
        catalogue([row(id="JC-1", layer="JC", dx="K80", mean_cost_fen=10**12, score=Decimal(1))]),
        catalogue([row(id="JC-1", layer="JC", dx="K80")], settings={"reference_cost_fen": 10**12}),
    ],
)
def test_a_mean_beyond_all_bounds_is_refused(broken: Catalogue) -> None:
    table = case_table([{"dx": ["K80.302"], "hospital_level": "三级", "total_cost_fen": 1}])
    with pytest.raises(InputError, match="mean cost"):
        price(table, group(table, broken), broken, CONTRACT)


def test_assumptions_are_about_terms_of_the_contract() -> None:
    assert {"point_value_yuan", "levels"} <= {one.term for one in CONTRACT.assumptions}
    wrong = {"term": "deviation.highest", "note": {"en": "x", "zh": "x"}}
    with pytest.raises(ValidationError, match=r"deviation\.highest"):
        Contract.model_validate(CONTRACT.model_dump() | {"assumptions": [wrong]})


def test_contract_without_point_value_needs_one() -> None:
    contract = CONTRACT.model_copy(update={"point_value_yuan": None})
    with pytest.raises(InputError, match="point value"):
        priced({}, contract=contract)
