"""The language of this run: ``--lang``, else the locale. Chosen at import, because help texts are built then."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from drg.messages import LANGUAGES
from ui.text import text

OPTION = "--lang"


def of_locale(environment: Mapping[str, str]) -> str:
    """``zh`` for a Chinese locale, else ``en``; the first of these variables that is set decides."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def option_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``--lang X`` moved to the front, so that it may stand anywhere."""
    for place, argument in enumerate(arguments):
        if argument == OPTION:
            size = 2
        elif argument.startswith(f"{OPTION}="):
            size = 1
        else:
            continue
        return [*arguments[place : place + size], *arguments[:place], *arguments[place + size :]]
    return list(arguments)


def _chosen(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    first = option_first(arguments)[:2]
    value = first[0].partition("=")[2] or first[-1] if first and first[0].startswith(OPTION) else ""
    return value if value in LANGUAGES else of_locale(environment)


LANG = _chosen(sys.argv[1:], os.environ)


def visible(text: str) -> str:
    """Text of a file as it may be shown on a terminal: signs that would steer it are replaced."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def say(key: str, **params: Any) -> str:
    """A text of ``ui/texts/cli.toml`` in the language of this run."""
    return text(f"cli.{key}", LANG, **params)
