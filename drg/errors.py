"""Errors that say what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from drg import messages


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input.

    ``code`` is a message id, ``where`` a place a person can go to (``adrg.tsv:12:8``),
    ``excerpt`` the text at that place, with a caret line where that helps.
    """

    code: str
    where: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    excerpt: str = ""

    def render(self, lang: str = "en") -> str:
        """The problem as text: place, sentence, excerpt."""
        sentence = messages.text(self.code, lang, **self.params)
        head = f"{self.where}: {sentence}" if self.where else sentence
        return f"{head}\n{self.excerpt}" if self.excerpt else head


class InputError(Exception):
    """An input cannot be used at all; ``problems`` lists everything that was found, not only the first."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__(self.render("en"))

    def render(self, lang: str = "en") -> str:
        """All problems as text, one after the other."""
        return "\n".join(problem.render(lang) for problem in self.problems)


def input_error(code: str, where: str = "", excerpt: str = "", **params: Any) -> InputError:
    """An ``InputError`` with one problem."""
    return InputError([Problem(code, where, params, excerpt)])
