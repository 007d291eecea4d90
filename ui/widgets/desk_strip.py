"""The strip over the desk: who, how long, what it cost; group, weight and payment now against submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui import access
from ui.coding_desk import Desk
from ui.text import text
from ui.widgets import markup, result
from ui.widgets.markup import Markup, tag

if TYPE_CHECKING:
    from claims.coding_desk import Outcome
    from ui.access import Person

FEN = 100


def show(desk: Desk, before: Outcome, now: Outcome, person: Person, lang: str) -> None:
    """One line; payment only for whom it is some business."""
    grouping = now.explanation.grouping
    cells = [
        _cell(text("workbench.case", lang), _facts(desk, person, lang), desk.case_id),
        _cell(text("workbench.stay", lang), _stay(desk, lang), _fee(desk, lang)),
        _group(before, now, lang),
        _cell(text("workbench.weight", lang), _weight(now.weight), _weight_change(before, now, lang)),
    ]
    if access.may(person, "see_payment"):
        cells.append(
            _cell(
                text("workbench.payment", lang),
                yuan(now.payment_fen, lang),
                _payment_change(before, now, lang),
            )
        )
    markup.show(tag("div", *cells, style=f"k-strip {grouping.status}"))


def yuan(fen: int | None, lang: str) -> str:
    """An amount in yuan; a dash where it is not known."""
    return text("workbench.yuan", lang, amount=f"{fen / FEN:,.2f}") if fen is not None else "—"


def _cell(label: str, value: str, below: str = "") -> Markup:
    return tag(
        "div",
        tag("div", label, style="k-label"),
        tag("div", value, style="k-value"),
        tag("div", below, style="k-below"),
        style="k-cell",
    )


def _facts(desk: Desk, person: Person, lang: str) -> str:
    case, row = desk.version.case, desk.opened.file.row
    name = access.masked(person, "person_name", row.get("patient_name"))
    sex = text(f"page.sex_{case.sex}", lang) if case.sex else ""
    age = text("workbench.age", lang, years=case.age) if case.age else ""
    if not case.age and case.age_days is not None:
        age = text("workbench.age_days", lang, days=case.age_days)
    return " ".join(part for part in (name, sex, age) if part)


def _stay(desk: Desk, lang: str) -> str:
    case = desk.version.case
    return text("workbench.days", lang, days=case.los_days) if case.los_days is not None else "—"


def _fee(desk: Desk, lang: str) -> str:
    return text("workbench.fee", lang, amount=yuan(desk.version.case.total_cost_fen, lang))


def _group(before: Outcome, now: Outcome, lang: str) -> Markup:
    was, is_now = before.explanation.grouping, now.explanation.grouping
    changed = was.drg != is_now.drg
    below = [text("workbench.was", lang, group=was.drg or "—")] if changed else [text("page.unchanged", lang)]
    return tag(
        "div",
        tag("div", text("workbench.group", lang), style="k-label"),
        tag(
            "div",
            tag("span", is_now.drg or "—", style="k-code"),
            tag("span", is_now.drg_name or "", style="k-name"),
            result.status_badge(is_now, lang),
            result.cc_badge(is_now, lang),
            style="k-value",
        ),
        tag("div", *below, style="k-below changed" if changed else "k-below"),
        style="k-cell wide",
    )


def _weight(weight: float | None) -> str:
    return f"{weight:.4f}" if weight is not None else "—"


def _weight_change(before: Outcome, now: Outcome, lang: str) -> str:
    if before.weight is None or now.weight is None:
        return text("workbench.weight_unknown", lang)
    return text("workbench.against_submitted", lang, change=f"{now.weight - before.weight:+.4f}")


def _payment_change(before: Outcome, now: Outcome, lang: str) -> str:
    if before.payment_fen is None or now.payment_fen is None:
        reason = now.price.steps[-1].render(lang) if now.price and now.price.steps else ""
        return reason or text("workbench.no_contract", lang)
    change = f"{(now.payment_fen - before.payment_fen) / FEN:+,.2f}"
    return text("workbench.against_submitted", lang, change=text("workbench.yuan", lang, amount=change))
