"""``drgbridge check`` over whole records: grade, quoted findings, indicators, appeals."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drg.quality.record_folder import read_case
from tests.conftest import REPOSITORY
from tests.ui.cli.conftest import Run

SAMPLES = REPOSITORY / "data_samples" / "sample"
SIDE, NO_NOTE, CLEAN = "SYN00000023-1", "SYN00000066-1", "SYN00000089-1"
DATE = ("--date", "2026-12-31")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Three of the sample records: a wrong side, no operation note, a clean one."""
    folder = tmp_path / "records"
    for case in (SIDE, NO_NOTE, CLEAN):
        shutil.copytree(SAMPLES / "records" / case, folder / case)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_records_gets_grades_and_quoted_findings(records: Path, run: Run) -> None:
    ended = run("check", records, *DATE)
    assert ended.code == 0
    assert "3 records checked by " in ended.out
    assert "Whole records: 3 checked by " in ended.out
    assert f"{NO_NOTE}: grade C, 85 points" in ended.out
    assert "veto: No operation note (E07)" in ended.out
    assert "possible veto, to be confirmed: Wrong side (E19)" in ended.out
    assert "document 10 (手术记录), 148-150: “左膝”" in ended.out
    assert CLEAN not in ended.out
    assert "Indicators" not in ended.out


def test_json_of_whole_records_is_checked_like_the_folder(records: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "records.json"
    cases = [read_case(folder) for folder in sorted(records.iterdir())]
    path.write_text(json.dumps(cases, ensure_ascii=False), encoding="utf-8")
    told = run("check", path, "--json", *DATE).json["documents"]
    assert told == run("check", records, "--json", *DATE).json["documents"]
    assert told["counts"] == {"E07": 1, "E19": 1, "R11": 1}
    assert told["grades"] == {"A": 2, "C": 1}


def test_one_case_is_told_with_every_deduction(records: Path, run: Run) -> None:
    ended = run("check", records, "--case", NO_NOTE, *DATE)
    assert "−10  E07 (Operation and consent), findings: 1, before the cap −10" in ended.out
    assert "what to do: Look for the note" in ended.out
    found = run("check", records, "--case", SIDE, "--json", *DATE).json["documents"]
    assert found["possible_vetoes"] == ["E19"]
    (finding,) = found["findings"]
    assert [span["text"] for span in finding["spans"]] == ["左膝", "右膝"]
    assert found["statuses"]["E07"] == "pass"


def test_indicators_are_printed_and_written(records: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "findings.csv"
    ended = run("check", records, "--indicators", "--out", out, *DATE)
    assert "4. Admission note within 24 hours: 100.0% (3/3)" in ended.out
    assert "27. Records of grade A: 66.7% (2/3)" in ended.out
    assert "21. Principal diagnosis written correctly: not computed; needs An audited sample" in ended.out
    assert "findings.documents.csv" in ended.err
    found = rows(tmp_path / "findings.documents.csv")
    assert {row["rule"] for row in found} == {"E07", "E19", "R11"}
    assert "documents[10] 148-150" in next(row for row in found if row["rule"] == "E19")["spans"]
    whole = {
        row["number"]: row
        for row in rows(tmp_path / "findings.indicators.csv")
        if not row["department"] and not row["month"]
    }
    assert (whole["5"]["numerator"], whole["5"]["denominator"]) == ("2", "3")
    assert whole["26"]["value"] == ""


def test_parquet_is_written_too(records: Path, tmp_path: Path, run: Run) -> None:
    assert run("check", records, "--out", tmp_path / "f.parquet", *DATE).code == 0
    assert pq.read_table(tmp_path / "f.documents.parquet").num_rows == 3


def test_an_accepted_appeal_silences_a_check_of_documents(records: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "appeals.csv"
    path.write_text(
        "rule,case_id,reason,person,date,state\n"
        f"E07,{NO_NOTE},filed on paper,Dr Li,2026-01-02,accepted\n"
        f"R11,{NO_NOTE},filed on paper,Dr Li,2026-01-02,accepted\n",
        encoding="utf-8",
    )
    told = run("check", records, "--appeals", path, "--json", *DATE).json["documents"]
    assert told["counts"] == {"E19": 1}
    assert told["grades"] == {"A": 3}


def test_a_front_page_file_has_no_part_of_documents(run: Run) -> None:
    source = SAMPLES / "full_front_page.csv"
    assert "documents" not in run("check", source, "--json", *DATE).json
    refused = run("check", source, "--indicators", *DATE)
    assert refused.code == 2
    assert "indicators need whole records" in refused.err


def test_a_rule_set_of_tables_leaves_the_documents_out(records: Path, run: Run) -> None:
    from drg.quality.registry import load_rule_sets

    name = next(name for name in load_rule_sets() if name != "all")
    assert "documents" not in run("check", records, "--rules", name, "--json", *DATE).json


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("E19", "Operation on the other side"),
        ("R01", "Admission note within 24 hours"),
        ("R28", "no time of archiving"),
    ],
)
def test_checks_of_documents_are_shown_like_rules(id: str, told: str, run: Run) -> None:
    assert told in run("rules", "show", id).out


def test_coverage_counts_the_checks_of_documents_too(run: Run) -> None:
    found = run("rules", "coverage", "--json").json
    assert {"Q125", "R01", "E19", "E30"} <= set(found["done"])
    assert {"R18", "R23", "R27", "R28", "R29"} <= set(found["not_scriptable"])
    assert not {id for id in (*found["failing"], *found["missing"]) if id[0] in "RE"}
