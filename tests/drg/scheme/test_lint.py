"""The lint finds the known oddities of the national scheme, each planted one, and nothing that is not so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import drg
from drg.case import Case
from drg.messages import LANGUAGES
from drg.scheme.lint import LintFinding, lint, render
from drg.scheme.pack import Complication, Evaluation, Pack, Settings, Validity, find_pack
from tests.drg.grouper import schemes
from tests.drg.scheme.variants import row

UNREACHABLE = {"rule_never_holds", "row_shadowed", "adrg_without_drg", "mdc_without_adrg"}


@pytest.fixture(scope="module")
def national() -> list[LintFinding]:
    return lint(find_pack("chs-drg-1.1"))


def of(findings: list[LintFinding], kind: str) -> dict[str, LintFinding]:
    return {finding.code: finding for finding in findings if finding.kind == kind}


def test_17_adrgs_list_diagnoses_outside_their_mdc(national: list[LintFinding]) -> None:
    found = of(national, "dx_outside_mdc")
    assert len(found) == 17
    assert found["WZ1"].count == 76


def test_154_diagnoses_group_only_with_a_procedure(national: list[LintFinding]) -> None:
    assert sum(finding.count for finding in of(national, "dx_needs_procedure").values()) == 154


def test_9_diagnoses_are_in_two_ordinary_mdcs_and_one_in_a_preceding_mdc(national: list[LintFinding]) -> None:
    pairs = Counter({(f.params["other"], f.code): f.count for f in national if f.kind == "gates_overlap"})
    assert pairs == {("MDCM", "MDCN"): 7, ("MDCN", "MDCG"): 1, ("MDCN", "MDCL"): 1, ("MDCY", "MDCX"): 1}


def test_table_999_is_referred_to_but_not_listed(national: list[LintFinding]) -> None:
    assert of(national, "exclusion_missing").keys() == {"999"}


def test_shipped_lint_result_is_that_of_the_shipped_pack(national: list[LintFinding]) -> None:
    pack = find_pack("chs-drg-1.1")
    assert (pack.folder / "lint.txt").read_text(encoding="utf-8") == render(national)


def a_pack(**changes: object) -> Pack:
    """Two small MDCs without any oddity."""
    pack = Pack(
        Path("made"),
        Settings(
            id="made",
            name="",
            name_en="",
            issued="",
            source="",
            validity=Validity.model_validate({"regions": ["*"], "from": "2020-01-01"}),
            evaluation=Evaluation(weight="birth"),
        ),
        (row("MDCB", "ZYZD in DI_B"), row("MDCF", "ZYZD in DI_F")),
        (
            row("BB1", "ZYSS in OP_B", "MDCB"),
            row("BR1", "ZYZD in DI_B", "MDCB"),
            row("FR1", "ZYZD in DI_F", "MDCF"),
        ),
        (
            row("BB19", "", "BB1"),
            row("BR11", "QTZD in MCC", "BR1"),
            row("BR15", "", "BR1"),
            row("FR19", "", "FR1"),
        ),
        {
            "DI_B": frozenset({"I63.900", "I61.900"}),
            "DI_F": frozenset({"I50.900", "I21.900"}),
            "OP_B": frozenset({"01.2400"}),
        },
        {"J96.000": Complication("MCC", "1")},
        {"1": frozenset({"J96.000"})},
    )
    return replace(pack, **changes)  # type: ignore[arg-type]


SOUND = a_pack()
PLANTED = {
    "code_unknown": a_pack(sets=SOUND.sets | {"DI_F": frozenset({"I50.900", "I99.9999"})}),
    "name_missing": a_pack(mdcs=(row("MDCB", "ZYZD in DI_B", name=" "), SOUND.mdcs[1])),
    "rule_twice": a_pack(adrgs=(*SOUND.adrgs[:1], row("BC1", "ZYSS in OP_B", "MDCB"), *SOUND.adrgs[1:])),
    "set_empty": a_pack(sets=SOUND.sets | {"OP_B": frozenset()}),
    "set_unused": a_pack(sets=SOUND.sets | {"DI_X": frozenset({"I50.900"})}),
    "exclusion_missing": a_pack(complications={"J96.000": Complication("MCC", "7")}),
    "exclusion_unused": a_pack(exclusions=SOUND.exclusions | {"7": frozenset({"I50.900"})}),
    "fallback_not_last": a_pack(mdcs=(row("0000", ""), *SOUND.mdcs)),
    "ambiguous_not_last": a_pack(adrgs=(row("BQY", "ZYSS in OP_B", "MDCB"), *SOUND.adrgs)),
    "mdc_without_adrg": a_pack(adrgs=SOUND.adrgs[:2]),
    "adrg_without_drg": a_pack(drgs=SOUND.drgs[:3]),
    "rule_never_holds": a_pack(adrgs=(*SOUND.adrgs, row("FR2", "ZYZD in DI_B", "MDCF"))),
    "row_shadowed": a_pack(drgs=(*SOUND.drgs, row("FR15", "QTZD in CC", "FR1"))),
    "dx_outside_mdc": a_pack(adrgs=(*SOUND.adrgs[:2], row("FR1", "ZYZD in {DI_F,DI_B}", "MDCF"))),
    "dx_needs_procedure": a_pack(adrgs=(row("BB1", "ZYSS in OP_B", "MDCB"), SOUND.adrgs[2])),
    "gates_overlap": a_pack(mdcs=(row("MDCB", "ZYZD in {DI_B,DI_F}"), SOUND.mdcs[1])),
}


def test_sound_pack_has_no_finding() -> None:
    assert lint(SOUND) == []


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_oddity_is_found(kind: str) -> None:
    findings = [finding for finding in lint(PLANTED[kind]) if finding.kind == kind]
    assert len(findings) == 1
    for lang in LANGUAGES:
        assert findings[0].code in findings[0].render(lang)


def test_surgical_cases_still_reach_groups_behind_an_always_true_medical_one() -> None:
    """Where surgical cases skip groups that test no procedure, such a group takes nothing from later ones."""
    adrgs = (row("FR1", "ZYZD in DI_F", "MDCF"), row("FB1", "ZYZD in DI_F and ZYSS in OP_B", "MDCF"))
    drgs = (row("FR19", "", "FR1"), row("FB19", "", "FB1"))
    plain = a_pack(mdcs=SOUND.mdcs[1:], adrgs=adrgs, drgs=drgs)
    switched = plain.settings.evaluation.model_copy(update={"surgical_set": "OP_B"})
    skipping = replace(plain, settings=plain.settings.model_copy(update={"evaluation": switched}))
    assert of(lint(plain), "row_shadowed").keys() == {"FB1"}
    assert of(lint(skipping), "row_shadowed").keys() == set()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schemes.packs(), st.lists(schemes.cases, min_size=1, max_size=6))
def test_no_case_reaches_a_group_that_the_lint_calls_unreachable(pack: Pack, cases: list[Case]) -> None:
    unreachable = {finding.code for finding in lint(pack) if finding.kind in UNREACHABLE}
    for case in cases:
        result = drg.explain(case, pack).grouping
        assert result.drg not in unreachable
        assert result.adrg not in unreachable
