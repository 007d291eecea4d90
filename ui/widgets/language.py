"""The language of the pages."""

from __future__ import annotations

import streamlit as st

from ui.text import text

LANGUAGES = ("zh", "en")
KEY = "lang"


def chosen() -> str:
    """The language in use, Chinese at first."""
    lang: str = st.session_state.get(KEY) or LANGUAGES[0]
    return lang


def switch() -> None:
    """The language switch."""
    st.session_state.setdefault(KEY, chosen())
    st.segmented_control(
        text("page.language", chosen()),
        LANGUAGES,
        format_func=lambda lang: text(f"page.language_{lang}", chosen()),
        key=KEY,
        required=True,
        label_visibility="collapsed",
    )
