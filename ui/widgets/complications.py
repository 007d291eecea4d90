"""The diagnoses that are complications, counted or excluded, with their exclusion table."""

from __future__ import annotations

from drg import Explanation
from drg.grouper.explain import Complication
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import Markup, tag

COLUMNS = ("complication_code", "complication_level", "complication_verdict", "complication_table")


def show(explanation: Explanation, lang: str) -> None:
    """A table, a row a complication in coded order."""
    if not explanation.complications:
        markup.show(tag("div", text("page.complications_none", lang), style="d-empty"))
        return
    head = tag("tr", *(tag("th", text(f"page.{column}", lang)) for column in COLUMNS))
    principal = explanation.codes[0].code or explanation.codes[0].written
    rows = [_row(found, principal, lang) for found in explanation.complications]
    markup.show(tag("table", tag("thead", head), tag("tbody", *rows), style="d-table"))


def _row(found: Complication, principal: str, lang: str) -> Markup:
    if found.counted:
        verdict = tag("span", text("page.counted", lang), style="d-badge counted")
    else:
        verdict = tag("span", text("page.excluded", lang, principal=principal), style="d-badge excluded")
    code = tag("td", tag("span", found.code, style="d-mono"), f" {found.name or ''}")
    return tag("tr", code, tag("td", found.level), tag("td", verdict), tag("td", found.exclusion_table))
