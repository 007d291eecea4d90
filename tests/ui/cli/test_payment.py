"""``drgbridge price``, ``settle`` and ``contract``."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import REPOSITORY
from tests.ui.cli.conftest import Run
from ui.text import TEXTS

SAMPLE = REPOSITORY / "data_samples" / "sample" / "plain.csv"
HEADER = (
    "case_id,sex,age,los_days,department,dx,region,discharge_date,hospital,hospital_level,insurance_type,"
    "total_cost_yuan,patient_paid_yuan"
)
CASES = f"""{HEADER}
1,1,65,7,03,I50.900,100000,2026-05-01,H1,3,310,9000.00,1000
2,1,65,7,03,I50.900,100000,2026-05-01,H2,3,310,9000.00,
3,1,65,7,03,I50.900,100000,2027-05-01,H2,3,310,9000.00,
4,1,-5,7,03,I50.900,100000,2026-05-01,H2,3,310,9000.00,
"""


@pytest.fixture
def bills(tmp_path: Path) -> Path:
    path = tmp_path / "bills.csv"
    path.write_text(CASES, encoding="utf-8")
    return path


def test_prices_go_to_stdout_and_the_summary_to_stderr(run: Run, bills: Path) -> None:
    ended = run("price", bills, "--contract", "template")
    assert ended.code == 3
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [(row["row"], row["case_id"], row["reason"]) for row in rows] == [
        ("2", "1", "payment.standard"),
        ("3", "2", "payment.standard"),
        ("4", "3", "payment.date_outside"),
    ]
    assert rows[0]["reason_text"] == "paid the standard"
    assert int(rows[0]["fund_fen"]) + int(rows[0]["patient_fen"]) == int(rows[0]["payment_fen"])
    assert (rows[1]["fund_fen"], rows[2]["payment_fen"]) == ("", "")
    assert "3 cases; 1 rows are no case" in ended.err
    assert "synthetic" in ended.err


def test_out_writes_the_same_as_parquet(run: Run, bills: Path, tmp_path: Path) -> None:
    out = tmp_path / "prices.parquet"
    ended = run("price", bills, "--contract", "template", "--out", out, "--json")
    assert ended.json["reasons"] == {"payment.standard": 2, "payment.date_outside": 1}
    table = pq.read_table(out)
    assert ended.json["totals"]["payment_fen"] == sum(table.column("payment_fen").drop_null().to_pylist())


def test_where_nothing_is_priced_no_sum_is_zero(run: Run, bills: Path) -> None:
    ended = run("price", bills, "--contract", "jilin-2022")
    assert "payment -, fund -, patients -, profit or loss -" in ended.err


def test_one_case_with_every_step(run: Run, bills: Path) -> None:
    ended = run("price", bills, "--contract", "template", "--case", "1")
    assert ended.code == 0
    for part in (
        "Standard = weight",
        "coefficient 1.05",
        "Ratio = cost 9,000.00 yuan",
        "the patient pays 1,000.00",
    ):
        assert part in ended.out
    assert run("price", bills, "--contract", "template", "--case", "99").code == 2


def test_settlement_gives_out_the_budget(run: Run, bills: Path) -> None:
    ended = run("settle", bills, "--contract", "template", "--budget", "310=100001", "--json")
    assert [row["fund_fen"] for row in ended.json["hospitals"]] == [50001, 50000]
    assert ended.json["unpriced"] == {"payment.date_outside": 1}
    table = run("settle", bills, "--contract", "template", "--budget", "100001", "--pay-share", "0.5")
    assert table.out.splitlines()[1].split("\t")[1:3] == ["H1", "1"]
    assert "shared out 2,000.02" in table.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--contract", "atlantis"), 4, "There is no contract atlantis"),
        (("--contract", "missing.toml"), 4, "cannot be opened"),
        (("--contract", "template", "--out", "prices.pdf"), 2, "unknown type of file"),
    ],
)
def test_what_cannot_be_priced(
    run: Run, bills: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended = run("price", bills, *arguments)
    assert (ended.code, message in ended.err) == (code, True)


@pytest.mark.parametrize("budget", ["", "x", "-5", "1.5", "310=", "１２"])
def test_budgets_are_whole_fen(run: Run, bills: Path, budget: str) -> None:
    ended = run("settle", bills, "--contract", "template", f"--budget={budget}")
    assert (ended.code, "budget" in ended.err) == (2, True)


@pytest.mark.parametrize("share", ["0", "2", "nan", "inf", "half"])
def test_pay_shares_are_above_zero_and_up_to_one(run: Run, bills: Path, share: str) -> None:
    assert run("settle", bills, "--contract", "template", "--budget", "1", f"--pay-share={share}").code == 2


def test_contracts_are_listed_shown_and_checked(run: Run, tmp_path: Path) -> None:
    listed = run("contract", "list")
    assert "jilin-2022" in listed.out and "reference, to be verified" in listed.out
    assert "template" not in listed.out
    assert {terms["id"] for terms in run("contract", "list", "--json").json} >= {
        "tongchuan-2022",
        "fuzhou-2022",
    }
    shown = run("contract", "show", "jilin-2022")
    assert "9080.56" in shown.out and "625 groups" in shown.out
    assert run("contract", "show", "jilin-2022", "--json").json["weights_by_group"]["BQY"] == 1.361
    assert run("contract", "check", "template").code == 0
    broken = tmp_path / "broken.toml"
    broken.write_text('id = "broken"\nmethod = "barter"\n', encoding="utf-8")
    ended = run("contract", "check", broken)
    assert ended.code == 4
    assert "method" in ended.err and "weights" in ended.err


def test_every_text_of_the_topic_is_used() -> None:
    source = (REPOSITORY / "ui" / "cli" / "payment.py").read_text(encoding="utf-8")
    said = set(re.findall(r'_say\(\s*"([a-z_]+)"', source))
    keys = {name.removeprefix("payment.") for name in TEXTS.catalogue if name.startswith("payment.")}
    assert said <= keys
    assert {key for key in keys - said if not key.startswith(("column_", "kind_"))} == set()
