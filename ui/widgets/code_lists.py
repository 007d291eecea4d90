"""The diagnoses and procedures of the working copy: move, remove, make principal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import streamlit as st

from drg import Explanation
from drg.grouper.explain import ReadCode
from drg.grouper.whatif import CodeList
from ui import work
from ui.text import text
from ui.widgets import component

KEY = "code_lists"

_lists = component.declared(__file__, '<div class="code-lists"></div>')


Edit = Callable[[CodeList, int, str, work.Action], None]


def show(explanation: Explanation | None, lang: str, edit: Edit = work.edit_code) -> None:
    """Both lists, each code with its name and what the grouper made of it; ``edit`` does what a person asks for."""
    labels = {action: text(f"page.{key}", lang) for action, key in _LABELS.items()}
    _lists(
        key=KEY,
        data={"lists": [_list(explanation, codes, lang) for codes in get_args(CodeList)], "labels": labels},
        on_acted_change=lambda: _act(edit),
    )


_LABELS = {
    "principal": "make_principal",
    "up": "move_up",
    "down": "move_down",
    "remove": "remove",
    "first": "principal",
}


def _act(edit: Edit) -> None:
    acted: dict[str, Any] = st.session_state[KEY]["acted"]
    edit(acted["codes"], acted["place"], acted["code"], acted["action"])


def _list(explanation: Explanation | None, codes: CodeList, lang: str) -> dict[str, Any]:
    read = [code for code in explanation.codes if code.role.endswith(codes)] if explanation else []
    return {
        "codes": codes,
        "title": f"{text(f'page.{codes}', lang)} {len(read) or ''}",
        "empty": text(f"page.empty_{codes}", lang),
        "required": codes == "dx",
        "rows": [_row(explanation, code, lang) for code in read] if explanation else [],
    }


def _row(explanation: Explanation, read: ReadCode, lang: str) -> dict[str, str]:
    mark, style = _mark(explanation, read, lang)
    name = read.name or text("page.code_unknown_name", lang)
    if read.code is not None and read.code != read.written:
        name = text("page.read_as", lang, name=name, code=read.code)
    return {"code": read.written, "name": name, "mark": mark, "style": style}


def _mark(explanation: Explanation, read: ReadCode, lang: str) -> tuple[str, str]:
    """What the grouper made of a code, and the style to show it in."""
    if read.code is None:
        return text("page.mark_unknown", lang), "unknown"
    if not read.counts:
        return text("page.mark_dropped", lang), "excluded"
    found = next((found for found in explanation.complications if found.code == read.code), None)
    if found is None or read.role != "other_dx":
        return "", ""
    if found.counted:
        return found.level, "counted"
    return text("page.mark_excluded", lang, level=found.level), "excluded"
