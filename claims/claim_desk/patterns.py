"""Patterns: the names by which payers speak of suspicious claims, and which rules and features show them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import ascii_lowercase

from claims.claim_desk.words import titles
from claims.rules.library import load_claim_rules
from claims.store import Reason


@dataclass(frozen=True)
class Pattern:
    """A pattern; ``codes`` are the codes of reasons (rules, features) that show it."""

    id: str
    en: str
    zh: str
    codes: frozenset[str]

    def name(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


@cache
def patterns() -> Mapping[str, Pattern]:
    """All patterns by id, in the order in which they name a claim (``patterns.toml``)."""
    entries = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        id: Pattern(id, entry["en"], entry["zh"], frozenset(_codes(entry))) for id, entry in entries.items()
    }


def patterns_of(reasons: Iterable[Reason]) -> list[Pattern]:
    """The patterns that these reasons show; a feature that lowers the risk shows none."""
    codes = {one.code for one in reasons if one.contribution is None or one.contribution > 0}
    return [pattern for pattern in patterns().values() if pattern.codes & codes]


def _codes(entry: Mapping[str, list[str]]) -> set[str]:
    wanted = entry.get("categories", [])
    rules = {id for id, rule in load_claim_rules().items() if rule.category in wanted} | {
        *entry.get("rules", [])
    }
    # C012a is C012 over many visits: it shows what C012 shows.
    variants = {id for id in titles() if id.rstrip(ascii_lowercase) in rules}
    return {*rules, *variants, *entry.get("features", [])}
