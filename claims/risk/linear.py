"""Logistic regression on the features of a frame: what a model is compared with, and what its trees may start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claims.risk.frame import Feature
from claims.risk.metrics import sigmoid
from claims.risk.settings import settings
from claims.risk.values import Floats, Ints


@dataclass(frozen=True)
class Term:
    """One weight: of the standardised number ``feature`` (on a signed logarithmic scale where ``logarithmic``), of its
    being missing (``level`` -1), or of one of its levels (``level`` 0 and up). ``mean`` and ``scale`` standardise.
    """

    feature: int
    level: int | None
    logarithmic: bool
    mean: float
    scale: float

    def column(self, values: Floats) -> Floats:
        """(rows,) of this term; a missing number counts as the mean."""
        of = values[:, self.feature]
        if self.level is not None:
            told = np.isnan(of) if self.level < 0 else of == self.level
            return np.asarray((told - self.mean) / self.scale, np.float64)
        widest = settings("linear")["widest"]
        scaled = ((_signed_log(of) if self.logarithmic else of) - self.mean) / self.scale
        return np.nan_to_num(np.clip(scaled, -widest, widest))


@dataclass(frozen=True)
class Linear:
    """``terms`` with their ``weights``, and the intercept: log odds of a positive."""

    terms: tuple[Term, ...]
    weights: tuple[float, ...]
    intercept: float

    def contributions(self, values: Floats) -> Floats:
        """(rows, features): what each feature adds to the log odds, beside the intercept."""
        found = np.zeros_like(values)
        for term, weight in zip(self.terms, self.weights, strict=True):
            found[:, term.feature] += weight * term.column(values)
        return found

    def log_odds(self, values: Floats) -> Floats:
        found = np.full(len(values), self.intercept)
        for term, weight in zip(self.terms, self.weights, strict=True):
            found += weight * term.column(values)
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "intercept": self.intercept,
            "terms": [
                [term.feature, term.level, term.logarithmic, term.mean, term.scale, weight]
                for term, weight in zip(self.terms, self.weights, strict=True)
            ],
        }

    @staticmethod
    def from_json(told: dict[str, Any]) -> Linear:
        terms = tuple(
            Term(int(f), None if level is None else int(level), bool(log), float(mean), float(scale))
            for f, level, log, mean, scale, _ in told["terms"]
        )
        return Linear(terms, tuple(float(one[5]) for one in told["terms"]), float(told["intercept"]))


def fit(features: Sequence[Feature], values: Floats, labels: Ints) -> Linear:
    """By Newton's method with a ridge on standardised columns. ``values``: (rows, features)."""
    terms = [term for place, one in enumerate(features) for term in _terms(place, one, values[:, place])]
    columns = np.column_stack([np.ones(len(values)), *(term.column(values) for term in terms)])
    ridge = np.full(columns.shape[1], settings("linear")["ridge"] * len(values))
    # A weight a level or column costs more where rows are few: about one positive a column is not enough.
    ridge *= max(1.0, len(terms) / max(int(labels.sum()), 1) * 10)
    ridge[0] = 0.0
    weights = np.zeros(columns.shape[1])
    weights[0] = np.log(labels.mean() / (1 - labels.mean()))
    for _ in range(settings("linear")["steps"]):
        chance = sigmoid(columns @ weights)
        gradient = columns.T @ (chance - labels) + ridge * weights
        curvature = (columns.T * (chance * (1 - chance))) @ columns + np.diag(ridge + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return Linear(tuple(terms), tuple(weights[1:].tolist()), float(weights[0]))


def _terms(place: int, feature: Feature, values: Floats) -> list[Term]:
    least = settings("linear")["least_level_rows"]
    missing = np.isnan(values)
    found = []
    if least <= missing.sum() <= len(values) - least:
        found.append(_indicator(place, -1, missing.astype(np.float64)))
    if feature.levels:
        for level in range(len(feature.levels)):
            is_level = values == level
            if least <= is_level.sum() <= len(values) - least:
                found.append(_indicator(place, level, is_level.astype(np.float64)))
        return found
    known = values[~missing]
    if len(known) < 2 or np.ptp(known) == 0:
        return found
    curved = _signed_log(known)
    logarithmic = abs(_skew(curved)) < abs(_skew(known))
    of = curved if logarithmic else known
    if of.std() > 0:
        found.append(Term(place, None, bool(logarithmic), float(of.mean()), float(of.std())))
    return found


def _indicator(place: int, level: int, told: Floats) -> Term:
    return Term(place, level, False, float(told.mean()), float(told.std()))


def _signed_log(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), np.float64)


def _skew(values: Floats) -> float:
    deviation = values.std()
    return float(((values - values.mean()) ** 3).mean() / deviation**3) if deviation > 0 else 0.0
