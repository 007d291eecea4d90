"""The list of the sample's cases: search it, pick a case, or begin a new one."""

from __future__ import annotations

import streamlit as st

from drg.errors import InputError
from ui import data, work
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import tag

STATUSES = ("grouped", "ambiguous", "ungrouped", "rejected")
COLUMN_WIDTHS = {"case_id": 102, "status": 58, "drg": 52, "principal": 240}
LIST_HEIGHT = 592
ROW_HEIGHT = 30
BORDERS = 4


def show(scheme: str, lang: str) -> None:
    """The list; opens the case that is picked, and the first one at the beginning."""
    try:
        with st.spinner(text("page.loading", lang)):
            data.case_list(scheme)
    except InputError as error:
        _show_no_sample(error, lang)
    else:
        _show_list(scheme, lang)
    st.button(
        text("page.type_case", lang), key="new_case", width="stretch", on_click=_begin_new, args=(scheme,)
    )
    if not work.is_open():
        _begin_new(scheme)


def _begin_new(scheme: str) -> None:
    st.session_state.picks = _picks() + 1
    st.session_state.opened = None
    work.open_case(None, scheme)


def _show_no_sample(error: InputError, lang: str) -> None:
    markup.show(
        tag(
            "div",
            tag("b", text("page.cannot_read_sample", lang)),
            tag("p", error.render(lang)),
            tag("p", text("page.cannot_read_sample_remedy", lang)),
            style="d-problem",
        )
    )


def _show_list(scheme: str, lang: str) -> None:
    words = st.text_input(
        text("page.case_search", lang),
        key="case_search",
        type="search",
        live="200ms",
        placeholder=text("page.case_search_hint", lang),
        label_visibility="collapsed",
    )
    status_names = {status: text(f"page.status_{status}", lang) for status in STATUSES}
    found, places = data.find_cases(scheme, words or "", status_names)
    sample = data.sample()
    count = {"shown": len(found), "total": len(sample.cases), "rejected": sample.rejected_count}
    markup.show(tag("div", text("page.case_count", lang, **count), style="d-note"))
    if not places:
        markup.show(tag("div", text("page.no_case_found", lang), style="d-empty"))
        return
    if not work.is_open():
        _open(places[0], scheme)
    opened = st.session_state.opened
    event = st.dataframe(
        found,
        key=f"cases {_picks()} {words}",
        height=min(LIST_HEIGHT, ROW_HEIGHT * (len(found) + 1) + BORDERS),
        row_height=ROW_HEIGHT,
        hide_index=True,
        column_order=tuple(COLUMN_WIDTHS),
        column_config={
            name: st.column_config.TextColumn(text(f"page.column_{name}", lang), width=width)
            for name, width in COLUMN_WIDTHS.items()
        },
        on_select="rerun",
        selection_mode="single-cell",
        selection_default={
            "selection": {"cells": [(places.index(opened), "case_id")] if opened in places else []}
        },
    )
    for row, _ in event["selection"]["cells"]:
        # Only once, so that edits survive later reruns.
        if row < len(places) and places[row] != opened:
            _open(places[row], scheme)


def _open(place: int, scheme: str) -> None:
    st.session_state.opened = place
    work.open_case(data.sample_case(place), scheme)


def _picks() -> int:
    """Part of the list's key: another number begins a list without a selection."""
    picks: int = st.session_state.get("picks", 0)
    return picks
