"""Each diagnosis as the principal one, and the working copy against the submitted version."""

from __future__ import annotations

from typing import Any

import streamlit as st

from drg import Explanation
from drg.grouper import whatif
from drg.grouper.explain import Step
from drg.grouper.whatif import Difference
from ui import work
from ui.text import text
from ui.widgets import markup, result
from ui.widgets.markup import tag

WIDTHS = (5, 6, 2)
MOST_ALTERNATIVES = 30


def show_alternatives(now: Explanation, lang: str) -> None:
    """A row a diagnosis in coded order, never by money; the button makes it the principal one."""
    markup.show(tag("div", text("page.what_if_note", lang), style="d-note"))
    for place, alternative in enumerate(
        whatif.alternatives(now.case, now.grouping.scheme, MOST_ALTERNATIVES)
    ):
        _show_alternative(place, alternative, lang)
    hidden = len(now.case.dx) - MOST_ALTERNATIVES
    if hidden > 0:
        markup.show(tag("div", text("page.what_if_more", lang, count=hidden), style="d-note"))


def _show_alternative(place: int, alternative: Explanation, lang: str) -> None:
    grouping = alternative.grouping
    principal = alternative.codes[0]
    left, middle, right = st.columns(WIDTHS, vertical_alignment="center", gap="small")
    with left:
        name = principal.name or text("page.code_unknown_name", lang)
        markup.show(
            tag("div", tag("span", principal.written, style="d-mono"), " ", name, style="d-alternative")
        )
    with middle:
        badge = (
            result.cc_badge(grouping, lang)
            if grouping.status == "grouped"
            else result.status_badge(grouping, lang)
        )
        group = tag("b", f"{grouping.drg or '—'} ")
        markup.show(
            tag(
                "div",
                group,
                badge,
                tag("div", grouping.drg_name or "", style="d-small"),
                style="d-alternative",
            )
        )
    with right:
        st.button(
            text("page.what_if_current" if place == 0 else "page.make_principal", lang),
            key=f"make_principal_{place}",
            disabled=place == 0,
            width="stretch",
            on_click=work.edit_code,
            args=("dx", place, principal.written, "principal"),
        )


def show_difference(difference: Difference, lang: str) -> None:
    """What differs from the submitted version, and where the two paths part."""
    if not difference.changed:
        same = difference.before.case == difference.after.case
        key = "page.difference_none" if same else "page.difference_codes"
        markup.show(tag("div", text(key, lang), style="d-empty"))
        return
    head = tag(
        "tr", *(tag("th", text(f"page.{key}", lang)) for key in ("difference_field", "submitted", "now"))
    )
    rows = [
        tag(
            "tr",
            tag("td", text(f"page.field_{name}", lang)),
            tag("td", _value(difference.before, name, lang)),
            tag("td", _value(difference.after, name, lang)),
        )
        for name in difference.changed
    ]
    markup.show(tag("table", tag("thead", head), tag("tbody", *rows), style="d-table"))
    before, after = (_step(step, lang) for step in difference.parting)
    markup.show(tag("p", text("page.difference_parting", lang, before=before, after=after), style="d-note"))


def _value(explanation: Explanation, name: str, lang: str) -> str:
    value: Any = getattr(explanation.grouping, name)
    if name == "status":
        return text(f"page.status_{value}", lang)
    if name == "cc_level" and explanation.grouping.cc_code is None:
        return text("page.cc_none", lang)
    if isinstance(value, tuple):
        return text("page.separator", lang).join(value) or "—"
    named = explanation.names.get(value, "") if name in ("mdc", "adrg", "drg") else ""
    return f"{value or '—'} {named}".strip()


def _step(step: Step | None, lang: str) -> str:
    if step is None:
        return text("page.step_none", lang)
    return text("page.step_held" if step.held else "page.step_failed", lang, code=step.code, name=step.name)
