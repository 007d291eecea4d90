"""Texts of the library, in English and Chinese, kept as data in ``texts/*.toml``.

A message is named by an id such as ``records.age_negative`` (file, key) and has one text a language.
Results carry ids and parameters; only who shows them chooses the language.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All messages: id -> language -> template (``str.format`` placeholders)."""
    found: dict[str, Mapping[str, str]] = {}
    for path in sorted(Path(__file__).with_name("texts").glob("*.toml")):
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        found.update({f"{path.stem}.{key}": texts for key, texts in entries.items()})
    return found


def text(message_id: str, lang: str = "en", **params: Any) -> str:
    """The text of a message in ``lang`` (``en`` or ``zh``), its placeholders filled from ``params``."""
    return catalogue()[message_id][lang].format(**params)
