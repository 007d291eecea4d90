"""The quality page without a browser: who sees it, the way down to a case and back, appeals."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pyarrow.compute as pc
import pytest
from streamlit.testing.v1 import AppTest

from claims.finding_appeals import appeals_of, silenced
from claims.nightly.results import Results, open_results
from claims.store import Store, audit_since, open_store, parse_address
from drg.quality.known_rules import known_rules
from drg.quality.overview import figures
from drg.quality.score import top_defects
from tests.ui.results_fixture import Hospital, start
from ui.text import text


@pytest.fixture(scope="module")
def results(hospital: Hospital) -> Results:
    return open_results(hospital.results)


@pytest.fixture
def store(hospital: Hospital) -> Iterator[Store]:
    with open_store(parse_address(hospital.store)) as opened:
        yield opened


def shown(page: AppTest) -> str:
    return "".join(element.value for element in page.html)


def pick(page: AppTest, key: str, row: int) -> AppTest:
    """Pick a row of the table whose key begins so."""
    found = next(one.key for one in page.dataframe if one.key is not None and one.key.startswith(key))
    page.session_state[found] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    page.run()
    assert not page.exception
    return page


@pytest.mark.parametrize("name", ["coder", "quality", "manager"])
def test_hospital_roles_see_the_share_of_grade_a(hospital: Hospital, results: Results, name: str) -> None:
    page = start(hospital, name, "quality")
    share = figures(results.table("scores")).column("top_grade_share")[0].as_py()
    assert text("quality_page.figure_top_grade_share", "zh") in shown(page)
    assert f"{share:.1%}" in shown(page)


@pytest.mark.parametrize("name", ["analyst", "operator", "auditor", "admin"])
def test_others_are_refused(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "quality")
    assert text("quality_page.figure_top_grade_share", "zh") not in shown(page)
    assert not page.dataframe


def test_down_from_a_defect_to_a_case_and_back(hospital: Hospital, results: Results, store: Store) -> None:
    page = start(hospital, "quality", "quality")
    found = results.table("findings")
    first = top_defects(found, results.table("scores")).to_pylist()[0]
    pick(page, "defects", 0)
    assert page.query_params["rule"] == first["rule"]
    assert escape(known_rules()[first["rule"]].title.zh) in shown(page)
    listed = next(one for one in page.dataframe if one.key is not None and one.key.startswith("cases"))
    hit = found.filter(pc.and_(pc.equal(found["rule"], first["rule"]), pc.equal(found["status"], "open")))
    assert set(listed.value["case_id"]) == set(hit["case_id"].to_pylist())

    case = listed.value["case_id"].iloc[0]
    pick(page, "cases", 0)
    assert page.query_params["case"] == case
    rules = {row["rule"] for row in results.table("findings", case_ids=[case]).to_pylist()}
    assert all(f"<b>{rule}</b>" in shown(page) for rule in rules)
    viewed = [one for one in audit_since(store, 0, 500, "quality") if one.object_kind == "case"]
    assert [one.object_id for one in viewed] == [case]

    page.button(key="back").click().run()
    assert "case" not in page.query_params and page.query_params["rule"] == first["rule"]
    page.button(key="back").click().run()
    assert "rule" not in page.query_params
    assert any(one.key == "defects" for one in page.dataframe)


def test_a_department_narrows_every_figure(hospital: Hospital, results: Results) -> None:
    page = start(hospital, "manager", "quality")
    scores = results.table("scores")
    row = figures(scores, "department").to_pylist()[0]
    pick(page, "by department", 0)
    assert page.query_params["department"] == row["department"]
    assert page.selectbox(key="choose_department").value == row["department"]
    chosen = scores.filter(pc.equal(scores["department"], row["department"]))
    assert f"<b>{len(chosen):,}</b>" in shown(page).replace('<b class="">', "<b>")
    page.selectbox(key="choose_department").set_value(None).run()
    assert "department" not in page.query_params


def case_with_findings(results: Results) -> tuple[str, str]:
    row = results.table("findings", columns=["case_id", "rule", "status"]).slice(0, 1).to_pylist()[0]
    return row["case_id"], row["rule"]


def test_an_appeal_is_filed_and_settled_by_different_people(
    hospital: Hospital, results: Results, store: Store
) -> None:
    case, rule = case_with_findings(results)
    page = start(hospital, "coder", "quality", case=case)
    page.button(key=f"send {rule}").click().run()
    assert text("home.error", "zh") in shown(page)
    page.text_area(key=f"reason {rule}").set_value("见第 3 页 <b>记录</b>")
    page.button(key=f"send {rule}").click().run()
    assert not page.exception
    filed = appeals_of(store, case)[rule][0]
    assert filed.filed_by == "coder"
    assert escape("<b>记录</b>") in shown(page)
    assert not [one for one in page.button if one.key == f"upheld {filed.id}"]

    manager = start(hospital, "manager", "quality", case=case)
    assert not [one for one in manager.button if (one.key or "").startswith(("send", "upheld"))]

    other = start(hospital, "quality", "quality", case=case)
    other.text_input(key=f"answer {filed.id}").set_value("已核对")
    other.button(key=f"upheld {filed.id}").click().run()
    assert not other.exception
    assert silenced(store).silenced == {rule: frozenset({case})}
    assert "已核对" in shown(other)


def test_places_that_are_not_there_say_what_to_do(hospital: Hospital) -> None:
    page = start(hospital, "quality", "quality", case="<img src=x>")
    assert "没有病例" in shown(page) and "<img" not in shown(page)
    page = start(hospital, "quality", "quality", rule="gone", department="' OR true --")
    assert not page.exception
    assert text("quality_page.nothing_chosen", "zh").split("\n")[0] in shown(page)


def test_without_results_the_page_says_so(hospital: Hospital, tmp_path: Path) -> None:
    config = tmp_path / "ui.toml"
    settings = hospital.config.read_text(encoding="utf-8")
    settings = settings.replace('results = "results"\n', "").replace('"store.sqlite"', f'"{hospital.store}"')
    config.write_text(settings, encoding="utf-8")
    page = start(Hospital(config, hospital.results, hospital.store, hospital.schemes), "quality", "quality")
    assert text("home.error", "zh") in shown(page)
