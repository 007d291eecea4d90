"""Words by which documents, orders and people are recognised (``words.toml``)."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

SHIPPED = Path(__file__).with_name("words.toml")


@cache
def _tables() -> dict[str, tuple[str, ...]]:
    loaded = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    return {name: tuple(entry["words"]) for name, entry in loaded.items()}


def words(name: str) -> tuple[str, ...]:
    """A list of words by name; the name is one of ``words.toml``."""
    return _tables()[name]


@cache
def pattern(name: str) -> re.Pattern[str]:
    """A pattern that finds any word of a list."""
    return any_of(words(name))


@cache
def any_of(listed: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern that finds any of these words, the longest first."""
    return re.compile("|".join(re.escape(word) for word in sorted(listed, key=len, reverse=True)))
