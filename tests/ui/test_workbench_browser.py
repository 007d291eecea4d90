"""The coder's day in a browser: a case signed from the queue with the keyboard only, and the desk on one screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claims.store import State, content_of, open_items, open_store, parse_address, sign_offs
from claims.store.queue import Filter
from claims.store.resolutions import Kind
from tests.ui.accounts_fixture import PASSWORD
from tests.ui.browser import keep_shot, opened, opened_by, served, settle, sign_in
from tests.ui.desk_fixture import QUEUE, SECOND_CODER, build_desk
from tests.ui.results_fixture import Hospital
from ui.text import text

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIRST, SECOND, BLOCKED = QUEUE[:3]
INITIALS, CODE = "xlsj", "I50.900"
SECONDS_OF_AN_EDIT = 2.0
"""What an edit may take on a busy machine; ``docs/workbench.md`` says what it takes on a quiet one."""


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, filled_store: Path) -> Hospital:
    return build_desk(tmp_path_factory.mktemp("hospital"), filled_store)


@pytest.fixture(scope="module")
def address(hospital: Hospital) -> Iterator[str]:
    with served(hospital.config) as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    with opened(address) as page:
        yield page


def go_to_queue(page: Page, name: str = "coder") -> None:
    sign_in(page, name, PASSWORD)
    page.locator(".st-key-bar").get_by_role("link", name=text("access.page_queue", "zh")).press("Enter")
    page.locator(".queue .row").first.wait_for()
    settle(page)


def strip(page: Page, case_id: str) -> None:
    page.locator(".k-strip").get_by_text(case_id).wait_for()


def told(page: Page, sentence: str) -> None:
    page.locator(".st-key-desk_bar").get_by_text(sentence).wait_for()


def test_a_case_is_signed_from_the_queue_with_the_keyboard_only(
    page: Page, hospital: Hospital, tmp_path: Path
) -> None:
    go_to_queue(page)
    page.locator(".queue .row:focus").wait_for()
    keep_shot(page, "queue", tmp_path)
    page.keyboard.press("Enter")
    strip(page, FIRST)
    told(page, text("workbench.can_sign", "zh"))

    page.keyboard.press("F2")
    page.keyboard.type(INITIALS, delay=30)
    page.locator(".hit").first.wait_for()
    assert CODE in page.locator(".hit").first.inner_text()
    began = time.monotonic()
    page.keyboard.press("Enter")
    page.locator(".k-below.changed").wait_for()
    assert time.monotonic() - began < SECONDS_OF_AN_EDIT
    # The new diagnosis lacks the condition at admission, so a rule blocks.
    page.locator(".k-told.block").get_by_text("Q023").wait_for()
    press(page, "Control+Enter")
    page.locator(".d-problem").get_by_text("Q023").wait_for()

    go_to_tab(page, 1)
    page.locator(".finding.block").wait_for()
    keep_shot(page, "workbench-findings", tmp_path)
    fill_by_keyboard(page, CODE, "1")
    page.locator(".k-told.block").get_by_text(text("workbench.raises", "zh")).wait_for()
    press(page, "Control+Enter")
    page.locator(".d-problem").get_by_text("5").first.wait_for()

    page.keyboard.press("F4")
    page.keyboard.type("出院记录与超声支持", delay=20)
    # The field is sent a moment after the last letter.
    page.wait_for_timeout(600)
    press(page, "Control+s")
    told(page, text("workbench.saved", "zh", number=1))
    press(page, "Control+Enter")
    strip(page, SECOND)
    told(page, text("workbench.signed_case", "zh", case=FIRST))
    keep_shot(page, "workbench-next", tmp_path)
    check_signed(hospital)


def press(page: Page, keys: str) -> None:
    """Press a shortcut as a person does who sees that the page has settled."""
    settle(page)
    page.keyboard.press(keys)


def go_to_tab(page: Page, number: int) -> None:
    """Focus the row of tabs and go along it with the arrows."""
    page.get_by_role("tab").first.focus()
    for _ in range(number):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")


def fill_by_keyboard(page: Page, code: str, value: str) -> None:
    """Type a value into the choice beside a code."""
    page.locator(f'.st-key-desk_right [class*="{code.replace(".", "-")}"] input').first.focus()
    page.keyboard.type(value)
    page.keyboard.press("Enter")


def check_signed(hospital: Hospital) -> None:
    """What the store has: the signed codes with the reason, and the item decided by its owner."""
    with open_store(parse_address(hospital.store)) as store:
        signed = sign_offs(store, FIRST)[-1]
        assert signed.raises_weight
        assert signed.reason == "出院记录与超声支持"
        content = content_of(store, signed.content_hash)
        assert content is not None
        assert CODE in content["dx"]
        states = {
            item.case_id: item.state for item in open_items(store, Filter(Kind.CODER, tuple(State))).items
        }
        assert states[FIRST] is State.DECIDED


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800)])
def test_the_desk_fits_the_screen(address: str, width: int, height: int, tmp_path: Path) -> None:
    with opened(address, width, height) as page:
        go_to_queue(page, SECOND_CODER)
        page.locator(f'.queue .row:has-text("{BLOCKED}")').press("Enter")
        strip(page, BLOCKED)
        page.locator(".k-told.block").wait_for()
        page.get_by_test_id("stGraphVizChart").locator("svg").wait_for()
        for tab in range(4):
            page.get_by_role("tab").nth(tab).click()
            page.wait_for_timeout(800)
            sizes = page.evaluate(
                """() => ["html", "[data-testid=stMain]"].map((name) => {
                    const found = document.querySelector(name);
                    return [found.scrollHeight - found.clientHeight, found.scrollWidth - found.clientWidth];
                })"""
            )
            assert sizes == [[0, 0], [0, 0]]
            keep_shot(page, f"workbench-{width}-{tab}", tmp_path)
        bar = page.locator(".st-key-desk_bar").bounding_box()
        assert bar is not None
        assert bar["y"] + bar["height"] <= height


def test_a_picked_finding_shows_its_place_in_the_record(page: Page) -> None:
    go_to_queue(page, SECOND_CODER)
    page.locator(f'.queue .row:has-text("{BLOCKED}")').press("Enter")
    strip(page, BLOCKED)
    page.get_by_role("tab").nth(1).click()
    page.locator(".finding").first.press("Enter")
    mark = page.locator("mark.focus").first
    mark.wait_for()
    assert mark.is_visible()


def test_two_coders_with_one_case_lose_nothing(address: str, hospital: Hospital) -> None:
    case_id = QUEUE[4]
    with opened_by(address, 2) as (page, other):
        for one, name in ((page, "coder"), (other, SECOND_CODER)):
            go_to_queue(one, name)
            one.locator(f'.queue .row:has-text("{case_id}")').press("Enter")
            strip(one, case_id)
        other.locator('.row[data-at="dx 1"]').press("Delete")
        press(other, "Control+s")
        told(other, text("workbench.saved", "zh", number=1))
        page.locator('.row[data-at="dx 1"]').press("Alt+Home")
        mine = text("workbench.changed", "zh", changes="*")
        told(page, mine)
        press(page, "Control+s")
        page.get_by_text(text("workbench.stale", "zh")).wait_for()
        assert page.locator(".d-problem").get_by_text(SECOND_CODER).is_visible()
        told(page, mine)
        page.get_by_role("button", name=text("workbench.keep_mine", "zh")).click()
        page.get_by_text(text("workbench.stale", "zh")).wait_for(state="detached")
        press(page, "Control+s")
        told(page, text("workbench.saved", "zh", number=2))
