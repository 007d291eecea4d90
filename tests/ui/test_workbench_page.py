"""The workbench without a browser: who sees it, what it shows, edits, drafts, refusals, the signature."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from claims.coding_desk import find_item
from claims.store import Store, audit_since, latest_draft, open_store, parse_address, save_draft, sign_offs
from drg.grouper import whatif
from drg.quality.layout import fields
from tests.ui.desk_fixture import QUEUE, build_desk
from tests.ui.results_fixture import Hospital, start
from ui import personal
from ui.access import Person
from ui.coding_desk import Desk
from ui.roles import rules
from ui.text import text
from ui.widgets.record_text import segments

GOOD, UNSUPPORTED, BLOCKED, FREE = QUEUE[:4]
REASON = "出院记录与超声支持"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, filled_store: Path) -> Hospital:
    return build_desk(tmp_path_factory.mktemp("hospital"), filled_store)


@pytest.fixture
def store(hospital: Hospital) -> Iterator[Store]:
    with open_store(parse_address(hospital.store)) as opened:
        yield opened


def shown(page: AppTest) -> str:
    assert not page.exception
    return "".join(element.value for element in page.html)


def desk(page: AppTest) -> Desk:
    found: Desk = page.session_state["coding_desk"]
    return found


def edit(page: AppTest, case_id: str, change: Callable[[Desk], None]) -> AppTest:
    """Change the working copy as the widgets of the browser do, and show it."""
    assert desk(page).case_id == case_id
    change(desk(page))
    return page.run()


def add_heart_failure(found: Desk) -> None:
    case = whatif.add_code(found.version.case, "dx", "I50.900")
    found.version = found.version.with_case(case).with_value("diagnoses.present_on_admission", "I50.900", "1")


@pytest.mark.parametrize("name", ["manager", "analyst"])
def test_others_are_refused(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "workbench", case=GOOD)
    assert "coding_desk" not in page.session_state
    assert GOOD not in shown(page)


def test_shows_group_weight_and_payment_and_audits_the_view(hospital: Hospital, store: Store) -> None:
    page = start(hospital, "coder", "workbench", case=UNSUPPORTED)
    outcome = desk(page).opened.outcome(desk(page).version)
    assert outcome.payment_fen is not None
    grouping = outcome.explanation.grouping
    for told in (
        grouping.drg,
        grouping.drg_name,
        f"{outcome.weight:.4f}",
        f"{outcome.payment_fen / 100:,.2f}",
    ):
        assert escape(str(told)) in shown(page)
    assert escape(outcome.explanation.sentence("zh")) in shown(page)
    item = find_item(store, UNSUPPORTED)
    assert item is not None
    viewed = [(one.action, one.object_kind, one.object_id) for one in audit_since(store, size=500)]
    assert ("view", "work_item", str(item.id)) in viewed


def test_an_edit_changes_the_strip_against_submitted_and_reset_takes_it_back(hospital: Hospital) -> None:
    page = start(hospital, "coder", "workbench", case=GOOD)
    before = desk(page).opened.outcome(desk(page).opened.submitted)
    edit(page, GOOD, add_heart_failure)
    now = desk(page).opened.outcome(desk(page).version)
    assert now.weight is not None and before.weight is not None
    assert f"{now.weight - before.weight:+.4f}" in shown(page)
    assert text("workbench.was", "zh", group=before.explanation.grouping.drg) in shown(page)
    page.button(key="reset").click().run()
    assert not desk(page).is_edited
    assert text("page.unchanged", "zh") in shown(page)


@pytest.mark.parametrize("name", ["coder", "quality"])
def test_only_a_coder_signs(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "workbench", case=FREE)
    assert page.button(key="sign").disabled is (name != "coder")


def test_a_role_without_money_sees_none(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import access

    allowed = access.may
    monkeypatch.setattr(
        access, "may", lambda person, action: action != "see_payment" and allowed(person, action)
    )
    page = start(hospital, "coder", "workbench", case=UNSUPPORTED)
    assert text("workbench.payment", "zh") not in shown(page)
    assert text("workbench.weight", "zh") in shown(page)


def test_findings_that_block_are_told_and_nothing_is_signed(hospital: Hospital, store: Store) -> None:
    page = start(hospital, "coder", "workbench", case=BLOCKED)
    rules = tuple(one.rule.id for one in desk(page).opened.findings(desk(page).version) if one.blocks)
    assert text("workbench.blocked", "zh", count=len(rules), rules=rules) in shown(page)
    page.button(key="sign").click().run()
    assert all(rule in shown(page) for rule in rules)
    item = find_item(store, BLOCKED)
    assert item is not None
    assert (desk(page).case_id, item.owner) == (BLOCKED, None)
    assert sign_offs(store, BLOCKED) == []


def test_a_higher_weight_is_signed_with_a_reason_and_the_next_case_opens(
    hospital: Hospital, store: Store
) -> None:
    page = start(hospital, "coder", "workbench", case=GOOD)
    edit(page, GOOD, add_heart_failure)
    page.button(key="sign").click().run()
    assert text("workbench.raises", "zh") in shown(page)
    assert sign_offs(store, GOOD) == []
    field = next(one for one in page.text_input if one.key is not None and one.key.startswith("reason "))
    field.input(REASON).run()
    page.button(key="sign").click().run()
    assert text("workbench.signed_case", "zh", case=GOOD) in shown(page)
    assert desk(page).case_id == UNSUPPORTED
    signed = sign_offs(store, GOOD)[-1]
    assert (signed.raises_weight, signed.reason, signed.person) == (True, REASON, "coder")


def test_a_draft_is_saved_and_opened_again_by_another_coder(hospital: Hospital, store: Store) -> None:
    page = start(hospital, "coder", "workbench", case=FREE)
    edit(page, FREE, add_heart_failure)
    page.button(key="save").click().run()
    assert text("workbench.saved", "zh", number=1) in shown(page)
    assert page.button(key="save").disabled
    other = start(hospital, "second", "workbench", case=FREE)
    assert desk(other).version == desk(page).version


def test_who_was_faster_is_told_and_the_edit_stays(hospital: Hospital, store: Store) -> None:
    case_id = QUEUE[4]
    page = start(hospital, "coder", "workbench", case=case_id)
    theirs = desk(page).opened.submitted
    save_draft(store, case_id, theirs.content, 0, "second")
    edit(page, case_id, add_heart_failure)
    mine = desk(page).version
    page.button(key="save").click().run()
    assert text("workbench.stale", "zh") in shown(page)
    assert "second" in shown(page)
    assert desk(page).version == mine
    page.button(key="keep_mine").click().run()
    page.button(key="save").click().run()
    saved = latest_draft(store, case_id)
    assert saved is not None
    assert (saved.number, dict(saved.content)) == (2, mine.content)


def test_an_unknown_case_and_an_empty_desk_say_what_to_do(hospital: Hospital) -> None:
    page = start(hospital, "coder", "workbench", case="SYN99999999-1")
    assert "SYN99999999-1" in shown(page)
    assert text("workbench.nothing_open", "zh").split("\n")[0] in shown(page)
    assert page.button(key="to_queue").label == text("workbench.to_queue", "zh")


def test_personal_fields_of_the_front_page_are_masked_by_role() -> None:
    masked = tomllib.loads(personal.FILE.read_text(encoding="utf-8"))
    assert masked.keys() <= fields().keys()
    assert set(masked.values()) <= set(rules().fields)
    named = {path for path in fields() if path.endswith(("_name", "_phone", "_address"))}
    of_no_person = {path for path in named if "dx_name" in path or "proc_name" in path}
    assert named - masked.keys() - of_no_person == {"hospital_name", "external_cause_name"}
    quality = Person("li", "李", frozenset({"quality"}), 1)
    assert personal.shown_value(quality, "patient_name", "合成安宝") == "合成安宝"
    shown_id = personal.shown_value(quality, "id_number", "119999202408260026")
    assert shown_id.endswith("0026")
    assert "1199" not in shown_id


def test_every_tab_and_both_languages_show_without_error(hospital: Hospital) -> None:
    page = start(hospital, "coder", "workbench", case=UNSUPPORTED)
    for lang in ("zh", "en"):
        page.session_state["lang"] = lang
        page.run()
        for tab in page.tabs:
            page.session_state[f"desk_tab {lang}"] = tab.label
            page.run()
            assert not page.exception
    assert page.button(key="save").label == text("workbench.save", "en")


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50), st.sampled_from(["focus", "evidence"]))),
)
def test_marks_cut_the_text_and_lose_nothing(body: str, marks: list[tuple[int, int, str]]) -> None:
    found = segments(body, marks)
    assert "".join(part for part, _ in found) == body
    for start_at, end, style in marks[:1]:
        styles = [one for part, one in found for _ in part]
        assert set(styles[max(start_at, 0) : max(end, 0)]) <= {style}
