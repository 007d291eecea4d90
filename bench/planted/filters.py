"""Which clean records a defect is planted into: filters written as data.

A filter is a mapping; all lines must hold. ``field: value`` or ``field: [values]`` (text), ``field: {min: 1, max: 5}``
(number; ``null`` never fits), ``dx``/``other_dx``/``principal``/``proc``/``main_proc``: codes (``no_dx`` and so on:
none of them), ``class``/``no_class``: a class of procedures, ``filled``/``empty``: fields or groups, ``rows``:
``{group: {min: 2}}``. A list holds where all its filters hold; a name stands for a filter of ``filters.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.planted.codes import is_in, listing
from bench.planted.records import EDITIONS, Record, known

HOME = Path(__file__).parent
Filter = str | Mapping[str, Any] | Sequence[Any]


def fits(record: Record, wanted: Filter) -> bool:
    """Whether a record passes a filter. Raises ``KeyError`` for a name or field that does not exist."""
    if isinstance(wanted, str):
        return fits(record, named_filters()[wanted])
    if not isinstance(wanted, Mapping):
        return all(fits(record, one) for one in wanted)
    return all(_line_fits(record, name, value) for name, value in wanted.items())


@cache
def named_filters() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((HOME / "filters.yaml").read_text(encoding="utf-8"))
    return loaded


def codes_of(record: Record, where: str) -> Iterator[str]:
    """``dx``, ``other_dx``, ``principal``, ``proc`` or ``main_proc``: the codes that stand there."""
    rows = record.groups["procedures" if "proc" in where else "diagnoses"]
    rows = {"principal": rows[:1], "main_proc": rows[:1], "other_dx": rows[1:]}.get(where, rows)
    return (code for row in rows if (code := row["code"]))


def classes_of(record: Record) -> set[str]:
    """The classes of the record's procedures."""
    kinds = _classes(record.kind)
    return {kind for code in codes_of(record, "proc") if (kind := kinds.get(code))}


@cache
def _classes(kind: Any) -> dict[str, str | None]:
    return {one.code: one.kind for one in listing(EDITIONS[kind], "icd9cm3")}


CODE_PLACES = ("dx", "other_dx", "principal", "proc", "main_proc")


def _line_fits(record: Record, name: str, value: Any) -> bool:
    negated, place = name.startswith("no_"), name.removeprefix("no_")
    if place in CODE_PLACES:
        return any(is_in(code, value) for code in codes_of(record, place)) != negated
    if place == "class":
        return bool(classes_of(record) & {*value.split()}) != negated
    if name in ("filled", "empty"):
        return all(_is_filled(record, path) == (name == "filled") for path in value.split())
    if name == "rows":
        return all(_within(len(record.groups[group]), limits) for group, limits in value.items())
    if not known(name):
        raise KeyError(name)
    text = record.scalars.get(name)
    if isinstance(value, Mapping):
        return text is not None and _within(float(text), value)
    return text in (value if isinstance(value, list) else [value])


def _is_filled(record: Record, path: str) -> bool:
    if path in record.groups:
        return bool(record.groups[path])
    group, _, name = path.rpartition(".")
    if group:
        return any(row.get(name) for row in record.groups[group])
    if not known(path):
        raise KeyError(path)
    return record.scalars.get(path) is not None


def _within(number: float, limits: Mapping[str, float]) -> bool:
    return limits.get("min", number) <= number <= limits.get("max", number)
