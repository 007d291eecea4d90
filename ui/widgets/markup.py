"""HTML for reading, made from parts so that every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Literal

import streamlit as st

STYLES = Path(__file__).with_name("page.css")


class Markup(str):
    """HTML that ``tag`` made; any other text is escaped on its way in."""


def tag(name: str, *content: str, style: str = "") -> Markup:
    """An element with class ``style``. Plain strings of ``content`` are escaped, ``Markup`` is taken as it is."""
    attribute = f' class="{escape(style)}"' if style else ""
    return Markup(f"<{name}{attribute}>{join(content)}</{name}>")


def join(content: Iterable[str]) -> Markup:
    """Parts one after the other, plain strings escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in content))


def show(*content: Markup, width: Literal["stretch", "content"] = "stretch") -> None:
    """Put elements on the page."""
    st.html(join(content), width=width)


def use_styles(styles: Path = STYLES) -> None:
    """Load the styles that all pages share, or those of one page."""
    st.html(styles)
