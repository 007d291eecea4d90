"""The desk: what it says of a version is what the library says, and a version is signed only when it may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from claims.coding_desk import (
    Applying,
    OpenCase,
    Signing,
    Version,
    apply_proposal,
    find_item,
    front_page,
    record_after,
    sign,
    silenced_rules,
    take,
    take_next,
    verdict,
)
from claims.coding_desk.elsewhere import look, target_name, targets
from claims.finding_appeals import appeal_finding, settle
from claims.nightly.results import Results
from claims.store import (
    AppealState,
    Filter,
    Kind,
    Order,
    StaleEdit,
    State,
    Store,
    content_of,
    decisions,
    get_item,
    latest_draft,
    save_draft,
    sign_offs,
    verify,
)
from drg.case import Case, to_table
from drg.coding.guard import NoEvidenceError, ReasonMissingError
from drg.errors import InputError
from drg.grouper import whatif
from drg.grouper.explain import explain
from drg.payment.contract import find_contract
from drg.payment.explain import explain_price
from drg.quality import grouping
from drg.quality.dictionary import NHSA
from drg.quality.document.engine import DocumentChecker
from drg.quality.document.record import whole_records
from drg.quality.engine import Checker
from drg.quality.registry import load_rules
from drg.scheme.pack import find_pack
from tests.claims.coding_desk.conftest import QUEUE, Opens
from tests.claims.coding_desk.results_folder import DAY, SCHEME

GOOD, UNSUPPORTED, BLOCKED = QUEUE
CODER, OTHER = "li", "wang"
REASON = "出院记录与超声支持"


def edited(desk: OpenCase, code: str = "I50.900") -> Version:
    """One more diagnosis with its condition at admission."""
    version = desk.submitted.with_case(whatif.add_code(desk.submitted.case, "dx", code))
    return version.with_value("diagnoses.present_on_admission", code, "1")


def taken(store: Store, case_id: str, person: str = CODER) -> Signing:
    """What a person signs with who took the case just now."""
    item = find_item(store, case_id)
    assert item is not None
    return Signing(take(store, item, person), 0, 0, "")


def test_group_and_payment_are_those_of_the_library(desk: Opens) -> None:
    opened = desk(GOOD)
    version = edited(opened)
    outcome = opened.outcome(version)
    expected = explain(version.case, SCHEME)
    price = explain_price(version.case, expected.grouping, find_contract("template"), as_if=True)
    assert outcome.explanation.grouping == expected.grouping
    assert (outcome.price, outcome.payment_fen) == (price, price.payment_fen)
    assert opened.outcome(opened.submitted).explanation.grouping.drg != expected.grouping.drg


def test_findings_are_those_of_all_rules_over_the_edited_record(results: Results, desk: Opens) -> None:
    every_rule = Checker(list(load_rules().values()), DAY, NHSA)
    for case_id in (*QUEUE, "SYN00000023-1", "SYN00000003-1"):
        opened = desk(case_id)
        for version in (opened.submitted, edited(opened)):
            record = record_after(opened.file, version)
            columns = grouping.case_columns(
                to_table([version.case]), find_pack(SCHEME), find_contract("template")
            )
            expected = (
                every_rule.check(grouping.with_groups(record, columns)).findings.column("rule").to_pylist()
            )
            whole = next(iter(whole_records(record, NHSA)))
            expected += [row["rule"] for row in DocumentChecker().check(whole).findings()]
            assert {one.rule.id for one in opened.findings(version)} == set(expected)


def test_a_desk_that_was_edited_finds_what_one_opened_anew_finds(desk: Opens) -> None:
    edits: tuple[Callable[[Case], Case], ...] = (
        lambda case: whatif.add_code(case, "dx", "K76.000"),
        lambda case: whatif.remove_code(case, "proc", 0),
        lambda case: whatif.make_principal(case, "dx", 1),
        lambda case: whatif.add_code(case, "proc", "51.2300"),
    )
    opened, found = desk(BLOCKED), []
    version = opened.submitted
    for edit in edits:
        version = version.with_case(edit(version.case))
        found.append({one.rule.id for one in opened.findings(version)})
        assert opened.findings(version) == desk(BLOCKED).findings(version)
    # A fee for an operation, and no procedure: the rule counts rows and reads none of their fields.
    assert ["Q343" in rules for rules in found] == [False, True, True, False]


def test_the_codes_stand_as_the_whole_review_says(desk: Opens) -> None:
    opened = desk(UNSUPPORTED)
    assert opened.standings == opened.review(opened.submitted).standings
    assert {one.judgement for one in opened.standings} > {"supported"}


def test_every_edit_is_checked_and_spots_lead_to_what_was_seen(desk: Opens) -> None:
    opened = desk(BLOCKED)
    blocking = [one for one in opened.findings(opened.submitted) if one.blocks]
    assert blocking
    row = record_after(opened.file, opened.submitted).to_pylist()[0]
    for finding in blocking:
        assert finding.spots
        for spot in finding.spots:
            if spot.start is not None and spot.position is not None:
                assert row["documents.text"][spot.position - 1][spot.start : spot.end].strip()
    added = opened.submitted.with_case(whatif.add_code(opened.submitted.case, "dx", "K76.000"))
    new = {one.rule.id for one in opened.findings(added)} - {
        one.rule.id for one in opened.findings(opened.submitted)
    }
    assert "Q023" in new


def test_what_was_filled_in_mends_the_finding_that_asked_for_it(desk: Opens) -> None:
    opened = desk(GOOD)
    version = opened.submitted.with_case(whatif.add_code(opened.submitted.case, "dx", "I50.900"))
    assert [one.rule.id for one in verdict(opened, version).blocking] == ["Q023"]
    assert verdict(opened, edited(opened)).blocking == ()


def test_a_case_is_confirmed_as_it_is(store: Store, desk: Opens) -> None:
    opened, signing = desk(GOOD), taken(store, GOOD)
    signed = sign(store, opened, opened.submitted, signing, CODER)
    assert (signed.number, signed.raises_weight, signed.person) == (1, False, CODER)
    assert signing.item is not None
    assert get_item(store, signing.item.id).state is State.DECIDED
    assert decisions(store, signing.item.id)[-1].resolution == "codes_confirmed"
    assert content_of(store, signed.content_hash) == opened.submitted.content
    assert verify(store).problems == ()


def test_findings_that_block_keep_a_case_from_being_signed(store: Store, desk: Opens) -> None:
    opened = desk(BLOCKED)
    with pytest.raises(InputError) as refused:
        sign(store, opened, opened.submitted, taken(store, BLOCKED), CODER)
    for finding in verdict(opened, opened.submitted).blocking:
        assert finding.rule.id in refused.value.render("zh")
    assert sign_offs(store, BLOCKED) == []
    assert latest_draft(store, BLOCKED) is None


@pytest.mark.parametrize("reason", ["", "    ", "短理由", "长" * 501])
def test_a_higher_weight_needs_a_reason(store: Store, desk: Opens, reason: str) -> None:
    opened, signing = desk(GOOD), taken(store, GOOD)
    assert verdict(opened, edited(opened)).raises_weight
    with pytest.raises(InputError):
        sign(store, opened, edited(opened), Signing(signing.item, 0, 0, reason), CODER)
    assert sign_offs(store, GOOD) == []


def test_the_reason_and_the_changes_are_kept(store: Store, desk: Opens) -> None:
    opened, signing = desk(GOOD), taken(store, GOOD)
    signed = sign(store, opened, edited(opened), Signing(signing.item, 0, 0, REASON), CODER)
    assert (signed.raises_weight, signed.reason) == (True, REASON)
    assert signing.item is not None
    decision = decisions(store, signing.item.id)[-1]
    assert (decision.resolution, decision.reason) == ("codes_corrected", f"+I50.900 {REASON}")
    assert decision.rules_version == opened.engine.rules_version


def test_an_upheld_appeal_silences_its_rule(store: Store, desk: Opens) -> None:
    opened = desk(BLOCKED)
    rule = next(one.rule for one in verdict(opened, opened.submitted).blocking if one.rule.appealable)
    filed = appeal_finding(store, BLOCKED, rule, REASON, CODER)
    assert silenced_rules(store, BLOCKED) == frozenset()
    settle(store, filed, AppealState.UPHELD, "规则不适用", OTHER)
    again = OpenCase(opened.engine, opened.file, silenced_rules(store, BLOCKED))
    assert rule.id not in {one.rule.id for one in again.findings(again.submitted)}


def test_a_lower_weight_needs_no_reason(store: Store, desk: Opens) -> None:
    opened = desk(UNSUPPORTED)
    place = opened.submitted.case.dx.index("J98.414")
    version = opened.submitted.with_case(whatif.remove_code(opened.submitted.case, "dx", place))
    assert not sign(store, opened, version, taken(store, UNSUPPORTED), CODER).raises_weight


def test_who_was_slower_is_told_and_nothing_is_written(store: Store, desk: Opens) -> None:
    opened, signing = desk(GOOD), taken(store, GOOD)
    save_draft(store, GOOD, edited(opened).content, 0, OTHER)
    with pytest.raises(StaleEdit) as stale:
        sign(store, opened, opened.submitted, signing, CODER)
    assert stale.value.person == OTHER
    assert sign_offs(store, GOOD) == []
    signed = sign(store, opened, opened.submitted, Signing(signing.item, 0, 1, ""), CODER)
    with pytest.raises(StaleEdit):
        sign(store, opened, opened.submitted, Signing(None, 0, 2, ""), OTHER)
    assert sign_offs(store, GOOD) == [signed]


def test_only_the_owner_ends_an_item(store: Store, desk: Opens) -> None:
    opened = desk(GOOD)
    with pytest.raises(InputError):
        sign(store, opened, opened.submitted, taken(store, GOOD, OTHER), CODER)
    assert sign_offs(store, GOOD) == []


def test_a_proposal_is_applied_under_the_guard_and_kept(store: Store, desk: Opens) -> None:
    opened = desk(UNSUPPORTED)
    proposal = opened.review(opened.submitted).proposals[0]
    assert (proposal.kind, proposal.draft.code) == ("unsupported_dx", "J98.414")
    version, draft = apply_proposal(store, opened, opened.submitted, Applying(proposal, None, "", CODER, 0))
    assert "J98.414" not in version.case.dx
    assert draft.content == version.content
    assert draft.content["applied"][0]["removed"] == ["J98.414"]
    assert draft.person == draft.content["applied"][0]["by"] == CODER


def test_without_evidence_nothing_is_applied_whatever_the_reason(store: Store, desk: Opens) -> None:
    opened = desk(UNSUPPORTED)
    greyed = [one for one in opened.review(opened.submitted).proposals if not one.applicable]
    assert greyed
    for proposal in greyed:
        with pytest.raises(NoEvidenceError):
            apply_proposal(store, opened, opened.submitted, Applying(proposal, None, REASON, CODER, 0))
    assert latest_draft(store, UNSUPPORTED) is None


def test_applying_what_may_raise_the_weight_needs_a_reason(store: Store, desk: Opens) -> None:
    opened = desk("SYN00000006-1")
    proposal = opened.review(opened.submitted).proposals[0]
    assert (proposal.kind, proposal.applicable) == ("missed_dx", True)
    choice = proposal.options[0].change.added
    with pytest.raises(ReasonMissingError):
        apply_proposal(store, opened, opened.submitted, Applying(proposal, choice, "", CODER, 0))
    version, _ = apply_proposal(store, opened, opened.submitted, Applying(proposal, choice, REASON, CODER, 0))
    assert choice in version.case.dx


def test_the_next_item_is_ones_own_then_one_that_nobody_has(store: Store) -> None:
    which = Filter(Kind.CODER)
    first = take_next(store, which, Order.PRIORITY, CODER)
    assert first is not None
    assert (first.case_id, first.owner) == (GOOD, CODER)
    assert take_next(store, which, Order.PRIORITY, CODER) == first
    others = take_next(store, which, Order.PRIORITY, OTHER)
    assert others is not None
    assert others.case_id == UNSUPPORTED
    last = take_next(store, which, Order.PRIORITY, CODER, frozenset({first.id}))
    assert last is not None
    assert last.case_id == BLOCKED
    assert take_next(store, which, Order.PRIORITY, "zhao") is None


def test_every_other_scheme_can_be_looked_at(desk: Opens) -> None:
    case = desk(GOOD).submitted.case
    found = targets(SCHEME, "template")
    assert {target.kind for target in found} == {"contract", "dip"}
    for target in found:
        there = look(case, target)
        assert there.dip is not None or (there.explanation is not None and there.price is not None)
        assert target_name(target, "zh")


def test_the_front_page_is_pointed_at_and_masked(desk: Opens) -> None:
    opened = desk(BLOCKED)
    row = record_after(opened.file, opened.submitted).to_pylist()[0]
    page = front_page(row, "zh", lambda path, value: "＊" if path == "patient_name" else value)
    assert row["patient_name"] not in page.text
    start, end = page.places["diagnoses.code", 1]
    assert page.text[start:end] == opened.submitted.case.dx[0]
    for start, end in page.places.values():
        assert 0 <= start < end <= len(page.text)
