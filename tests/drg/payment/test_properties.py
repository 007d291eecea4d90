"""Table and trace agree; parts add up to wholes."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.case import CASE_SCHEMA, Case
from drg.errors import InputError
from drg.payment.contract import Contract, Terms
from drg.payment.explain import explain_price
from drg.payment.price import REASONS, half_up, price
from drg.payment.settlement import (
    ALL,
    SETTLEMENT_SCHEMA,
    largest_remainder,
    settle,
    settle_batches,
)

GROUPS = ("G1", "G2", "G3")
ALSO_WITHOUT_WEIGHT = (*GROUPS, "G9", None)


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[str]:
    return st.decimals(Decimal(low), Decimal(high), places=places).map(str)


HIGH = st.one_of(
    st.fixed_dictionaries(
        {"rule": st.sampled_from(["cap", "standard"])}, optional={"most": decimals("1", "6", 2)}
    ),
    st.fixed_dictionaries(
        {"rule": st.just("add"), "share": decimals("0", "1", 3)}, optional={"most": decimals("1", "6", 2)}
    ),
    st.fixed_dictionaries({"rule": st.just("deduct"), "bears": decimals("0", "1", 2)}),
)
LIMITS = st.one_of(
    st.builds(lambda ratio: [{"ratio": ratio}], decimals("1", "4", 2)),
    st.builds(
        lambda one, two: [{"weight_up_to": "1", "ratio": one}, {"ratio": two}],
        decimals("1", "4", 2),
        decimals("1", "4", 2),
    ),
)
EXCLUSIONS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.sampled_from(
        [
            {"stay_at_most": 1, "stay_at_least": 60, "pay": "actual", "factor": "0.333"},
            {"departments": ["15"], "pay": "per_day", "yuan_per_day": "320.555"},
            {"groups": ["G3"], "pay": "unpaid"},
        ]
    ),
    max_size=2,
)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    terms: dict[str, Any] = {
        "id": "any",
        "title": {"en": "any", "zh": "any"},
        "kind": "synthetic",
        "source": "test",
        "regions": ["100000"],
        "from": dt.date(2026, 1, 1),
        "to": dt.date(2026, 12, 31),
        "scheme": "none",
        "method": draw(st.sampled_from(["rate", "points"])),
        "weights": "none.tsv",
        "rates": [
            {"yuan": draw(decimals("1", "20000", 4)), "insurance_types": ["310"], "to": dt.date(2026, 6, 30)},
            {
                "yuan": draw(decimals("1", "20000", 4)),
                "insurance_types": ["310"],
                "from": dt.date(2026, 7, 1),
            },
            {"yuan": draw(decimals("1", "20000", 4)), "insurance_types": ["390"]},
            {"yuan": "8903", "groups": ["G2"], "with_coefficient": False},
        ],
        "levels": draw(
            st.sampled_from([[], [{"names": ["3", "三级"], "coefficient": "1.1476"}, {"names": ["2"]}]])
        ),
        "hospitals": {},
        "exclusions": [{**one, "name": {"en": "x", "zh": "x"}} for one in draw(EXCLUSIONS)],
        "ungrouped": draw(st.sampled_from([{}, {"pay": "weight"}, {"pay": "actual", "factor": "0.77"}])),
    }
    if terms["levels"]:
        terms["hospitals"] = {"H2": "2"}
    if draw(st.booleans()):
        terms["low"] = {"limit": draw(decimals("0", "1", 3)), "factor": draw(decimals("0", "2", 4))}
    if draw(st.booleans()):
        terms["high"] = {**draw(HIGH), "limits": draw(LIMITS)}
    weights = {group: Fraction(draw(decimals("0.001", "30", 9))) for group in GROUPS}
    return Contract(Terms.model_validate(terms), weights)


def cases() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "region": st.sampled_from([None, "100000", "200000"]),
            "discharge_date": st.one_of(st.none(), st.dates(dt.date(2025, 12, 1), dt.date(2027, 1, 31))),
            "los_days": st.one_of(st.none(), st.integers(0, 70)),
            "department": st.sampled_from([None, "04", "15"]),
            "hospital": st.sampled_from([None, "H1", "H2"]),
            "hospital_level": st.sampled_from([None, "3", "三级", "2", "1"]),
            "insurance_type": st.sampled_from([None, "310", "390", "340"]),
            "total_cost_fen": st.one_of(st.none(), st.integers(0, 10_000_000)),
            "patient_paid_fen": st.one_of(st.none(), st.integers(0, 1_000_000)),
            "status": st.sampled_from(
                ["grouped", "grouped", "grouped", "ambiguous", "ungrouped", "rejected"]
            ),
            "drg": st.sampled_from(ALSO_WITHOUT_WEIGHT),
            "adrg": st.sampled_from([None, "G1"]),
        }
    )


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    group_fields = [pa.field(name, pa.string()) for name in ("status", "drg", "adrg")]
    named = [{"case_id": str(place), "dx": ["I10"], **row} for place, row in enumerate(rows)]
    return pa.Table.from_pylist(named, schema=pa.schema([*CASE_SCHEMA, *group_fields]))


@settings(max_examples=300, deadline=None)
@given(contracts(), st.lists(cases(), min_size=1, max_size=8), st.booleans())
def test_table_and_trace_agree_and_parts_add_up(
    contract: Contract, rows: list[dict[str, Any]], as_if: bool
) -> None:
    payments = price(table_of(rows), contract, as_if).to_pylist()
    for place, (row, paid) in enumerate(zip(rows, payments, strict=True)):
        fields = {name: value for name, value in row.items() if name in Case.model_fields}
        grouping = SimpleNamespace(status=row["status"], drg=row["drg"], adrg=row["adrg"])
        case = Case(case_id=str(place), dx=["I10"], **fields)
        told = explain_price(case, grouping, contract, as_if)
        for name in (
            "reason",
            "outlier",
            "payment_fen",
            "fund_fen",
            "patient_fen",
            "profit_fen",
            "standard_fen",
        ):
            assert paid[name] == getattr(told, name), name
        assert all(told.lines(lang) for lang in ("en", "zh"))
        if paid["fund_fen"] is not None:
            assert paid["fund_fen"] + paid["patient_fen"] == paid["payment_fen"]
        if paid["profit_fen"] is not None:
            assert paid["payment_fen"] - paid["profit_fen"] == row["total_cost_fen"]
        assert (paid["outlier"] in ("no_weight", "not_priced")) <= (paid["payment_fen"] is None)


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**13), min_size=1).filter(any))
def test_shares_add_up_and_are_within_one_of_their_part(total: int, parts: list[int]) -> None:
    shares = largest_remainder(total, parts)
    assert sum(shares) == total
    for share, part in zip(shares, parts, strict=True):
        assert abs(share - Fraction(total * part, sum(parts))) < 1


@settings(max_examples=50, deadline=None)
@given(
    contracts(),
    st.lists(cases(), min_size=1, max_size=20),
    st.integers(0, 10**12),
    st.fractions(Fraction(1, 10), 1, max_denominator=100),
    st.fractions(0, 2, max_denominator=100),
)
def test_settlement_gives_out_exactly_the_budget(
    contract: Contract, rows: list[dict[str, Any]], budget: int, share: Fraction, growth: Fraction
) -> None:
    payments = price(table_of(rows), contract)
    if not any(payments.column("payment_fen").to_pylist()):
        return
    settled = settle(table_of(rows), contract, {ALL: budget}, share, case_growth=growth)
    pool = settled.pools[0]
    sums = {name: sum(settled.hospitals.column(name).to_pylist()) for name in SETTLEMENT_SCHEMA.names[2:]}
    assert sums["fund_fen"] == budget
    assert sums["settled_fen"] == pool.total_fen
    assert sums["provisional_fen"] == pool.provisional_fen
    assert pool.provisional_fen == half_up(
        sum(payments.column("payment_fen").drop_null().to_pylist()) * (1 + growth)
    )
    assert sums["balance_fen"] == pool.total_fen - pool.provisional_fen
    assert sums["cases"] + sum(settled.unpriced.values()) == len(rows)


@settings(max_examples=50, deadline=None)
@given(contracts(), st.lists(cases(), min_size=1, max_size=20), st.integers(1, 7), st.booleans())
def test_settlement_in_batches_is_that_of_the_whole(
    contract: Contract, rows: list[dict[str, Any]], size: int, has_rates: bool
) -> None:
    if not has_rates:
        contract = replace(contract, terms=contract.terms.model_copy(update={"rates": ()}))
    table = table_of(rows)
    parts = [table.slice(start, size) for start in range(0, len(table), size)]
    try:
        whole = settle(table, contract, {ALL: 1_000_003})
    except InputError as error:
        with pytest.raises(InputError, match=re.escape(error.render())):
            settle_batches(lambda: parts, contract, {ALL: 1_000_003})
        return
    batched = settle_batches(lambda: parts, contract, {ALL: 1_000_003})
    amounts = [name for name in SETTLEMENT_SCHEMA.names if name != "weight"]
    assert batched.hospitals.select(amounts).to_pylist() == whole.hospitals.select(amounts).to_pylist()
    assert (batched.pools, batched.unpriced) == (whole.pools, whole.unpriced)
    assert batched.contract.terms == whole.contract.terms


def test_every_reason_has_a_text() -> None:
    from drg import messages

    assert all(messages.text(reason, lang) for reason in REASONS for lang in ("en", "zh"))
