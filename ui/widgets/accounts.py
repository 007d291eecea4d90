"""Accounts: the list, adding one, and what an administrator does with one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from claims import store
from claims.store import Account, AccountState, NewAccount
from drg.errors import InputError
from ui import access, home
from ui.access import Person
from ui.roles import check_roles, rules
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import tag

LIST_AND_FORMS = (3, 2)
COLUMNS = ("name", "display_name", "roles", "state", "signed_in")
ADMIN = "manage_accounts"
TOLD = "accounts_told"
"""What the last action said: the sentence, and a password to hand over."""


def show(person: Person, lang: str) -> None:
    """The accounts of the store."""
    found = store.accounts(home.store())
    left, right = st.columns(LIST_AND_FORMS, gap="large")
    with left:
        _show_list(found, lang)
        _show_new(person, lang)
    with right:
        _show_told(lang)
        _show_one(person, found, lang)


def _show_list(found: list[Account], lang: str) -> None:
    active = sum(not account.disabled for account in found)
    markup.show(
        tag(
            "div",
            text("administration.account_count", lang, count=len(found), active=active),
            style="d-small",
        )
    )
    rows = [_row(account, lang) for account in found]
    names = {column: text(f"administration.column_{column}", lang) for column in COLUMNS}
    st.dataframe(
        [dict(zip(names.values(), row, strict=True)) for row in rows], hide_index=True, key="accounts"
    )


def _row(account: Account, lang: str) -> list[str]:
    state = account.state(datetime.now(UTC)).value
    signed_in = account.signed_in_at
    return [
        account.name,
        account.display_name,
        _role_names(account.roles, lang),
        text(f"administration.state_{state}", lang),
        signed_in.strftime("%Y-%m-%d %H:%M") if signed_in else "",
    ]


def _role_names(roles: frozenset[str], lang: str) -> str:
    return text("page.separator", lang).join(text(f"access.role_{role}", lang) for role in sorted(roles))


def _show_told(lang: str) -> None:
    told = st.session_state.pop(TOLD, None)
    if told is None:
        return
    sentence, password = told
    markup.show(tag("div", sentence, style="d-told"))
    if password is not None:
        st.code(password, language=None)


def _show_one(person: Person, found: list[Account], lang: str) -> None:
    by_name = {account.name: account for account in found}
    name = st.selectbox(text("administration.choose", lang), by_name, key="account")
    account = by_name.get(name)
    if account is None:
        return
    at = account.changed_at.strftime("%Y-%m-%d %H:%M")
    changed = text("administration.changed", lang, at=at, person=account.changed_by)
    markup.show(tag("div", changed, style="d-small"))
    _show_roles(person, account, lang)
    with st.container(horizontal=True):
        for action, act in _actions(person, account).items():
            _button(person, account, action, act, lang)


def _show_roles(person: Person, account: Account, lang: str) -> None:
    if account.id == person.account_id:
        markup.show(tag("div", text("administration.own_account", lang), style="d-note"))
        return
    with st.form(f"roles_{account.id}_{account.version}", border=False):
        roles = st.multiselect(
            text("administration.column_roles", lang),
            list(rules().roles),
            default=sorted(account.roles & set(rules().roles)),
            format_func=lambda role: text(f"access.role_{role}", lang),
            placeholder=text("administration.roles_hint", lang),
        )
        asked = st.form_submit_button(text("administration.save_roles", lang))
    if asked:

        def save() -> None:
            store.set_roles(home.store(), account.id, account.version, check_roles(roles), person.name)

        _do(person, save, lang, "save_roles")
        st.rerun()


def _actions(person: Person, account: Account) -> dict[str, Callable[[], str | None]]:
    """What can be done with an account now; each returns a password to hand over, or nothing."""
    opened, own = home.store(), account.id == person.account_id

    def disable() -> None:
        store.disable_account(opened, account.id, account.version, person.name)

    def enable() -> None:
        store.enable_account(opened, account.id, account.version, person.name)

    def reset() -> str:
        password = store.new_password()
        store.reset_password(opened, account.id, password, person.name)
        return password

    def unlock() -> None:
        store.unlock_account(opened, account.id, person.name)

    possible: dict[str, Callable[[], str | None]] = {}
    if account.disabled:
        possible["enable"] = enable
    elif not own:
        possible["disable"] = disable
    if not own:
        possible["reset"] = reset
    if account.state(datetime.now(UTC)) is AccountState.LOCKED:
        possible["unlock"] = unlock
    return possible


def _button(person: Person, account: Account, action: str, act: Callable[[], str | None], lang: str) -> None:
    st.button(
        text(f"administration.{action}", lang),
        key=f"{action}_{account.id}",
        on_click=_do,
        args=(person, act, lang, action),
    )


def _do(person: Person, act: Callable[[], str | None], lang: str, action: str) -> None:
    """Do something that only an administrator may, and keep what it says for the next run."""
    try:
        access.require(person, ADMIN)
        password = act()
    except InputError as error:
        st.session_state[TOLD] = (error.render(lang), None)
        return
    done = text("administration.done", lang, what=text(f"administration.{action}", lang))
    sentence = done if password is None else text(f"administration.{action}_done", lang)
    st.session_state[TOLD] = (sentence, password)


def _show_new(person: Person, lang: str) -> None:
    with st.form("new_account", clear_on_submit=True):
        markup.show(tag("b", text("administration.add", lang)))
        name = st.text_input(
            text("administration.column_name", lang),
            placeholder=text("administration.name_hint", lang),
            max_chars=64,
            key="new_name",
        )
        display = st.text_input(
            text("administration.column_display_name", lang), max_chars=64, key="new_display"
        )
        roles = st.multiselect(
            text("administration.column_roles", lang),
            list(rules().roles),
            format_func=lambda role: text(f"access.role_{role}", lang),
            placeholder=text("administration.roles_hint", lang),
            key="new_roles",
        )
        subject = ""
        if home.installation().login.oidc is not None:
            subject = st.text_input(text("administration.subject", lang), max_chars=255, key="new_subject")
        asked = st.form_submit_button(text("administration.add", lang), type="primary")
    if not asked:
        return

    def add() -> str:
        password = store.new_password()
        new = NewAccount(
            name.strip(), display.strip() or name.strip(), check_roles(roles), subject.strip() or None
        )
        store.add_account(home.store(), new, password, person.name)
        return password

    _do(person, add, lang, "add")
    st.rerun()
