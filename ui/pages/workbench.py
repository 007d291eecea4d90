"""The coder's workbench: one case, its codes, what they lead to, what the record says, and the signature."""

from __future__ import annotations

import streamlit as st

from drg import Explanation
from drg.errors import InputError
from ui import access, coding_desk, desk_actions, home
from ui.access import Person
from ui.coding_desk import Desk
from ui.text import text
from ui.widgets import (
    code_lists,
    code_search,
    complications,
    desk_bar,
    desk_strip,
    elsewhere,
    finding_list,
    language,
    markup,
    path,
    path_picture,
    proposals,
    record_text,
)
from ui.widgets.markup import tag

LEFT_MIDDLE_RIGHT = (40, 33, 29)
FRAGMENT = "desk_fragment"
TABS = ("path", "findings", "proposals", "elsewhere")


def main() -> None:
    """The page."""
    person = access.enter("workbench")
    lang = language.chosen()
    markup.use_styles()
    markup.use_styles(desk_bar.STYLES)
    try:
        with st.spinner(text("workbench.opening", lang)):
            desk_actions.open_asked(person)
    except InputError as error:
        home.show_error(error)
    _show(lang)


@st.fragment(key=FRAGMENT)
def _show(lang: str) -> None:
    """The desk; every edit runs this part only. Who is at the page is asked again each time."""
    person = access.enter("workbench")
    desk_actions.do_asked(person)
    desk = coding_desk.current()
    if desk is None:
        desk_bar.show_nothing_open(lang)
        return
    with st.container(key="desk"):
        _show_desk(desk, person, lang)


def _show_desk(desk: Desk, person: Person, lang: str) -> None:
    before, now = desk.opened.outcome(desk.opened.submitted), desk.opened.outcome(desk.version)
    desk_strip.show(desk, before, now, person, lang)
    # Always there, so that a message does not move the places of what follows.
    with st.container(key="desk_told"):
        desk_bar.show_told(desk, lang)
    left, middle, right = st.columns(LEFT_MIDDLE_RIGHT, gap="small")
    with left:
        code_search.show(lang, coding_desk.add_code, FRAGMENT)
        with st.container(key="desk_left"):
            code_lists.show(now.explanation, lang, coding_desk.edit_code)
    with middle:
        record_text.show(desk, person, lang)
    with right:
        _show_tabs(desk, person, lang)
    desk_bar.show(desk, person, lang)


def _show_tabs(desk: Desk, person: Person, lang: str) -> None:
    """What the product says; a tab that is not open is not worked out."""
    now = desk.opened.outcome(desk.version)
    found = desk.opened.findings(desk.version)
    counts = {"findings": len(found)}
    names = [text(f"workbench.tab_{tab}", lang, count=counts.get(tab, 0)) for tab in TABS]
    tabs = dict(zip(TABS, st.tabs(names, key=f"desk_tab {lang}", on_change="rerun"), strict=True))
    shown = next((tab for tab in TABS if tabs[tab].open), TABS[0])
    with tabs[shown], st.container(key="desk_right"):
        if shown == "path":
            _show_path(now.explanation, lang)
        elif shown == "findings":
            finding_list.show(desk, found, lang)
        elif shown == "proposals":
            proposals.show(desk, person, lang)
        else:
            elsewhere.show(desk, now, person, lang)


def _show_path(explanation: Explanation, lang: str) -> None:
    """Why the case is in its group: sentence, picture, complications, every row tried."""
    markup.show(tag("div", explanation.sentence(lang), style="d-sentence"))
    path_picture.show(explanation, lang)
    if explanation.complications:
        complications.show(explanation, lang)
    path.show(explanation, lang)


main()
