"""The managers' pages in a browser that reaches nothing but this machine: from a defect to a case, an impact report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claims.nightly.results import Results, open_results
from drg.analytics.document import shown
from drg.analytics.impact import compare_sides
from drg.analytics.sources import side_of
from drg.quality.known_rules import known_rules
from drg.quality.overview import Choice, chosen_records
from drg.quality.score import top_defects
from tests.ui.accounts_fixture import PASSWORD
from tests.ui.browser import keep_shot, opened, served, settle, sign_in
from tests.ui.results_fixture import CONTRACT, SCHEME, Hospital
from ui.text import text

if TYPE_CHECKING:
    from playwright.sync_api import Page

SLOW = 90_000
"""Milliseconds for the first impact over all cases on a busy machine."""
CHECKBOX = {"x": 14, "y": 46}
"""Where the first row of a grid is picked; a grid is a canvas."""


@pytest.fixture(scope="module")
def results(hospital: Hospital) -> Results:
    return open_results(hospital.results)


@pytest.fixture(scope="module")
def address(hospital: Hospital) -> Iterator[str]:
    with served(hospital.config) as address:
        yield address


def enter(page: Page, name: str, page_name: str) -> None:
    """Sign in and go to a page by the bar."""
    sign_in(page, name, PASSWORD)
    page.locator(".st-key-bar").get_by_role("link", name=text(f"access.page_{page_name}", "zh")).click()
    page.locator(".d-head").wait_for()
    settle(page)


def pick_first(page: Page, gone_to: str) -> None:
    """Pick the first row of the first grid; it takes clicks a moment after it is painted."""
    from playwright.sync_api import Error as PlaywrightError

    grid = page.get_by_test_id("stDataFrame").first
    there = page.locator(".d-head").get_by_text(gone_to)
    for _ in range(12):
        if not there.is_visible():
            with suppress(
                PlaywrightError
            ):  # the grid may go away while it is clicked, because the click before worked
                grid.click(position=CHECKBOX, timeout=2_000)
            page.wait_for_timeout(900)
        if there.is_visible():
            settle(page)
            return
    pytest.fail(f"{gone_to} was not shown")


def test_from_a_defect_down_to_a_case_and_back(address: str, results: Results, tmp_path: Path) -> None:
    scores, findings = results.table("scores"), results.table("findings")
    rule = known_rules()[top_defects(findings, scores).column("rule")[0].as_py()]
    case = chosen_records(scores, findings, Choice(rule=rule.id)).column("case_id")[0].as_py()
    with opened(address) as page:
        enter(page, "quality", "quality")
        page.get_by_text(text("quality_page.chart_trend", "zh")).wait_for()
        keep_shot(page, "quality", tmp_path)
        pick_first(page, rule.title.zh)
        assert f"rule={rule.id}" in page.url
        pick_first(page, case)
        page.locator(".d-finding").first.wait_for()
        assert f"case={case}" in page.url
        assert any(rule.id in told for told in page.locator(".d-finding").all_inner_texts())
        keep_shot(page, "quality_case", tmp_path)
        for _ in range(2):
            page.get_by_role("button", name=text("quality_page.back", "zh")).click()
            page.wait_for_timeout(300)
            settle(page)
        page.get_by_text(text("quality_page.top_defects", "zh"), exact=True).wait_for()
        assert "rule=" not in page.url


def test_an_impact_report_is_read(address: str, results: Results, tmp_path: Path) -> None:
    table = results.table("cases")
    found = compare_sides(table, side_of(table, SCHEME, CONTRACT), side_of(table, "synthetic", "reference"))
    change = found.totals.column("payment_fen_change")[0].as_py()
    with opened(address, 1280, 800) as page:
        enter(page, "manager", "board")
        page.get_by_role("radio", name=text("board.view_impact", "zh")).click()
        page.locator(".d-figure").get_by_text(shown(change, "money")).wait_for(timeout=SLOW)
        settle(page)
        keep_shot(page, "board_impact", tmp_path)
        page.get_by_role("tab", name="损失最大的病例").click()
        first = found.losers.to_pylist()[0]
        page.locator("td").get_by_text(first["case_id"], exact=True).wait_for(timeout=SLOW)
        settle(page)
        keep_shot(page, "board_impact_losers", tmp_path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.get_by_test_id("stException").count() == 0
