"""Accounts for an administrator, the audit trail for an auditor."""

from __future__ import annotations

import streamlit as st

from drg.errors import InputError
from ui import access, home
from ui.text import text
from ui.widgets import accounts, audit_trail, language

TABS = {"accounts": ("manage_accounts", accounts.show), "audit": ("read_audit", audit_trail.show)}


def main() -> None:
    """The page."""
    person = access.enter("administration")
    lang = language.chosen()
    shown = {name: show for name, (action, show) in TABS.items() if access.may(person, action)}
    tabs = st.tabs([text(f"administration.tab_{name}", lang) for name in shown])
    for tab, show in zip(tabs, shown.values(), strict=True):
        with tab:
            try:
                show(person, lang)
            except InputError as error:
                home.show_error(error)


main()
