"""The grouping page without a browser: what it shows is what the library says, in both languages, escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import drg
from drg.case import Case
from drg.grouper import whatif
from tests.conftest import REPOSITORY
from ui import data
from ui.text import text

APP = REPOSITORY / "ui" / "app.py"
HOSTILE = '<img src=x onerror="alert(1)">![x](http://outside.example/x.png)'
PLAIN = """case_id,sex,age,age_days,weight_g,los_days,discharge_way,icu_hours,department,dx,proc
one,1,66,,,8,1,,0301,J18.900|I50.907|K76.000,
two,2,47,,,5,1,,0401,K80.100|E11.900,51.2300
"{hostile}",2,70,,,9,1,,0303,I63.900|NOT-A-CODE,
"""


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "plain.csv"
    path.write_text(PLAIN.replace("{hostile}", HOSTILE.replace('"', '""')), encoding="utf-8")
    monkeypatch.setattr(data, "SAMPLE", path)
    forget_sample()
    yield path
    forget_sample()


def forget_sample() -> None:
    data.sample.clear()
    data.case_list.clear()


def start() -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not page.exception
    return page


def pick(page: AppTest, place: int) -> Case:
    listed = page.dataframe[0].key
    assert listed is not None
    page.session_state[listed] = {"selection": {"rows": [], "columns": [], "cells": [(place, "case_id")]}}
    page.run()
    assert not page.exception
    return data.sample_case(place)


def shown(page: AppTest) -> str:
    return "".join(element.value for element in page.html)


def strip(page: AppTest) -> str:
    return next(element.value for element in page.html if 'class="d-strip"' in element.value)


def test_shows_the_group_of_the_first_case_at_once(sample: Path) -> None:
    page = start()
    expected = drg.explain(data.sample_case(0), data.schemes()[0])
    assert expected.grouping.status == "grouped"
    assert escape(expected.grouping.drg_name or "") in strip(page)
    assert escape(expected.sentence("zh")) in shown(page)


def test_shows_the_group_of_a_picked_case(sample: Path) -> None:
    page = start()
    case = pick(page, 1)
    expected = drg.explain(case, data.schemes()[0])
    assert f">{expected.grouping.drg}<" in strip(page)
    assert escape(expected.sentence("zh")) in shown(page)
    for step in expected.steps:
        assert escape(f"{step.code} {step.name}") in shown(page)


def test_another_principal_diagnosis_changes_the_group_and_reset_takes_it_back(sample: Path) -> None:
    page = start()
    before = drg.explain(data.sample_case(0), data.schemes()[0])
    after = drg.explain(whatif.make_principal(before.case, "dx", 1), data.schemes()[0])
    assert before.grouping.drg != after.grouping.drg

    page.button(key="make_principal_1").click().run()
    assert f">{before.grouping.drg}<" in strip(page)
    assert f">{after.grouping.drg}<" in strip(page)
    assert text("page.changed", "zh") in strip(page)
    assert escape(after.sentence("zh")) in shown(page)

    difference = next(
        element.value for element in page.html if text("page.difference_field", "zh") in element.value
    )
    assert escape(f"{before.grouping.drg} {before.grouping.drg_name}") in difference
    assert escape(f"{after.grouping.drg} {after.grouping.drg_name}") in difference

    page.button(key="reset").click().run()
    assert f">{after.grouping.drg}<" not in strip(page)
    assert text("page.changed", "zh") not in strip(page)


def test_an_edited_fact_reaches_the_grouper(sample: Path) -> None:
    page = start()
    page.number_input(key="fact_age").set_value(3).run()
    expected = drg.explain(whatif.change_facts(data.sample_case(0), age=3), data.schemes()[0])
    assert page.session_state.case == expected.case
    assert f">{expected.grouping.drg}<" in strip(page)


def test_an_age_in_days_beside_an_age_in_years_is_refused_and_the_widget_goes_back(sample: Path) -> None:
    page = start()
    assert data.sample_case(0).age == 66
    page.number_input(key="fact_age_days").set_value(12).run()
    assert page.session_state.case == data.sample_case(0)
    assert page.number_input(key="fact_age_days").value is None
    assert text("page.facts_invalid", "zh") in shown(page)


def edit_at_the_limits() -> None:
    """A page that edits a full case, a case with one diagnosis, a new one, and a place where another code stands."""
    import streamlit as st

    from drg.case import Case
    from ui import work

    told = st.session_state.told = []
    work.open_case(Case.model_validate({"case_id": "full", "dx": ["J18.900"] * 500}), "")
    work.add_code("dx", "I50.900", "zh")
    told.append(work.take_problem())
    work.open_case(Case.model_validate({"case_id": "one", "dx": ["J18.900"]}), "")
    work.edit_code("dx", 0, "J18.900", "remove")
    told.append(work.take_problem())
    work.edit_code("dx", 0, "I50.900", "remove")
    work.edit_code("dx", 7, "J18.900", "up")
    told.append(work.take_problem())
    work.open_case(None, "")
    work.add_code("proc", "51.2300", "zh")
    told.append(work.take_problem())


def test_edits_that_a_case_does_not_allow_are_refused_with_what_to_do() -> None:
    page = AppTest.from_function(edit_at_the_limits).run()
    assert not page.exception
    full, last, stale, too_early = page.session_state.told
    assert full == last == ("page.codes_invalid", {"limit": 500})
    assert stale is None
    assert too_early == ("page.first_dx_first", {})
    for message, params in (full, too_early):
        assert text(message, "zh", **params) != text(message, "en", **params)


def test_edits_outlive_a_rerun(sample: Path) -> None:
    page = start()
    pick(page, 1)
    page.number_input(key="fact_los_days").set_value(31).run()
    page.run()
    assert page.session_state.case.los_days == 31


def test_the_language_can_be_switched(sample: Path) -> None:
    page = start()
    sentence = drg.explain(data.sample_case(0), data.schemes()[0])
    assert page.number_input(key="fact_age").label == text("page.age", "zh")
    page.segmented_control(key="lang").set_value("en").run()
    assert not page.exception
    assert page.number_input(key="fact_age").label == text("page.age", "en")
    assert escape(sentence.sentence("en")) in shown(page)


def test_hostile_text_is_shown_as_text(sample: Path) -> None:
    page = start()
    case = pick(page, 2)
    assert case.case_id == HOSTILE
    assert escape(HOSTILE) in strip(page)
    assert "<img" not in shown(page)
    assert not page.markdown
    assert text("page.unknown_codes", "zh", codes="NOT-A-CODE") in shown(page)


def test_the_list_is_searched_by_every_word(sample: Path) -> None:
    page = start()
    page.text_input(key="case_search").set_value("two").run()
    assert list(page.dataframe[0].value["case_id"]) == ["two"]
    page.text_input(key="case_search").set_value("two 肺炎").run()
    assert text("page.no_case_found", "zh") in shown(page)
    assert not page.exception


def test_a_new_case_begins_empty_and_says_what_to_do(sample: Path) -> None:
    page = start()
    page.button(key="new_case").click().run()
    assert not page.exception
    assert page.number_input(key="fact_age").value is None
    assert text("page.no_group_hint", "zh") in shown(page)


def test_without_a_sample_the_page_says_so_and_takes_a_typed_case(sample: Path) -> None:
    sample.unlink()
    page = start()
    assert text("page.cannot_read_sample_remedy", "zh") in shown(page)
    assert text("page.no_group_hint", "zh") in shown(page)
