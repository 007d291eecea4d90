"""The catalogue of features in ``features.csv``: names, units and meanings in English and Chinese."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from claims import messages
from claims.risk.frame import Feature


@dataclass(frozen=True)
class Entry:
    """A feature of a claim. ``as_of``: ``claim`` (facts of it) or ``before`` (of days strictly before it).

    ``needs``: the columns it is computed from. ``waits_for``: what it still lacks.
    ``changeable``: whether it could have been otherwise for the same person and policy.
    """

    key: str
    family: str
    name_en: str
    name_zh: str
    unit_en: str
    unit_zh: str
    meaning_en: str
    meaning_zh: str
    as_of: str
    changeable: bool
    needs: tuple[str, ...]
    waits_for: str


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Entry]:
    """The features by key, in the order of the file."""
    with Path(__file__).with_name("features.csv").open(encoding="utf-8", newline="") as file:
        rows = [_entry(row) for row in csv.DictReader(file)]
    return {row.key: row for row in rows}


def _entry(row: dict[str, str]) -> Entry:
    needs = tuple(name for name in row["needs"].split("|") if name)
    texts = {name: value for name, value in row.items() if name not in ("changeable", "needs")}
    return Entry(**texts, changeable=row["changeable"] == "yes", needs=needs)


def texts_of(feature: Feature, lang: str) -> tuple[str, str]:
    """Name and unit of a feature; those of a generic table have the name of their column and no unit."""
    entry = catalogue().get(feature.column)
    name = feature.column if entry is None else {"en": entry.name_en, "zh": entry.name_zh}[lang]
    unit = "" if entry is None else {"en": entry.unit_en, "zh": entry.unit_zh}[lang]
    other = catalogue().get(feature.other)
    second = feature.other if other is None else {"en": other.name_en, "zh": other.name_zh}[lang]
    if feature.how in ("value", "level"):
        return name, unit
    if feature.other and feature.how not in ("days", "share"):
        name = messages.text("risk.how_days", lang, name=name, other=second)
    return messages.text(f"risk.how_{feature.how}", lang, name=name, other=second), ""
