"""F4 goes to the field of the reason, from anywhere on the page: a shortcut of a button cannot do that."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

KEY = "reason_key"
FIELD = "desk_reason"
"""Key of the container that holds the field."""

_listen = st.components.v2.component(
    "drgbridge_reason_key",
    html="<span></span>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def listen() -> None:
    """Listen for the key while the desk is shown."""
    _listen(key=KEY, data={"field": FIELD})
