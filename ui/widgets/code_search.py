"""The search for codes: typed in the browser, ranked by ``drg.codes.search`` on the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import streamlit as st

from drg.codes.search import Hit
from drg.grouper.whatif import CodeList
from ui import data, work
from ui.text import text
from ui.widgets import component

KEY = "code_search"
LIST_OF: dict[str, CodeList] = {system: codes for codes, system in data.SYSTEM_OF.items()}
Add = Callable[[CodeList, str, str], None]
NOTHING_ASKED = {"text": "", "system": None}

_search = component.declared(
    __file__,
    '<div class="code-search"><div class="line"><input autocomplete="off" spellcheck="false">'
    '<div class="systems"></div></div><div class="found" role="listbox" hidden></div></div>',
)


@st.fragment
def show(lang: str, add: Add = work.add_code, fragment: str | None = None) -> None:
    """The search box; ``add`` takes a picked code into the working copy.

    Only the box reruns while a person types; with a picked code the whole page, or the ``fragment`` of that key.
    """
    asked: dict[str, Any] = st.session_state.get(KEY, {}).get("asked") or NOTHING_ASKED
    picked = _search(
        key=KEY,
        data={
            "asked": asked,
            "hits": [_shown(hit, lang) for hit in data.find_codes(asked["text"], asked["system"])],
            "systems": [
                {"system": None, "label": text("page.code_search_all", lang)},
                *(
                    {"system": system, "label": text(f"page.{codes}", lang)}
                    for system, codes in LIST_OF.items()
                ),
            ],
            "labels": {
                "title": text("page.code_search", lang),
                "hint": text("page.code_search_hint", lang),
                "keys": text("page.code_search_keys", lang),
                "none": text("page.code_search_none", lang),
            },
        },
        on_asked_change=lambda: None,
        on_picked_change=lambda: _pick(add, fragment, lang),
    ).picked
    if picked and fragment is None:
        st.rerun()


def _pick(add: Add, fragment: str | None, lang: str) -> None:
    picked: dict[str, str] | None = st.session_state[KEY]["picked"]
    if picked is None:
        return
    add(LIST_OF[picked["system"]], picked["code"], lang)
    if fragment is not None:
        st.rerun(fragment)


def _shown(hit: Hit, lang: str) -> dict[str, Any]:
    note = text("page.gray" if hit.gray else f"page.{LIST_OF[hit.system]}", lang)
    return {**asdict(hit), "note": note}
