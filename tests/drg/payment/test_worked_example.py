"""The worked examples of docs/payment.md come out as they stand there."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from drg.payment.contract import load_contract
from drg.payment.price import price
from drg.payment.settlement import ALL, grown, settle, special_review
from tests.drg.payment.worked_example import (
    CONTRACT_TEXT,
    as_table,
    case_rows,
    contract,
    contract_file,
    fen,
    tables,
)


def test_every_case_of_the_table(tmp_path: Path) -> None:
    found = price(as_table(case_rows()), contract(tmp_path)).to_pylist()
    for expected, paid in zip(tables("case"), found, strict=True):
        assert (
            paid["case_id"],
            paid["outlier"],
            paid["payment_fen"],
            paid["fund_fen"],
            paid["profit_fen"],
        ) == (
            expected["case"],
            expected["outlier"],
            fen(expected["payment"]),
            fen(expected["fund"]),
            fen(expected["profit"]),
        )
    assert found[11]["reason"] == "payment.cost_missing"
    assert found[12]["reason"] == "payment.level_unknown"


def test_standard_ratio_and_limits_are_shown(tmp_path: Path) -> None:
    row = price(as_table(case_rows()), contract(tmp_path)).to_pylist()[1]
    # 0.8 x 9000.55 x 0.95 = 6840.418; 0.4 of it is 2736.1672, so 2736.17 is the first cost that is not low;
    # 3 times it is 20521.254, so 20521.25 is the last that is not high.
    assert (row["standard_fen"], row["low_limit_fen"], row["high_limit_fen"]) == (684042, 273617, 2052125)
    assert row["ratio"] == pytest.approx(6000 / 6840.418)
    assert (row["weight"], row["coefficient"], row["contract"]) == (0.8, 0.95, "example")


@pytest.mark.parametrize("row", tables("change"), ids=lambda row: row["change"])
def test_other_rules(tmp_path: Path, row: dict[str, str]) -> None:
    text = CONTRACT_TEXT
    for change in re.findall(r"`(.*?)`", row["change"]):
        key = change.split(" = ")[0]
        if re.search(rf"^{key} = ", text, re.MULTILINE):
            text = re.sub(rf"^{key} = .*$", change, text, count=1, flags=re.MULTILINE)
        else:
            text = text.replace("[high]\n", f"[high]\n{change}\n")
    cases = [case for case in case_rows() if case["case_id"] == row["case"]]
    paid = price(as_table(cases), contract(tmp_path, text)).to_pylist()[0]
    assert paid["payment_fen"] == fen(row["payment"])


def test_settlement_of_three_equal_hospitals(tmp_path: Path) -> None:
    cases = [{**case_rows()[0], "hospital": name} for name in ("H1", "H2", "H3")]
    settled = settle(as_table(cases), contract(tmp_path), {ALL: 1_000_000})
    assert settled.hospitals.column("settled_fen").to_pylist() == [333_334, 333_333, 333_333]
    # 10000 / 16500 of 10000 yuan
    assert round(10_000 * settled.pools[0].factor, 2) == Fraction("6060.61")
    assert settled.hospitals.column("balance_fen").to_pylist() == [-216_666, -216_667, -216_667]


def test_simulation_over_last_years_cases(tmp_path: Path) -> None:
    cases = [
        {**case_rows()[0], "hospital": name, "discharge_date": "2025-03-01"} for name in ("H1", "H2", "H3")
    ]
    budget = grown(1_000_000, Fraction("0.05"))
    settled = settle(
        as_table(cases), contract(tmp_path), {ALL: budget}, as_if=True, case_growth=Fraction("0.1")
    )
    pool = settled.pools[0]
    assert (pool.budget_fen, pool.provisional_fen) == (1_050_000, 1_815_000)
    assert str(pool.final_yuan(settled.contract.terms.rates[0])) == "5785.123967"
    assert [
        (row["hospital"], row["provisional_fen"], row["settled_fen"], row["balance_fen"])
        for row in settled.hospitals.to_pylist()
    ] == [
        (row["simulated"], fen(row["expected"]), fen(row["settled"]), fen(row["balance"]))
        for row in tables("simulated")
    ]


def test_rate_from_a_budget(tmp_path: Path) -> None:
    without = re.sub(r"\[\[rates\]\]\n(?:.*\n){2}", "", CONTRACT_TEXT)
    assert "[[rates]]" not in without
    cases = as_table(case_rows()[:2])
    settled = settle(cases, load_contract(contract_file(tmp_path, without)), {ALL: 982_500}, Fraction("0.75"))
    assert [row.yuan for row in settled.contract.terms.rates] == [10_000]
    assert sum(settled.hospitals.column("settled_fen").to_pylist()) == 1_310_000
    assert sum(settled.hospitals.column("fund_fen").to_pylist()) == 982_500


def test_special_review_takes_the_worst_two_of_forty(tmp_path: Path) -> None:
    rows = [*case_rows(), *(case_rows()[0] for _ in range(27))]
    agreed = contract(tmp_path)
    payments = price(as_table(rows), agreed)
    asks = special_review(payments, agreed).to_pylist()
    assert [row["case_id"] for row, ask in zip(rows, asks, strict=True) if ask] == ["F", "G"]
