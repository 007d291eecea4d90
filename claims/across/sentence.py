"""A hit in words and as figures, made within the query: no loop over hits."""

from __future__ import annotations

import string

from claims.across.rule import AcrossRule
from drg.analytics.database import literal, quoted


def sentence(rule: AcrossRule, lang: str) -> str:
    """SQL for the message of a rule in ``lang``, its figures told by their units; one not known is ``?``."""
    parts = []
    for text, name, _, _ in string.Formatter().parse(rule.message.text(lang)):
        if text:
            parts.append(literal(text))
        if name is not None:
            parts.append(f"coalesce({_told(rule, name, lang)}, '?')")
    return f"concat({', '.join(parts)})"


def _told(rule: AcrossRule, name: str, lang: str) -> str:
    if name != "measure":
        return f"told_{rule.told[name]}({quoted(name)})"
    titles = rule.peers.measures if rule.peers else {}
    told = " ".join(f"WHEN {literal(id)} THEN {literal(title.text(lang))}" for id, title in titles.items())
    return f"CASE measure {told} END"


def evidence(rule: AcrossRule, produced: set[str]) -> str:
    """SQL for the figures of a hit as JSON, in the order in which the rule names them."""
    held = [
        name
        for name in rule.told
        if name in produced and name not in ("case_id", "hospital", "doctor", "as_of")
    ]
    pairs = ", ".join(f"{quoted(name)} := {_short(rule, name)}" for name in held)
    return f"to_json(struct_pack({pairs}))::VARCHAR" if held else "'{}'"


def _short(rule: AcrossRule, name: str) -> str:
    return f"{quoted(name)}[1:$most_cases]" if rule.told[name] == "texts" else quoted(name)
