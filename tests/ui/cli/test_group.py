"""``drgbridge group``: what is written where."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from tests.ui.cli.conftest import CASES, Run
from ui.cli import output

COLUMNS = [
    *("row", "case_id", "status", "mdc", "adrg", "drg", "drg_name", "cc_level", "cc_code", "excluded_cc"),
    *("unknown_codes", "reason", "reason_text", "scheme"),
]
STATUSES = ["grouped", "grouped", "rejected", "ungrouped"]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def rows_of_file(path: Path) -> list[dict[str, str]]:
    return rows_of(path.read_text(encoding="utf-8-sig"))


def test_without_out_the_results_are_all_of_stdout(run: Run, cases: Path) -> None:
    ended = run("group", cases)
    assert ended.code == 3
    found = rows_of(ended.out)
    assert list(found[0]) == COLUMNS
    assert [row["row"] for row in found] == ["2", "3", "4", "5"]
    assert [row["status"] for row in found] == STATUSES
    assert not ended.out.startswith("\ufeff")
    assert "4 rows: grouped 2, rejected 1, ungrouped 1" in ended.err
    assert "Rejected (1): The age is negative: …\n  Check the dates of birth and admission.\n" in ended.err
    assert "  row 4, case 1003, age: -4\n" in ended.err
    assert "Cases with codes that neither the catalogue nor the scheme knows: 1 " in ended.err


def test_cases_without_a_scheme_are_told_once_with_the_schemes_there_are(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "undated.csv"
    path.write_text("case_id,dx\n1,I21.001\n2,I21.001\n", encoding="utf-8")
    told = run("group", path).err
    assert "Rejected (2): no scheme here applies" in told
    assert "rejected: no scheme" not in told
    assert "chs-drg-1.1 (2021-01-01" in told


def test_all_formats_hold_the_same(run: Run, cases: Path, tmp_path: Path) -> None:
    for ending in ("csv", "xlsx", "parquet"):
        assert run("group", cases, "--out", tmp_path / f"out.{ending}").code == 3
    in_csv = rows_of_file(tmp_path / "out.csv")
    sheet = CalamineWorkbook.from_path(str(tmp_path / "out.xlsx")).get_sheet_by_index(0).to_python()
    in_xlsx = [dict(zip(sheet[0], row, strict=True)) for row in sheet[1:]]
    in_parquet = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert list(in_csv[0]) == list(in_xlsx[0]) == list(in_parquet[0]) == COLUMNS
    for one, two, three in zip(in_csv, in_xlsx, in_parquet, strict=True):
        lists = {name: "|".join(three[name] or []) for name in ("excluded_cc", "unknown_codes")}
        plain = {name: "" if value is None else value for name, value in {**three, **lists}.items()}
        assert {**one, "row": int(one["row"])} == {**two, "row": int(two["row"])} == plain


def test_a_csv_file_begins_with_the_mark_that_excel_needs(run: Run, cases: Path, tmp_path: Path) -> None:
    run("group", cases, "--out", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert "急性心肌梗死" in (tmp_path / "out.csv").read_text("utf-8-sig")


def test_json_without_out_is_one_object_a_row(run: Run, cases: Path) -> None:
    ended = run("group", cases, "--json")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [line["status"] for line in lines] == STATUSES
    assert lines[1]["unknown_codes"] == ["Z99.999"]


def test_json_with_out_is_the_summary(run: Run, cases: Path, tmp_path: Path) -> None:
    ended = run("group", cases, "--json", "--out", tmp_path / "out.parquet")
    assert ended.json["rows"] == 4
    assert ended.json["rejections"] == {"records.age_negative": 1}
    assert ended.json["files"]["results"] == str(tmp_path / "out.parquet")


def test_rejections_are_told_with_their_remedy(run: Run, cases: Path, tmp_path: Path) -> None:
    run("group", cases, "--out", tmp_path / "out.parquet", "--rejections", tmp_path / "why.csv")
    assert rows_of_file(tmp_path / "why.csv") == [
        {
            "row": "4",
            "case_id": "1003",
            "field": "age",
            "value": "'-4",
            "reason": "records.age_negative",
            "reason_text": "The age is negative: -4",
            "remedy": "Check the dates of birth and admission.",
        }
    ]
    assert not (tmp_path / "out.rejections.csv").exists()


def test_a_case_that_no_scheme_takes_is_a_rejection_with_a_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "undated.csv"
    path.write_text("case_id,dx\n1,I21.001\n", encoding="utf-8")
    ended = run("group", path, "--out", tmp_path / "out.csv")
    assert ended.code == 3
    (line,) = rows_of_file(tmp_path / "out.rejections.csv")
    assert (line["row"], line["field"], line["reason"]) == ("2", "discharge_date", "grouper.no_scheme")
    assert "--scheme" in line["remedy"]
    assert run("group", path, "--scheme", "chs-drg-1.1").code == 0


def test_files_of_an_earlier_run_that_no_longer_hold_are_removed(
    run: Run, cases: Path, tmp_path: Path
) -> None:
    run("group", cases, "--out", tmp_path / "out.csv")
    assert (tmp_path / "out.rejections.csv").exists()
    cases.write_text(CASES.replace("-4", "4"), encoding="utf-8")
    assert run("group", cases, "--out", tmp_path / "out.csv").code == 0
    assert not (tmp_path / "out.rejections.csv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.csv", "out.csv"]


def test_what_was_repaired_is_noted(run: Run, cases: Path, tmp_path: Path) -> None:
    cases.write_text(CASES.replace(",65,", ",６５,"), encoding="utf-8")
    run("group", cases, "--out", tmp_path / "out.csv")
    (line,) = rows_of_file(tmp_path / "out.notes.csv")
    assert (line["row"], line["field"], line["value"], line["became"]) == ("2", "age", "６５", "65")
    assert line["note_text"] == "Full-width digits were read as a number."


def test_clinical_codes_are_converted_and_every_conversion_is_told(run: Run, tmp_path: Path) -> None:
    from drg.codes.catalogue import load_catalogue
    from drg.codes.crosswalk import convert

    codes = load_catalogue("icd10").column("code")
    outcomes = convert(codes, "icd10").outcomes.to_pylist()
    code = codes[outcomes.index("meaning_differs")].as_py()
    path = tmp_path / "clinical.csv"
    path.write_text(
        f"case_id,discharge_date,dx\n1,2024-05-01,{code}\n2,2024-05-01,I21.001|{code}\n", encoding="utf-8"
    )
    ended = run("group", path, "--edition", "clinical", "--out", tmp_path / "out.csv")
    assert ended.code == 0
    assert "Codes were converted" in ended.err
    lines = [line for line in rows_of_file(tmp_path / "out.conversion.csv") if line["clinical_code"]]
    assert [(line["clinical_code"], line["outcome"], line["count"]) for line in lines] == [
        (code, "meaning_differs", "2")
    ]
    assert lines[0]["nhsa_code"] != code
    assert f"    {code} " in run("group", path, "--edition", "clinical").err
    unconverted = run("group", path, "--out", tmp_path / "other.csv")
    assert "converted" not in unconverted.err
    assert not (tmp_path / "other.conversion.csv").exists()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_no_cell_is_a_formula(start: str, run: Run, tmp_path: Path) -> None:
    attack = f"{start}HYPERLINK(1)"
    path = tmp_path / "cases.csv"
    path.write_text(f"case_id,discharge_date,dx\n{attack},2024-05-01,I21.001|{attack}\n", encoding="utf-8")
    for ending in ("csv", "xlsx", "parquet"):
        run("group", path, "--out", tmp_path / f"out.{ending}")
    (in_csv,) = rows_of_file(tmp_path / "out.csv")
    _, in_xlsx = CalamineWorkbook.from_path(str(tmp_path / "out.xlsx")).get_sheet_by_index(0).to_python()
    assert in_csv["case_id"] == in_xlsx[1] == f"'{attack}"
    assert in_csv["unknown_codes"][0] == "'"
    assert pq.read_table(tmp_path / "out.parquet")["case_id"].to_pylist() == [attack]
    assert rows_of(run("group", path).out)[0]["case_id"] == f"'{attack}"


def test_places_that_cannot_be_written_are_refused_before_the_work(
    run: Run, cases: Path, tmp_path: Path
) -> None:
    before = cases.read_bytes()
    (tmp_path / "folder.csv").mkdir()
    refused = {
        ("--out", cases): "is the input file",
        ("--out", tmp_path / "none" / "out.csv"): "create it",
        ("--out", tmp_path / "folder.csv"): "is a folder",
        ("--out", tmp_path / "out.txt"): ".parquet, .csv, .xlsx",
        ("--out", tmp_path / "a.csv", "--rejections", tmp_path / "a.csv"): "already another file",
        ("--rejections", cases): "is the input file",
    }
    for options, phrase in refused.items():
        ended = run("group", cases, *options)
        assert (ended.code, phrase in ended.err, ended.out) == (2, True, ""), options
    assert cases.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.csv", "folder.csv"]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_more_rows_than_excel_has_are_refused(
    kind: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "EXCEL_ROWS", 4)
    path = tmp_path / f"cases.{kind}"
    ids, day = [str(number) for number in range(4)], ["2024-05-01"] * 4
    if kind == "parquet":
        pq.write_table(pa.table({"case_id": ids, "dx": [["I21.001"]] * 4, "discharge_date": day}), path)
    else:
        path.write_text("case_id,dx\n" + "".join(f"{id},I21.001\n" for id in ids), encoding="utf-8")
    ended = run("group", path, "--out", tmp_path / "out.xlsx", "--scheme", "chs-drg-1.1")
    assert ended.code == 4
    assert "at most 3 rows" in ended.err
    assert sorted(found.name for found in tmp_path.iterdir()) == [path.name]


CELL = st.sampled_from(
    ["", "65", "-4", "x", "I21.001", "i21.001", "I21.001|E11.900", "1", "2024-05-01", '"', "=1", "Ｉ"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=1, max_size=6), max_size=12))
def test_one_row_out_for_every_row_in(rows: list[list[str]], run: Run) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        [["case_id", "age", "sex", "dx", "discharge_date"], *rows]
    )
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "in.csv"), Path(folder, "out.csv")
        path.write_text(text.getvalue(), encoding="utf-8")
        ended = run("group", path, "--out", out)
        assert ended.code in (0, 3), ended.err
        found = rows_of_file(out)
        assert [int(row["row"]) for row in found] == list(range(2, len(rows) + 2))
        rejected = {row["row"] for row in found if row["status"] == "rejected"}
        side = Path(folder, "out.rejections.csv")
        told = {line["row"] for line in rows_of_file(side)} if side.exists() else set()
        assert rejected == told
        assert ended.code == (3 if rejected else 0)


def test_cases_that_no_scheme_takes_are_told_which_schemes_are_there(run: Run, tmp_path: Path) -> None:
    undated = tmp_path / "undated.csv"
    undated.write_text("case_id,sex,age,dx\n1,1,65,I50.900\n", encoding="utf-8")
    ended = run("group", undated)
    assert ended.code == 3
    assert "Schemes here: chs-drg-1.1 (2021-01-01 – 2026-12-31)" in ended.err
    assert run("group", undated, "--scheme", "chs-drg-1.1").code == 0


def test_a_header_alone_has_no_rows(run: Run, tmp_path: Path) -> None:
    header = tmp_path / "header.csv"
    header.write_text("case_id,sex,age,dx\n", encoding="utf-8")
    assert "0 rows\n" in run("group", header).err
