"""The group of the working copy: strip against the submitted version, sentence, unknown codes, what went wrong."""

from __future__ import annotations

from drg import Explanation
from drg.errors import InputError
from drg.grouper.explain import Grouping
from ui import work
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import Markup, tag


def show_strip(before: Explanation | None, now: Explanation, lang: str) -> None:
    """The group now, beside the group as submitted."""
    grouping = now.grouping
    over = [tag("span", text("page.now", lang)), tag("span", grouping.case_id)]
    if before is not None and is_edited(before, now):
        changed = before.grouping.drg != grouping.drg
        key, style = ("page.changed", "d-badge changed") if changed else ("page.unchanged", "d-badge")
        over.append(tag("span", text(key, lang), style=style))
    group = tag(
        "div",
        tag("span", grouping.drg or "—", style="d-code"),
        tag("span", grouping.drg_name or "", style="d-name"),
        status_badge(grouping, lang),
        cc_badge(grouping, lang),
        style="d-group",
    )
    parts = [tag("div", tag("div", *over, style="d-over"), group, style=f"d-now {grouping.status}")]
    if before is not None:
        parts.insert(0, _submitted(before.grouping, lang))
    markup.show(tag("div", *parts, style="d-strip"))


def is_edited(before: Explanation, now: Explanation) -> bool:
    """Whether the working copy is another case than the submitted one, or is grouped by another scheme."""
    return (before.case, before.grouping.scheme) != (now.case, now.grouping.scheme)


def _submitted(grouping: Grouping, lang: str) -> Markup:
    over = tag("div", text("page.submitted", lang), style="d-over")
    code = tag("span", grouping.drg or "—", style="d-code")
    return tag("div", over, tag("div", code, cc_badge(grouping, lang), style="d-group"), style="d-before")


def status_badge(grouping: Grouping, lang: str) -> Markup:
    """The status as a small label."""
    return tag("span", text(f"page.status_{grouping.status}", lang), style=f"d-badge {grouping.status}")


def cc_badge(grouping: Grouping, lang: str) -> Markup:
    """The complication level as a small label."""
    if grouping.cc_code is None:
        return tag("span", text("page.cc_none", lang), style="d-badge")
    return tag("span", grouping.cc_level or "", style="d-badge counted")


def show_reason(now: Explanation, lang: str) -> None:
    """The sentence, and the codes that nothing is known of."""
    markup.show(tag("div", now.sentence(lang), style="d-sentence"))
    if now.grouping.unknown_codes:
        codes = text("page.separator", lang).join(now.grouping.unknown_codes)
        markup.show(tag("div", text("page.unknown_codes", lang, codes=codes), style="d-problem"))


def show_no_group(lang: str) -> None:
    """What to do where there is no diagnosis yet."""
    title = tag("b", text("page.no_group", lang))
    markup.show(tag("div", title, text("page.no_group_hint", lang), style="d-empty"))


def show_problem(lang: str) -> None:
    """Why the last edit was not made, if it was not."""
    problem = work.take_problem()
    if problem is None:
        return
    message, params = problem
    markup.show(tag("div", text(message, lang, **params), style="d-problem"))


def show_error(error: InputError, lang: str) -> None:
    """Why the case cannot be grouped at all."""
    title = tag("b", text("page.cannot_group", lang))
    markup.show(tag("div", title, tag("p", error.render(lang)), style="d-problem"))
