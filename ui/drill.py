"""Where a person stands on a page that goes down to a case: kept in the address, to be sent and gone back to."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import streamlit as st

from ui.text import text

KEY = "drill_places"
LONGEST = 128
"""Values of an address are not trusted; a longer one is nobody's."""
NAMES_OF_PEOPLE = frozenset({"doctor"})
"""Kept in the session alone: an address stays in histories and in the logs of proxies."""


def here(name: str) -> str | None:
    """The value of ``name`` in the address."""
    value = _kept(name).get(name)
    return value[:LONGEST] if value else None


def go(**values: str | None) -> None:
    """Change these values of the address; ``None`` takes one away. The next run of the page shows that place."""
    for name, value in values.items():
        if value is not None:
            _kept(name)[name] = value
        elif name in _kept(name):
            del _kept(name)[name]


def _kept(name: str) -> MutableMapping[str, str]:
    if name not in NAMES_OF_PEOPLE:
        return st.query_params
    kept: dict[str, str] = st.session_state.setdefault(KEY, {})
    return kept


def view(page: str, offered: Sequence[str], lang: str) -> str:
    """The choice among the views of a page, kept in the address; the first one where the address names none of them."""
    key = f"{page}_view"
    named = here("view")
    st.session_state[key] = named if named in offered else offered[0]
    chosen: str | None = st.segmented_control(
        text(f"{page}.view", lang),
        offered,
        format_func=lambda one: text(f"{page}.view_{one}", lang),
        key=key,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: go(view=st.session_state[key]),
    )
    return chosen or offered[0]


def choose(label: str, name: str, values: Sequence[str], everything: str) -> str | None:
    """A choice among ``values`` or everything, kept in the address."""
    key = f"choose_{name}"
    st.session_state[key] = here(name) if here(name) in values else None
    return st.selectbox(
        label,
        values,
        key=key,
        index=None,
        placeholder=everything,
        on_change=lambda: go(**{name: st.session_state[key]}),
    )
