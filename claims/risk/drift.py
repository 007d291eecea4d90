"""Whether a table is still like the training rows: population stability index (PSI) of the score and each feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claims.risk.frame import Feature
from claims.risk.settings import settings
from claims.risk.values import Floats

SCORE = "score"


@dataclass(frozen=True)
class Drift:
    """Of one feature (or ``score``): PSI of its known values, missing rates then and now, and how that is judged.

    ``state``: stable, watch or shifted.
    """

    name: str
    psi: float
    missing_then: float
    missing_now: float
    state: str


def reference(features: Sequence[Feature], values: Floats, probabilities: Floats) -> dict[str, Any]:
    """The distributions of training rows: per feature the edges of its bins, their shares, and what is usual."""
    told: dict[str, Any] = {"score": _bins(probabilities, None), "features": []}
    for place, feature in enumerate(features):
        column = values[:, place]
        known = column[np.isfinite(column)]
        levels = len(feature.levels) or None
        middle = _commonest(known, levels) if levels else (float(np.median(known)) if len(known) else None)
        low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
        told["features"].append({**_bins(column, levels), "middle": middle, "low": low, "high": high})
    return told


def _commonest(known: Floats, levels: int) -> float | None:
    return float(np.bincount(known.astype(np.int64), minlength=levels).argmax()) if len(known) else None


def _bins(column: Floats, levels: int | None) -> dict[str, Any]:
    known = column[np.isfinite(column)]
    count = settings("drift")["bins"]
    if levels is not None:
        edges = (np.arange(1, levels) - 0.5).tolist()
    else:
        edges = np.unique(np.quantile(known, np.arange(1, count) / count)).tolist() if len(known) else []
    return {
        "edges": edges,
        "shares": _shares(known, edges).tolist(),
        "missing": float(1 - len(known) / len(column)),
    }


def _shares(known: Floats, edges: Sequence[float]) -> Floats:
    """The share of values up to each edge and above the one before."""
    found = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
    return np.asarray(found / max(len(known), 1), np.float64)


def psi(then: Floats, now: Floats) -> float:
    """The population stability index of two lists of shares: 0 where they are the same."""
    floor = settings("drift")["floor"]
    before, after = then + floor, now + floor
    return float(((after - before) * np.log(after / before)).sum())


def compare(
    features: Sequence[Feature], told: dict[str, Any], values: Floats, probabilities: Floats
) -> list[Drift]:
    """The score first, then the features, those that shifted most first."""
    found = [
        _compare(feature.name, one, values[:, place])
        for place, (feature, one) in enumerate(zip(features, told["features"], strict=True))
    ]
    found.sort(key=lambda one: (-one.psi, one.name))
    return [_compare(SCORE, told["score"], probabilities), *found]


def _compare(name: str, then: dict[str, Any], column: Floats) -> Drift:
    known = column[np.isfinite(column)]
    missing = float(1 - len(known) / len(column))
    index = psi(np.array(then["shares"]), _shares(known, then["edges"])) if len(known) else float("nan")
    limits = settings("drift")
    change = abs(missing - then["missing"])
    state = "stable"
    if index >= limits["watch"] or change >= limits["missing_watch"]:
        state = "watch"
    if not len(known) or index >= limits["shifted"] or change >= limits["missing_shifted"]:
        state = "shifted"
    return Drift(name, index, then["missing"], missing, state)
