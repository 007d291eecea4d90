"""The fields of the record table, as ``layout.csv`` lists them, and the sets of values of ``value_sets.toml``.

A record is one row: scalar fields as text columns, repeated groups as list columns named ``group.field``. Columns of
the dialects (``front_page``, ``pinyin``, ``legacy``, ``settlement``, ``plain``) are written as :class:`Field` says.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

KINDS = (
    "text",
    "integer",
    "number",
    "money",
    "date",
    "datetime",
    "dx_code",
    "proc_code",
    "duration",
    "choice",
)
DIALECTS = ("front_page", "pinyin", "legacy", "settlement", "plain")
_FOLDER = Path(__file__).parent
_EMPTY = dict.fromkeys((*DIALECTS, "value_set", "settlement_value_set"), "")


@dataclass(frozen=True)
class Field:
    """One line of the layout.

    The columns of a dialect are positions separated by ``;`` (a group's rows; one for a scalar), each with its
    alternatives separated by ``|`` (the first one filled counts). ``{n}`` and ``{n:02}`` count 1, 2, ... An alternative
    may be made of parts: ``a/b/c`` (days, hours, minutes), ``a+b`` (texts set one after the other), ``a@b`` (a date
    and the hour of the day). ``node.key`` is a list of objects of a settlement list, ``a,`` a list separated by
    commas. A scalar without ``plain`` goes by its own name there. ``max_length`` counts characters.
    """

    name: str
    group: str
    kind: str
    label_zh: str
    label_en: str
    front_page: str
    pinyin: str
    legacy: str
    settlement: str
    plain: str
    value_set: str
    settlement_value_set: str
    max_length: int | None
    source: str

    @property
    def path(self) -> str:
        """The column of the record table: ``name``, or ``group.name``."""
        return f"{self.group}.{self.name}" if self.group else self.name

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.list_(pa.string()) if self.group else pa.string()

    def label(self, lang: str = "en") -> str:
        """The name in plain words, ``en`` or ``zh``."""
        return self.label_zh if lang == "zh" else self.label_en

    def columns(self, dialect: str) -> str:
        """The columns of a dialect (one of ``DIALECTS``), in the notation above; empty where it has none."""
        text = str(getattr(self, dialect))
        return self.name if dialect == "plain" and not text and not self.group else text

    def values(self, dialect: str) -> str:
        """The name of the value set that holds in a dialect; empty where there is none."""
        if dialect == "settlement" and self.settlement_value_set:
            return self.settlement_value_set
        return self.value_set


@cache
def fields() -> Mapping[str, Field]:
    """All fields by path, in the order of the record table: scalars first, then the groups."""
    return read_fields(_FOLDER / "layout.csv")


def read_fields(path: Path) -> Mapping[str, Field]:
    """The fields of a layout file by path, in its order; a column that it does not have is empty."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [_field(row) for row in csv.DictReader(file)]
    return {field.path: field for field in rows}


def _field(row: dict[str, str]) -> Field:
    length = row.pop("max_length")
    return Field(**{**_EMPTY, **row}, max_length=int(length) if length else None)


@cache
def groups() -> Mapping[str, tuple[Field, ...]]:
    """The fields of each repeated group, in order."""
    return grouped(fields().values())


def grouped(members: Iterable[Field]) -> Mapping[str, tuple[Field, ...]]:
    """Fields by the repeated group that they are in, scalars left out."""
    found: dict[str, list[Field]] = {}
    for field in members:
        if field.group:
            found.setdefault(field.group, []).append(field)
    return {group: tuple(fields) for group, fields in found.items()}


@dataclass(frozen=True)
class ValueSet:
    """The values that a choice may have.

    ``labels``: value -> Chinese name, empty where it is not known. A value may be written with leading zeros where
    ``padded``.
    """

    name: str
    title_en: str
    title_zh: str
    source: str
    labels: Mapping[str, str]
    padded: bool = False

    @property
    def values(self) -> frozenset[str]:
        """Every spelling that counts."""
        spelled = set(self.labels)
        if self.padded:
            width = max(len(value) for value in self.labels)
            spelled |= {value.zfill(width) for value in self.labels}
        return frozenset(spelled)


@cache
def value_sets() -> Mapping[str, ValueSet]:
    """All sets of values by name: ``RC001`` and so on, and those of the settlement list by its field names."""
    return read_value_sets(_FOLDER / "value_sets.toml")


def read_value_sets(path: Path) -> Mapping[str, ValueSet]:
    """The sets of values of a file by name."""
    text = path.read_text(encoding="utf-8")
    return {name: _value_set(name, entry) for name, entry in tomllib.loads(text).items()}


def _value_set(name: str, entry: dict[str, Any]) -> ValueSet:
    title = entry["title"]
    return ValueSet(
        name, title["en"], title["zh"], entry["source"], entry["values"], entry.get("padded", False)
    )
