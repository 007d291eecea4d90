"""Case tables that are not as tidy as one would like."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

import drg
from drg.case import CASE_SCHEMA, Case, to_table
from drg.errors import InputError

SCHEME = "chs-drg-1.1"
HEART_FAILURE = Case(case_id="1", sex=1, age=72, dx=["I50.900", "J96.000"])


def row(table: pa.Table) -> dict[str, object]:
    assert len(table) == 1
    found: dict[str, object] = table.to_pylist()[0]
    return found


def test_result_columns_and_trace_of_one_case() -> None:
    found = row(drg.group(to_table([HEART_FAILURE]), SCHEME))
    assert found == {
        "case_id": "1",
        "status": "grouped",
        "mdc": "MDCF",
        "adrg": "FR2",
        "drg": "FR21",
        "drg_name": "心力衰竭、休克，伴严重并发症或合并症",
        "cc_level": "MCC",
        "cc_code": "J96.000",
        "excluded_cc": [],
        "unknown_codes": [],
        "reason": "grouper.grouped",
        "scheme": SCHEME,
    }


def test_an_empty_table_gives_an_empty_result() -> None:
    assert drg.group(CASE_SCHEMA.empty_table(), SCHEME).num_rows == 0
    assert drg.group(CASE_SCHEMA.empty_table()).num_rows == 0


def test_absent_columns_are_missing_values() -> None:
    table = pa.table({"case_id": ["1"], "dx": [["N40.x00"]]})
    assert row(drg.group(table, SCHEME))["reason"] == "grouper.no_mdc"


@pytest.mark.parametrize("dx", [None, [], [None], [""], [None, "I50.900"]])
def test_a_case_without_principal_diagnosis_is_rejected_not_lost(dx: list[str | None] | None) -> None:
    table = pa.table({"case_id": ["1", "2"], "dx": pa.array([dx, ["I50.900"]], pa.list_(pa.string()))})
    found = drg.group(table, SCHEME).to_pylist()
    assert [item["status"] for item in found] == ["rejected", "grouped"]
    assert found[0]["reason"] == "grouper.principal_dx_missing"
    assert found[0]["cc_level"] is None


def test_a_null_among_the_codes_is_an_unknown_code() -> None:
    table = pa.table({"case_id": ["1"], "dx": [["I50.900", None, "J96.000"]], "proc": [[None]]})
    found = row(drg.group(table, SCHEME))
    assert (found["drg"], found["unknown_codes"]) == ("FR21", [None, None])


def test_unknown_codes_are_named_as_written_in_order() -> None:
    case = Case(case_id="1", dx=["I50.900", "Ｑ９９９", "J96.000", "nope"], proc=["77.77777"])
    found = row(drg.group(to_table([case]), SCHEME))
    assert found["unknown_codes"] == ["Ｑ９９９", "nope", "77.77777"]


@pytest.mark.parametrize(
    "type_",
    [
        pa.large_list(pa.large_string()),
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
        pa.list_(pa.string_view()),
        pa.list_view(pa.string()),
        pa.list_(pa.string(), 2),
    ],
    ids=str,
)
def test_other_arrow_types_for_the_same_codes(type_: pa.DataType) -> None:
    written = [["I50.900", "J96.000"], None, ["I50.900", "E11.900"]]
    chunks = [pa.array(written, type_), pa.array([], type_), pa.array(written, type_)[1:]]
    table = pa.table({"case_id": list("abcde"), "dx": pa.chunked_array(chunks)})
    assert drg.group(table, SCHEME)["drg"].to_pylist() == ["FR21", None, "FR25", None, "FR25"]


def test_other_arrow_types_for_the_same_facts() -> None:
    infant = Case(
        case_id="7",
        sex=2,
        age=0,
        age_days=5,
        birth_weight_g=1400,
        department="0701A",
        discharge_date=dt.date(2025, 3, 1),
        dx=["P07.100"],
    )
    table = to_table([infant])
    others: dict[str, pa.Array] = {
        "case_id": pa.array([7]),
        "sex": pa.array(["2"]).dictionary_encode(),
        "age": pa.array([0.0]),
        "age_days": pa.array(["5"], pa.large_string()),
        "birth_weight_g": pa.array([1400], pa.decimal128(9, 0)),
        "department": pa.array(["0701A"]).dictionary_encode(),
        "discharge_date": pa.array([dt.datetime(2025, 3, 1, 17, 30)]),
        "region": pa.nulls(1),
    }
    expected = drg.group(table).to_pylist()
    assert expected[0]["status"] == "grouped"
    for name, column in others.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    assert drg.group(table).to_pylist() == expected
    assert drg.group(table.to_batches()[0]).to_pylist() == expected


def test_columns_that_cannot_be_read_are_all_named() -> None:
    table = pa.table(
        [
            pa.array(["I50.900|J96.000"]),
            pa.array([[51.23]]),
            pa.array(["old"]),
            pa.array(["1"]),
            pa.array(["2"]),
        ],
        names=["dx", "proc", "age", "sex", "sex"],
    )
    with pytest.raises(InputError) as caught:
        drg.group(table, SCHEME)
    told = {(problem.params["column"], problem.code) for problem in caught.value.problems}
    wrong_type = {(name, "grouper.column_type") for name in ("dx", "proc", "age")}
    assert told == wrong_type | {("sex", "grouper.column_twice")}


def test_five_hundred_diagnoses_in_one_case() -> None:
    case = Case(case_id="1", dx=["I50.900", *["E11.900"] * 498, "J96.000"])
    assert row(drg.group(to_table([case]), SCHEME))["cc_code"] == "J96.000"


def test_the_scheme_is_chosen_by_region_and_discharge_date() -> None:
    dates = [dt.date(2026, 5, 1), None, dt.date(2019, 5, 1), dt.date(2026, 12, 31), dt.date(2027, 1, 1)]
    cases = [
        Case(case_id=str(place), dx=["I50.900"], region="CN-32", discharge_date=date)
        for place, date in enumerate(dates)
    ]
    found = drg.group(to_table(cases)).to_pylist()
    assert [item["case_id"] for item in found] == ["0", "1", "2", "3", "4"]
    assert [item["scheme"] for item in found] == [SCHEME, None, None, SCHEME, None]
    assert [item["drg"] for item in found] == ["FR25", None, None, "FR25", None]
    assert found[1]["reason"] == found[4]["reason"] == "grouper.no_scheme"


def test_explain_says_so_where_no_scheme_applies() -> None:
    with pytest.raises(InputError, match="no scheme here applies"):
        drg.explain(HEART_FAILURE)


def test_an_unknown_scheme_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=SCHEME):
        drg.group(to_table([HEART_FAILURE]), "no-such-scheme")
