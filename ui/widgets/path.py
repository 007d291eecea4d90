"""The rows of the scheme that were tried, in order: met rows in full, failed ones folded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from drg import Explanation
from drg.grouper.explain import CheckedTest, Step
from drg.scheme import language
from drg.scheme.words import rule_in_words
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import Markup, tag


def show(explanation: Explanation, lang: str) -> None:
    """The whole path of a case."""
    if not explanation.steps:
        markup.show(tag("div", text("page.no_steps", lang), style="d-empty"))
        return
    deciding = {id(step) for step in [step for step in explanation.steps if step.held][-3:]}
    parts: list[Markup] = []
    for (level, held), steps in groupby(explanation.steps, key=lambda step: (step.level, step.held)):
        if held:
            parts += [_met(explanation, step, id(step) in deciding, lang) for step in steps]
        else:
            parts.append(_failed(explanation, level, list(steps), lang))
    markup.show(tag("div", *parts, style="d-path"))


def readable(rule: str, lang: str) -> str:
    """A rule as it stands in the scheme, in words."""
    return rule_in_words(language.parse(rule), lang)


def _met(explanation: Explanation, step: Step, is_deciding: bool, lang: str) -> Markup:
    title = tag(
        "div",
        tag("span", text(f"page.level_{step.level}", lang), style="d-level"),
        tag("b", f"{step.code} {step.name}"),
    )
    return tag(
        "div", title, _rule(explanation, step, lang), style="d-held" if is_deciding else "d-held passing"
    )


def _rule(explanation: Explanation, step: Step, lang: str) -> Markup:
    """The rule of a row, and which of its tests were met by what."""
    if not step.tests:
        return tag("div", text("page.any_case", lang), style="d-rule")
    rule = tag("code", readable(step.rule, lang))
    met = [(test, shown) for test in step.tests if test.met and (shown := _met_by(explanation, test, lang))]
    if len(step.tests) == 1:
        return tag(
            "div", rule, *(tag("span", f"  {shown}", style="d-met") for _, shown in met), style="d-rule"
        )
    lines = [tag("div", f"✓ {readable(test.text, lang)}  {shown}", style="d-met") for test, shown in met]
    return tag("div", rule, *lines, style="d-rule")


def _met_by(explanation: Explanation, test: CheckedTest, lang: str) -> str:
    """The codes that meet a test, or the value that does."""
    if test.codes:
        return text(
            "page.met_by", lang, codes=text("page.separator", lang).join(_labels(explanation, test.codes))
        )
    return text("page.value", lang, value=f"{test.value:g}") if test.value is not None else ""


def _labels(explanation: Explanation, codes: Iterable[str]) -> list[str]:
    names = {read.code: read.name for read in explanation.codes}
    return [f"{code} {names.get(code) or ''}".strip() for code in codes]


def _failed(explanation: Explanation, level: str, steps: list[Step], lang: str) -> Markup:
    codes = text("page.separator", lang).join(step.code for step in steps)
    level_name = text(f"page.level_{level}", lang)
    summary = tag("summary", text("page.tried_failed", lang, count=len(steps), level=level_name, codes=codes))
    rows = [tag("li", f"{step.code} {step.name}", _rule(explanation, step, lang)) for step in steps]
    return tag("details", summary, tag("ul", *rows), style="d-failed")
