"""A case as an object and as a row of a table: nothing is lost on either way."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drg.case import CASE_SCHEMA, MAX_CODES, MAX_FEN, Case, from_table, to_table

texts = st.text(min_size=1, max_size=64)
codes = st.text(min_size=1, max_size=40)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


ages = st.tuples(_maybe(st.integers(1, 150)), st.none()) | st.tuples(st.just(0), _maybe(st.integers(0, 366)))
"""Age in years and age in days: the latter beside age 0 only."""
other_fields = st.fixed_dictionaries(
    {
        "case_id": texts,
        "sex": _maybe(st.integers(1, 2)),
        "birth_weight_g": _maybe(st.integers(1, 20_000)),
        "admission_weight_g": _maybe(st.integers(1, 20_000)),
        "los_days": _maybe(st.integers(0, 36_500)),
        "discharge_way": _maybe(st.integers(1, 9)),
        "icu_hours": _maybe(st.floats(0, 1_000_000)),
        **dict.fromkeys(("department", "region", "hospital", "hospital_level"), _maybe(texts)),
        **dict.fromkeys(("insurance_type", "doctor", "person"), _maybe(texts)),
        **dict.fromkeys(("admission_date", "discharge_date"), _maybe(st.dates())),
        **dict.fromkeys(("total_cost_fen", "drug_cost_fen"), _maybe(st.integers(0, MAX_FEN))),
        **dict.fromkeys(("consumable_cost_fen", "patient_paid_fen"), _maybe(st.integers(0, MAX_FEN))),
        "dx": st.lists(codes, min_size=1, max_size=6),
        "proc": st.lists(codes, max_size=6),
    }
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    age, age_days = draw(ages)
    fields = draw(other_fields)
    assert {"age", "age_days", *fields} == set(Case.model_fields), "every field must be tried"
    return Case(age=age, age_days=age_days, **fields)


@settings(deadline=None)
@given(st.lists(cases(), max_size=5))
def test_cases_come_back_from_a_table(listed: list[Case]) -> None:
    table = to_table(listed)
    assert table.schema == CASE_SCHEMA
    assert from_table(table) == listed


@settings(deadline=None)
@given(st.lists(cases(), min_size=1, max_size=5), st.integers(0, 5))
def test_tables_come_back_from_cases(listed: list[Case], start: int) -> None:
    table = pa.concat_tables([to_table(listed), to_table(listed)]).slice(start)
    assert to_table(from_table(table)).equals(table)


def test_the_schema_has_every_field_in_order() -> None:
    assert CASE_SCHEMA.names == list(Case.model_fields)


def test_null_procedures_are_none_and_absent_columns_missing_values() -> None:
    table = pa.table({"case_id": ["1"], "dx": [["I10"]], "proc": pa.nulls(1, pa.list_(pa.string()))})
    assert from_table(table) == [Case(case_id="1", dx=["I10"])]


@pytest.mark.parametrize(
    "wrong",
    [
        {"dx": []},
        {"dx": [""]},
        {"dx": ["I10"] * (MAX_CODES + 1)},
        {"dx": ["I" * 41]},
        {"case_id": ""},
        {"sex": 0},
        {"age": -1},
        {"age": 63.5},
        {"age": 1, "age_days": 12},
        {"age": 1, "age_days": 0},
        {"age_days": 12},
        {"age": 0, "age_days": 367},
        {"birth_weight_g": 0},
        {"icu_hours": float("nan")},
        {"icu_hours": float("inf")},
        {"weight": 3000},
    ],
    ids=str,
)
def test_what_is_no_case(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Case.model_validate({"case_id": "1", "dx": ["I10"], **wrong})
