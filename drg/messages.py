"""Texts of the library, in English and Chinese, kept as data in ``texts/*.toml``.

A message is named by an id such as ``records.age_negative`` (file, key) and has one text a language.
Results carry ids and parameters; only who shows them chooses the language.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")


class Texts:
    """The messages in the TOML files of a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def catalogue(self) -> Mapping[str, Mapping[str, str]]:
        """All messages: id -> language -> template (``str.format`` placeholders)."""
        found: dict[str, Mapping[str, str]] = {}
        for path in sorted(self.folder.glob("*.toml")):
            entries = tomllib.loads(path.read_text(encoding="utf-8"))
            found.update({f"{path.stem}.{key}": texts for key, texts in entries.items()})
        return found

    def text(self, message_id: str, lang: str = "en", **params: Any) -> str:
        """The text of a message in ``lang`` (``en`` or ``zh``), its placeholders filled from ``params``."""
        return self.catalogue[message_id][lang].format(**params)


TEXTS = Texts(Path(__file__).with_name("texts"))
text = TEXTS.text
