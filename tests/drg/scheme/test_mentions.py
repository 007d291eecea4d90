"""What a code does in a scheme."""

from __future__ import annotations

import pytest

from drg.errors import InputError
from drg.scheme.mentions import Mention, reach_of
from drg.scheme.pack import Pack, find_pack
from tests.drg.scheme.variants import changed_row


@pytest.fixture(scope="module")
def pack() -> Pack:
    return find_pack("chs-drg-1.1")


def rows(mentions: tuple[Mention, ...], level: str) -> list[str]:
    return [one.row.code for one in mentions if one.level == level and one.wanted]


def test_a_principal_diagnosis_reaches_its_mdc_and_adrg(pack: Pack) -> None:
    found = reach_of(pack, "i50.900 ")
    assert (found.code, found.system) == ("I50.900", "icd10")
    assert "MDCF" in rows(found.mentions, "mdc")
    assert "FR2" in rows(found.mentions, "adrg")
    assert all(found.code in pack.sets[one.set_name] for one in found.mentions)
    assert {one.fields for one in found.mentions if one.row.code == "FR2"} == {("ZYZD",)}


def test_a_procedure_reaches_the_groups_that_ask_for_it(pack: Pack) -> None:
    found = reach_of(pack, "47.0100")
    assert found.system == "icd9cm3" and found.complication is None
    assert rows(found.mentions, "adrg")
    assert all("ZYSS" in one.fields or "QTSS" in one.fields for one in found.mentions)


def test_a_complication_says_its_level_and_what_takes_it_away(pack: Pack) -> None:
    found = reach_of(pack, "J96.000")
    assert found.complication is not None and found.complication.level == "MCC"
    assert found.excluded_by == len(pack.exclusions[found.complication.exclusion_table])
    tables = [name for name, members in pack.exclusions.items() if "J96.000" in members]
    assert found.excludes == sum(one.exclusion_table in tables for one in pack.complications.values())


def test_a_rule_that_refuses_a_code_does_not_want_it(pack: Pack) -> None:
    row = next(row for row in pack.adrgs if row.code == "FR2")
    name = next(one.set_name for one in reach_of(pack, "I50.900").mentions if one.row is row)
    changed = changed_row(pack, "FR2", rule=f"not (ZYZD in {name})")
    assert [one.wanted for one in reach_of(changed, "I50.900").mentions if one.row.code == "FR2"] == [False]


@pytest.mark.parametrize("text", ["", "心力衰竭", "FR2", "I50.9999999"])
def test_what_is_no_code_is_refused(pack: Pack, text: str) -> None:
    with pytest.raises(InputError) as refused:
        reach_of(pack, text)
    assert refused.value.render("zh") != refused.value.render("en")
