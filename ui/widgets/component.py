"""Components of our own: the styles and the script stand beside the widget, under its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

ELEMENT = Path(__file__).with_name("element.js")
"""What comes before every script."""


def declared(widget: str, html: str) -> Any:
    """The component of a widget's module (its ``__file__``), in its frame ``html``."""
    here = Path(widget)
    css, script = (here.with_suffix(ending).read_text(encoding="utf-8") for ending in (".css", ".js"))
    return st.components.v2.component(
        f"drgbridge_{here.stem}", html=html, css=css, js=ELEMENT.read_text(encoding="utf-8") + script
    )
