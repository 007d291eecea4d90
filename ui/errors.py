"""Errors whose sentence is among the texts of this package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from drg.errors import InputError, Problem
from ui.text import text


@dataclass(frozen=True)
class UiProblem(Problem):
    """As ``drg.errors.Problem``; ``code`` is a message id of ``ui/texts``."""

    def render(self, lang: str = "en") -> str:
        """The problem as text: place and sentence."""
        sentence = text(self.code, lang, **self.params)
        return f"{self.where}: {sentence}" if self.where else sentence


class UiError(InputError):
    """Something that was asked of the pages cannot be done; ``code`` is the message id."""

    def __init__(self, code: str, where: str = "", **params: Any):
        self.code = code
        super().__init__([UiProblem(code, where, params)])


def all_of(problems: Iterable[UiProblem]) -> InputError:
    """One error with several problems."""
    return InputError(problems)
