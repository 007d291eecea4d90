"""The sign-in page, and the page on which a person chooses a password of his own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from drg.errors import InputError
from ui import home, session
from ui.text import text
from ui.widgets import language, markup
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.store import Account

MOST_SIGNS = 256
COLUMNS = (1, 1.15, 1)


def show(account: Account | None) -> None:
    """The form to sign in; for an ``account`` whose password must be changed, that form."""
    lang = language.chosen()
    markup.use_styles()
    _, middle, _ = st.columns(COLUMNS)
    with middle:
        _show_head(lang)
        if account is not None:
            _show_notice(text("login.must_change", lang, name=account.display_name))
            show_password_form(account, lang)
            st.button(text("login.sign_out", lang), on_click=session.sign_out, type="tertiary")
            return
        _show_sign_in(lang)


def show_password_form(account: Account, lang: str) -> None:
    """The form in which a person changes his password; the session goes on with the new one."""
    with st.form("change_password", border=True):
        old = st.text_input(text("login.password_old", lang), type="password", max_chars=MOST_SIGNS)
        new = st.text_input(text("login.password_new", lang), type="password", max_chars=MOST_SIGNS)
        again = st.text_input(text("login.password_again", lang), type="password", max_chars=MOST_SIGNS)
        asked = st.form_submit_button(text("login.change", lang), type="primary", width="stretch")
    if not asked:
        return
    if new != again:
        _show_notice(text("login.password_differs", lang))
        return
    from claims.store import change_password

    try:
        change_password(home.store(), account.id, old, new)
        session.sign_in(account.name, new)
    except InputError as error:
        _show_notice(error.render(lang))
        return
    st.rerun()


def _show_head(lang: str) -> None:
    installation = home.installation()
    name = installation.name if lang == "zh" else installation.name_en
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        markup.show(tag("b", text("page.product", lang), style="d-brand"), width="content")
        language.switch()
    markup.show(tag("h1", name, style="d-login-title"))


def _show_sign_in(lang: str) -> None:
    settings = home.installation().login
    if st.session_state.pop(session.ENDED, False):
        _show_notice(text("login.ended", lang))
    if problem := st.session_state.pop(session.PROBLEM, None):
        home.show_error(problem)
    if settings.passwords:
        _show_name_and_password(lang)
    if settings.oidc is not None and st.button(text("login.provider", lang), width="stretch"):
        st.login(settings.oidc.provider)
    markup.show(tag("div", text("login.note", lang), style="d-note"))


def _show_name_and_password(lang: str) -> None:
    with st.form("sign_in", border=True):
        name = st.text_input(
            text("login.name", lang), max_chars=64, autocomplete="username", key="login_name"
        )
        password = st.text_input(
            text("login.password", lang),
            type="password",
            max_chars=MOST_SIGNS,
            autocomplete="current-password",
            key="login_password",
        )
        asked = st.form_submit_button(text("login.sign_in", lang), type="primary", width="stretch")
    if not asked:
        return
    try:
        session.sign_in(name.strip().lower(), password)
    except InputError as error:
        _show_notice(error.render(lang))
        return
    st.rerun()


def _show_notice(sentence: str) -> None:
    markup.show(tag("div", sentence, style="d-problem"))
