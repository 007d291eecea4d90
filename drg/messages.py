"""Texts of the library, in English and Chinese, kept as data in ``texts/*.toml``.

A message is named by an id such as ``records.age_negative`` (file, key) and has one text a language.
Results carry ids and parameters; only who shows them chooses the language.
"""

from __future__ import annotations

import errno
import os
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
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
        """The text of a message in ``lang`` (``en`` or ``zh``), its placeholders filled from ``params``.

        A tuple is shown as a list; a reason that the operating system gave (``OSError.strerror``) is shown in ``lang``
        where it is one of ``texts/system.toml``.
        """
        shown = {name: _shown(value, lang) for name, value in params.items()}
        return self.catalogue[message_id][lang].format(**shown)


TEXTS = Texts(Path(__file__).with_name("texts"))
text = TEXTS.text


def listed(parts: Iterable[object], lang: str) -> str:
    """A list in a sentence: ``A, B`` in English, ``A、B`` in Chinese."""
    return text("system.list_separator", lang).join(map(str, parts))


def _shown(value: Any, lang: str) -> Any:
    if isinstance(value, tuple):
        return listed(value, lang)
    if isinstance(value, str) and (reason := _system_reasons().get(value)):
        return reason[lang]
    return value


@cache
def _system_reasons() -> Mapping[str, Mapping[str, str]]:
    """What the operating system says in English -> that in every language."""
    numbered = {number: TEXTS.catalogue.get(f"system.{name}") for number, name in errno.errorcode.items()}
    return {os.strerror(number): texts for number, texts in numbered.items() if texts is not None}
