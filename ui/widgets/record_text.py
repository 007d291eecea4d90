"""The record of the case on the desk: its front page and documents, with the evidence marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.coding_desk import Desk
from ui.personal import shown_value
from ui.text import text
from ui.widgets import component

if TYPE_CHECKING:
    from claims.coding_desk import Spot
    from ui.access import Person

KEY = "record_text"
FRONT_PAGE = 0
"""Number of the front page among the documents, which count from 1."""
DOCUMENT_TEXT = "documents.text"
Mark = tuple[int, int, str]
"""First and last character, style: ``focus`` is what a finding points to, ``evidence`` what speaks for a code."""

_record = component.declared(__file__, '<div class="record"></div>')


def show(desk: Desk, person: Person, lang: str) -> None:
    """The document that is chosen; choosing another reruns the desk only."""
    from claims.coding_desk import row_after

    row = row_after(desk.opened.file, desk.version)
    body, marks = _page(desk, row, person, lang)
    _record(
        key=KEY,
        data={
            "documents": list(_titles(row, lang)),
            "shown": desk.document,
            "segments": [{"text": part, "style": style} for part, style in segments(body, marks)],
            "focus": f"{desk.case_id} {desk.document} {desk.spots}" if desk.spots else "",
            "labels": {
                "choose": text("workbench.document", lang),
                "before": text("workbench.document_before", lang),
                "after": text("workbench.document_after", lang),
            },
        },
        on_picked_change=lambda: _choose(desk),
    )


def _choose(desk: Desk) -> None:
    desk.document = int(st.session_state[KEY]["picked"])
    desk.spots = ()


def point_at(desk: Desk, spots: tuple[Spot, ...]) -> None:
    """Show the places that a finding saw: the first document among them, else the front page."""
    desk.spots = spots
    desk.document = next((one.position or 0 for one in spots if one.field == DOCUMENT_TEXT), FRONT_PAGE)


def _titles(row: dict[str, Any], lang: str) -> Iterator[str]:
    yield text("workbench.front_page", lang)
    count = len(row.get("documents.text") or ())
    columns = [row.get(f"documents.{name}") or [None] * count for name in ("title", "kind", "written")]
    for number, (title, kind, written) in enumerate(zip(*columns, strict=True), start=1):
        yield f"{number}. {title or kind or ''} {(written or '')[:16]}".strip()


def _page(desk: Desk, row: dict[str, Any], person: Person, lang: str) -> tuple[str, list[Mark]]:
    """The text that is shown and its marks."""
    texts = row.get(DOCUMENT_TEXT) or []
    if FRONT_PAGE < desk.document <= len(texts):
        focus = [one for one in desk.spots if (one.field, one.position) == (DOCUMENT_TEXT, desk.document)]
        marks = [(one.start or 0, one.end or 0, "focus") for one in focus]
        return texts[desk.document - 1] or "", [*marks, *_evidence(desk)]
    from claims.coding_desk import front_page

    page = front_page(row, lang, lambda path, value: shown_value(person, path, value))
    spans = [page.span(spot) for spot in desk.spots]
    return page.text, [(*span, "focus") for span in spans if span is not None]


def _evidence(desk: Desk) -> Iterator[Mark]:
    """What speaks for the submitted codes in the document that is shown."""
    for standing in desk.opened.standings:
        for one in standing.evidence:
            if one.row == desk.document and one.start is not None and one.end is not None:
                yield one.start, one.end, "evidence"


def segments(body: str, marks: Iterable[Mark]) -> list[tuple[str, str]]:
    """The text cut where marks begin and end: (part, style); of marks that overlap the first one given shows."""
    kept = [(max(start, 0), min(end, len(body)), style) for start, end, style in marks]
    kept = [mark for mark in kept if mark[0] < mark[1]]
    cuts = sorted({0, len(body), *(place for mark in kept for place in mark[:2])})
    return [(body[start:end], _style_at(start, kept)) for start, end in pairwise(cuts)]


def _style_at(place: int, marks: Sequence[Mark]) -> str:
    return next((style for start, end, style in marks if start <= place < end), "")
