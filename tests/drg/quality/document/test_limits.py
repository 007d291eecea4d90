"""Time limits: every row against records that break and keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drg.errors import InputError
from drg.quality.document.limits import LATE, MISSING, SHIPPED, load_limits
from tests.drg.quality.document.records import short_record

CASES: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("limits.yaml").read_text(encoding="utf-8")
)
LIMITS = {limit.rule.id: limit for limit in load_limits()}


@pytest.mark.parametrize(("id", "state"), [(id, state) for id, states in CASES.items() for state in states])
def test_a_record_gets_the_state_that_it_is_in(id: str, state: str) -> None:
    outcome = LIMITS[id].outcome(short_record(CASES[id][state]))
    if state == "not_applicable":
        assert outcome is None
        return
    assert outcome is not None
    expected = {"late": {LATE}, "missing": {MISSING}, "kept": set()}[state]
    assert {found.check for found in outcome} == expected


def test_every_limit_has_a_record_that_breaks_and_one_that_keeps_it() -> None:
    assert set(CASES) == set(LIMITS)
    for id, states in CASES.items():
        assert "kept" in states, id
        assert "not_applicable" in states, id
        assert {"late", "missing"} & set(states), id


def test_a_late_document_is_quoted_from_its_beginning() -> None:
    record = short_record(CASES["R01"]["late"])
    (found,) = LIMITS["R01"].outcome(record) or ()
    (span,) = found.spans
    assert record.documents[0].body[span.start : span.end] == span.text == "文书"
    assert ("due", "2025-03-02 09:00") in {(one.field, one.text) for one in found.values}


def test_a_limit_marked_unconfirmed_is_a_hint() -> None:
    assert all(limit.rule.confirmed or limit.rule.severity == "hint" for limit in LIMITS.values())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('anchor = "admission"', 'anchor = "breakfast"'),
        ('documents = ["admission_note"]', 'documents = ["love_letter"]'),
        ('condition = "within"', 'condition = "soon"'),
        ('severity = "hint"\nconfirmed = false', 'severity = "block"\nconfirmed = false'),
    ],
)
def test_a_mistake_in_the_table_is_refused(old: str, new: str, tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "limits.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError):
        load_limits(path)
