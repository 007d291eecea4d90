"""The limits and choices in ``settings.toml``, and the columns of a table of visits in ``columns.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@cache
def settings() -> Mapping[str, Mapping[str, Any]]:
    """All sections of ``settings.toml``."""
    return _read("settings.toml")


@dataclass(frozen=True)
class Column:
    """A column of a table of visits. ``raw``: what a pseudonym does not look like; empty where anything may be one."""

    name: str
    names: tuple[str, ...]
    is_node: bool
    keyed: bool
    raw: str


@cache
def columns() -> Mapping[str, Column]:
    """The columns by name."""
    return {
        name: Column(
            name,
            tuple(entry["names"]),
            entry.get("node", False),
            entry.get("keyed", False),
            entry.get("raw", ""),
        )
        for name, entry in _read("columns.toml").items()
    }


@cache
def node_kinds() -> tuple[str, ...]:
    """The kinds of nodes; the order in which they are numbered, persons first."""
    return tuple(column.name for column in columns().values() if column.is_node)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
