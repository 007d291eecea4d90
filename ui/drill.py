"""Where a person stands on a page that goes down to a case: kept in the address, to be sent and gone back to."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

LONGEST = 128
"""Values of an address are not trusted; a longer one is nobody's."""


def here(name: str) -> str | None:
    """The value of ``name`` in the address."""
    value = st.query_params.get(name)
    return value[:LONGEST] if value else None


def go(**values: str | None) -> None:
    """Change these values of the address; ``None`` takes one away. The next run of the page shows that place."""
    for name, value in values.items():
        if value is not None:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]


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
