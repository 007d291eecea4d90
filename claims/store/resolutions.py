"""The closed set of resolutions; they are data, ``resolutions.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path


class Kind(StrEnum):
    """Who a work item is for: a hospital's coder, or an insurer's analyst."""

    CODER = "coder"
    CLAIM = "claim"


@dataclass(frozen=True)
class Resolution:
    """One way to end a work item. ``label``: 1 was suspicious, 0 was not, ``None`` teaches the risk model nothing."""

    id: str
    kinds: frozenset[Kind]
    label: int | None
    en: str
    zh: str


@cache
def resolutions() -> Mapping[str, Resolution]:
    """All resolutions by id, in the order in which they are offered."""
    entries = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        id: Resolution(id, frozenset(map(Kind, entry["kinds"])), entry.get("label"), entry["en"], entry["zh"])
        for id, entry in entries.items()
    }


def resolutions_of(kind: Kind) -> list[Resolution]:
    """The resolutions of a kind of work item."""
    return [resolution for resolution in resolutions().values() if kind in resolution.kinds]
