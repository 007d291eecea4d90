"""Quasi-identifiers made coarser until every class has enough persons and enough sensitive values.

The search is Datafly's (Sweeney 1997): where too many rows are in small classes, the column with the most distinct
values goes one level up. Rows still in small classes are left out, where the policy permits as many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from privacy.deidentify.policy import DeidentifyPolicy, Generalised, Interval, Prefix
from privacy.deidentify.risk import Codes, classes_of, distinct_in, diversity
from privacy.errors import Refused

ANY = "*"
MISSING = ""


@dataclass(frozen=True)
class Result:
    """``columns``: the generalised texts of all rows; ``kept``: which rows stay; ``levels``: the level of each
    column, 0 for unchanged."""

    columns: Mapping[str, pa.Array]
    codes: Mapping[str, Codes]
    kept: npt.NDArray[np.bool_]
    levels: Mapping[str, int]


@dataclass(frozen=True)
class Level:
    """A column at one level: a code a row, and the text of each code."""

    codes: Codes
    texts: Sequence[str]


def generalise(
    columns: Mapping[str, pa.Array], persons: Codes, sensitive: Sequence[Codes], policy: DeidentifyPolicy
) -> Result:
    """The quasi-identifiers in ``columns`` so generalised that the policy's k and l hold.

    Raises ``Refused``: ``deidentify.k_not_reached``, ``deidentify.number``.
    """
    rules = policy.generalised()
    ladders = {name: levels_of(name, values, rules[name]) for name, values in columns.items()}
    levels = dict.fromkeys(ladders, 0)
    allowed = math.floor(policy.maximum_suppressed * len(persons))
    while True:
        chosen = {name: ladder[levels[name]] for name, ladder in ladders.items()}
        classes = classes_of([level.codes for level in chosen.values()], len(persons))
        good = (distinct_in(classes, persons) >= policy.minimum_k) & (
            (diversity(classes, sensitive) >= policy.minimum_l) | (not sensitive)
        )
        kept = good[classes]
        if np.count_nonzero(~kept) <= allowed:
            texts = {
                name: pa.array(level.texts).take(pa.array(level.codes)) for name, level in chosen.items()
            }
            codes = {name: level.codes for name, level in chosen.items()}
            return Result(texts, codes, kept, levels)
        higher = [name for name, ladder in ladders.items() if levels[name] + 1 < len(ladder)]
        if not higher:
            raise Refused(
                "deidentify.k_not_reached", k=policy.minimum_k, l=policy.minimum_l, rows=len(persons)
            )
        levels[max(higher, key=lambda name: len(chosen[name].texts))] += 1


def levels_of(name: str, values: pa.Array, rule: Generalised) -> list[Level]:
    """The column at every level, from unchanged to ``*``. A missing value is a value of its own at all but the last."""
    encoded = pc.dictionary_encode(values.cast(pa.string()).fill_null(MISSING))
    distinct: list[str] = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    steps = [distinct, *_steps(name, distinct, rule), [ANY] * len(distinct)]
    return [_level(codes, texts) for texts in steps]


def _steps(name: str, distinct: Sequence[str], rule: Generalised) -> list[list[str]]:
    if isinstance(rule, Interval):
        return [[_interval(name, text, width) for text in distinct] for width in rule.widths]
    if isinstance(rule, Prefix):
        return [[_prefix(text, length) for text in distinct] for length in rule.lengths]
    return []


def _interval(name: str, text: str, width: int) -> str:
    if text == MISSING:
        return MISSING
    try:
        low = math.floor(float(text) / width) * width
    except (ValueError, OverflowError) as error:
        raise Refused("deidentify.number", column=name) from error
    return f"[{low},{low + width})"


def _prefix(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + ANY


def _level(codes: Codes, texts: Sequence[str]) -> Level:
    """Codes renumbered so that equal texts have equal codes."""
    merged = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    renumbered = np.array([merged[text] for text in texts], dtype=np.int64)
    return Level(renumbered[codes] if len(texts) else codes, list(merged))
