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


@pytest.mark.parametrize("dx", [None, []])
def test_a_case_without_principal_diagnosis_is_rejected_not_lost(dx: list[str] | None) -> None:
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
    "type_", [pa.large_list(pa.large_string()), pa.list_(pa.dictionary(pa.int8(), pa.string()))]
)
def test_other_arrow_types_for_the_same_codes(type_: pa.DataType) -> None:
    table = pa.table({"case_id": ["1"], "dx": pa.array([["I50.900", "J96.000"]], type_)})
    assert row(drg.group(table, SCHEME))["drg"] == "FR21"


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
