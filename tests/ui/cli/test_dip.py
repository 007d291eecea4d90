"""``drgbridge dip``: files in, files out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.drg.dip.official_workbook import sheets, write
from tests.ui.cli.conftest import Run

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
    ):
        ended = run("dip", *arguments)
        assert ended.code in (2, 4), arguments
        assert ended.err
        assert "Traceback" not in ended.err
