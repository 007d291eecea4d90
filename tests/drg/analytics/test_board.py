"""The board over the worked example of the indicators (docs/indicators.md), counted by hand; and over DIP."""

from __future__ import annotations

import pyarrow as pa
import pytest

from drg.analytics.board import (
    board_cases,
    complication_rates,
    known_values,
    ledger,
    outlier_shares,
    outliers,
    part_of,
    peers_of,
)
from drg.analytics.documentation import example_cases, example_reference
from drg.analytics.sources import is_dip, side_of
from drg.case import from_row, to_table
from drg.dip import matcher
from drg.dip import payment as dip_payment
from drg.dip.catalogue import find_catalogue
from drg.errors import InputError
from tests.drg.analytics.cases import cases


def test_departments_by_their_loss_add_up() -> None:
    """D1: 100,000 - 100,000 + 0; D2: -1,000,000 + 200,000 + 0 (fen)."""
    found = ledger(example_cases(), "department").to_pylist()
    assert [(row["department"], row["profit_fen"], row["cases"]) for row in found] == [
        ("D2", -800_000, 5),
        ("D1", 0, 3),
    ]


def test_groups_have_their_names_and_only_those_of_the_part() -> None:
    named = example_cases()
    names = [f"name of {code}" if code else None for code in named.column("drg").to_pylist()]
    named = named.append_column("drg_name", pa.array(names))
    found = ledger(part_of(named, department="D2"), "drg").to_pylist()
    assert [(row["drg"], row["drg_name"], row["profit_fen"]) for row in found[:1]] == [
        ("AB11", "name of AB11", -1_000_000)
    ]
    assert {row["drg"] for row in found} == {"AB11", "AC15", "AD15", None}
    assert [row["month"] for row in ledger(named, "month").to_pylist()] == ["2026-01", "2026-02"]


def test_a_division_that_is_none_is_refused() -> None:
    with pytest.raises(InputError):
        ledger(example_cases(), "colour")


def test_a_value_is_never_read_as_sql() -> None:
    assert len(part_of(example_cases(), department="D1' OR 'a' = 'a")) == 0
    assert len(part_of(example_cases(), department="D1", doctor="b")) == 0
    assert len(part_of(example_cases(), department=None)) == 8


def test_outliers() -> None:
    high, low = (outliers(example_cases(), kind).to_pylist() for kind in ("high", "low"))
    assert [(row["case_id"], row["total_cost_fen"], row["standard_fen"]) for row in high] == [
        (3, 2_600_000, None)
    ]
    assert [row["case_id"] for row in low] == [5]
    shares = outlier_shares(example_cases(), "department").to_pylist()
    assert [(row["department"], row["high_outlier_share"]) for row in shares] == [
        ("D2", pytest.approx(1 / 3)),
        ("D1", 0.0),
    ]


def test_complications_against_the_reference() -> None:
    """D1: 1 of 3, expected 3 x 0.25; D2: 1 of 3, expected 0.5 + 0.25 + 0."""
    found = {
        row["department"]: row
        for row in complication_rates(example_cases(), example_reference(), "department").to_pylist()
    }
    assert found["D1"]["cc_rate"] == pytest.approx(1 / 3)
    assert found["D1"]["expected_rate"] == pytest.approx(0.25)
    assert found["D2"]["expected_rate"] == pytest.approx(0.25)
    assert found["D2"]["cc_index"] == pytest.approx(4 / 3)


def test_without_a_reference_the_house_is_its_own_peer() -> None:
    whole = complication_rates(example_cases(), peers_of(example_cases(), None), "mdc").to_pylist()
    assert [row["cc_index"] for row in whole] == [pytest.approx(1)]
    assert peers_of(example_cases(), example_reference()).equals(example_reference())


def test_dip_is_shown_by_the_same_board() -> None:
    paid = {"hospital_level": "3", "insurance_type": "310", "los_days": 5}
    table = to_table([from_row({**row, **paid}) for row in cases().to_pylist()])
    catalogue = find_catalogue("synthetic")
    grouping = matcher.group(table, catalogue)
    prices = dip_payment.price(table, grouping, catalogue, dip_payment.find_contract("reference"))
    found = board_cases(table, grouping, prices)
    assert found.column("drg").to_pylist() == grouping.column("dip").to_pylist()
    side = side_of(table, "synthetic", "reference")
    assert is_dip("synthetic")
    total = sum(value for value in side.rows.column("payment_fen").to_pylist() if value is not None)
    assert sum(row["payment_fen"] or 0 for row in ledger(found, "department").to_pylist()) == total
    assert set(found.column("outlier").to_pylist()) <= {"none", "low", "high", "no_weight", None}
    assert len(complication_rates(found, peers_of(found, None), "department")) == 0


def test_tables_of_different_runs_are_refused() -> None:
    table = cases()
    with pytest.raises(InputError, match="3, 4"):
        board_cases(table, table.select(["case_id"]).slice(1))


def test_known_values() -> None:
    assert known_values(example_cases(), "department") == ["D1", "D2"]
    assert known_values(example_cases(), "nowhere") == []
