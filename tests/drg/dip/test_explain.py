"""The price of one case, step by step, is the price of the table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.case import Case, to_table
from drg.dip.explain import explain_price
from drg.dip.matcher import group
from drg.dip.payment import COEFFICIENT_PARTS, Contract, find_contract, price
from drg.dip.trace import trace
from drg.errors import InputError
from tests.drg.dip.test_payment import CATALOGUE

REFERENCE = find_contract("reference")
ALL_LEVELS = REFERENCE.model_dump()["levels"]


def shares(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=4)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    high = draw(shares("1", "4"))
    levels = ALL_LEVELS + draw(st.sampled_from([[], [{"names": ["*"], "coefficient": "0.5"}]]))
    return Contract.model_validate(
        REFERENCE.model_dump()
        | {
            "deviation": {"low": draw(shares("0", "1")), "high": high, "review": draw(shares("4", "8"))},
            "blank": {"factor": draw(shares("0", "2"))},
            "levels": levels,
            "hospitals": draw(st.sampled_from([{}, {"甲": "0.9512"}])),
            "point_value_yuan": draw(shares("0.0001", "10000")),
        }
    )


CASES = st.fixed_dictionaries(
    {
        "dx": st.sampled_from([["K80.302"], ["I10.x00"], ["Z00.000"], ["R65.300"]]),
        "hospital": st.sampled_from([None, "甲", "乙"]),
        "hospital_level": st.sampled_from([None, "三级", "2", "特级"]),
        "total_cost_fen": st.one_of(
            st.none(), st.integers(0, 99_999_999_999), st.integers(1, 20_000_00), st.just(617_283)
        ),
        "patient_paid_fen": st.one_of(st.none(), st.integers(0, 10_000_000)),
    }
)


@settings(max_examples=300, deadline=None)
@given(contracts(), CASES, st.one_of(st.none(), shares("0.1", "5")))
def test_table_and_trace_agree(contract: Contract, fields: dict[str, Any], auxiliary: Decimal | None) -> None:
    case = Case.model_validate({"case_id": "1", **fields})
    table = to_table([case])
    parts = None if auxiliary is None else np.array([int(auxiliary * COEFFICIENT_PARTS)], np.int64)
    paid = price(table, group(table, CATALOGUE), CATALOGUE, contract, parts).to_pylist()[0]
    label = None if auxiliary is None else (auxiliary, "age: any")
    told = explain_price(case, trace(case, CATALOGUE), CATALOGUE, contract, auxiliary=label)
    assert told.reason == paid["price_reason"]
    assert told.deviation == paid["deviation"]
    assert (told.payment_fen, told.fund_fen, told.profit_fen) == (
        paid["payment_fen"],
        paid["fund_fen"],
        paid["profit_fen"],
    )
    assert (None if told.points is None else float(told.points)) == paid["points"]
    assert all(told.lines(lang) for lang in ("en", "zh"))


def test_the_steps_of_a_case() -> None:
    """K80 has the mean 12345.67 yuan and the score 987.65; 30000 / 12345.67 = 2.4300018549..."""
    costs = {"total_cost_fen": 30_000_00, "patient_paid_fen": 5000_00}
    case = Case.model_validate({"case_id": "1", "dx": ["K80.302"], "hospital_level": "三级", **costs})
    told = explain_price(case, trace(case, CATALOGUE), CATALOGUE, REFERENCE)
    lines = told.lines()
    for part, line in zip(
        (
            "Contract reference",
            "= 2.430002",
            "score 987.65 × (ratio - 2 + 1) = 1412.3415 points",
            "× 0.93 = 1313.4776 points",
            "1313.4776 points × 10.00 yuan a point = 13,134.78 yuan",
            "the fund 8,134.78 yuan",
            "= -16,865.22 yuan",
        ),
        lines,
        strict=True,
    ):
        assert part in line


def test_without_a_point_value_there_is_no_price() -> None:
    case = Case.model_validate({"case_id": "1", "dx": ["K80.302"]})
    without = REFERENCE.model_copy(update={"point_value_yuan": None})
    with pytest.raises(InputError, match="point value"):
        explain_price(case, trace(case, CATALOGUE), CATALOGUE, without)
