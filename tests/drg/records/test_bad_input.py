"""Bad input: rows by a table (``bad_rows.yaml``), and files that cannot be used as a whole."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
import yaml

from drg.errors import InputError
from drg.messages import LANGUAGES, TEXTS
from drg.records import Batch, inspect, read, render_rejections

BAD_ROWS: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("bad_rows.yaml").read_text(encoding="utf-8")
)
GOOD_ROW = {"case_id": "A", "sex": "1", "age": "63", "dx": "I10"}
COLUMNS = [
    *(
        "case_id",
        "sex",
        "age",
        "age_days",
        "weight_g",
        "los_days",
        "discharge_way",
        "icu_hours",
        "department",
    ),
    *("dx", "proc", "discharge_date"),
]


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def only_batch(path: Path) -> Batch:
    batches = list(read(path).batches())
    assert len(batches) == 1
    return batches[0]


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_row(tmp_path: Path, name: str) -> None:
    entry = BAD_ROWS[name]
    cells = {key: str(value) for key, value in entry["cells"].items()}
    batch = only_batch(write_csv(tmp_path / "rows.csv", [{**GOOD_ROW, "case_id": "first"}, GOOD_ROW | cells]))

    assert batch.rejections.column("reason").to_pylist() == entry["reasons"]
    assert set(batch.rejections.column("row").to_pylist()) <= {3}
    assert batch.case_rows.to_pylist() == ([2] if entry["reasons"] else [2, 3])


def test_codes_are_kept_as_read_but_for_blanks_at_the_ends(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "codes.csv", [GOOD_ROW | {"dx": " i10 |Ｉ１０|　E11 9", "proc": "51.23"}])
    case = only_batch(path).cases.to_pylist()[0]
    assert (case["dx"], case["proc"]) == (["i10", "Ｉ１０", "E11 9"], ["51.23"])


@pytest.mark.parametrize("separated", ["I10｜E11.9|J18", "I10|E11.9｜J18", "I10 ｜ E11.9 ｜J18"])
def test_a_separator_in_full_width_separates(tmp_path: Path, separated: str) -> None:
    in_csv = only_batch(write_csv(tmp_path / "wide.csv", [GOOD_ROW | {"dx": separated}]))
    (tmp_path / "wide.json").write_text(json.dumps([GOOD_ROW | {"dx": separated}]), encoding="utf-8")
    in_json = only_batch(tmp_path / "wide.json")
    for batch in (in_csv, in_json):
        assert batch.cases.column("dx").to_pylist() == [["I10", "E11.9", "J18"]]
        assert not batch.rejections.num_rows


def test_five_hundred_codes_are_taken_and_one_more_is_not(tmp_path: Path) -> None:
    rows = [GOOD_ROW | {"case_id": str(count), "dx": "|".join(["I10"] * count)} for count in (500, 501)]
    batch = only_batch(write_csv(tmp_path / "many.csv", rows))
    assert batch.case_rows.to_pylist() == [2]
    assert batch.rejections.column("reason").to_pylist() == ["records.too_many_codes"]
    assert batch.rejections.column("value")[0].as_py().endswith("… (length 2003)")


def test_repeated_case_ids_name_the_first_row_across_batches(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "ids.csv", [GOOD_ROW | {"case_id": name} for name in ("A", "B", "C", "A", "B", "A")]
    )
    batches = list(read(path, batch_rows=2).batches())
    repeated = [(row["row"], row["value"]) for batch in batches for row in batch.rejections.to_pylist()]
    assert repeated == [(5, "2"), (6, "3"), (7, "2")]
    assert sum(batch.cases.num_rows for batch in batches) == 3


def test_rows_with_wrong_cell_counts_and_blank_rows_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text('case_id,dx\nA,I10\nB\n\nC,I10,x\nD,"I\n10"\nE,I10\n\n\n', encoding="utf-8")
    batch = only_batch(path)
    assert batch.case_rows.to_pylist() == [2, 7]
    assert [(row["row"], row["reason"]) for row in batch.rejections.to_pylist()] == [
        (3, "records.cell_count"),
        (4, "records.row_empty"),
        (5, "records.cell_count"),
        (6, "records.control_character"),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_row_numbers_below_blank_lines_and_a_header_of_two_lines(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "blank.csv"
    path.write_bytes(line_end.join(["", "", '"a', 'b",case_id,dx', "1,A,I10", "B", "1,C,I10", ""]).encode())
    batch = only_batch(path)
    # the header is the third record, whatever lines it takes
    assert batch.case_rows.to_pylist() == [4, 6]
    assert batch.rejections.column("row").to_pylist() == [5]


def test_ten_megabyte_cells(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text(
        f"case_id,dx,remark\nA,I10,{'x' * 10_000_000}\nB,{'y' * 10_000_000},\nC,I10,\n", encoding="utf-8"
    )
    batches = list(read(path).batches())
    found = [row for batch in batches for row in batch.rejections.to_pylist()]
    assert [row for batch in batches for row in batch.case_rows.to_pylist()] == [2, 4]
    assert [(row["row"], row["reason"]) for row in found] == [(3, "records.cell_too_long")]
    assert found[0]["value"] == "y" * 80 + "… (length 10000000)"


def test_a_row_beyond_every_bound_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_text(f"case_id,dx\nA,{'x' * 80_000_000}\n", encoding="utf-8")
    with pytest.raises(InputError, match="larger than 32 MB"):
        list(read(path).batches())


def test_header_only(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "header.csv", [])
    batch = only_batch(path)
    assert (read(path).row_count, batch.cases.num_rows, batch.rejections.num_rows) == (0, 0, 0)
    assert batch.notes.column("note").to_pylist() == ["records.header_only"]


UNUSABLE = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "utf-16": ("case_id,dx\nA,I10\n".encode("utf-16"), "UTF-16"),
    "utf-16 without mark": ("case_id,dx\nA,I10\n".encode("utf-16-le"), "UTF-16"),
    "not text": (b"case_id,dx\nA,\xff\xff\n", "neither UTF-8 nor GB18030"),
    "open quote": (b'case_id,dx\nA,"I10\nB,I10\n', "never closed"),
    "unknown header": (b"id,code\n1,I10\n", "not of a known kind"),
    "header twice": (b"case_id,dx,DX\n1,I10,I10\n", "more than once"),
    "cut json": (b'[{"case_id": 1', "not valid JSON"),
    "json without records": (b"[]", "no record"),
    "old excel": (bytes.fromhex("D0CF11E0A1B11AE1") + b"rest", "old Excel"),
    "no zip": (b"PK\x03\x04 nothing", "damaged"),
    "cut parquet": (b"PAR1 nothing", "damaged"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_file(tmp_path: Path, name: str) -> None:
    content, message = UNUSABLE[name]
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        read(path)
    assert re.search("[\u4e00-\u9fff]", raised.value.render("zh"))


def test_names_that_are_no_record_files(tmp_path: Path) -> None:
    lock = tmp_path / "~$book.xlsx"
    lock.write_bytes(b"x")
    for path in (lock, tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(InputError):
            read(path)


def write_xlsx(path: Path) -> Path:
    book = xlsxwriter.Workbook(path)
    book.add_worksheet("说明").write(0, 0, "填表说明")
    sheet = book.add_worksheet("数据")
    sheet.write_row(0, 0, ["case_id", "age", "dx", "proc", "department"])
    sheet.write_row(1, 0, ["A", 63, "I10", 51.23, "03"])
    sheet.write_row(3, 0, [1.23e17, 63, "I10", "", "03"])
    sheet.write_row(4, 0, ["C", 63, "I10", ""])
    sheet.write_formula(4, 4, "=1/0", None, "#DIV/0!")
    sheet.write_row(5, 0, ["D", 63, "I10"])
    sheet.write_datetime(5, 3, dt.datetime(2024, 3, 1), book.add_format({"num_format": "m/d"}))
    book.close()
    return path


def test_workbook_cells_that_excel_has_changed(tmp_path: Path) -> None:
    batch = only_batch(write_xlsx(tmp_path / "book.xlsx"))
    assert batch.case_rows.to_pylist() == [2]
    assert [(row["row"], row["field"], row["reason"]) for row in batch.rejections.to_pylist()] == [
        (4, "case_id", "records.excel_scientific"),
        (5, "department", "records.excel_error"),
        (6, "proc", "records.excel_date_code"),
    ]
    assert batch.notes.to_pylist() == [
        {
            "row": 2,
            "case_id": "A",
            "field": "proc",
            "value": "51.23",
            "became": "51.23",
            "note": "records.number_as_code",
        }
    ]


def test_truncated_workbook(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "book.xlsx").read_bytes()
    path = tmp_path / "cut.xlsx"
    for length in (len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="damaged"):
            read(path)


def test_workbook_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/bomb", "w", force_zip64=True) as part,
    ):
        for _ in range(65):
            part.write(bytes(16 * 1024 * 1024))
    with pytest.raises(InputError, match="unpacks to more than 1024 MB"):
        read(path)


def test_workbook_with_a_cell_far_away(tmp_path: Path) -> None:
    path = tmp_path / "far.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["case_id", "dx"])
    sheet.write(1_048_575, 16_383, "x")
    book.close()
    with pytest.raises(InputError, match="million cells"):
        read(path)


def test_column_of_a_type_that_cannot_be_a_field(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    pq.write_table(pa.table({"case_id": ["A"], "dx": ["I10"], "age": [{"years": 3}]}), path)
    with pytest.raises(InputError, match="age has the type struct"):
        list(read(path).batches())


def test_numbers_as_other_programs_write_them_to_parquet(tmp_path: Path) -> None:
    nan = float("nan")
    table = pa.table(
        {
            "case_id": [1001.0, 1002.0, nan, 1004.0],
            "sex": pa.array([1, 0, 2, 7], pa.int8()),
            "age": [63.0, nan, 0.0, 63.5],
            "weight_g": pa.array([0, 3200, 99, None], pa.int64()),
            "icu_hours": [0.0, float("inf"), nan, 2.5],
            "discharge_date": [dt.date(2024, 3, 1), None, None, None],
            "dx": pa.array([["I10", None, " E11 "], [None, "I10"], [], None], pa.large_list(pa.string())),
        }
    )
    path = tmp_path / "numbers.parquet"
    pq.write_table(table, path)
    batch = only_batch(path)
    case = batch.cases.to_pylist()[0]
    assert batch.case_rows.to_pylist() == [1]
    assert (case["case_id"], case["age"], case["birth_weight_g"], case["icu_hours"]) == (
        "1001",
        63,
        None,
        0.0,
    )
    assert (case["discharge_date"], case["dx"]) == (dt.date(2024, 3, 1), ["I10", "E11"])
    assert [
        (row["row"], row["field"], row["reason"].removeprefix("records."))
        for row in batch.rejections.to_pylist()
    ] == [
        (2, "icu_hours", "not_a_number"),
        (2, "dx", "principal_dx_missing_others_given"),
        (3, "birth_weight_g", "weight_out_of_range"),
        (3, "admission_weight_g", "weight_out_of_range"),
        (3, "dx", "principal_dx_missing"),
        (3, "case_id", "case_id_missing"),
        (4, "sex", "sex_unknown_value"),
        (4, "age", "not_whole"),
        (4, "dx", "principal_dx_missing"),
    ]


def test_json_lines_that_are_broken_are_rejected_alone(tmp_path: Path) -> None:
    path = tmp_path / "lines.json"
    path.write_text(
        '{"case_id": 1, "dx": "I10"}\n{"case_id": 2,\n[3]\n{"case_id": 4, "dx": ["I10"], "age": {}}\n',
        "utf-8",
    )
    batch = only_batch(path)
    assert batch.case_rows.to_pylist() == [1]
    assert [(row["row"], row["reason"]) for row in batch.rejections.to_pylist()] == [
        (2, "records.record_not_json"),
        (3, "records.record_not_object"),
        (4, "records.value_not_scalar"),
    ]


def test_a_code_that_is_no_text_rejects_its_settlement_list(tmp_path: Path) -> None:
    path = tmp_path / "nested.json"
    path.write_text('{"setlinfo": {"setl_id": "S1"}, "diseinfo": [{"diag_code": {"icd": "I10"}}]}', "utf-8")
    reasons = only_batch(path).rejections.to_pylist()
    assert ("dx", "records.value_not_scalar", '{"icd":"I10"}') in {
        (row["field"], row["reason"], row["value"]) for row in reasons
    }


def test_every_reason_is_told_in_both_languages_with_a_remedy(tmp_path: Path) -> None:
    rows = [
        GOOD_ROW | {key: str(value) for key, value in entry["cells"].items()} for entry in BAD_ROWS.values()
    ]
    batch = only_batch(write_csv(tmp_path / "all.csv", rows))
    for lang in LANGUAGES:
        rendered = render_rejections(batch.rejections, lang)
        assert all(rendered.column("reason_text").to_pylist()) and all(rendered.column("remedy").to_pylist())


def test_messages_named_in_code_and_data_exist() -> None:
    folder = Path(__file__).parents[3] / "drg" / "records"
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    settings = (folder / "fields.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'"(records\.[a-z0-9_]+)"', sources))
    named |= {f"records.{key}" for key in re.findall(r'(?:below|above|outside) = "(\w+)"', settings)}
    named |= {f"records.{key}" for key in re.findall(r'reject(?:_matching)?\(\s*"(\w+)"', sources)}
    assert named <= set(TEXTS.catalogue)


def test_inspection_counts_and_shows_examples(tmp_path: Path) -> None:
    rows = [GOOD_ROW | {"case_id": str(number), "age": "-1"} for number in range(5)]
    found = inspect(
        write_csv(tmp_path / "in.csv", [GOOD_ROW, *rows, GOOD_ROW | {"case_id": "F", "age": "６３"}])
    )
    assert (found.rows, found.cases, found.rejected_rows) == (7, 2, 5)
    assert found.rejections == {"records.age_negative": 5}
    assert found.notes == {"records.full_width_digits": 1}
    assert [row["row"] for row in found.examples] == [3, 4, 5]
    assert (found.dialect, found.dialect_reason) == ("plain", "case_id, dx")
