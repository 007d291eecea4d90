"""The coder's queue: what waits, why, since when and whose; taken, assigned, and opened in the workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from drg.errors import InputError
from ui import access, coding_desk, desk_actions, home
from ui.access import Person
from ui.roles import rules
from ui.text import text
from ui.widgets import language, markup, queue_list
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.coding_desk import QueuePage
    from claims.nightly.results import Results
    from claims.store import Filter, Order, WorkItem

WORKBENCH = "workbench"
WHOSE = ("all", "mine", "nobody", "done")
PAGE_SIZE = 50
FILTER_WIDTHS = (4, 3, 3)
PLACES = "queue_places"
"""Where the pages before and this one begin; the first begins nowhere."""
PROBLEM = "queue_problem"
LONGEST_TEXT = 128


def main() -> None:
    """The page."""
    person = access.enter("queue")
    lang = language.chosen()
    markup.use_styles()
    try:
        _show(person, lang)
    except InputError as error:
        home.show_error(error)


def _show(person: Person, lang: str) -> None:
    which, order = _filters(person, lang)
    if st.session_state.get(desk_actions.QUEUE_VIEW) != (which, order):
        st.session_state[desk_actions.QUEUE_VIEW] = (which, order)
        st.session_state[PLACES] = [None]
    _show_problem()
    page = _page(which, order)
    if not page.rows:
        home.show_empty("queue.empty" if which.text is None else "queue.nothing_found")
        return
    chosen = queue_list.show(page.rows, lambda id: _ask_open(page, id), lang)
    if desk_actions.is_asked():
        desk_actions.go_to(WORKBENCH)
    _show_actions(person, page, chosen, lang)
    # While the person reads the list: the first case then opens at once.
    coding_desk.engine()


def _filters(person: Person, lang: str) -> tuple[Filter, Order]:
    """What the person wants to see, and what stands first."""
    from claims.store import Order

    left, middle, right = st.columns(FILTER_WIDTHS, gap="small", vertical_alignment="bottom")
    with left:
        whose = st.segmented_control(
            text("queue.whose", lang),
            WHOSE,
            format_func=lambda name: text(f"queue.whose_{name}", lang),
            default=WHOSE[0],
            key="queue_whose",
            required=True,
        )
    with middle:
        words = st.text_input(
            text("queue.search", lang),
            key="queue_text",
            max_chars=LONGEST_TEXT,
            placeholder=text("queue.search_hint", lang),
        )
    with right:
        order = st.segmented_control(
            text("queue.order", lang),
            tuple(Order),
            format_func=lambda one: text(f"queue.order_{one.value}", lang),
            default=Order.PRIORITY,
            key="queue_order",
            required=True,
        )
    return _filter(person, whose or WHOSE[0], (words or "").strip() or None), order or Order.PRIORITY


def _filter(person: Person, whose: str, words: str | None) -> Filter:
    from claims.coding_desk import UNOWNED
    from claims.store import Filter, Kind, State

    match whose:
        case "mine":
            return Filter(Kind.CODER, owner=person.name, text=words)
        case "nobody":
            return Filter(Kind.CODER, states=UNOWNED, text=words)
        case "done":
            return Filter(Kind.CODER, states=(State.DECIDED, State.CLOSED), text=words)
        case _:
            return Filter(Kind.CODER, text=words)


def _page(which: Filter, order: Order) -> QueuePage:
    from claims.coding_desk import queue_page

    return queue_page(home.store(), _results(), which, order, st.session_state[PLACES][-1], PAGE_SIZE)


def _results() -> Results | None:
    """The results of the runs; ``None`` before the first, when findings and groups are not known."""
    try:
        return home.results()
    except InputError:
        return None


def _ask_open(page: QueuePage, item_id: int) -> None:
    item = next((row.item for row in page.rows if row.item.id == item_id), None)
    if item is not None:
        desk_actions.ask_for(item.case_id)


def _show_actions(person: Person, page: QueuePage, chosen: tuple[int, ...], lang: str) -> None:
    items = [row.item for row in page.rows if row.item.id in chosen]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(text("queue.next_case", lang), key="next_case", type="primary", shortcut="Ctrl+Enter"):
            _open_next(person)
        if access.may(person, "assign_case"):
            _show_assigning(person, items, lang)
        _show_paging(page, lang)
        shown = text("queue.shown", lang, count=len(page.rows), page=len(st.session_state[PLACES]))
        markup.show(tag("div", shown, style="d-note"), width="content")


def _open_next(person: Person) -> None:
    access.require(person, "assign_case")
    if desk_actions.open_next(person) is not None:
        desk_actions.go_to(WORKBENCH)
    st.session_state[PROBLEM] = text("queue.none_free", language.chosen())
    st.rerun()


def _show_assigning(person: Person, items: list[WorkItem], lang: str) -> None:
    """Take or assign the chosen rows."""
    label = text("queue.take", lang, count=len(items))
    if st.button(label, key="take", disabled=not items):
        _assign(person, items, person.name, lang)
    names = _coders()
    assignee = st.selectbox(
        text("queue.assignee", lang),
        names,
        index=None,
        key="assignee",
        label_visibility="collapsed",
        placeholder=text("queue.assignee", lang),
        width=180,
    )
    if st.button(text("queue.assign", lang), key="assign", disabled=not items or assignee is None):
        _assign(person, items, assignee or person.name, lang)


def _coders() -> list[str]:
    """Who can be given a case: the accounts that may sign."""
    from claims.store import accounts

    roles = rules().actions["sign_off"]
    return [
        one.name for one in accounts(home.store()) if not one.disabled and not one.roles.isdisjoint(roles)
    ]


def _assign(person: Person, items: list[WorkItem], assignee: str, lang: str) -> None:
    """Assign row by row; one that somebody else changed meanwhile is told and left as it is."""
    from claims.store import assign

    access.require(person, "assign_case")
    problems = []
    for item in items:
        try:
            assign(home.store(), item.id, item.version, assignee, person.name)
        except InputError as error:
            problems.append(f"{item.case_id}: {error.render(lang)}")
    if problems:
        st.session_state[PROBLEM] = "\n".join(problems)
    st.rerun()


def _show_problem() -> None:
    problem = st.session_state.pop(PROBLEM, None)
    if problem is not None:
        lines = (tag("p", line) for line in problem.splitlines())
        markup.show(tag("div", *lines, style="d-problem"))


def _show_paging(page: QueuePage, lang: str) -> None:
    places = st.session_state[PLACES]
    if len(places) > 1 and st.button(text("queue.before", lang), key="before"):
        places.pop()
        st.rerun()
    if page.next is not None and st.button(text("queue.after", lang), key="after"):
        places.append(page.next)
        st.rerun()


main()
