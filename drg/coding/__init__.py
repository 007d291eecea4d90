"""Coding support: what a record text says, and which codes a text means.

from drg.coding import suggest
suggest("急性阑尾炎", "diagnosis")[0].code
suggest.fit([("阑尾炎急性发作", ["急性阑尾炎"])])
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from drg.coding.suggestion.model import Model, Suggestion
    from drg.coding.suggestion.training import Fitted


class _Suggest:
    """Suggests codes when called; :meth:`fit` teaches. Imports its machinery at first use."""

    def __call__(
        self,
        text: str,
        kind: Literal["diagnosis", "procedure"],
        top: int = 10,
        model: Path | Model | None = None,
    ) -> list[Suggestion]:
        """See :func:`drg.coding.suggestion.api.suggest`."""
        from drg.coding.suggestion import api

        return api.suggest(text, kind, top, model)

    def fit(
        self,
        pairs: Sequence[tuple[str, Sequence[str]]],
        kind: Literal["diagnosis", "procedure"] = "diagnosis",
        out: Path | None = None,
    ) -> Fitted:
        """See :func:`drg.coding.suggestion.api.fit`."""
        from drg.coding.suggestion import api

        return api.fit(pairs, kind, out)


suggest = _Suggest()
