"""The limits and choices in ``settings.toml``."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def _all() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("settings.toml").read_text(encoding="utf-8"))


def settings(section: str) -> dict[str, Any]:
    """One section of ``settings.toml``."""
    return _all()[section]
