"""The scheme browser without a browser: groups and rules, codes, differences, import by the operator only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from claims.store import audit_since, open_store, parse_address
from drg.scheme.library import scheme_folders
from drg.scheme.mentions import reach_of
from drg.scheme.pack import find_pack
from tests.drg.analytics.cases import child_pack
from tests.drg.scheme.official_workbook import small_book
from tests.ui.results_fixture import SCHEME, Hospital, start
from ui.text import text

ROLES = ("coder", "quality", "manager", "analyst", "operator")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two MDCs of the shipped scheme as an official workbook."""
    return small_book(find_pack(SCHEME)).write(tmp_path_factory.mktemp("book") / "book.xlsx").read_bytes()


@pytest.fixture(autouse=True)
def _no_scheme_stays(hospital: Hospital) -> Iterator[None]:
    """The installation is that of other tests too: what one imports is gone after it."""
    yield
    shutil.rmtree(hospital.schemes, ignore_errors=True)


def shown(page: AppTest) -> str:
    return "".join(element.value for element in page.html)


@pytest.mark.parametrize("name", ROLES)
def test_who_sees_the_schemes(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "schemes", group="FR2", mdc="MDCF")
    row = next(row for row in find_pack(SCHEME).adrgs if row.code == "FR2")
    assert escape(row.name) in shown(page) and escape(row.text) in shown(page)
    offered = page.segmented_control(key="schemes_view").options
    assert (text("schemes.view_import", "zh") in offered) == (name == "operator")


@pytest.mark.parametrize("name", ["auditor", "admin"])
def test_others_are_refused(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "schemes")
    assert not page.selectbox and not page.segmented_control


def test_a_group_shows_its_groups_with_weights(hospital: Hospital) -> None:
    page = start(hospital, "coder", "schemes", group="FR2")
    for row in find_pack(SCHEME).drgs_of["FR2"]:
        assert f"<td>{row.code}</td>" in shown(page)
    listed = page.dataframe[0].value
    assert len(listed) == len(find_pack(SCHEME).mdcs) + len(find_pack(SCHEME).adrgs)
    page.text_input(key="schemes_find").set_value("心力衰竭").run()
    assert "FR2" in list(page.dataframe[0].value["code"])
    assert len(page.dataframe[0].value) < len(listed)


def test_a_group_that_is_none_says_so(hospital: Hospital) -> None:
    page = start(hospital, "coder", "schemes", group="<b>no</b>")
    assert "没有" in shown(page) and "<b>no</b>" not in shown(page).lower()


def test_which_groups_a_code_reaches(hospital: Hospital) -> None:
    page = start(hospital, "coder", "schemes", view="codes", code="J96.000")
    found = reach_of(find_pack(SCHEME), "J96.000")
    assert text("schemes.complication", "zh", level="MCC", count=found.excluded_by) in shown(page)
    listed = page.dataframe[-1].value
    assert list(listed["code"]) == [one.row.code for one in found.mentions]

    page.text_input(key="schemes_code").set_value("xlsj").run()
    assert not page.exception
    assert "I50" in page.dataframe[0].value["code"].iloc[0]


def test_two_schemes_are_compared(hospital: Hospital, tmp_path: Path) -> None:
    page = start(hospital, "manager", "schemes", view="compare")
    assert escape(text("schemes.same", "zh").split("\n")[0]) in shown(page)
    child = child_pack(hospital.schemes / "child")
    try:
        page = start(hospital, "manager", "schemes", view="compare")
        page.selectbox(key="schemes_new").set_value("child").run()
        assert not page.exception
        assert escape(text("schemes.change_group_gone", "zh")) in shown(page)
        assert "FR2" in shown(page)
    finally:
        shutil.rmtree(child.folder)


def test_the_operator_imports_a_workbook(hospital: Hospital, book: bytes) -> None:
    page = start(hospital, "operator", "schemes", view="import")
    page.button(key="import").click().run()
    assert escape(text("schemes.no_book", "zh").split("\n")[0]) in shown(page)

    page.text_input(key="import_id").set_value("city-1")
    page.file_uploader(key="import_book").upload("official.xlsx", book, "application/octet-stream")
    page.button(key="import").click().run()
    assert not page.exception
    assert "city-1" in scheme_folders(hospital.schemes)
    assert text("schemes.report", "zh") in shown(page) and text("schemes.lint", "zh") in shown(page)
    with open_store(parse_address(hospital.store)) as store:
        last = audit_since(store, 0, 1000, "operator")[-1]
    assert (last.action, last.object_kind, last.object_id) == ("import", "scheme", "city-1")

    again = start(hospital, "operator", "schemes", view="import")
    again.text_input(key="import_id").set_value("city-1")
    again.file_uploader(key="import_book").upload("official.xlsx", book, "application/octet-stream")
    again.button(key="import").click().run()
    assert "已有此编号" in shown(again)


@pytest.mark.parametrize("name", ["coder", "manager", "analyst"])
def test_others_are_not_let_to_the_import_by_its_address(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "schemes", view="import")
    assert not page.file_uploader and not [one for one in page.button if one.key == "import"]


def test_a_file_that_is_no_workbook_is_refused(hospital: Hospital) -> None:
    page = start(hospital, "operator", "schemes", view="import")
    page.text_input(key="import_id").set_value("city-2")
    page.file_uploader(key="import_book").upload("official.xlsx", b"<script>", "text/html")
    page.button(key="import").click().run()
    assert not page.exception
    assert text("home.error", "zh") in shown(page)
    assert "city-2" not in scheme_folders(hospital.schemes)
