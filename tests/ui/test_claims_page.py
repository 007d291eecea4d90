"""The analyst's desk without a browser: who sees it, what it lists and shows, and what becomes of a decision."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from claims.claim_desk import evidence
from claims.claim_desk.patterns import patterns, patterns_of
from claims.claim_desk.visits import read_visits
from claims.store import (
    Filter,
    Judgement,
    Kind,
    State,
    Store,
    WorkItem,
    assign,
    audit_since,
    decide,
    decisions,
    get_item,
    labels,
    open_items,
    resolutions,
)
from tests.ui.accounts_fixture import APP, shown, visit
from tests.ui.claims_fixture import RUN, Desk, desk_in
from ui import home, session
from ui.text import text
from ui.widgets import language

FIRST_PAGE = {"li": "claims"}
EVERY = Filter(Kind.CLAIM, tuple(State))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    found = desk_in(tmp_path / "installation")
    monkeypatch.setenv(home.VARIABLE, str(found.config))
    return found


@pytest.fixture
def store(desk: Desk) -> Iterator[Store]:
    with desk.open_store() as store:
        yield store


def come(desk: Desk, name: str, page: str = "claims", claim: int | None = None) -> AppTest:
    """The page of a person who is signed in."""
    found = AppTest.from_file(str(APP), default_timeout=90)
    found.session_state[session.TOKEN] = desk.token(name)
    found.run()
    if page != FIRST_PAGE.get(name):
        visit(found, page)
    if claim is not None:
        found.query_params["claim"] = str(claim)
        found.run()
    return found


def first_with(store: Store, code: str) -> WorkItem:
    return next(item for item in all_of(store) if any(reason.code == code for reason in item.reasons))


def all_of(store: Store) -> list[WorkItem]:
    return list(open_items(store, EVERY, size=500).items)


def listed(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["case_id"])


@pytest.mark.parametrize("role", ["coder", "operator"])
def test_who_is_no_analyst_sees_nothing_of_the_desk(desk: Desk, store: Store, role: str) -> None:
    page = come(desk, role, claim=all_of(store)[0].id)
    told = shown(page)
    assert text("access.page_refused", "zh").splitlines()[0] in told
    assert all_of(store)[0].case_id not in told and not page.dataframe


def test_an_analyst_reaches_no_page_of_a_hospital(desk: Desk) -> None:
    page = come(desk, "li")
    for name in ("workbench", "queue", "quality", "board", "grouping"):
        visit(page, name)
        assert text("access.page_refused", "zh").splitlines()[0] in shown(page)
        assert not page.dataframe


def test_the_list_is_that_of_the_store_in_its_order(desk: Desk, store: Store) -> None:
    page = come(desk, "li")
    expected = open_items(store, Filter(Kind.CLAIM), size=50).items
    assert listed(page) == [item.case_id for item in expected]
    table = page.dataframe[0].value
    assert list(table["amount"]) == [round((item.amount_fen or 0) / 100) for item in expected]
    assert [list(names) for names in table["patterns"]] == [
        [pattern.zh for pattern in patterns_of(item.reasons)] for item in expected
    ]
    assert set(table["state"]) == {"待处理"}


def test_filters_reach_the_store(desk: Desk, store: Store) -> None:
    page = come(desk, "li")
    every = all_of(store)
    page.selectbox(key="claim_band").set_value("high").run()
    assert listed(page) == [item.case_id for item in every if item.risk_band == "high"]
    page.selectbox(key="claim_band").set_value(None)
    page.selectbox(key="claim_pattern").set_value("empty_bed").run()
    assert listed(page) == [
        item.case_id for item in every if patterns()["empty_bed"] in patterns_of(item.reasons)
    ]
    page.selectbox(key="claim_pattern").set_value(None)
    page.number_input(key="claim_amount").set_value(40_000).run()
    assert listed(page) == [item.case_id for item in every if (item.amount_fen or 0) >= 4_000_000]
    page.number_input(key="claim_amount").set_value(None)
    page.text_input(key="claim_text").set_value("C022").run()
    assert listed(page) == [
        item.case_id for item in every if any(reason.code == "C022" for reason in item.reasons)
    ]
    page.text_input(key="claim_text").set_value("nothing like this").run()
    assert text("desk.none_found", "zh").splitlines()[0] in shown(page)


def test_pages_follow_each_other_without_a_gap(desk: Desk, store: Store) -> None:
    page = come(desk, "li")
    seen = listed(page)
    while not page.button(key="claim_after").disabled:
        page.button(key="claim_after").click().run()
        seen += listed(page)
    assert seen == [item.case_id for item in all_of(store)]
    page.button(key="claim_before").click().run()
    assert listed(page) == seen[len(seen) // 50 * 50 - 50 :][:50]


def select(page: AppTest, **selection: object) -> AppTest:
    key = page.dataframe[0].key
    assert key is not None
    page.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": [], **selection}}
    return page.run()


def test_a_row_is_expanded_in_the_list_and_the_view_is_in_the_audit_trail(desk: Desk, store: Store) -> None:
    page = come(desk, "li")
    item = all_of(store)[1]
    select(page, cells=[(1, "case_id")])
    told = shown(page)
    assert f"<b>{item.case_id}</b>" in told
    page.run()
    views = [
        entry
        for entry in audit_since(store, size=1_000)
        if entry.object_kind == "work_item" and entry.action == "view"
    ]
    assert [(entry.person, entry.object_id) for entry in views] == [("li", str(item.id))]


def test_several_are_given_to_somebody_and_one_that_changed_is_told(desk: Desk, store: Store) -> None:
    page = come(desk, "li")
    items = all_of(store)[:3]
    select(page, rows=[0, 1, 2])
    page.selectbox(key="claim_assignee").set_value("wang").run()
    assign(store, items[1].id, items[1].version, "li", "li")
    page.button(key="claim_assign_all").click().run()
    assert not page.exception
    owners = [get_item(store, item.id).owner for item in items]
    assert owners == ["wang", "li", "wang"]
    (toast,) = page.toast
    assert items[1].case_id in toast.value and "li" in toast.value


def test_the_export_is_made_audited_and_offered(desk: Desk, store: Store) -> None:
    page = come(desk, "li")
    page.button(key="claim_export_make").click().run()
    assert not page.exception
    exported = [entry for entry in audit_since(store, size=1_000) if entry.action == "export"]
    assert [(entry.person, entry.object_id) for entry in exported] == [
        ("li", f"claims xlsx {len(all_of(store))}")
    ]
    name, data = page.session_state["claim_exported"]
    assert name.endswith(".xlsx") and data[:2] == b"PK"


def test_a_claim_shows_reasons_clause_and_masked_person(desk: Desk, store: Store) -> None:
    item = first_with(store, "C022")
    page = come(desk, "li", claim=item.id)
    told = shown(page)
    (hit,) = [one for one in evidence.hits_of(desk.results, item.case_id, "zh") if one.rule == "C022"]
    for words in (hit.why, hit.basis, hit.check, hit.answer):
        assert escape(words) in told
    visit_of = read_visits(desk.results).of_case(item.case_id)
    assert visit_of is not None
    assert visit_of["person"] not in told and visit_of["person"][-4:] in told
    assert text("desk.no_verdict", "zh") in told
    assert text("desk.other_model", "zh", then="", now="")[:8] not in told
    reasons = page.dataframe[0].value
    assert list(reasons["code"])[:1] == ["C022"] and set(reasons["kind"]) == {"疑点", "模型"}
    lines = next(one.value for one in page.dataframe if "unit_price" in one.value.columns)
    assert list(lines["code"]) == ["SYN-S014", "SYN-S015"]


def act(page: AppTest, button: str) -> AppTest:
    page.button(key=f"claim_{button}").click().run()
    assert not page.exception
    return page


def test_a_claim_is_taken_decided_corrected_closed_and_reopened(desk: Desk, store: Store) -> None:
    item = all_of(store)[0]
    page = act(come(desk, "li", claim=item.id), "take")
    act(page, "decide")
    assert text("desk.resolution_missing", "zh") in shown(page)
    page.radio(key=f"resolution {item.id}").set_value("to_investigation")
    act(page, "decide")
    assert text("desk.reason_missing", "zh") in shown(page)
    page.text_area(key=f"reason {item.id}").set_value("同日重复收费，已核对明细")
    act(page, "decide")
    act(page, "close")
    (decision,) = decisions(store, item.id)
    assert (decision.person, decision.resolution) == ("li", "to_investigation")
    assert (decision.rules_version, decision.model_version) == ("a" * 64, item.model_hash)
    assert get_item(store, item.id).state is State.CLOSED
    (label,) = labels(store, decision.at, decision.at.replace(year=decision.at.year + 1)).to_pylist()
    assert label["label"] == 1

    page.radio(key=f"resolution {item.id}").set_value("not_suspicious")
    page.text_area(key=f"reason {item.id}").set_value("医院已补充说明")
    act(page, "correct")
    assert [one.resolution for one in decisions(store, item.id)] == ["to_investigation", "not_suspicious"]
    assert resolutions()["not_suspicious"].zh in shown(page)

    page.text_area(key=f"reopen {item.id}").set_value("又收到举报")
    act(page, "reopen")
    assert get_item(store, item.id).state is State.REOPENED
    assert "又收到举报" in shown(page)


def test_a_stale_edit_is_told_with_who_and_nothing_that_was_written_is_lost(desk: Desk, store: Store) -> None:
    item = all_of(store)[0]
    page = act(come(desk, "li", claim=item.id), "take")
    page.radio(key=f"resolution {item.id}").set_value("not_suspicious")
    page.text_area(key=f"reason {item.id}").set_value("我写的理由").run()
    taken = get_item(store, item.id)
    given = assign(store, item.id, taken.version, "wang", "wang")
    decide(store, item.id, given.version, Judgement("to_fund_review", "先到", "rules"), "wang")
    act(page, "decide")
    told = shown(page)
    assert "wang" in told and text("desk.kept", "zh") in told and "我写的理由" in told
    assert [one.person for one in decisions(store, item.id)] == ["wang"]


def test_a_claim_of_another_is_not_decided_but_can_be_taken_over(desk: Desk, store: Store) -> None:
    item = all_of(store)[0]
    assign(store, item.id, item.version, "wang", "wang")
    page = come(desk, "li", claim=item.id)
    assert not page.radio
    act(page, "take_over")
    assert get_item(store, item.id).owner == "li"
    act(page, "release")
    assert get_item(store, item.id).owner is None


def test_hostile_text_is_shown_as_text(desk: Desk, store: Store) -> None:
    item = all_of(store)[0]
    hostile = "<img src=x onerror=alert(1)>"
    page = act(come(desk, "li", claim=item.id), "take")
    page.radio(key=f"resolution {item.id}").set_value("not_suspicious")
    page.text_area(key=f"reason {item.id}").set_value(hostile)
    act(page, "decide")
    assert hostile not in shown(page) and escape(hostile) in shown(page)


def test_an_address_that_names_no_claim_is_told(desk: Desk) -> None:
    assert "999999" in shown(come(desk, "li", claim=999_999))


def test_without_results_or_model_the_desk_still_works(desk: Desk, store: Store) -> None:
    item = all_of(store)[0]
    shutil.rmtree(desk.folder / "model")
    page = come(desk, "li", claim=item.id)
    assert text("desk.no_model", "zh").splitlines()[0] in shown(page)
    shutil.rmtree(desk.folder / "results")
    page = come(desk, "li")
    assert listed(page)[0] == item.case_id
    page = come(desk, "li", claim=item.id)
    assert text("desk.no_results", "zh").splitlines()[0] in shown(page)
    act(page, "take")


def test_the_desk_speaks_english(desk: Desk, store: Store) -> None:
    item = first_with(store, "C022")
    page = come(desk, "li", claim=item.id)
    page.session_state[language.KEY] = "en"
    page.run()
    told = shown(page)
    assert text("desk.no_verdict", "en") in told and text("desk.brought_up", "en", run=RUN) in told
    assert text("desk.no_verdict", "zh") not in told
