"""The working copy under another scheme: a DRG pack, another contract, or a DIP catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from drg.dip.trace import Trace
from drg.errors import InputError
from drg.grouper import whatif
from drg.payment.explain import PriceExplanation
from ui import access, home
from ui.coding_desk import Desk
from ui.text import text
from ui.widgets import markup, what_if
from ui.widgets.desk_strip import yuan
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.coding_desk import Outcome, Target
    from ui.access import Person

KEY = "elsewhere"


def show(desk: Desk, now: Outcome, person: Person, lang: str) -> None:
    """Choose a target; the group, the weight and the steps there."""
    from claims.coding_desk import look, targets

    engine = desk.opened.engine
    found = targets(engine.pack.id, engine.contract.id if engine.contract else None)
    chosen: Target | None = st.selectbox(
        text("workbench.elsewhere", lang),
        found,
        index=None,
        format_func=lambda target: _name(target, lang),
        key=KEY,
        placeholder=text("workbench.elsewhere_hint", lang),
    )
    if chosen is None:
        markup.show(tag("div", text("workbench.elsewhere_note", lang), style="d-empty"))
        return
    try:
        there = look(desk.version.case, chosen)
    except InputError as error:
        home.show_error(error)
        return
    if there.dip is not None:
        _show_dip(there.dip, lang)
    if there.explanation is not None:
        markup.show(tag("div", there.explanation.sentence(lang), style="d-sentence"))
        what_if.show_difference(whatif.compare(now.explanation, there.explanation), lang)
    if there.price is not None:
        _show_price(there.price, person, lang)


def _name(target: Target, lang: str) -> str:
    from claims.coding_desk import target_name

    return f"{text(f'workbench.kind_{target.kind}', lang)} · {target_name(target, lang)}"


def _show_price(price: PriceExplanation, person: Person, lang: str) -> None:
    weight = f"{float(price.weight):.4f}" if price.weight is not None else "—"
    markup.show(tag("div", f"{text('workbench.weight', lang)} {weight}", style="d-sentence"))
    if access.may(person, "see_payment"):
        steps = [tag("li", line) for line in price.lines(lang)]
        markup.show(tag("b", yuan(price.payment_fen, lang)), tag("ol", *steps, style="k-steps"))


def _show_dip(trace: Trace, lang: str) -> None:
    markup.show(tag("div", *(tag("div", line) for line in trace.lines(lang)), style="k-lines"))
