"""``drgbridge dip``: files in, files out."""

from __future__ import annotations

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from drg.dip.auxiliary import Split, save_splits
from tests.drg.dip.official_workbook import sheets, write
from tests.ui.cli.conftest import Run
from ui.cli.budgets import yuan

CATALOGUES = Path(__file__).parents[3] / "drg" / "dip" / "catalogues"
SAMPLE = Path(__file__).parents[3] / "data_samples" / "sample" / "plain.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def test_group_gives_a_row_for_every_row(run: Run, tmp_path: Path) -> None:
    ended = run("dip", "group", str(SAMPLE), "--out", str(tmp_path / "out.csv"))
    assert ended.code == 3
    assert "SYNTHETIC" in ended.err
    found = rows(tmp_path / "out.csv")
    assert [int(line["row"]) for line in found] == list(range(2, 2 + len(rows(SAMPLE))))
    assert {line["status"] for line in found} == {"grouped", "blank", "ungrouped", "rejected"}
    rejected = [line for line in found if line["status"] == "rejected"]
    assert rejected
    assert all(line["reason_text"] and not line["dip"] for line in rejected)


def test_price_adds_the_money_or_says_why(run: Run, tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "case_id,dx,proc,total_cost_yuan,hospital_level,patient_paid_yuan\n"
        "a,I20.000,,8842.52,3,1000.00\n"
        "b,I20.000,,,3,\n",
        encoding="utf-8",
    )
    ended = run("dip", "price", str(cases), "--out", str(tmp_path / "out.csv"))
    assert ended.code == 0, ended.err
    first, second = rows(tmp_path / "out.csv")
    assert first["deviation"] == "normal"
    assert int(first["fund_fen"]) == int(first["payment_fen"]) - 1000_00
    assert (second["payment_fen"], second["price_reason"]) == ("", "dip.price_no_cost")


BILLS = """case_id,dx,proc,total_cost_yuan,hospital,hospital_level,patient_paid_yuan
a,I20.000,,8842.52,H1,3,1000.00
b,I20.000,,8842.52,H2,3,500.00
c,I20.000,,,H2,3,500.00
a,I20.000,,1.00,H2,3,500.00
"""


@pytest.fixture
def bills(tmp_path: Path) -> Path:
    path = tmp_path / "bills.csv"
    path.write_text(BILLS, encoding="utf-8")
    return path


def test_price_tells_the_sums_and_what_has_no_price(run: Run, bills: Path, tmp_path: Path) -> None:
    ended = run("dip", "price", bills, "--out", tmp_path / "out.csv")
    lines = rows(tmp_path / "out.csv")
    total = sum(int(line["payment_fen"]) for line in lines if line["payment_fen"])
    assert f"payment {yuan(total)}, fund {yuan(total - 150_000)}, patients 2,000.00" in ended.err
    assert "1  the total cost is missing" in ended.err


def test_settle_gives_out_the_budget(run: Run, bills: Path) -> None:
    ended = run("dip", "settle", bills, "--budget", "1000001", "--pay-share", "0.5", "--json")
    assert ended.code == 3, "a row was rejected"
    pool, hospitals = ended.json["pools"][0], ended.json["hospitals"]
    assert pool["total_fen"] == 2_000_002
    assert [line["payment_fen"] for line in hospitals] == [1_000_001, 1_000_001]
    assert [line["fund_fen"] for line in hospitals] == [900_001, 950_001]
    assert ended.json["unpriced"] == {"dip.price_no_cost": 1}
    assert ended.json["rejected_rows"] == 1
    assert pool["point_value_yuan"] == pytest.approx(20_000.02 / pool["points"])
    told = run("dip", "settle", bills, "--budget", "1000001")
    assert told.out.splitlines()[1].split("\t")[1:3] == ["H1", "1"]
    assert "yuan a point" in told.err and "1 rows are no case" in told.err


