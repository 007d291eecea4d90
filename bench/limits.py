"""The limits that a bench prints beside its figures; they are data, ``limits.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


def judged(name: str, value: float, size: str) -> str:
    """``value`` with its unit and limit; ``size`` is what was measured: a verdict only where the promise is for it."""
    limit = limits()[name]
    word = "least" if "least" in limit else "most"
    bound = limit[word]
    told = f"{value:.3g} {limit['unit']} (limit: at {word} {bound:g}"
    if size != limit["at"]:
        return f"{told} at {limit['at']})"
    return f"{told}: {'kept' if (value >= bound if word == 'least' else value <= bound) else 'NOT KEPT'})"


@cache
def limits() -> dict[str, dict[str, Any]]:
    """The limits by name."""
    return tomllib.loads(Path(__file__).with_name("limits.toml").read_text(encoding="utf-8"))
