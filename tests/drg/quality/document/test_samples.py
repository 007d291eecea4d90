"""The whole-record samples: every planted defect is found, clean records have nothing that blocks."""

from __future__ import annotations

import csv
from functools import cache

import pytest

from drg.quality.document import CheckedRecord, DocumentChecker
from drg.quality.document.engine import document_rules
from drg.quality.document.files import check_documents
from drg.quality.document.found import finding_table, texts_table
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "data_samples" / "sample" / "records"


def planted() -> dict[str, list[str]]:
    with (FOLDER / "record_defects.csv").open(encoding="utf-8", newline="") as file:
        return {row["case_id"]: row["rules"].split() for row in csv.DictReader(file)}


@cache
def checked() -> dict[str, CheckedRecord]:
    return {one.record.case_id: one for one in check_documents(FOLDER, DocumentChecker())}


@pytest.mark.parametrize(
    ("case", "rule"),
    [(case, rule) for case, rules in planted().items() for rule in rules if rule in document_rules()],
)
def test_a_planted_defect_is_found(case: str, rule: str) -> None:
    assert checked()[case].status(rule) == "hit"


def test_every_defect_is_planted_for_one_of_our_checks() -> None:
    assert all(set(rules) & set(document_rules()) for rules in planted().values())


def test_clean_records_have_no_finding() -> None:
    clean = set(checked()) - set(planted())
    assert clean
    for case in clean:
        assert [one.rule.id for one in checked()[case].hits] == []


def test_records_with_a_planted_defect_have_no_other_finding_that_blocks() -> None:
    for case, rules in planted().items():
        others = [one.rule.id for one in checked()[case].hits if one.rule.id not in rules]
        assert all(document_rules()[id].severity == "hint" for id in others), case


def test_quotes_are_what_stands_at_their_offsets() -> None:
    quoted = 0
    for one in checked().values():
        bodies = {note.position: note.body for note in one.record.documents}
        for result in one.hits:
            for span in (span for found in result.found for span in found.spans):
                assert bodies[span.position][span.start : span.end].startswith(span.text)
                quoted += 1
    assert quoted >= 8


def test_grades_follow_from_what_was_planted() -> None:
    grades = {case: one.grade.title.zh for case, one in checked().items()}
    assert grades["SYN00000066-1"] == "丙"
    assert grades["SYN00000025-1"] == "乙"
    assert all(grades[case] == "甲" for case in set(grades) - set(planted()))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_findings_become_a_table_in_words(lang: str) -> None:
    rows = [row for one in checked().values() for row in one.findings()]
    table = texts_table(finding_table(rows), document_rules(), lang)
    side = next(row for row in table.to_pylist() if row["rule"] == "E19")
    assert "左膝" in side["message"] and "右膝" in side["message"]
    assert "documents[10]" in side["spans"]
