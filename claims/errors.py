"""Problems whose sentence is among the texts of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from claims import messages
from drg.errors import InputError, Problem


@dataclass(frozen=True)
class ClaimProblem(Problem):
    """As ``drg.errors.Problem``; ``code`` is a message id of ``claims/texts``."""

    def render(self, lang: str = "en") -> str:
        """The problem as text: place and sentence."""
        sentence = messages.text(self.code, lang, **self.params)
        return f"{self.where}: {sentence}" if self.where else sentence


def input_error(code: str, where: str = "", **params: Any) -> InputError:
    """An ``InputError`` with one problem."""
    return InputError([ClaimProblem(code, where, params)])
