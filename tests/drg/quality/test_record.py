"""Files of every dialect as the record table."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from data_samples.write_front_page import front_page_columns
from data_samples.write_full import front_page_cells
from drg import records
from drg.errors import InputError
from drg.quality.layout import fields, groups
from drg.quality.record import MAX_GROUP_ROWS, RecordBatch, open_records, read_record_table, record_schema

SAMPLE = Path(__file__).parents[3] / "data_samples" / "sample"


def _rows(path: Path, **options: Any) -> list[dict[str, Any]]:
    return [row for batch in read_record_table(path, **options) for row in batch.records.to_pylist()]


def _reasons(path: Path) -> list[tuple[int, str]]:
    return [
        (line["row"], line["reason"])
        for batch in open_records(path).batches()
        for line in batch.rejections.to_pylist()
    ]


def _csv(path: Path, *lines: dict[str, str], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for line in lines for name in line)))
        writer.writeheader()
        writer.writerows(lines)
    return path


def _json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name", ["front_page.csv", "plain.csv", "settlement_4101a.json", "full_front_page.csv"]
)
def test_case_ids_are_those_of_the_grouped_cases(name: str) -> None:
    """Every case that can be grouped is a record with the same id."""
    cases = {
        case
        for batch in records.read(SAMPLE / name).batches()
        for case in batch.cases.column("case_id").to_pylist()
    }
    ids = {row["case_id"] for row in _rows(SAMPLE / name)}
    assert cases and cases <= ids


@pytest.mark.parametrize("name", ["front_page.csv", "settlement_4101a.json"])
def test_every_row_is_a_record_or_is_rejected(name: str) -> None:
    for batch in open_records(SAMPLE / name, batch_rows=37).batches():
        rejected = set(batch.rejections.column("row").to_pylist())
        kept = set(batch.records.column("row").to_pylist())
        assert not rejected & kept
        assert len(rejected) + len(kept) == batch.row_count


FRONT_PAGE = {"A48": "B1", "A49": "2", "C03C": "I10.x00", "C04N": "高血压"}


def test_positions_stay_and_blank_rows_at_the_end_are_cut(tmp_path: Path) -> None:
    line = FRONT_PAGE | {
        "C06x01C": "",
        "C07x01N": "-",
        "C06x02C": "E11.900",
        "C07x02N": "",
        "C06x03C": "-",
        "C07x03N": "",
    }
    (row,) = _rows(_csv(tmp_path / "a.csv", line))
    assert row["diagnoses.code"] == ["I10.x00", None, "E11.900"]
    assert row["diagnoses.name"] == ["高血压", None, None]


def test_without_a_principal_row_1_is_blank(tmp_path: Path) -> None:
    line = FRONT_PAGE | {"C03C": "", "C04N": "", "C06x01C": "E11.900"}
    (row,) = _rows(_csv(tmp_path / "a.csv", line))
    assert row["diagnoses.code"] == [None, "E11.900"]


def test_what_the_source_does_not_carry_has_no_column(tmp_path: Path) -> None:
    (batch,) = open_records(_csv(tmp_path / "a.csv", FRONT_PAGE | {"C14x01C": ""})).batches()
    assert batch.records.column_names == [
        "row",
        "case_id",
        "dialect",
        "medical_record_number",
        "admission_number",
        "diagnoses.code",
        "diagnoses.name",
        "procedures.code",
    ]
    assert batch.records.column("procedures.code").to_pylist() == [[]]


def test_raw_text_is_kept_even_where_it_is_no_value(tmp_path: Path) -> None:
    (row,) = _rows(
        _csv(tmp_path / "a.csv", FRONT_PAGE | {"A14": "六十", "B12": "2024/13/45", "D01": " 1,200 元 "})
    )
    assert (row["age"], row["admission_time"], row["total_cost"]) == ("六十", "2024/13/45", "1,200 元")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = _csv(tmp_path / "a.csv", FRONT_PAGE, encoding=encoding)
    assert open_records(path).encoding == {"utf-8-sig": "utf-8-bom"}.get(encoding, encoding)
    assert _rows(path)[0]["diagnoses.name"] == ["高血压"]


def test_one_form_of_durations(tmp_path: Path) -> None:
    page = FRONT_PAGE | {"C28": "0", "C29": "3", "C30": "20", "C31": "-", "C32": "", "C33": "-", "C47": "37"}
    (row,) = _rows(_csv(tmp_path / "a.csv", page))
    assert row["coma_before_admission"] == "0/3/20"
    assert row["coma_after_admission"] is None
    assert row["ventilator_hours"] == "37"
    lists = {"setl_id": "S1", "vent_used_dura": "1/13/24", "pwcry_bfadm_coma_dura": "0/3/20"}
    (row,) = _rows(_json(tmp_path / "a.json", [{"setlinfo": lists, "diseinfo": []}]))
    assert row["coma_before_admission"] == "0/3/20"
    assert (row["ventilator_duration"], row["ventilator_hours"]) == ("1/13/24", "37.4")


def test_4103_names_and_parts(tmp_path: Path) -> None:
    lists = {
        "setl_id": "S1",
        "bfadm_coma_days": 0,
        "bfadm_coma_h_cnt": 2,
        "bfadm_coma_m_cnt": 5,
        "psn_selfpay_amt": 12.5,
        "insutype": "310",
    }
    items = [{"med_chrgitm_type": "09", "item_sumamt": 100.1}]
    (row,) = _rows(_json(tmp_path / "a.json", [{"setlinfo": lists, "diseinfo": [], "iteminfo": items}]))
    assert row["coma_before_admission"] == "0/2/5"
    assert (row["own_share_payment"], row["insurance_type"]) == ("12.5", "310")
    assert (row["fee_items.item"], row["fee_items.amount"]) == (["09"], ["100.1"])


def test_pinyin_hours_stand_in_a_column_of_their_own(tmp_path: Path) -> None:
    page = {
        "BAH": "1",
        "ZYCS": "1",
        "JBDM": "I10",
        "RYSJ": "2024-03-01",
        "RYSJS": "9",
        "CYSJ": "2024-03-05 10:30",
        "CYSJS": "10",
    }
    (row,) = _rows(_csv(tmp_path / "a.csv", page))
    assert row["dialect"] == "pinyin"
    assert row["admission_time"] == "2024-03-01 09:00:00"
    assert row["discharge_time"] == "2024-03-05 10:30"


def test_legacy_columns(tmp_path: Path) -> None:
    page = {
        "P3": "1",
        "P2": "1",
        "P321": "I10",
        "P324": "E11",
        "P325": "糖尿病",
        "P101": "甲省",
        "P102": "乙市",
    }
    (row,) = _rows(_csv(tmp_path / "a.csv", page))
    assert (row["diagnoses.code"], row["diagnoses.name"]) == (["I10", "E11"], [None, "糖尿病"])
    assert row["birth_address"] == "甲省乙市"


SETTLEMENT = {"setl_id": "S1", "adm_time": "2024-01-01 08:00:00"}


def _dx(code: str, flag: str | None, kind: str = "1") -> dict[str, Any]:
    return {"diag_code": code, "maindiag_flag": flag, "diag_type": kind}


@pytest.mark.parametrize(
    ("nodes", "codes"),
    [
        ([_dx("A01", "0"), _dx("B01", "1")], ["B01", "A01"]),
        ([_dx("A01", "0"), _dx("B01", "0")], [None, "A01", "B01"]),
        ([_dx("A01", None), _dx("B01", None)], ["A01", "B01"]),
        ([_dx("TCM", "1", "2"), _dx("B01", "1")], ["B01", "TCM"]),
        ([], []),
    ],
)
def test_the_principal_diagnosis_is_row_1(
    tmp_path: Path, nodes: list[dict[str, Any]], codes: list[str]
) -> None:
    (row,) = _rows(_json(tmp_path / "a.json", [{"setlinfo": SETTLEMENT, "diseinfo": nodes}]))
    assert row.get("diagnoses.code", []) == codes


def test_newborn_weights_of_a_settlement_list(tmp_path: Path) -> None:
    messages = [
        {"setlinfo": {"setl_id": "1", "mul_nwb_bir_wt": "2500,2600", "nwb_bir_wt": None}, "diseinfo": []},
        {"setlinfo": {"setl_id": "2", "nwb_bir_wt": 3200}, "diseinfo": []},
        {"setlinfo": {"setl_id": "3", "nwb_bir_wt": None}, "diseinfo": []},
    ]
    found = [row["birth_weights.weight_g"] for row in _rows(_json(tmp_path / "a.json", messages))]
    assert found == [["2500", "2600"], ["3200"], []]


def test_plain_table_in_parquet_with_lists_and_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "case_id": ["1", "2"],
            "dx": [["I10", "E11"], ["J18", "", ""]],
            "proc": pa.array([None, ["47.01"]], pa.list_(pa.string())),
            "sex": [1, 2],
            "age": [63.0, float("nan")],
            "admission_date": [dt.date(2024, 1, 1), None],
            "discharge_time": [dt.datetime(2024, 1, 3, 10, 0, 0, 5), None],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second = _rows(tmp_path / "a.parquet")
    assert (first["diagnoses.code"], first["procedures.code"]) == (["I10", "E11"], [])
    assert (second["diagnoses.code"], second["procedures.code"]) == (["J18"], ["47.01"])
    assert (first["sex"], first["age"], second["age"]) == ("1", "63", None)
    assert (first["admission_time"], first["discharge_time"]) == ("2024-01-01", "2024-01-03 10:00:00")


def test_xlsx(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["A48_病案号", "住院次数(A49)", "C03C", "C06x01C", "未知列"])
        sheet.write_row(1, 0, ["B1", 1, "I10.x00", "E11.900", "x"])
    found = open_records(tmp_path / "a.xlsx")
    assert found.ignored_columns == ["未知列"]
    (row,) = _rows(tmp_path / "a.xlsx")
    assert (row["case_id"], row["diagnoses.code"]) == ("B1-1", ["I10.x00", "E11.900"])


def test_rejections(tmp_path: Path) -> None:
    lines = [
        FRONT_PAGE,
        FRONT_PAGE,
        FRONT_PAGE | {"A48": ""},
        dict.fromkeys(FRONT_PAGE, ""),
        FRONT_PAGE | {"A48": "x" * 80},
        FRONT_PAGE | {"A48": "B2", "C04N": "长" * 100_001},
    ]
    assert _reasons(_csv(tmp_path / "a.csv", *lines)) == [
        (3, "records.case_id_repeated"),
        (4, "records.case_id_missing"),
        (5, "records.row_empty"),
        (6, "records.text_too_long"),
        (7, "records.cell_too_long"),
    ]


def test_rejections_have_texts_in_both_languages(tmp_path: Path) -> None:
    path = _json(
        tmp_path / "a.json", [{"case_id": "1", "diagnoses": 5}, {"case_id": "2", "diagnoses": [], "sex": [1]}]
    )
    for batch in open_records(path).batches():
        assert batch.rejections.column("reason").to_pylist() == [
            "recordtable.group_not_list",
            "recordtable.value_not_text",
        ]
        for lang in ("en", "zh"):
            shown = records.render_rejections(batch.rejections, lang)
            assert all(shown.column("reason_text").to_pylist()) and all(shown.column("remedy").to_pylist())


def test_too_many_rows_of_a_group_and_long_documents(tmp_path: Path) -> None:
    codes = [{"code": "I10"}] * (MAX_GROUP_ROWS + 1)
    note = {"kind": "admission_note", "text": "长" * 200_001}
    path = _json(
        tmp_path / "a.json",
        [{"case_id": "1", "diagnoses": codes}, {"case_id": "2", "diagnoses": [], "documents": [note]}],
    )
    assert _reasons(path) == [(1, "recordtable.group_too_long"), (2, "recordtable.document_too_long")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"[1, 2]",
        b'{"case_id": "1"}',
        b"\x00\x01\x02",
        b"PK\x03\x04broken",
        b"PAR1broken",
        b"foo,bar\n1,2\n",
        b'[{"diagnoses": [' + b"[" * 100_000,
    ],
)
def test_a_file_that_cannot_be_used_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        list(open_records(path).batches())
    assert error.value.render("en") and error.value.render("zh")


def test_two_headers_for_one_column_are_refused(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", FRONT_PAGE | {"A11_姓名": "甲", "姓名(A11)": "乙"})
    with pytest.raises(InputError, match="A11"):
        open_records(path)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(InputError):
        open_records(SAMPLE / "front_page.csv", profile="front")


def test_previous_admissions(tmp_path: Path) -> None:
    stays = [
        ("B1", "3", "2024-05-01", "2024-05-09"),
        ("B1", "1", "2024-01-01", "2024-01-05"),
        ("B2", "1", "2024-02-01", ""),
    ]
    stays += [("B1", "2", "2024-03-01", "2024-03-05"), ("B3", "1", "", "2024-01-05")]
    lines = [
        {"A48": one, "A49": two, "C03C": "I10", "B12": three, "B15": four, "A01": "H"}
        for one, two, three, four in stays
    ]
    rows = _rows(_csv(tmp_path / "a.csv", *lines), with_previous=True, batch_rows=2)
    assert [row["previous_admission_number"] for row in rows] == ["2", None, None, "1", None]
    assert rows[0]["previous_admission_time"] == "2024-03-01"
    assert rows[0]["previous_discharge_time"] == "2024-03-05"


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(
    lambda text: text not in ("-", "--", "—", "NULL", "null", "None", "none", "NaN", "nan", "N/A", "<NA>")
)
_CELL = st.one_of(st.just(""), _TEXT)


@st.composite
def _pages(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, list[dict[str, str]]]]:
    """A front page: any text in any field, groups of a few rows with gaps, the last row not blank.

    It names its hospital in Chinese, as pages do: without a sign of three bytes, a file in UTF-8 with ``¡`` as its
    only other sign is also one in GB18030, and read as that (``drg.records.source_csv``).
    """
    plain = [
        path
        for path, field in fields().items()
        if field.front_page
        and not field.group
        and "/" not in field.front_page
        and path not in ("medical_record_number", "hospital_name")
    ]
    scalars = draw(st.dictionaries(st.sampled_from(plain), _TEXT, max_size=8))
    scalars |= {"admission_number": "1", "hospital_name": "合成医院"}
    rows = {}
    for group, most in {
        "diagnoses": 6,
        "procedures": 4,
        "pathology": 3,
        "icu_stays": 5,
        "birth_weights": 5,
    }.items():
        names = [field.name for field in groups()[group] if field.front_page]
        found = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, _CELL)), max_size=most))
        while found and not any(found[-1].values()):
            found.pop()
        rows[group] = found
    return scalars, rows


@settings(max_examples=40, deadline=None)
@given(pages=st.lists(_pages(), min_size=1, max_size=4))
def test_a_written_front_page_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    pages: list[tuple[dict[str, str], dict[str, list[dict[str, str]]]]],
) -> None:
    lines = []
    for number, (scalars, rows) in enumerate(pages):
        cells = front_page_cells(scalars | {"medical_record_number": f"R{number}"}, rows)
        lines.append({name: cells.get(name) or "-" for name in front_page_columns()})
    path = _csv(tmp_path_factory.mktemp("page") / "a.csv", *lines)
    read = _rows(path, batch_rows=2)
    assert len(read) == len(pages)
    for row, (scalars, rows) in zip(read, pages, strict=True):
        assert {name: row[name] for name in scalars} == scalars
        for group, expected in rows.items():
            for field in groups()[group]:
                if field.front_page:
                    assert row[field.path] == [one[field.name] or None for one in expected]


@settings(max_examples=60, deadline=None)
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["case_id", "diagnoses", "documents", "code", "setlinfo", "setl_id", "diseinfo", "sex"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = _json(tmp_path_factory.mktemp("json") / "a.json", content)
    try:
        batches: list[RecordBatch] = list(open_records(path).batches())
    except InputError:
        return
    for batch in batches:
        assert set(batch.records.column_names) <= set(record_schema().names)
        assert batch.row_count == len(batch.records) + len(set(batch.rejections.column("row").to_pylist()))
