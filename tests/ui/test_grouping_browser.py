"""The grouping page in a browser that can reach nothing but this machine: search by initials, pick by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import drg
from drg.grouper import whatif
from tests.ui.browser import keep_shot, opened, served
from ui import data
from ui.text import text

if TYPE_CHECKING:
    from playwright.sync_api import Page

INITIALS, CODE = "xlsj", "I50.900"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    with opened(address) as page:
        yield page


def case_that_changes() -> tuple[drg.Explanation, drg.Explanation]:
    """A case of the sample, before and after one more complication that changes its group."""
    for place in range(200):
        before = drg.explain(data.sample_case(place), data.schemes()[0])
        after = drg.explain(whatif.add_code(before.case, "dx", CODE), data.schemes()[0])
        if (
            len(before.case.dx) > 2
            and before.grouping.status == "grouped"
            and after.grouping.drg != before.grouping.drg
        ):
            return before, after
    pytest.fail(f"no case of the sample changes its group with {CODE}")


def test_a_code_found_by_initials_and_picked_by_keyboard_changes_the_group(
    page: Page, tmp_path: Path
) -> None:
    before, after = case_that_changes()
    strip = page.locator(".d-strip")
    strip.wait_for()
    page.get_by_placeholder(text("page.case_search_hint", "zh")).fill(before.case.case_id)
    page.get_by_text(
        text(
            "page.case_count",
            "zh",
            shown=1,
            total=len(data.sample().cases),
            rejected=data.sample().rejected_count,
        )
    ).wait_for()
    pick_first_row(page, before.case.case_id)
    assert f"{before.grouping.drg}" in strip.inner_text()

    page.keyboard.press("F2")
    page.keyboard.type(INITIALS, delay=30)
    first = page.locator(".hit").first
    first.wait_for()
    assert CODE in first.inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")

    strip.get_by_text(text("page.changed", "zh")).wait_for()
    assert f"{after.grouping.drg}" in strip.inner_text()
    assert f"{after.grouping.drg_name}" in strip.inner_text()
    # The strip is painted first, the sentence at the end of the same run.
    page.locator(".d-sentence").get_by_text(after.sentence("zh")).wait_for()
    keep_shot(page, "grouping", tmp_path)

    added = page.locator(f'.row[data-at="dx {len(after.case.dx) - 1}"]')
    added.focus()
    page.keyboard.press("Delete")
    strip.get_by_text(text("page.changed", "zh")).wait_for(state="detached")
    assert f"{after.grouping.drg}" not in strip.inner_text()


def pick_first_row(page: Page, case_id: str) -> None:
    """Click the first case of the list; the grid is a canvas that takes clicks a moment after it is painted."""
    from playwright.sync_api import expect

    grid = page.get_by_test_id("stDataFrame")
    # The list before the search stays until the rerun ends.
    expect(grid).to_have_count(1)
    opened = page.locator(".d-strip").get_by_text(case_id)
    for _ in range(10):
        grid.click(position={"x": 30, "y": 45})
        page.wait_for_timeout(700)
        if opened.is_visible():
            return
    pytest.fail(f"{case_id} was not opened")
