"""Texts of the library, in English and Chinese, kept as data in ``texts/*.toml``.

A message is named by an id such as ``records.age_negative`` (file, key) and has one text a language.
Results carry ids and parameters; only who shows them chooses the language.
"""

from __future__ import annotations

import errno
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")
SAID_BY_OTHERS = ("detail", "why")
"""The placeholders that take what a library says."""
QUOTED_LIST = re.compile(r"'[^']*'(?:(?:, | or )'[^']*')*")


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
        where it is one of ``texts/system.toml``, and so is what a parser said where ``texts/parsers.toml`` has it.
        """
        shown = {name: _shown(name, value, lang) for name, value in params.items()}
        return self.catalogue[message_id][lang].format(**shown)

    def retold(self, sentence: str, lang: str) -> str:
        """What a library says in English only, by the message whose pattern ``said`` it matches; else as it is."""
        for message_id, pattern in self._sayings.items():
            if found := pattern.fullmatch(sentence):
                return self.text(
                    message_id, lang, **{name: _list(part) for name, part in found.groupdict().items()}
                )
        return sentence

    @cached_property
    def _sayings(self) -> Mapping[str, re.Pattern[str]]:
        said = {message_id: texts.get("said") for message_id, texts in self.catalogue.items()}
        return {message_id: re.compile(pattern, re.DOTALL) for message_id, pattern in said.items() if pattern}


TEXTS = Texts(Path(__file__).with_name("texts"))
text = TEXTS.text


def listed(parts: Iterable[object], lang: str) -> str:
    """A list in a sentence: ``A, B`` in English, ``A、B`` in Chinese."""
    return text("system.list_separator", lang).join(map(str, parts))


def _shown(name: str, value: Any, lang: str) -> Any:
    if isinstance(value, tuple):
        return listed(value, lang)
    if not isinstance(value, str):
        return value
    if reason := _system_reasons().get(value):
        return reason[lang]
    return TEXTS.retold(value, lang) if name in SAID_BY_OTHERS else value


def _list(part: str) -> str | tuple[str, ...]:
    """The names of a list that a library wrote as ``'a', 'b' or 'c'``; any other text as it is."""
    return tuple(re.findall("'([^']*)'", part)) if QUOTED_LIST.fullmatch(part) else part


@cache
def _system_reasons() -> Mapping[str, Mapping[str, str]]:
    """What the operating system says in English -> that in every language."""
    numbered = {number: TEXTS.catalogue.get(f"system.{name}") for number, name in errno.errorcode.items()}
    return {os.strerror(number): texts for number, texts in numbered.items() if texts is not None}
