"""The managers' board without a browser: who sees it, what it says, what it exports."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html import escape

import pytest
from python_calamine import CalamineWorkbook
from streamlit.testing.v1 import AppTest

from claims.nightly.results import Results, open_results
from claims.store import Store, audit_since, open_store, parse_address
from drg.analytics.board import board_cases, ledger, outliers
from drg.analytics.document import shown as as_text
from drg.analytics.impact import compare_sides
from drg.analytics.sources import side_of
from tests.ui.results_fixture import CONTRACT, HASHES, RUN, SCHEME, Hospital, start
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


def cases(results: Results):  # type: ignore[no-untyped-def]
    return board_cases(*(results.table(name) for name in ("cases", "groups", "prices")))


@pytest.mark.parametrize("name", ["quality", "manager"])
def test_managers_see_the_indicators(hospital: Hospital, results: Results, name: str) -> None:
    page = start(hospital, name, "board")
    assert f">{len(cases(results)):,}</b>" in shown(page)
    assert "CMI" in shown(page)
    assert RUN in shown(page)


@pytest.mark.parametrize("name", ["coder", "analyst", "operator", "auditor", "admin"])
def test_others_are_refused(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "board")
    assert "CMI" not in shown(page) and not page.button


def test_profit_and_loss_by_department_and_group(hospital: Hospital, results: Results) -> None:
    page = start(hospital, "manager", "board", view="ledger")
    worst = ledger(cases(results), "department").to_pylist()[0]
    departments = next(one.value for one in page.dataframe if "department" in one.value)
    assert departments["profit_fen"].iloc[0] == worst["profit_fen"] / 100
    groups = next(one.value for one in page.dataframe if "drg" in one.value)
    assert list(groups["profit_fen"].dropna()) == sorted(groups["profit_fen"].dropna())

    part = start(hospital, "manager", "board", view="ledger", department=worst["department"])
    assert part.selectbox(key="choose_department").value == worst["department"]
    assert escape(worst["department"]) in shown(part)
    assert as_text(worst["profit_fen"], "money") in shown(part)


def test_outliers_are_listed(hospital: Hospital, results: Results) -> None:
    page = start(hospital, "manager", "board", view="outliers")
    first = outliers(cases(results), "high").to_pylist()[0]
    assert first["case_id"] in list(page.dataframe[0].value["case_id"]) or first["case_id"] in shown(page)


def test_complications_without_peers_say_so(hospital: Hospital) -> None:
    page = start(hospital, "manager", "board", view="complications")
    rates = page.dataframe[0].value
    assert list(rates["cc_index"].dropna()) == sorted(rates["cc_index"].dropna(), reverse=True)
    page = start(hospital, "manager", "board")
    assert "未设置同行参照表" in shown(page)


def test_the_impact_of_dip(hospital: Hospital, results: Results) -> None:
    page = start(hospital, "manager", "board", view="impact")
    table = results.table("cases")
    found = compare_sides(table, side_of(table, SCHEME, CONTRACT), side_of(table, "synthetic", "reference"))
    change = found.totals.column("payment_fen_change")[0].as_py()
    assert as_text(change, "money") in shown(page)
    assert len(page.selectbox) == 4

    page.selectbox(key="board_after").set_value(SCHEME).run()
    assert escape(text("board.same_sides", "zh").split("\n")[0]) in shown(page)


def test_feedback_without_a_file_only_asks_for_one(hospital: Hospital) -> None:
    page = start(hospital, "manager", "board", view="feedback")
    page.button(key="compare").click().run()
    assert not page.exception
    assert "差异明细" not in shown(page)


def test_the_export_names_its_versions_and_is_audited(hospital: Hospital, store: Store) -> None:
    page = start(hospital, "manager", "board")
    before = len(audit_since(store, 0, 1000, "manager"))
    page.button(key="export").click().run()
    assert not page.exception
    entry = audit_since(store, 0, 1000, "manager")[-1]
    assert (entry.action, entry.object_kind, entry.object_id) == ("export", "board", RUN)
    assert len(audit_since(store, 0, 1000, "manager")) == before + 1
    book = CalamineWorkbook.from_filelike(io.BytesIO(page.session_state["board_export"]))
    cells = {str(cell) for row in book.get_sheet_by_name("出处").to_python() for cell in row}
    assert {RUN, SCHEME, CONTRACT, *HASHES.values()} <= cells


def test_who_may_not_export_is_not_offered_it(hospital: Hospital) -> None:
    page = start(hospital, "quality", "board")
    assert not [one for one in page.button if one.key == "export"]


def test_english(hospital: Hospital) -> None:
    page = start(hospital, "manager", "board")
    page.session_state["lang"] = "en"
    page.run()
    assert "Profit and loss" in [text("board.view_ledger", "en")]
    assert "Cases" in shown(page) and "病例数" not in shown(page)
