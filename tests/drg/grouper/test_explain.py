"""What the explainer tells a coder."""

from __future__ import annotations

import drg
from drg.case import Case
from drg.grouper import whatif

SCHEME = "chs-drg-1.1"
CASE = Case(
    case_id="1", sex=1, age=72, dx=["I50.900", "I50.100", "J96.000", "E11.900", "bad"], proc=["51.23"]
)


def test_codes_are_shown_as_written_and_as_read() -> None:
    codes = {read.written: (read.role, read.code, read.how) for read in drg.explain(CASE, SCHEME).codes}
    assert codes["I50.900"] == ("principal_dx", "I50.900", "exact")
    assert codes["bad"] == ("other_dx", None, "unknown")
    assert codes["51.23"] == ("principal_proc", "51.2300", "excel_number")


def test_complications_say_whether_they_count_and_which_table_excludes_them() -> None:
    found = {item.code: item for item in drg.explain(CASE, SCHEME).complications}
    assert (found["J96.000"].level, found["J96.000"].counted) == ("MCC", True)
    assert not found["I50.100"].counted
    assert "I50.900" in drg_exclusions()[found["I50.100"].exclusion_table]
    assert "E11.900" not in found


def drg_exclusions() -> dict[str, frozenset[str]]:
    from drg.scheme.pack import find_pack

    return dict(find_pack(SCHEME).exclusions)


def test_every_row_that_was_tried_is_there_with_the_codes_that_met_it() -> None:
    explanation = drg.explain(CASE, SCHEME)
    held = [step for step in explanation.steps if step.held]
    assert [step.code for step in held] == ["MDCA", "MDCF", "FR2", "FR21"]
    assert held[2].tests[0].codes == ("I50.900",)
    failed = [step for step in explanation.steps if not step.held and step.level == "adrg"]
    assert len(failed) > 20
    assert all(not all(test.met for test in step.tests) or "not" in step.rule for step in failed)


def test_the_sentence_names_group_complication_and_exclusion_in_both_languages() -> None:
    explanation = drg.explain(CASE, SCHEME)
    chinese, english = explanation.sentence("zh"), explanation.sentence("en")
    for part in ("MDCF", "FR2 ", "FR21", "J96.000 急性呼吸衰竭", "MCC", "I50.100 左心室衰竭"):
        assert part in chinese
        assert part in english
    assert "因主要诊断而排除" in chinese
    assert "not counted beside this principal diagnosis" in english


def test_an_ungrouped_case_says_why_and_what_to_do() -> None:
    explanation = drg.explain(Case(case_id="1", dx=["N40.x00"], sex=2), SCHEME)
    assert explanation.grouping.status == "ungrouped"
    assert "check that it may be a principal diagnosis" in explanation.sentence("en")


def test_what_if_shows_what_changed_and_where_the_evaluation_parts() -> None:
    before = drg.explain(CASE, SCHEME)
    after = drg.explain(whatif.remove_code(CASE, "dx", 2), SCHEME)
    difference = whatif.compare(before, after)
    assert difference.changed == ("drg", "cc_level", "cc_code")
    assert [step.code if step else None for step in difference.parting] == ["FR21", "FR21"]
    assert whatif.compare(before, before).changed == ()
    assert whatif.compare(before, before).parting == (None, None)


def test_alternatives_try_each_diagnosis_as_principal_in_coded_order() -> None:
    found = whatif.alternatives(CASE, SCHEME)
    assert [item.case.principal_dx for item in found] == CASE.dx
    assert found[0].grouping == drg.explain(CASE, SCHEME).grouping
    assert found[4].grouping.reason == "grouper.principal_dx_unknown"


def test_codes_can_be_added_and_made_principal() -> None:
    case = whatif.add_code(CASE, "proc", "37.6101")
    assert whatif.make_principal(case, "proc", 1).proc == ["37.6101", "51.23"]
    assert CASE.proc == ["51.23"]


def test_the_sentence_does_not_credit_a_complication_where_the_adrg_is_not_divided() -> None:
    case = Case(case_id="1", age=45, sex=1, dx=["K80.101", "I50.900"], proc=["51.2300"])
    sentence = drg.explain(case, SCHEME).sentence("en")
    assert "HC29" in sentence
    assert "it is not divided by complications" in sentence
    assert "I50.900" not in sentence


def test_the_sentence_does_not_credit_a_cc_where_the_adrg_is_divided_by_mcc_only() -> None:
    case = Case(case_id="1", age=60, sex=1, dx=["I50.900", "A18.808+I32.0*"])
    explanation = drg.explain(case, SCHEME)
    assert (explanation.grouping.drg, explanation.grouping.cc_level) == ("FR25", "CC")
    assert "is a CC, which makes no difference here: the group is FR25" in explanation.sentence("en")
    assert "属于 CC，但不影响此处的细分，故入 FR25" in explanation.sentence("zh")
