"""One case: its codes, its group at every edit, and why."""

from __future__ import annotations

import streamlit as st

import drg
from drg.errors import InputError
from drg.grouper import whatif
from ui import access, data, work
from ui.text import text
from ui.widgets import (
    case_list,
    code_lists,
    code_search,
    complications,
    facts,
    language,
    markup,
    path,
    result,
    what_if,
)
from ui.widgets.markup import tag

STRIP_AND_RESET = (14, 1)
LEFT_AND_RIGHT = (10, 11)


def main() -> None:
    """The page."""
    access.enter("grouping")
    lang = language.chosen()
    markup.use_styles()
    with st.sidebar:
        scheme = _show_sidebar(lang)
    try:
        before = drg.explain(submitted, work.submitted_scheme()) if (submitted := work.submitted()) else None
        now = drg.explain(case, scheme) if (case := work.case()) else None
    except InputError as error:
        result.show_error(error, lang)
        return
    if now is not None:
        _show_head(before, now, lang)
    left, right = st.columns(LEFT_AND_RIGHT, gap="medium")
    with left:
        facts.show(lang)
        code_search.show(lang)
        code_lists.show(now, lang)
    with right:
        _show_result(before, now, lang)


def _show_sidebar(lang: str) -> str:
    """Scheme and the cases. Returns the scheme."""
    schemes = data.schemes()
    scheme: str = st.selectbox(
        text("page.scheme", lang),
        schemes,
        format_func=lambda id: data.scheme_name(id, lang),
        key=work.SCHEME_KEY,
    )
    case_list.show(scheme, lang)
    markup.show(tag("div", text("page.note", lang), style="d-note"))
    return scheme


def _show_head(before: drg.Explanation | None, now: drg.Explanation, lang: str) -> None:
    strip, button = st.columns(STRIP_AND_RESET, gap="small", vertical_alignment="center")
    with strip:
        result.show_strip(before, now, lang)
    with button:
        is_edited = before is None or result.is_edited(before, now)
        st.button(
            text("page.reset", lang),
            key="reset",
            width="stretch",
            disabled=not is_edited,
            on_click=work.reset,
        )


def _show_result(before: drg.Explanation | None, now: drg.Explanation | None, lang: str) -> None:
    result.show_problem(lang)
    if now is None:
        result.show_no_group(lang)
        return
    result.show_reason(now, lang)
    difference = whatif.compare(before or now, now)
    names = (
        text("page.tab_path", lang),
        text("page.tab_complications", lang, count=len(now.complications)),
        text("page.tab_what_if", lang),
        text("page.tab_difference", lang, count=len(difference.changed)),
    )
    path_tab, complications_tab, what_if_tab, difference_tab = st.tabs(names)
    with path_tab:
        path.show(now, lang)
    with complications_tab:
        complications.show(now, lang)
    with what_if_tab:
        what_if.show_alternatives(now, lang)
    with difference_tab:
        what_if.show_difference(difference, lang)


main()
