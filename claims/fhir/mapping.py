"""The meaning of codes in ``mapping.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@cache
def mapping() -> Mapping[str, Mapping[str, Any]]:
    """The sections of the file."""
    return tomllib.loads(Path(__file__).with_name("mapping.toml").read_text(encoding="utf-8"))