def test_explain_shows_group_and_price(run: Run, bills: Path) -> None:
    ended = run("dip", "explain", bills, "--case", "b", "--point-value", "8")
    for part in (
        "layer core",
        "Ratio = cost 8,842.52 yuan",
        "Hospital coefficient: × 0.93",
        "× 8 yuan a point",
    ):
        assert part in ended.out.replace("points × 8 yuan", "× 8 yuan")
    assert "the total cost is missing" in run("dip", "explain", bills, "--case", "c").out
    found = run("dip", "explain", bills, "--case", "b", "--json").json
    assert (found["dip"], found["deviation"]) == ("I20.0-0", "normal")
    assert found["payment_fen"] - found["fund_fen"] == 50_000


def test_explain_and_price_agree_with_an_auxiliary_catalogue(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(CATALOGUES / "synthetic", folder)
    split = Split("I20.0-0", "age", "18-64 y", 50, 1, Decimal("1.5"), Decimal(1), Decimal(0))
    save_splits([split], folder)
    path = tmp_path / "bills.csv"
    path.write_text(
        "case_id,age,dx,total_cost_yuan,hospital_level\na,40,I20.000,8842.52,3\n", encoding="utf-8"
    )
    run("dip", "price", path, "--catalogue", folder, "--out", tmp_path / "out.csv")
    line = rows(tmp_path / "out.csv")[0]
    assert (line["auxiliary_class"], line["auxiliary_coefficient"]) == ("age: 18-64 y", "1.5")
    told = run("dip", "explain", path, "--case", "a", "--catalogue", folder).out
    assert "Auxiliary catalogue, age: 18-64 y: × 1.5" in told
    assert f"= {yuan(int(line['payment_fen']))} yuan" in told


def test_a_contract_is_shown_with_its_assumptions(run: Run) -> None:
    shown = run("dip", "contract")
    assert "assumption\tpoint_value_yuan: " in shown.out and "coefficient = 0.93" in shown.out
    assert run("dip", "contract", "--json").json["id"] == "reference"
    assert run("dip", "contract", "nowhere").code == 4


def test_build_lint_and_use_a_catalogue(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    ended = run("dip", "build", str(SAMPLE), "--id", "mine", "--out", str(folder), "--auxiliary")
    assert ended.code == 0, ended.err
    assert "core groups" in ended.out
    assert run("dip", "lint", str(folder)).out.startswith("groups.tsv")
    ended = run("dip", "explain", str(SAMPLE), "--case", "SYN00000001-1", "--catalogue", str(folder))
    assert "SYN00000001-1" in ended.out
    assert "layer core" in ended.out


def test_import_reports_what_it_repaired(run: Run, tmp_path: Path) -> None:
    book = write(tmp_path / "book.xlsx", sheets())
    ended = run(
        "dip", "import", str(book), "--id", "test-3.0", "--out", str(tmp_path / "out"), "--label", "official"
    )
    assert ended.code == 0, ended.err
    assert "merged cells" in ended.out
    assert (tmp_path / "out" / "groups.tsv").is_file()


def test_supervise_shows_each_formula(run: Run) -> None:
    ended = run("dip", "supervise", str(SAMPLE), "--json")
    lines = json.loads(ended.out)
    assert len(lines) == 5
    assert all(line["formula"] and "local" in line["name"] for line in lines)


def test_wrong_use_is_told(run: Run, tmp_path: Path) -> None:
    for arguments in (
        ("group", str(SAMPLE), "--catalogue", "nowhere"),
        ("price", str(SAMPLE), "--contract", str(tmp_path / "none.toml")),
        ("price", str(SAMPLE), "--point-value", "minus one"),
        ("explain", str(SAMPLE), "--case", "nobody"),
        ("settle", str(SAMPLE), "--budget", "much"),
        ("settle", str(SAMPLE), "--budget", "1", "--pay-share", "0"),
    ):
        ended = run("dip", *arguments)
        assert ended.code in (2, 4), arguments
        assert ended.err
        assert "Traceback" not in ended.err
