"""The names that conditions may use: fields of the record table with their kinds, code sets and word lists."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from drg.quality import layout
from drg.quality.functions import GROUP_FUNCTIONS, ROW_FUNCTIONS, Function
from drg.quality.layout import Field, ValueSet

EXPRESSION_KINDS = {
    "text": "text",
    "choice": "text",
    "integer": "number",
    "number": "number",
    "money": "number",
    "duration": "number",
    "date": "time",
    "datetime": "time",
    "dx_code": "dx_code",
    "proc_code": "proc_code",
}
"""Kind of a field in ``layout.csv`` -> kind of the expression that reads it. A duration is read as hours."""


@dataclass(frozen=True)
class Vocabulary:
    """The fields of the record by name, those of each group, the texts of the named code sets and word lists, the sets
    of values of choices, and the functions of values and over groups."""

    scalars: Mapping[str, Field]
    groups: Mapping[str, Mapping[str, Field]]
    code_sets: Mapping[str, str] = field(default_factory=dict)
    word_lists: Mapping[str, str] = field(default_factory=dict)
    value_sets: Mapping[str, ValueSet] = field(default_factory=dict)
    row_functions: Mapping[str, Function] = field(default_factory=lambda: ROW_FUNCTIONS)
    group_functions: Mapping[str, Function] = field(default_factory=lambda: GROUP_FUNCTIONS)

    def field(self, group: str | None, name: str) -> Field | None:
        """The field of this name, ``None`` where there is none."""
        return (self.scalars if group is None else self.groups.get(group, {})).get(name)

    def at(self, path: str) -> Field | None:
        """The field ``name`` or ``group.name``."""
        group, dot, name = path.rpartition(".")
        return self.field(group if dot else None, name)


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary of ``layout.csv``, ``sets.toml`` and ``words.toml``."""
    home = Path(__file__).parent
    return Vocabulary(
        *names_of(layout.fields()),
        load_code_sets(home / "sets.toml"),
        load_word_lists(home / "words.toml"),
        layout.value_sets(),
    )


def names_of(fields: Mapping[str, Field]) -> tuple[dict[str, Field], dict[str, dict[str, Field]]]:
    """The scalar fields by name, and those of each group."""
    scalars = {path: entry for path, entry in fields.items() if not entry.group}
    groups = layout.grouped(fields.values())
    return scalars, {group: {entry.name: entry for entry in members} for group, members in groups.items()}


def load_code_sets(path: Path) -> dict[str, str]:
    """The named code sets of a file: ``[name]`` with ``codes = "C51-C58 D06"``."""
    return {name: entry["codes"] for name, entry in _entries(path).items()}


def load_word_lists(path: Path) -> dict[str, str]:
    """The named word lists of a file, ``[name]`` with ``words = ["词", "词"]``, as texts with blanks between words."""
    return {name: " ".join(entry["words"]) for name, entry in _entries(path).items()}


def _entries(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
