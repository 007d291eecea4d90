"""The facts of a case beside its codes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from drg.case import Case
from ui import work
from ui.text import text

CHOICES = {"sex": (1, 2), "discharge_way": (1, 2, 3, 4, 5, 9)}
COLUMN_WIDTHS = (5, 5, 5, 5, 8)
LIMITS = {field: Case.model_json_schema()["properties"][field]["anyOf"][0] for field in work.FACTS}
"""What ``Case`` allows, as JSON schema."""


def show(lang: str) -> None:
    """One widget a fact; an edit changes the working copy."""
    rows = range(0, len(work.FACTS), len(COLUMN_WIDTHS))
    cells = [cell for _ in rows for cell in st.columns(COLUMN_WIDTHS, gap="xsmall")]
    for field, cell in zip(work.FACTS, cells, strict=False):
        with cell:
            _widget(field, lang)


def _widget(field: str, lang: str) -> None:
    shared: dict[str, Any] = {
        "label": text(f"page.{field}", lang),
        "key": work.fact_key(field),
        "on_change": work.change_fact,
        "args": (field,),
        "placeholder": text("page.not_known", lang),
    }
    if field in CHOICES:
        _choice(field, lang, shared)
    elif field == "department":
        st.text_input(max_chars=LIMITS[field]["maxLength"], **shared)
    elif field == "icu_hours":
        st.number_input(value=None, step=1.0, **_bounds(field, float), **shared)
    else:
        st.number_input(value=None, step=1, **_bounds(field, int), **shared)


def _choice(field: str, lang: str, shared: dict[str, Any]) -> None:
    """A choice among the values that have a name, and the one that the case has."""
    present = st.session_state[work.fact_key(field)]
    named = CHOICES[field]
    options = named if present in (*named, None) else (*named, present)
    names = {value: text(f"page.{field}_{value}", lang) for value in named}
    st.selectbox(
        options=options, index=None, format_func=lambda value: names.get(value, str(value)), **shared
    )


def _bounds(field: str, kind: type[int] | type[float]) -> dict[str, Any]:
    """The lowest and highest value that ``Case`` allows, as the number widget takes them."""
    limits = LIMITS[field]
    lowest = limits["minimum"] if "minimum" in limits else limits["exclusiveMinimum"] + 1
    return {"min_value": kind(lowest), "max_value": kind(limits["maximum"])}
