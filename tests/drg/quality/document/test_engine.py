"""Grade, appeals, jurisdiction, and records as hospitals really send them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.errors import InputError
from drg.quality.appeals import Appeal, Appeals
from drg.quality.document import DocumentChecker, whole_records
from drg.quality.document.engine import document_rules
from drg.quality.document.examples import example_record
from drg.quality.document.files import carries_documents, check_documents
from drg.quality.document.found import DOCUMENT_FINDING_SCHEMA, finding_table
from drg.quality.document.grade import SHIPPED, grade, load_grade_sheet, proved
from drg.quality.document.record import moment, number
from drg.quality.finding import FINDING_SCHEMA
from drg.quality.layout import groups
from tests.conftest import REPOSITORY
from tests.drg.quality.document.records import short_record

SAMPLES = REPOSITORY / "data_samples" / "sample"
LATE = {"stay": "2025-03-01 09:00/2025-03-09 16:00", "documents": ["admission_note@2025-03-03 09:00"]}


def graded(findings: dict[str, int], missing: dict[str, bool] | None = None) -> tuple[float, str, list[str]]:
    found = grade(load_grade_sheet(), findings, missing or {}, document_rules())
    return found.score, found.title.zh, [one.check for one in found.vetoes]


def test_points_are_taken_once_or_for_each_finding_and_capped_by_section() -> None:
    assert graded({}) == (100.0, "甲", [])
    assert graded({"E01": 3}) == (96.0, "甲", [])
    assert graded({"R13": 2}) == (90.0, "甲", [])
    assert graded({"R13": 3}) == (85.0, "乙", [])
    assert graded({"R13": 100}) == (75.0, "乙", [])
    assert graded({"R13": 100, "E01": 1}) == (71.0, "丙", [])


def test_every_deduction_is_traced_before_and_after_the_cap() -> None:
    found = grade(load_grade_sheet(), {"R13": 4, "R11": 3, "E01": 1}, {}, document_rules())
    traced = {one.check: (one.section.id, one.findings, one.lost, one.counted) for one in found.deductions}
    assert traced == {
        "R11": ("operation", 3, 15.0, 15.0),
        "R13": ("operation", 4, 20.0, 10.0),
        "E01": ("admission", 1, 4.0, 4.0),
    }
    assert found.score == 100 - sum(one.counted for one in found.deductions)


def test_a_veto_decides_whatever_the_points_and_a_late_document_is_none() -> None:
    assert graded({"E07": 1}) == (90.0, "丙", ["E07"])
    assert graded({"R01": 1}, {"R01": True}) == (95.0, "丙", ["R01"])
    assert graded({"R01": 1}, {"R01": False}) == (95.0, "甲", [])
    assert graded({"E28": 1}) == (90.0, "乙", ["E28"])


def test_hints_cost_nothing_and_their_vetoes_are_only_possible() -> None:
    found = grade(load_grade_sheet(), {"E19": 1, "E22": 5}, {}, document_rules())
    assert (found.score, found.title.zh, found.vetoes) == (100.0, "甲", ())
    assert [one.check for one in found.possible_vetoes] == ["E19", "E22"]


@pytest.mark.parametrize(("old", "new"), [('id = "R01"', 'id = "R99"'), ('grade = "C"', 'grade = "Z"')])
def test_a_sheet_that_names_what_does_not_exist_is_refused(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "grade.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError):
        proved(load_grade_sheet(path), document_rules())


def appeal(case: str, state: str) -> Appeals:
    return Appeals(
        (Appeal(rule="R01", case_id=case, reason="r", person="p", date=dt.date(2025, 4, 1), state=state),)
    )


def test_an_accepted_appeal_silences_the_check_for_its_case() -> None:
    record = short_record(LATE)
    assert DocumentChecker().check(record).status("R01") == "hit"
    assert DocumentChecker(appeal("other", "accepted")).check(record).status("R01") == "hit"
    assert DocumentChecker(appeal("example", "open")).check(record).status("R01") == "hit"
    silenced = DocumentChecker(appeal("example", "accepted")).check(record)
    assert silenced.status("R01") == "silenced"
    assert [row["status"] for row in silenced.findings() if row["rule"] == "R01"] == ["silenced"]
    assert "R01" not in {one.check for one in silenced.grade.deductions}


def test_a_regional_limit_runs_only_there() -> None:
    record = short_record(LATE)
    assert DocumentChecker().check(record).status("R06") is None
    assert DocumentChecker(jurisdiction="CN-ZJ").check(record).status("R06") == "hit"


def test_only_some_rules_can_be_run() -> None:
    checker = DocumentChecker(only=frozenset({"R01", "E19"}))
    assert [rule.id for rule in checker.rules] == ["R01", "E19"]


def test_findings_are_those_of_the_table_rules_with_spans() -> None:
    table = finding_table(DocumentChecker().check(short_record(LATE)).findings())
    assert table.schema == DOCUMENT_FINDING_SCHEMA
    assert table.select(FINDING_SCHEMA.names).schema == FINDING_SCHEMA
    assert table.num_rows


def test_a_record_without_notes_is_not_applicable_but_for_its_front_page() -> None:
    record = example_record({"dx": ["J18.900"], "admission_time": "2025-03-01 09:00:00"})
    assert [one.rule.id for one in DocumentChecker().check(record).hits] == []


def test_a_source_without_notes_is_refused() -> None:
    assert carries_documents(SAMPLES / "records")
    assert not carries_documents(SAMPLES / "front_page.csv")
    with pytest.raises(InputError):
        list(check_documents(SAMPLES / "front_page.csv", DocumentChecker()))


@pytest.mark.parametrize(
    "text", ["", "-", "2025-13-41", "昨天", "2025-03-01T09:00:00+08:00", "0000-00-00", None]
)
def test_odd_times_are_unknown_or_without_a_zone(text: str | None) -> None:
    time = moment(text)
    assert time is None or time.tzinfo is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("<0.01", 0.01), ("3.10", 3.1), ("阴性", None), ("1e309", None), ("", None), ("12,5", None)],
)
def test_results_are_numbers_only_where_they_are(text: str, value: float | None) -> None:
    assert number(text) == value


CHECKER = DocumentChecker()
MEMBERS = {group: [field.name for field in members] for group, members in groups().items()}
ODD = (
    None,
    "",
    "-",
    "2025-03-01 09:00:00",
    "2025-03-09T16:00:00Z",
    "9999-12-31 23:59:59",
    "0001-01-01",
    "血钾",
    "2.5",
    "admission_note",
    "operation_note",
    "course_note",
    "consent",
    "主诉：\n诊断：\n手术名称：(左膝[\\",
    "I50.000",
    "51.2300",
    "悬浮红细胞病危抢救会诊转科",
    "1",
    "\x00\ud7ff患者" * 3,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32))
def test_no_record_breaks_the_checks(seed: int) -> None:
    random = Random(seed)
    columns = {}
    for group in ("documents", "orders", "labs", "procedures", "diagnoses"):
        length = random.randrange(4)
        for name in MEMBERS[group]:
            columns[f"{group}.{name}"] = pa.array([random.choices(ODD, k=length)], pa.list_(pa.string()))
    for name in ("admission_time", "discharge_time", "sex", "age", "discharge_way", "los_days", "case_id"):
        columns[name] = pa.array([random.choice(ODD)], pa.string())
    (record,) = whole_records(pa.table(columns))
    checked = CHECKER.check(record)
    assert 0 <= checked.grade.score <= 100
    finding_table(checked.findings())
