"""Edits of a case are pure: another case comes back, the given one stays."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drg.case import Case
from drg.grouper import whatif

CASE = Case.model_validate(
    {"case_id": "a", "age": 0, "dx": ["J18.900", "I50.900", "E11.900"], "proc": ["51.2300"]}
)


@pytest.mark.parametrize(
    ("place", "to", "expected"),
    [
        (0, 1, ["I50.900", "J18.900", "E11.900"]),
        (2, 1, ["J18.900", "E11.900", "I50.900"]),
        (2, 0, ["E11.900", "J18.900", "I50.900"]),
        (1, 1, ["J18.900", "I50.900", "E11.900"]),
        (0, 9, ["I50.900", "E11.900", "J18.900"]),
    ],
)
def test_a_code_is_moved_and_none_is_lost(place: int, to: int, expected: list[str]) -> None:
    moved = whatif.move_code(CASE, "dx", place, to)
    assert moved.dx == expected
    assert moved.model_copy(update={"dx": CASE.dx}) == CASE


def test_facts_are_changed_and_checked() -> None:
    changed = whatif.change_facts(CASE, sex=None, age_days=12)
    assert (changed.sex, changed.age, changed.age_days, changed.dx) == (None, 0, 12, CASE.dx)
    assert CASE.age == 0
    for wrong in ({"age": -1}, {"age": 1, "age_days": 12}, {"age": None, "age_days": 12}):
        with pytest.raises(ValidationError):
            whatif.change_facts(CASE, **wrong)


def test_alternatives_stop_at_the_limit_and_keep_coded_order() -> None:
    found = whatif.alternatives(CASE, "chs-drg-1.1", limit=2)
    assert [explanation.case.principal_dx for explanation in found] == CASE.dx[:2]


def test_a_code_is_removed_and_only_that_one() -> None:
    assert whatif.remove_code(CASE, "dx", 1).dx == ["J18.900", "E11.900"]
    assert whatif.remove_code(CASE, "dx", -1).dx == ["J18.900", "I50.900"]
    assert whatif.remove_code(CASE, "proc", 0).proc == []


def test_a_place_that_is_not_there_changes_nothing_silently() -> None:
    with pytest.raises(IndexError):
        whatif.remove_code(CASE, "dx", 3)
    with pytest.raises(IndexError):
        whatif.make_principal(CASE, "proc", 1)
