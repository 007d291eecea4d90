"""Versions of the codes: what changed, the record after an edit, drafts that come back as they were saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from claims.coding_desk import Version, changes, load_case, record_after, shown, version_of
from claims.nightly.results import Results
from drg.case import Case
from drg.errors import InputError
from drg.grouper import whatif

EXAMPLES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("changes.yaml").read_text(encoding="utf-8")
)
CASE_ID = "SYN00000023-1"
CODES = st.sampled_from(["J18.900", "I10.x00", "I50.900", "K76.000", "E11.900"])
LISTS = st.lists(CODES, min_size=1, max_size=6)


def case_of(dx: list[str], proc: list[Any]) -> Case:
    return Case.model_validate({"case_id": "one", "dx": dx, "proc": [str(code) for code in proc]})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["is"])
def test_changes_are_said_as_a_coder_would(example: dict[str, Any]) -> None:
    assert shown(changes(case_of(*example["before"]), case_of(*example["after"]))) == example["says"]


@given(LISTS, LISTS)
def test_changes_are_empty_only_for_the_same_codes_and_count_every_difference(
    before: list[str], after: list[str]
) -> None:
    found = changes(case_of(before, []), case_of(after, []))
    assert (found == ()) == (before == after)
    added = sum(one.action == "added" for one in found)
    removed = sum(one.action == "removed" for one in found)
    assert len(after) - len(before) == added - removed


def test_a_code_keeps_the_values_of_its_row_wherever_it_stands(results: Results) -> None:
    file = load_case(results, CASE_ID)
    submitted = file.row
    moved = whatif.make_principal(file.submitted, "dx", 2)
    row = record_after(file, Version(moved)).to_pylist()[0]
    assert row["diagnoses.code"] == moved.dx
    for name in ("diagnoses.present_on_admission", "diagnoses.name"):
        by_code = dict(zip(submitted["diagnoses.code"], submitted[name], strict=True))
        assert row[name] == [by_code[code] for code in moved.dx]
    assert row["procedures.date"] == submitted["procedures.date"]
    assert row["documents.text"] == submitted["documents.text"]


def test_a_new_code_has_its_name_and_what_was_filled_in(results: Results) -> None:
    file = load_case(results, CASE_ID)
    version = Version(whatif.add_code(file.submitted, "dx", "K76.000"))
    row = record_after(file, version).to_pylist()[0]
    assert row["diagnoses.name"][-1] == "脂肪肝"
    assert row["diagnoses.present_on_admission"][-1] is None
    filled = version.with_value("diagnoses.present_on_admission", "K76.000", "1")
    assert record_after(file, filled).to_pylist()[0]["diagnoses.present_on_admission"][-1] == "1"
    assert filled.with_value("diagnoses.present_on_admission", "K76.000", " ") == version


def test_a_draft_comes_back_as_it_was_saved(results: Results) -> None:
    submitted = load_case(results, CASE_ID).submitted
    case = whatif.remove_code(whatif.add_code(submitted, "dx", "K76.000"), "dx", 1)
    version = Version(case, {("diagnoses.present_on_admission", "K76.000"): "1"}, ({"reason": "见出院记录"},))
    assert version_of(submitted, version.content) == version


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"case_id": "another", "dx": ["J18.900"], "proc": [], "filled": [], "applied": []},
        {"case_id": CASE_ID, "dx": [], "proc": [], "filled": [], "applied": []},
        {"case_id": CASE_ID, "dx": ["J18.900"], "proc": [], "filled": [["a"]], "applied": []},
        {"case_id": CASE_ID, "dx": "J18.900", "proc": None, "filled": [], "applied": []},
    ],
)
def test_a_draft_that_does_not_fit_is_refused(results: Results, broken: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        version_of(load_case(results, CASE_ID).submitted, broken)
    assert refused.value.render("zh") != refused.value.render("en")


@pytest.mark.parametrize(
    ("path", "value"), [("diagnoses.code", "J18.900"), ("patient_name", "x"), ("procedures.date", "x" * 300)]
)
def test_only_fields_beside_a_code_are_filled_in(path: str, value: str) -> None:
    with pytest.raises(InputError):
        Version(case_of(["J18.900"], [])).with_value(path, "J18.900", value)


def test_a_case_that_the_results_lack_is_refused(results: Results) -> None:
    with pytest.raises(InputError, match="no such case"):
        load_case(results, "SYN99999999-1")
