"""The journey of an analyst in a real browser: find a claim by filter, read its reasons, decide and close it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claims.claim_desk.evidence import hits_of
from claims.store import Filter, Kind, State, audit_since, decisions, get_item, open_items
from tests.ui.browser import keep_shot, opened, served, sign_in
from tests.ui.claims_fixture import PASSWORD, Desk, desk_in
from ui.text import text
from ui.widgets.claim_network import BELOW, TITLE_HEIGHT

if TYPE_CHECKING:
    from playwright.sync_api import Page

RULE = "C022"
REASON = "同日收取综合项目及其内含项目，已核对明细"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    found = desk_in(tmp_path_factory.mktemp("browser") / "installation")
    found.give_passwords()
    return found


@pytest.fixture(scope="module")
def address(desk: Desk) -> Iterator[str]:
    with served(desk.config) as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    with opened(address) as page:
        sign_in(page, "li", PASSWORD)
        page.get_by_test_id("stDataFrame").first.wait_for()
        yield page


def say(key: str) -> str:
    return text(f"desk.{key}", "zh")


def test_a_claim_is_found_read_decided_and_closed(page: Page, desk: Desk, tmp_path: Path) -> None:
    with desk.open_store() as store:
        expected = open_items(store, Filter(Kind.CLAIM, text=RULE)).items[0]
    page.get_by_role("button", name=say("export")).wait_for()
    keep_shot(page, "claims_list", tmp_path)
    page.get_by_label(say("filter_text")).fill(RULE)
    page.keyboard.press("Enter")
    expand_first(page, expected.case_id)
    page.get_by_role("button", name=say("open"), exact=True).click()

    strip = page.locator(".d-claim")
    strip.get_by_text(expected.case_id).wait_for()
    (hit,) = [one for one in hits_of(desk.results, expected.case_id, "zh") if one.rule == RULE]
    page.locator(".d-hit").get_by_text(hit.basis).wait_for()
    keep_shot(page, "claims_case", tmp_path)
    for name in ("peers", "visits", "network", "changes"):
        page.get_by_role("tab", name=say(f"tab_{name}")).click()
        page.wait_for_timeout(800)
        keep_shot(page, f"claims_{name}", tmp_path)
    assert page.get_by_test_id("stException").count() == 0

    page.get_by_role("button", name=say("take"), exact=True).click()
    page.get_by_text("转调查").click()
    page.get_by_label(say("reason"), exact=True).fill(REASON)
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name=say("decide"), exact=True).click()
    page.get_by_role("button", name=say("close"), exact=True).click()
    strip.get_by_text("已关闭").wait_for()
    keep_shot(page, "claims_closed", tmp_path)

    with desk.open_store() as store:
        (decision,) = decisions(store, expected.id)
        assert (decision.resolution, decision.reason, decision.person) == ("to_investigation", REASON, "li")
        assert get_item(store, expected.id).state is State.CLOSED
        viewed = [
            one
            for one in audit_since(store, size=1_000)
            if one.action == "view" and one.object_kind == "work_item"
        ]
        assert {one.object_id for one in viewed} == {str(expected.id)}


def test_a_node_of_the_network_shows_its_claims(page: Page, desk: Desk, tmp_path: Path) -> None:
    with desk.open_store() as store:
        item = open_items(store, Filter(Kind.CLAIM)).items[0]
    expand_first(page, item.case_id)
    page.get_by_role("button", name=say("open"), exact=True).click()
    page.get_by_role("tab", name=say("tab_network")).click()
    chart = page.get_by_test_id("stEChartsChart").locator("canvas").first
    chart.wait_for()
    page.wait_for_timeout(1_500)
    box = chart.bounding_box()
    assert box is not None
    # The person stands in the middle of what the title leaves.
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + (TITLE_HEIGHT + box["height"] - BELOW) / 2)
    page.get_by_text(re.compile("的案件$")).first.wait_for()
    keep_shot(page, "claims_node", tmp_path)


def expand_first(page: Page, case_id: str) -> None:
    """Click into the first row until it is expanded; the grid takes clicks a moment after it is painted."""
    grid = page.get_by_test_id("stDataFrame").first
    import playwright.sync_api

    title = page.locator(".d-title").get_by_text(case_id)
    for column in (560, 800, 450, 900, 560, 800):
        page.wait_for_timeout(1_500)
        grid.click(position={"x": column, "y": 50})
        with suppress(playwright.sync_api.TimeoutError):
            title.wait_for(timeout=5_000)
            return
    pytest.fail(f"{case_id} was not expanded")
