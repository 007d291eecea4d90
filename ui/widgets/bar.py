"""The bar over every page: product, the pages of the person by section, language, and the person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import login, session
from ui.access import Person
from ui.roles import rules
from ui.text import text
from ui.widgets import language, markup
from ui.widgets.markup import tag


def show(person: Person, pages: Mapping[str, Any], lang: str) -> None:
    """The bar; ``pages`` are those of ``st.navigation`` that the person sees, by name."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="bar"
    ):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            markup.show(tag("b", text("page.product", lang), style="d-brand"), width="content")
            if len(pages) > 1:
                _show_links(pages, lang)
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            language.switch()
            if person.account_id is not None:
                _show_person(person, lang)


def _show_links(pages: Mapping[str, Any], lang: str) -> None:
    section = None
    for name, page in pages.items():
        if rules().pages[name].section != section:
            section = rules().pages[name].section
            markup.show(
                tag("span", text(f"access.section_{section}", lang), style="d-section"), width="content"
            )
        st.page_link(page, label=page.title)


def _show_person(person: Person, lang: str) -> None:
    with st.popover(person.display_name, key="person"):
        roles = text("page.separator", lang).join(
            text(f"access.role_{role}", lang) for role in sorted(person.roles)
        )
        markup.show(tag("div", f"{person.name} · {roles}", style="d-note"))
        if st.button(text("login.change", lang), width="stretch"):
            _change_password(lang)
        st.button(text("login.sign_out", lang), key="sign_out", on_click=session.sign_out, width="stretch")


def _change_password(lang: str) -> None:
    @st.dialog(text("login.change", lang))
    def dialog() -> None:
        account = session.account()
        if account is not None:
            login.show_password_form(account, lang)

    dialog()
