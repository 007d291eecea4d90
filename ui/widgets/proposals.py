"""What could be coded instead: by evidence and rules, never by money; what has no evidence cannot be applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import streamlit as st

from drg.coding.review.model import CaseReview, Evidence, Outcome, Proposal
from drg.coding.review.reviewer import shown_change
from ui import access
from ui.coding_desk import Desk
from ui.text import text
from ui.widgets import markup, record_text
from ui.widgets.desk_strip import yuan
from ui.widgets.markup import Markup, tag

if TYPE_CHECKING:
    from claims.coding_desk import Spot
    from ui.access import Person

MOST_SHOWN = 20
MOST_EVIDENCE = 3
WIDTHS = (7, 2)


def show(desk: Desk, person: Person, lang: str) -> None:
    """The proposals of the review, in its order."""
    review = desk.opened.review(desk.version)
    note = "workbench.proposals_note" if review.available.can_judge else "workbench.no_documents"
    markup.show(tag("div", text(note, lang), style="d-note"))
    if not review.proposals:
        markup.show(tag("div", text("workbench.no_proposals", lang), style="d-empty"))
        return
    for number in range(min(len(review.proposals), MOST_SHOWN)):
        _show_proposal(desk, review, number, person, lang)


def _show_proposal(desk: Desk, review: CaseReview, number: int, person: Person, lang: str) -> None:
    proposal = review.proposals[number]
    left, right = st.columns(WIDTHS, gap="small", vertical_alignment="center")
    with left:
        style = "k-proposal" if proposal.applicable else "k-proposal greyed"
        markup.show(tag("div", *_lines(proposal, review, person, lang), style=style))
    with right:
        choice = _choice(desk, proposal, number, lang)
        st.button(
            text("workbench.apply", lang),
            key=f"apply {number}",
            width="stretch",
            disabled=not proposal.applicable or not access.may(person, "save_draft"),
            on_click=_ask,
            args=(desk, number, choice),
        )
        spots = _spots(proposal)
        if spots:
            st.button(
                text("workbench.show_evidence", lang),
                key=f"evidence {number}",
                width="stretch",
                type="tertiary",
                on_click=record_text.point_at,
                args=(desk, spots),
            )


def _ask(desk: Desk, number: int, choice: str | None) -> None:
    desk.asked = ("apply", number, choice)


def _choice(desk: Desk, proposal: Proposal, number: int, lang: str) -> str | None:
    """The code to add: a person's choice where there are several."""
    codes = [option.change.added for option in proposal.options]
    if len(codes) < 2:
        return codes[0] if codes else None
    chosen: str | None = st.selectbox(
        text("workbench.choose_code", lang), codes, key=f"choice {number}", label_visibility="collapsed"
    )
    return chosen


def _lines(proposal: Proposal, review: CaseReview, person: Person, lang: str) -> Iterator[Markup]:
    draft = proposal.draft
    kind = text(f"coding_review.kind_{draft.kind}", lang)
    head = [tag("span", kind, style="d-badge"), tag("span", f" {draft.code} ", style="d-mono"), proposal.name]
    yield tag("div", *head)
    if draft.kind == "principal":
        yield tag("div", text("page.make_principal", lang), style="d-small")
    elif len(proposal.options) == 1:
        yield tag("div", shown_change(proposal.options[0].change, review.case), style="d-small d-mono")
    strength = text(f"coding_review.strength_{draft.strength}", lang)
    shown = [_evidence(one, lang) for one in draft.evidence[:MOST_EVIDENCE]]
    yield tag("div", text("workbench.evidence", lang, strength=strength), "；".join(shown), style="d-small")
    for key, rules in (("mends", draft.verdict.mended), ("breaks", draft.verdict.broken)):
        if rules:
            named = tuple(
                f"{rule}（{text(f'workbench.severity_{severity}', lang)}）" for rule, severity in rules
            )
            yield tag("div", text(f"workbench.{key}", lang, rules=named), style="d-small")
    if proposal.after is not None:
        yield tag(
            "div", text("workbench.leads_to", lang), _outcome(proposal.after, person, lang), style="d-small"
        )


def _evidence(one: Evidence, lang: str) -> str:
    kind = text(f"coding_review.evidence_{one.kind}", lang) if one.kind != "absence" else ""
    if one.kind == "absence":
        return text("coding_review.evidence_absence", lang, count=one.text)
    return " ".join(part for part in (kind, one.text, one.basis) if part)


def _outcome(outcome: Outcome, person: Person, lang: str) -> str:
    parts = [f"{outcome.drg or '—'} {outcome.drg_name or ''}".strip()]
    if outcome.weight is not None:
        parts.append(f"{text('workbench.weight', lang)} {outcome.weight:.4f}")
    if outcome.payment_fen is not None and access.may(person, "see_payment"):
        parts.append(yuan(outcome.payment_fen, lang))
    return " · ".join(parts)


def _spots(proposal: Proposal) -> tuple[Spot, ...]:
    from claims.coding_desk import Spot

    return tuple(
        Spot(record_text.DOCUMENT_TEXT, one.row, one.start, one.end)
        for one in proposal.evidence
        if one.start is not None
    )
