"""Findings about the working copy: severity, rule, what is wrong, how to mend it; a picked one is shown in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import coding_desk
from ui.coding_desk import Desk
from ui.text import text
from ui.widgets import component, markup, record_text
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.coding_desk import Finding

KEY = "finding_list"
MOST_FIELDS = 8
"""Fields that can be filled in at a time."""

_list = component.declared(__file__, '<div class="findings"></div>')


def show(desk: Desk, found: list[Finding], lang: str) -> None:
    """The findings, and fields for the values that they miss beside the codes."""
    if not found:
        markup.show(tag("div", text("workbench.no_findings", lang), style="d-empty"))
        return
    _list(
        key=KEY,
        data={"rows": [_row(desk, finding, lang) for finding in found]},
        on_picked_change=lambda: _point_at(desk, found),
    )
    _show_fields(desk, found, lang)


def _row(desk: Desk, finding: Finding, lang: str) -> dict[str, Any]:
    words = finding.words(lang)
    return {
        "severity": finding.severity,
        "label": text(f"workbench.severity_{finding.severity}", lang),
        "rule": finding.rule.id,
        "message": words.message,
        "where": finding.where(lang),
        "remedy": f"{text('workbench.remedy', lang)}{words.remedy}",
        "basis": f"{text('workbench.basis', lang)}{words.basis}",
        "shown": bool(desk.spots) and desk.spots == finding.spots,
    }


def _point_at(desk: Desk, found: list[Finding]) -> None:
    number = int(st.session_state[KEY]["picked"])
    if 0 <= number < len(found):
        record_text.point_at(desk, found[number].spots)


def _show_fields(desk: Desk, found: list[Finding], lang: str) -> None:
    """An input for each value beside a code that a finding points to."""
    missing = list(dict.fromkeys(place for one in found if (place := _place(desk, one)) is not None))
    if not missing:
        return
    markup.show(tag("div", text("workbench.fill_title", lang), style="d-note"))
    for path, code in missing[:MOST_FIELDS]:
        _show_field(desk, path, code, lang)


def _place(desk: Desk, finding: Finding) -> tuple[str, str] | None:
    """Field and code that a finding wants filled in; ``None`` where it points elsewhere."""
    from claims.coding_desk import fillable

    path, position = finding.row["field"], finding.row["position"]
    case = desk.version.case
    codes = case.dx if path.startswith("diagnoses.") else case.proc
    if path not in fillable() or position is None or not 1 <= position <= len(codes):
        return None
    return path, codes[position - 1]


def _show_field(desk: Desk, path: str, code: str, lang: str) -> None:
    from claims.coding_desk import labels_of
    from drg.quality.labels import field_label

    key = f"fill {desk.case_id} {path} {code}"
    shared: dict[str, Any] = {
        "label": f"{code} {field_label(path, lang)}",
        "key": key,
        "on_change": lambda: coding_desk.fill(path, code, st.session_state[key] or ""),
        "placeholder": text("page.not_known", lang),
    }
    row = desk.opened.file.row
    names = labels_of(path, row.get("dialect") or "")
    st.session_state.setdefault(key, desk.version.filled.get((path, code)))
    if names:
        options = list(names)
        st.selectbox(
            options=options, index=None, format_func=lambda value: f"{value} {names[value]}", **shared
        )
    else:
        st.text_input(max_chars=64, **shared)
