"""A scheme against itself has no change; a changed copy has exactly the changes that were made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drg.messages import LANGUAGES
from drg.scheme.diff import SchemeDiff, diff
from drg.scheme.pack import Complication, Pack, find_pack
from tests.drg.scheme.variants import changed_row, row


@pytest.fixture(scope="module")
def old() -> Pack:
    return find_pack("chs-drg-1.1")


def changed(difference: SchemeDiff) -> list[tuple[str, str]]:
    for lang in LANGUAGES:
        assert len(difference.lines(lang)) == len(difference.changes) + 1
    return [(change.kind, change.code) for change in difference.changes]


def test_scheme_against_itself_has_no_change(old: Pack) -> None:
    assert diff(old, old).changes == ()


def test_new_and_gone_groups(old: Pack) -> None:
    new = replace(old, drgs=(*old.drgs[1:], row("FR29", "", "FR2")))
    assert changed(diff(old, new)) == [("group_gone", old.drgs[0].code), ("group_added", "FR29")]


def test_other_name_with_the_same_codes_is_a_renaming(old: Pack) -> None:
    assert changed(diff(old, changed_row(old, "FR2", name="心衰与休克"))) == [("group_renamed", "FR2")]


def test_blanks_in_a_name_are_no_renaming(old: Pack) -> None:
    assert diff(old, changed_row(old, "FR2", name="心力衰竭、 休克 ")).changes == ()


def test_other_name_with_other_codes_is_another_group(old: Pack) -> None:
    new = changed_row(old, "FR2", name="其他", rule="ZYZD in DI_FZ1")
    difference = diff(old, new)
    assert ("group_reused", "FR2") in changed(difference)
    assert not difference.of("group_renamed")
    assert not difference.of("rule_changed")


def test_changed_rule_shows_both_texts(old: Pack) -> None:
    (change,) = diff(old, changed_row(old, "FR21", rule="QTZD in MCC or QTZD in CC")).changes
    assert (change.kind, change.code) == ("rule_changed", "FR21")
    assert change.params == {"old": "QTZD in MCC", "new": "QTZD in MCC or QTZD in CC"}


def test_same_rule_written_otherwise_is_no_change(old: Pack) -> None:
    assert diff(old, changed_row(old, "FR21", rule="(qtzd IN {MCC})")).changes == ()


def test_moved_codes_name_where_from_and_where_to(old: Pack) -> None:
    sets = {
        **old.sets,
        "DI_FP1": old.sets["DI_FP1"] - {"R57.000"},
        "DI_FR3": old.sets["DI_FR3"] | {"R57.000"},
    }
    difference = diff(old, replace(old, sets=sets))
    assert changed(difference) == [("set_changed", "DI_FP1"), ("set_changed", "DI_FR3"), ("dx_moved", "")]
    (moved,) = difference.of("dx_moved")
    assert moved.members == ("R57.000",)
    assert "FR2" in moved.params["old"]
    assert "FR3" in moved.params["new"]


def test_procedure_that_leaves_its_groups(old: Pack) -> None:
    gone = sorted(old.sets["OP_FF1"])[0]
    difference = diff(old, replace(old, sets=old.sets | {"OP_FF1": old.sets["OP_FF1"] - {gone}}))
    assert changed(difference) == [("set_changed", "OP_FF1"), ("proc_moved", "")]
    assert difference.of("proc_moved")[0].members == (gone,)
    assert difference.counts == {"set_changed": 1, "proc_moved": 1}


def test_changed_complications(old: Pack) -> None:
    code, found = next((code, found) for code, found in old.complications.items() if found.level == "CC")
    raised = replace(
        old, complications={**old.complications, code: Complication("MCC", found.exclusion_table)}
    )
    (change,) = diff(old, raised).changes
    assert (change.kind, change.members) == ("cc_changed", (code,))
    assert change.params == {"old": "CC", "new": "MCC"}


def test_changed_exclusions_whatever_the_number_of_the_table(old: Pack) -> None:
    table = old.exclusions["1"]
    new = replace(old, exclusions={**old.exclusions, "1": table - {min(table)}})
    (change,) = diff(old, new).changes
    assert (change.kind, change.code, change.params) == ("exclusion_changed", "1", {"added": 0, "gone": 1})

    def renumbered(found: Complication) -> Complication:
        return Complication(found.level, f"x{found.exclusion_table}")

    complications = {code: renumbered(found) for code, found in old.complications.items()}
    exclusions = {f"x{name}": codes for name, codes in old.exclusions.items()}
    assert diff(old, replace(old, complications=complications, exclusions=exclusions)).changes == ()
