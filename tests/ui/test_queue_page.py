"""The queue page without a browser: who sees it, filters, pages, taking and assigning; all of it audited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from claims.store import (
    Filter,
    Kind,
    State,
    Store,
    audit_since,
    open_items,
    open_store,
    parse_address,
)
from tests.ui.desk_fixture import QUEUE, SECOND_CODER, build_desk
from tests.ui.results_fixture import Hospital, start
from ui.text import text


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, filled_store: Path) -> Hospital:
    return build_desk(tmp_path_factory.mktemp("hospital"), filled_store)


@pytest.fixture
def store(hospital: Hospital) -> Iterator[Store]:
    with open_store(parse_address(hospital.store)) as opened:
        yield opened


def shown(page: AppTest) -> str:
    return "".join(element.value for element in page.html)


def choose(page: AppTest, ids: list[int]) -> None:
    page.session_state["queue_list"] = {"chosen": ids}


@pytest.mark.parametrize("name", ["coder", "quality"])
def test_coders_and_quality_see_the_queue(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "queue")
    assert text("queue.shown", "zh", count=len(QUEUE), page=1) in shown(page)


@pytest.mark.parametrize("name", ["manager", "analyst"])
def test_others_are_refused(hospital: Hospital, name: str) -> None:
    page = start(hospital, name, "queue")
    assert not [one for one in page.text_input if one.key == "queue_text"]
    assert not any(case_id in shown(page) for case_id in QUEUE)


def test_filters_say_what_to_do_where_nothing_is_found(hospital: Hospital) -> None:
    page = start(hospital, "coder", "queue")
    page.text_input(key="queue_text").input("nothing of that").run()
    assert text("queue.nothing_found", "zh").split("\n")[1] in shown(page)
    page.text_input(key="queue_text").input(QUEUE[2]).run()
    assert text("queue.shown", "zh", count=1, page=1) in shown(page)
    page.segmented_control(key="queue_whose").set_value("done").run()
    page.text_input(key="queue_text").input("").run()
    assert text("queue.empty", "zh").split("\n")[1] in shown(page)
    assert not page.exception


def test_the_next_case_is_taken_and_opened(hospital: Hospital, store: Store) -> None:
    page = start(hospital, "coder", "queue")
    # AppTest cannot follow to the other page; what was opened is in the session.
    page.button(key="next_case").click().run()
    mine = open_items(store, Filter(Kind.CODER, owner="coder")).items
    assert [(item.case_id, item.state) for item in mine] == [(QUEUE[0], State.ASSIGNED)]
    assert page.session_state["coding_desk"].case_id == QUEUE[0]
    viewed = [
        (one.action, one.object_kind, one.object_id) for one in audit_since(store, size=500, person="coder")
    ]
    assert ("view", "work_item", str(mine[0].id)) in viewed


def test_only_coders_can_be_given_a_case(hospital: Hospital) -> None:
    page = start(hospital, "quality", "queue")
    assert page.selectbox(key="assignee").options == ["coder", SECOND_CODER]
    assert page.button(key="assign").disabled


def test_english_has_every_text(hospital: Hospital) -> None:
    page = start(hospital, "coder", "queue")
    page.session_state["lang"] = "en"
    page.run()
    assert not page.exception
    assert page.button(key="next_case").label == text("queue.next_case", "en")
