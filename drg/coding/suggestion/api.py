"""Suggest codes for texts, and teach: what :mod:`drg.coding` offers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from drg.codes.catalogue import System
from drg.coding.suggestion.features import NameSide
from drg.coding.suggestion.files import given_pairs
from drg.coding.suggestion.knowledge import Pair
from drg.coding.suggestion.model import Model, Suggestion
from drg.coding.suggestion.normal import DATA
from drg.coding.suggestion.practice import practice_pairs
from drg.coding.suggestion.store import background, load, save
from drg.coding.suggestion.table import CodeTable, nhsa_table
from drg.coding.suggestion.training import Fitted, fit_pairs
from drg.errors import input_error

Kind = Literal["diagnosis", "procedure"]
SYSTEM_OF: dict[str, System] = {"diagnosis": "icd10", "procedure": "icd9cm3"}
MAX_TEXT = 10_000
MAX_TOP = 20
ENOUGH_PAIRS = 3_000
"""With fewer pairs, practice texts made from the catalogue's names fill up to this number."""

PRACTICE_OF_A_CODE = 4
"""But no more than so many practice texts a code."""


def suggest(text: str, kind: Kind, top: int = 10, model: Path | Model | None = None) -> list[Suggestion]:
    """Codes for a free-text diagnosis or procedure, best first, at most ``top`` (and ``MAX_TOP``).

    A compound text gets several: those with ``given`` are the codes that the model would give. Without
    ``model`` the default model of the NHSA catalogue is used. Raises ``InputError`` for a text above
    ``MAX_TEXT`` characters, an unknown kind, or a folder that is no model. Cold start some seconds, then
    milliseconds.
    """
    if kind not in SYSTEM_OF:
        raise input_error("suggest.kind", kind=str(kind)[:40])
    if len(text) > MAX_TEXT:
        raise input_error("suggest.long_text", most=MAX_TEXT)
    chosen = model if isinstance(model, Model) else load_cached(model or default_folder(kind))
    return chosen.suggest(text, max(0, min(top, MAX_TOP)))


def default_folder(kind: str) -> Path:
    """The folder of the model that ships."""
    return DATA / "default" / kind


@cache
def load_cached(folder: Path) -> Model:
    """A model, read once a process."""
    return load(folder)


def fit(
    pairs: Sequence[tuple[str, Sequence[str]]], kind: Kind = "diagnosis", out: Path | None = None
) -> Fitted:
    """A model of the NHSA catalogue that has learned ``pairs`` (text, codes or names), written to ``out``."""
    if kind not in SYSTEM_OF:
        raise input_error("suggest.kind", kind=str(kind)[:40])
    system = SYSTEM_OF[kind]
    table = nhsa_table(system)
    return fit_table(table, given_pairs(pairs, table), system, out)


def fit_table(table: CodeTable, pairs: list[Pair], system: System | None, out: Path | None = None) -> Fitted:
    """A model of any catalogue that has learned ``pairs``; ``system`` where it is the NHSA's."""
    more = background(table, system)
    missing = min(ENOUGH_PAIRS - len(pairs), PRACTICE_OF_A_CODE * len(table.codes))
    practice = practice_pairs(table, more.phrases, max(0, missing))
    fitted = fit_pairs(NameSide(table), pairs, more.known, practice, more.phrases)
    if out is not None:
        measured = {"pairs": len(pairs), "found": round(fitted.found, 4), "f1": round(fitted.f1, 4)}
        save(out, fitted.model, pairs, system, measured)
    return fitted
