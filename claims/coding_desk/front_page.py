"""The front page of a record as text that can be read and pointed at: one field a line, one row of a group a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from claims.coding_desk.findings import Spot
from drg.quality.labels import field_label
from drg.quality.layout import Field, fields, groups
from drg.quality.vocabulary import load_vocabulary

Mask = Callable[[str, str], str]
"""Shows a value of a field (its path) as the reader may see it."""
CODED_GROUPS = ("diagnoses", "procedures")
OTHER_GROUPS = ("icu_stays", "birth_weights", "orders", "labs", "fee_lines")
MOST_ROWS = 500
"""Rows of a group that are shown; a long stay has tens of thousands of fee lines."""


@dataclass(frozen=True)
class FrontPage:
    """``text``, and where each field stands in it: (path, row from 1 or ``None``) -> first and last character."""

    text: str
    places: Mapping[tuple[str, int | None], tuple[int, int]]

    def span(self, spot: Spot) -> tuple[int, int] | None:
        """Where a place in the record stands; a row or a group where the field itself is empty."""
        group = spot.field.partition(".")[0]
        keys = ((spot.field, spot.position), (group, spot.position), (group, None))
        return next((self.places[key] for key in keys if key in self.places), None)


class _Writer:
    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.places: dict[tuple[str, int | None], tuple[int, int]] = {}

    def write(self, text: str) -> tuple[int, int]:
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        return start, self._length

    @property
    def text(self) -> str:
        return "".join(self._parts)


def front_page(row: Mapping[str, Any], lang: str, mask: Mask) -> FrontPage:
    """What a record (a row of the record table) holds, documents left out: codes first, then fields, then the rest."""
    writer = _Writer()
    for group in CODED_GROUPS:
        _write_group(writer, group, row, lang, mask)
    for path, field in fields().items():
        if not field.group and row.get(path) not in (None, ""):
            label = writer.write(f"{field.label(lang)}：")
            _, end = writer.write(mask(path, _shown(field, row[path], row)))
            writer.places[path, None] = label[0], end
            writer.write("\n")
    for group in OTHER_GROUPS:
        _write_group(writer, group, row, lang, mask)
    return FrontPage(writer.text, writer.places)


def _write_group(writer: _Writer, group: str, row: Mapping[str, Any], lang: str, mask: Mask) -> None:
    carried = [field for field in groups()[group] if row.get(field.path)]
    count = max((len(row[field.path]) for field in carried), default=0)
    for place in range(min(count, MOST_ROWS)):
        start, end = writer.write(f"{field_label(group, lang)} {place + 1}  ")
        writer.places.setdefault((group, None), (start, end))
        for number, (field, value) in enumerate(_cells(carried, row, place)):
            writer.write(" · " if number else "")
            span = writer.write(mask(field.path, _shown(field, value, row)))
            writer.places[field.path, place + 1] = span
        writer.places[group, place + 1] = start, writer.write("")[1]
        writer.write("\n")


def _cells(carried: list[Field], row: Mapping[str, Any], place: int) -> Iterator[tuple[Field, str]]:
    for field in carried:
        values = row[field.path]
        value = values[place] if place < len(values) else None
        if value not in (None, ""):
            yield field, value


def _shown(field: Field, value: str, row: Mapping[str, Any]) -> str:
    """A value as written; a coded one with its name."""
    name = labels_of(field.path, row.get("dialect") or "").get(value, "")
    return f"{value} {name}".strip()


def labels_of(path: str, dialect: str) -> Mapping[str, str]:
    """The values that a field may have in a dialect, with their Chinese names; empty where any text will do."""
    field = fields()[path]
    found = load_vocabulary().value_sets.get(field.values(dialect))
    return found.labels if found is not None else {}
