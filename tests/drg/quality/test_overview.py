"""Figures of records, and the way down: counted by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from drg.errors import InputError
from drg.quality.engine import SUMMARY_SCHEMA
from drg.quality.finding import FINDING_SCHEMA
from drg.quality.known_rules import known_rules
from drg.quality.overview import Choice, chosen_records, figures, grades, values_of, with_titles
from drg.quality.score import DefectCounter, top_defects

A, B, C = "甲", "乙", "丙"


def records() -> pa.Table:
    """Five records: two departments, three doctors, two months; one without department."""
    rows = [
        ("1", "D1", "a", "2026-01", 0, 95.0, A),
        ("2", "D1", "a", "2026-01", 1, 80.0, B),
        ("3", "D1", "b", "2026-02", 2, 60.0, C),
        ("4", "D2", "c", "2026-02", 0, 99.0, A),
        ("5", None, "c", "2026-02", 0, 91.0, A),
    ]
    names = ("case_id", "department", "doctor", "month", "block", "score", "grade")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=SUMMARY_SCHEMA)


def findings() -> pa.Table:
    """Q125 open in 2 and 3, twice in 3; Q126 open in 3 and silenced in 1; one finding of a record not there."""
    rows = [("Q125", "2"), ("Q125", "3"), ("Q125", "3"), ("Q126", "3"), ("Q125", "other")]
    found = [{"rule": rule, "case_id": id, "severity": "block", "status": "open"} for rule, id in rows]
    found.append({"rule": "Q126", "case_id": "1", "severity": "block", "status": "silenced"})
    return pa.Table.from_pylist(found, schema=FINDING_SCHEMA)


def test_figures_of_all_records() -> None:
    assert figures(records()).to_pylist() == [
        {"records": 5, "top_grade": 3, "top_grade_share": 0.6, "blocked": 2, "mean_score": 85.0}
    ]
    assert figures(records().slice(0, 0)).to_pylist() == [
        {"records": 0, "top_grade": 0, "top_grade_share": None, "blocked": 0, "mean_score": None}
    ]


def test_departments_from_the_lowest_share_of_grade_a() -> None:
    found = figures(records(), "department").to_pylist()
    assert [(row["department"], row["records"], row["top_grade"], row["blocked"]) for row in found] == [
        ("D1", 3, 1, 2),
        ("D2", 1, 1, 0),
        (None, 1, 1, 0),
    ]


def test_months_in_their_order() -> None:
    found = figures(records(), "month").to_pylist()
    assert [(row["month"], row["top_grade_share"]) for row in found] == [
        ("2026-01", 0.5),
        ("2026-02", pytest.approx(2 / 3)),
    ]


def test_grades_written_in_english_count_too() -> None:
    english = records().set_column(10, "grade", pa.array(["A", "B", "C", "A", "A"]))
    assert figures(english).to_pylist() == figures(records()).to_pylist()


def test_grades_best_first() -> None:
    assert grades(records()).to_pylist() == [
        {"grade": A, "records": 3},
        {"grade": B, "records": 1},
        {"grade": C, "records": 1},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), ["3", "2", "5", "1", "4"]),
        (Choice(rule="Q125"), ["3", "2"]),
        (Choice(rule="Q126"), ["3"]),
        (Choice(rule="Q125", month="2026-01"), ["2"]),
        (Choice(department="D1", doctor="a"), ["2", "1"]),
        (Choice(grade=A), ["5", "1", "4"]),
        (Choice(department="' OR true --"), []),
        (Choice(rule="' OR true --"), []),
    ],
)
def test_down_to_the_cases(choice: Choice, expected: list[str]) -> None:
    assert chosen_records(records(), findings(), choice).column("case_id").to_pylist() == expected


def test_defects_of_all_records_count_a_record_once() -> None:
    found = top_defects(findings(), records())
    assert [(row["rule"], row["count"], row["records"], row["share"]) for row in found.to_pylist()] == [
        ("Q125", 2, 5, 0.4),
        ("Q126", 1, 5, 0.2),
    ]
    chosen = chosen_records(records(), findings(), Choice(doctor="a"))
    assert [(row["rule"], row["count"]) for row in top_defects(findings(), chosen).to_pylist()] == [
        ("Q125", 1)
    ]


@pytest.mark.parametrize("by", [None, "department", "doctor", "month"])
def test_defects_of_parts_are_those_of_the_whole(by: str | None) -> None:
    counter = DefectCounter(by)
    for start in (0, 2, 4):
        counter.add(findings(), records().slice(start, 2))
    assert counter.table().to_pylist() == top_defects(findings(), records(), by).to_pylist()


def test_defects_have_titles_and_an_unknown_rule_its_id() -> None:
    found = with_titles(pa.table({"rule": ["Q125", "gone"]}), known_rules(), "zh")
    assert found.column("title").to_pylist() == [known_rules()["Q125"].title.zh, "gone"]


def test_known_rules_are_of_tables_and_of_documents() -> None:
    assert {"Q125", "R01"} <= known_rules().keys()


def test_values_are_known_ones_in_order() -> None:
    assert values_of(records(), "department") == ["D1", "D2"]
    for ask in (lambda: values_of(records(), "colour"), lambda: figures(records(), "colour")):
        with pytest.raises(InputError):
            ask()
