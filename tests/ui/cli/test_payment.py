"""``drgbridge price``, ``settle`` and ``contract``."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drg.payment.contract import CONTRACTS_FOLDER
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
    found = run("price", bills, "--contract", "template", "--case", "1", "--json").json
    assert found["payment_fen"] - found["fund_fen"] == found["patient_fen"] == 100_000
    assert len(found["steps"]) > 4
    found = run("price", bills, "--case", "1", "--json").json
    assert found["reason"] == "payment.contract_gap"


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


def test_without_a_contract_each_case_is_priced_by_its_own(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bills.csv"
    rows = [
        "1,1,65,7,03,I50.900,220200,2022-05-01,H1,3,310,9000.00,1000",
        "2,1,65,7,03,I50.900,610200,2022-05-01,H2,3,390,9000.00,",
        "3,1,65,7,03,I50.900,610200,2023-05-01,H2,3,390,9000.00,",
        "4,1,65,7,03,I50.900,,2022-05-01,H2,3,390,9000.00,",
    ]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    found = list(csv.DictReader(io.StringIO(run("price", path, "--region", "610200").out)))
    assert [(row["contract"], row["payment_fen"]) for row in found] == [
        ("jilin-2022", "798090"),
        ("tongchuan-2022", "531259"),
        ("", ""),
        ("tongchuan-2022", "531259"),
    ]
    assert found[2]["reason"] == "payment.contract_gap"
    ended = run("price", path, "--out", tmp_path / "out.parquet", "--json")
    assert ended.json["contracts"] == {"jilin-2022": 1, "tongchuan-2022": 1}
    assert ended.json["reasons"]["payment.region_missing"] == 1
    assert "1  under contract jilin-2022" in ended.err
    assert "Contract tongchuan-2022" in run("price", path, "--case", "4", "--region", "610200").out
    assert "the region is missing" in run("price", path, "--case", "4").out
    assert run("price", path, "--contract", "jilin-2022", "--region", "610200").code == 2
    assert run("price", path, "--as-if").code == 2


def test_contracts_of_a_folder_that_overlap_are_named(run: Run, bills: Path, tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "yantai-2023.weights.tsv").write_bytes(
        (CONTRACTS_FOLDER / "yantai-2023.weights.tsv").read_bytes()
    )
    template = (CONTRACTS_FOLDER / "template.toml").read_text(encoding="utf-8")
    for id in ("one", "two"):
        text = template.replace('id = "template"', f'id = "{id}"')
        (folder / f"{id}.toml").write_text(text, encoding="utf-8")
    ended = run("price", bills, "--contracts", folder)
    assert "2  fall under several contracts: one, two" in ended.err
    assert (
        "fall under several contracts: one, two"
        in run("price", bills, "--contracts", folder, "--case", "1").out
    )
    assert run("price", bills, "--contracts", tmp_path / "nowhere").code == 4


def test_simulation_over_last_years_cases(run: Run, bills: Path) -> None:
    ended = run(
        *("simulate", bills, "--contract", "template", "--budget", "2000000"),
        *("--budget-growth", "0.05", "--case-growth=-0.1", "--pay-share", "0.75", "--json"),
    )
    pool = ended.json["pools"][0]
    # 20000 x 1.05 = 21000 yuan, of which the fund pays three quarters: 28000 are shared out.
    assert (pool["budget_fen"], pool["total_fen"]) == (2_100_000, 2_800_000)
    assert [row["fund_fen"] for row in ended.json["hospitals"]] == [700_000, 1_400_000]
    # Three cases alike, also the one of 2027; of each nine tenths are expected.
    payment = ended.json["hospitals"][0]["provisional_fen"] / 0.9
    assert pool["provisional_fen"] == round(payment * 3 * 0.9)
    told = run("simulate", bills, "--contract", "template", "--budget", "2000000")
    assert "rate or point value for 310 1.1: 10500 yuan, settled" in told.err
    for growth in ("-1", "11", "nan", "much", "1e-99999999"):
        assert (
            run("simulate", bills, "--contract", "template", "--budget", "1", f"--case-growth={growth}").code
            == 2
        )


def test_a_file_without_cases_settles_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(HEADER + "\n", encoding="utf-8")
    ended = run("settle", path, "--contract", "template", "--budget", "1")
    assert (ended.code, "nothing to settle" in ended.err) == (4, True)


def test_assumptions_of_a_contract_are_shown(run: Run) -> None:
    shown = run("contract", "show", "jilin-2022")
    assert "assumption\thigh.rule: " in shown.out
    assert "high.rule" in {
        one["term"] for one in run("contract", "show", "jilin-2022", "--json").json["assumptions"]
    }


def test_one_budget_for_each_insurance_type(run: Run, bills: Path) -> None:
    assert run("settle", bills, "--contract", "template", "--budget=310=1", "--budget=310=2").code == 2


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
    sources = [REPOSITORY / "ui" / "cli" / name for name in ("payment.py", "budgets.py")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    said = set(re.findall(r'_say\(\s*"([a-z_]+)"', source))
    keys = {name.removeprefix("payment.") for name in TEXTS.catalogue if name.startswith("payment.")}
    assert said <= keys
    assert {key for key in keys - said if not key.startswith(("column_", "kind_"))} == set()
