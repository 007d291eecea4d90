"""Reasons of what cannot be priced, odd tables, and settlement input."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import drg
from drg.errors import InputError
from drg.payment.contract import TEMPLATE, find_contract
from drg.payment.price import PAYMENT_SCHEMA, half_up, price, with_groups
from drg.payment.settlement import ALL, settle
from drg.records import read
from tests.conftest import REPOSITORY
from tests.drg.payment.worked_example import CONTRACT_TEXT, as_table, case_rows, contract

AMOUNTS = ("payment_fen", "fund_fen", "patient_fen", "profit_fen")
GOOD = {name: value for name, value in case_rows()[0].items() if name != "discharge_date"}


def priced(tmp_path: Path, changes: dict[str, Any], as_if: bool = False) -> dict[str, Any]:
    row = {**GOOD, "discharge_date": "2026-03-01", **changes}
    found: dict[str, Any] = price(as_table([row]), contract(tmp_path), as_if).to_pylist()[0]
    return found


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "rejected"}, "not_grouped"),
        ({"status": None}, "not_grouped"),
        ({"discharge_date": None}, "date_missing"),
        ({"discharge_date": "2025-12-31"}, "date_outside"),
        ({"discharge_date": "2027-01-01"}, "date_outside"),
        ({"region": "200000"}, "region_other"),
        ({"total_cost_fen": -1}, "cost_invalid"),
        ({"total_cost_fen": 10**12}, "cost_invalid"),
        ({"total_cost_fen": 0}, "cost_zero"),
        ({"patient_paid_fen": -1}, "patient_paid_invalid"),
        ({"patient_paid_fen": 10**12}, "patient_paid_invalid"),
        ({"los_days": None}, "stay_missing"),
        ({"los_days": -3}, "stay_missing"),
        ({"drg": "LC19"}, "case_weight_missing"),
        ({"drg": None}, "case_weight_missing"),
        ({"insurance_type": None}, "insurance_missing"),
        ({"insurance_type": "340"}, "insurance_unknown"),
        ({"hospital_level": None}, "level_missing"),
        ({"hospital_level": "四级"}, "level_unknown"),
    ],
)
def test_a_case_without_a_price_has_a_reason_and_no_amount(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    found = priced(tmp_path, changes)
    assert found["reason"] == f"payment.{reason}"
    assert found["outlier"] == ("no_weight" if reason == "case_weight_missing" else "not_priced")
    assert [found[name] for name in AMOUNTS] == [None] * 4


def test_a_cost_at_the_limit_is_no_outlier(tmp_path: Path) -> None:
    # The limits of 0.5 x 10000 x 1.1 are 0.4 x 5500 = 2200 and 3 x 5500 = 16500.
    outliers = [
        priced(tmp_path, {"total_cost_fen": cost})["outlier"]
        for cost in (219_999, 220_000, 1_650_000, 1_650_001)
    ]
    assert outliers == ["low", "none", "none", "high"]


def test_as_if_prices_whatever_the_region_and_date(tmp_path: Path) -> None:
    found = priced(tmp_path, {"region": "200000", "discharge_date": "2019-01-01"}, as_if=True)
    assert found["payment_fen"] == 550_000


def test_a_region_that_is_not_known_is_no_other_region(tmp_path: Path) -> None:
    assert priced(tmp_path, {"region": None})["payment_fen"] == 550_000


def test_the_level_of_the_hospital_counts_where_the_case_gives_none(tmp_path: Path) -> None:
    with_hospital = CONTRACT_TEXT.replace("[low]", '[hospitals]\nH7 = "二级"\n[low]')
    rows = [
        {**case_rows()[0], "hospital_level": level, "hospital": hospital}
        for level, hospital in ((None, "H7"), ("三级", "H7"), (None, "H8"))
    ]
    found = price(as_table(rows), contract(tmp_path, with_hospital)).to_pylist()
    # 0.5 x 10000 x 0.95 and 0.5 x 10000 x 1.1
    assert [row["payment_fen"] for row in found] == [475_000, 550_000, None]


@pytest.mark.parametrize(
    ("amount", "fen"), [("0.5", 1), ("1.49999", 1), ("2.5", 3), ("0", 0), ("-0.5", 0), ("-0.6", -1)]
)
def test_half_goes_up(amount: str, fen: int) -> None:
    assert half_up(Fraction(amount)) == fen


def test_tables_of_other_types_and_chunks(tmp_path: Path) -> None:
    table = as_table(case_rows())
    agreed = contract(tmp_path)
    expected = price(table, agreed)
    assert expected.schema == PAYMENT_SCHEMA
    encoded = pa.table(
        {
            name: column.dictionary_encode() if column.type == pa.string() else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )
    halves = pa.concat_tables([table.slice(0, 5), table.slice(5)])
    wide = table.set_column(
        table.column_names.index("los_days"), "los_days", table.column("los_days").cast(pa.int16())
    )
    for other in (encoded, halves, wide):
        assert price(other, agreed).to_pylist() == expected.to_pylist()
    assert price(table.slice(0, 0), agreed).num_rows == 0


def test_columns_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    table = pa.table({"drg": ["OR19"], "total_cost_fen": ["much"], "los_days": [[1]]})
    with pytest.raises(InputError) as refused:
        price(table, contract(tmp_path))
    codes = [problem.code for problem in refused.value.problems]
    assert codes == ["payment.column_missing", "payment.column_type", "payment.column_type"]


def test_the_sample_is_priced_but_for_nothing() -> None:
    cases = next(iter(read(REPOSITORY / "data_samples" / "sample" / "plain.csv").batches())).cases
    payments = price(with_groups(cases, drg.group(cases, "chs-drg-1.1")), find_contract(TEMPLATE))
    assert payments.column("payment_fen").null_count == 0
    assert set(payments.column("outlier").to_pylist()) == {"none", "low", "high", "excluded", "ungrouped"}


@pytest.mark.parametrize(
    ("budgets", "code"),
    [
        ({}, "payment.budget_invalid"),
        ({ALL: -1}, "payment.budget_invalid"),
        ({ALL: 1, "310": 1}, "payment.budget_all_and_types"),
        ({"310": 1, "340": 1}, "payment.budget_unknown_type"),
        ({"390": 1}, "payment.budget_missing_type"),
    ],
)
def test_budgets_that_do_not_fit(tmp_path: Path, budgets: dict[str, int], code: str) -> None:
    with pytest.raises(InputError) as refused:
        settle(as_table(case_rows()[:2]), contract(tmp_path), budgets)
    assert code in [problem.code for problem in refused.value.problems]


def test_nothing_to_settle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to settle"):
        settle(as_table(case_rows()[-1:]), contract(tmp_path), {ALL: 1})


@pytest.mark.parametrize("budget", [0, 10**14])
def test_a_budget_that_gives_no_possible_rate(tmp_path: Path, budget: int) -> None:
    agreed = contract(tmp_path)
    without = replace(agreed, terms=agreed.terms.model_copy(update={"rates": ()}))
    with pytest.raises(InputError, match="must be above 0 and at most 100000"):
        settle(as_table(case_rows()[:2]), without, {ALL: budget})


def test_a_pay_share_that_makes_the_budget_endless(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than any fund has"):
        settle(as_table(case_rows()[:2]), contract(tmp_path), {ALL: 1000}, Fraction(1, 10**18))


def test_a_final_rate_of_many_digits(tmp_path: Path) -> None:
    """5500 yuan are paid as 10**15 - 1 fen, every rate times 1818181818.18...: 10000 x 999999999999999 / 550000."""
    settled = settle(as_table(case_rows()[:1]), contract(tmp_path), {ALL: 10**15 - 1})
    final = settled.pools[0].final_yuan(settled.contract.terms.rates[0])
    assert final == Decimal("18181818181818.163636")
