"""Entry of the browser pages: ``python -m streamlit run ui/app.py`` from the project's root."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.text import text
from ui.widgets import language

ICON = Path(__file__).with_name("icon.svg")
SIDEBAR_PIXELS = 340

st.set_page_config(
    page_title=text("page.product"), page_icon=str(ICON), layout="wide", initial_sidebar_state=SIDEBAR_PIXELS
)
lang = language.chosen()
pages = [st.Page("pages/grouping.py", title=text("page.grouping", lang), url_path="grouping", default=True)]
st.navigation(pages, position="hidden").run()
