"""The managers' board: indicators, profit and loss, outliers, CC/MCC against peers, impact, the payer's feedback."""

from __future__ import annotations

import io

import pyarrow as pa
import streamlit as st

from drg.analytics import board_report, workbook
from drg.analytics.board import known_values, part_of
from drg.analytics.board_report import Board
from drg.analytics.document import Section
from drg.errors import InputError
from ui import access, drill, home, hospital, schemes
from ui.access import Person
from ui.text import text
from ui.widgets import language, markup, payer_upload, report
from ui.widgets.markup import tag

IMPACT, FEEDBACK = "impact", "feedback"
VIEWS = (*hospital.SECTIONS, IMPACT, FEEDBACK)
FILTERS = ("department", "month")
EXPORT, FOUND_IMPACT, FOUND_FEEDBACK = "board_export", "board_impact", "board_feedback"
"""Where the session keeps the workbook made last, and the sections that were asked for."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def main() -> None:
    """The page."""
    person = access.enter("board")
    lang = language.chosen()
    report.use_styles()
    try:
        with st.spinner(text("board.loading", lang)):
            cases = hospital.cases(hospital.stamp(home.results()))
        if not len(cases):
            home.show_empty("board.no_cases")
            return
        view = _show_head(lang)
        values = _filters(cases, lang) if view in hospital.SECTIONS else ()
        _show_view(view, values, lang)
        _show_export(person, cases, lang)
    except InputError as error:
        home.show_error(error)


def _show_head(lang: str) -> str:
    markup.show(
        tag("div", text("board.title", lang), style="d-head"),
        tag("div", hospital.source(lang), style="d-source"),
    )
    return drill.view("board", VIEWS, lang)


def _filters(cases: pa.Table, lang: str) -> hospital.Values:
    """The choice of cases, name by name; the views of impact and feedback are of all cases."""
    values = []
    for column, name in zip(st.columns((1, 1, 2)), FILTERS, strict=False):
        with column:
            known = known_values(cases, name)
            chosen = drill.choose(text(f"board.{name}", lang), name, known, text("board.everything", lang))
            values.append((name, chosen))
    return tuple(values)


def _show_view(view: str, values: hospital.Values, lang: str) -> None:
    if view == IMPACT:
        _show_impact(lang)
    elif view == FEEDBACK:
        st.session_state[FOUND_FEEDBACK] = payer_upload.show(lang) or st.session_state.get(FOUND_FEEDBACK)
        if st.session_state[FOUND_FEEDBACK] is not None:
            _show_section(st.session_state[FOUND_FEEDBACK], FEEDBACK, lang)
    else:
        with st.spinner(text("board.computing", lang)):
            section = hospital.section(
                hospital.stamp(home.results()), view, values, lang, hospital.peers_changed()
            )
        if section is None:
            home.show_empty("board.nothing_chosen")
        else:
            _show_section(section, view, lang)


def _show_section(section: Section, view: str, lang: str) -> None:
    report.show(section, lang, hospital.source(lang), f"board {view}")


def _show_impact(lang: str) -> None:
    """Choose the two sides, and read what moves between them."""
    sides = []
    for column, side in zip(st.columns(2, gap="medium"), ("before", "after"), strict=True):
        with column:
            sides.append(_side(side, lang))
    before, after = sides
    if before == after:
        home.show_empty("board.same_sides")
        return
    with st.spinner(text("board.computing", lang)):
        document = hospital.impact_document(hospital.stamp(home.results()), before, after, lang)
    st.session_state[FOUND_IMPACT] = document.sections
    first, *others = document.sections
    _show_section(first, IMPACT, lang)
    tabs = st.tabs([section.title for section in others], key="board_impact_part", on_change="rerun")
    for place, (tab, section) in enumerate(zip(tabs, others, strict=True)):
        with tab:
            if tab.open:
                _show_section(section, f"{IMPACT} {place}", lang)


def _side(side: str, lang: str) -> tuple[str, str | None]:
    """A scheme or DIP catalogue, and a contract for it."""
    known = schemes.with_catalogues()
    default = min(1 if side == "after" else 0, len(known) - 1)
    scheme: str = st.selectbox(
        text(f"board.{side}", lang),
        list(known),
        index=default,
        key=f"board_{side}",
        format_func=lambda id: schemes.name(known[id], lang),
    )
    contracts = schemes.contracts(known[scheme])
    contract: str | None = st.selectbox(
        text("board.contract", lang),
        [None, *contracts],
        index=1 if contracts else 0,
        key=f"board_{side}_contract_{scheme}",
        format_func=lambda id: id or text("board.no_contract", lang),
    )
    return known[scheme], contract


def _show_export(person: Person, cases: pa.Table, lang: str) -> None:
    """Two steps: the workbook is made and the export recorded, then it can be saved."""
    if not access.may(person, "export_board"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(text("board.export", lang), key="export"):
            access.require(person, "export_board")
            with st.spinner(text("board.computing", lang)):
                data = _workbook(cases, lang)
            home.audit(person, "export", "board", str(home.results().run().get("id", "-")))
            st.session_state[EXPORT] = data
        if EXPORT in st.session_state:
            label, name = text("board.save", lang), text("board.file", lang)
            st.download_button(label, st.session_state[EXPORT], name, XLSX, key="save", on_click="ignore")


def _workbook(cases: pa.Table, lang: str) -> bytes:
    """The board, and the impact and feedback that were looked at, as a workbook with its header sheet."""
    more = list(st.session_state.get(FOUND_IMPACT, ()))
    if st.session_state.get(FOUND_FEEDBACK) is not None:
        more.append(st.session_state[FOUND_FEEDBACK])
    values = {name: value for name in FILTERS if (value := drill.here(name)) in known_values(cases, name)}
    told = ", ".join(f"{name}={value}" for name, value in values.items()) or text("board.everything", lang)
    origin = (*hospital.origin(lang), (text("board.origin_filter", lang), told))
    board = Board(part_of(cases, **values), hospital.peers(), lang)
    stream = io.BytesIO()
    workbook.write(board_report.document(board, more, origin), stream)
    return stream.getvalue()


main()
