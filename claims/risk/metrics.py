"""How good scores are: AUC, average precision, Brier score, calibration, what a capacity finds; intervals by bootstrap.

Labels are 0 and 1. Scores rank; probabilities lie in 0 to 1. Rows may be weighted (``weights``), as the bootstrap does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from claims.risk.settings import settings
from claims.risk.values import Floats, Ints

NEWTON_STEPS = 50
FURTHEST = 30.0
"""Log odds beyond this are certain."""


@dataclass(frozen=True)
class Ranking:
    """Labels in the order of falling scores; equal scores are one step."""

    labels: Ints
    scores: Floats

    @cached_property
    def order(self) -> Ints:
        return np.argsort(-self.scores, kind="stable")

    @cached_property
    def _ends(self) -> Ints:
        ordered = self.scores[self.order]
        return np.flatnonzero(np.append(np.diff(ordered) != 0, True))

    def steps(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Positives and negatives at or above each distinct score, summed from the highest."""
        weight = np.ones(len(self.labels)) if weights is None else weights[self.order]
        hits = self.labels[self.order] * weight
        return np.cumsum(hits)[self._ends], np.cumsum(weight - hits)[self._ends]

    def auc(self, weights: Floats | None = None) -> float:
        """The share of pairs of a 1 and a 0 in which the 1 scores higher, equal scores half. NaN without pairs."""
        ones, zeros = self.steps(weights)
        if not len(ones) or not ones[-1] or not zeros[-1]:
            return float("nan")
        width = np.diff(zeros, prepend=0.0)
        height = (ones + np.append(0.0, ones[:-1])) / 2
        return float((width * height).sum() / (ones[-1] * zeros[-1]))

    def average_precision(self, weights: Floats | None = None) -> float:
        """The mean of precision over the positives, in steps (no interpolation). NaN without positives."""
        ones, zeros = self.steps(weights)
        if not len(ones) or not ones[-1]:
            return float("nan")
        all_ = ones + zeros
        precision = np.divide(ones, all_, out=np.zeros_like(ones), where=all_ > 0)
        return float((np.diff(ones, prepend=0.0) * precision).sum() / ones[-1])


def auc(labels: Ints, scores: Floats) -> float:
    """See :meth:`Ranking.auc`."""
    return Ranking(labels, scores).auc()


def average_precision(labels: Ints, scores: Floats) -> float:
    """See :meth:`Ranking.average_precision`."""
    return Ranking(labels, scores).average_precision()


def brier(labels: Ints, probabilities: Floats, weights: Floats | None = None) -> float:
    """The mean squared distance of probability and label."""
    return float(np.average((probabilities - labels) ** 2, weights=weights))


def log_loss(labels: Ints, probabilities: Floats) -> float:
    """The mean negative logarithm of the probability that was given to what happened."""
    clip = settings("calibration")["clip"]
    sure = np.clip(probabilities, clip, 1 - clip)
    return float(-np.mean(np.where(labels == 1, np.log(sure), np.log(1 - sure))))


def log_odds(probabilities: Floats) -> Floats:
    """The logarithm of p / (1 - p), kept finite."""
    clip = settings("calibration")["clip"]
    sure = np.clip(probabilities, clip, 1 - clip)
    return np.asarray(np.log(sure / (1 - sure)), np.float64)


def sigmoid(values: Floats) -> Floats:
    """The inverse of :func:`log_odds`."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -FURTHEST, FURTHEST))), np.float64)


def calibration(labels: Ints, probabilities: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """Slope and intercept of calibration: 1 and 0 where probabilities are right.

    The slope is that of a logistic regression of the label on the log odds; below 1 they are too extreme. The intercept
    is that of one with the slope held at 1: above 0 the probabilities are too low. NaN with one label only.
    """
    odds = log_odds(probabilities)
    weight = np.ones(len(labels)) if weights is None else weights
    ones = float((labels * weight).sum())
    if not 0 < ones < weight.sum() or np.ptp(odds) == 0:
        return float("nan"), float("nan")
    slope = _newton(np.column_stack([odds, np.ones(len(odds))]), np.zeros(len(odds)), labels, weight)[0]
    intercept = _newton(np.ones((len(odds), 1)), odds, labels, weight)[0]
    return float(slope), float(intercept)


def _newton(columns: Floats, offset: Floats, labels: Ints, weight: Floats) -> Floats:
    """The logistic regression of the labels on the columns, with an offset and a trace of ridge so that it ends."""
    found = np.zeros(columns.shape[1])
    for _ in range(NEWTON_STEPS):
        chance = sigmoid(offset + columns @ found)
        gradient = columns.T @ (weight * (chance - labels)) + 1e-6 * found
        curvature = (columns.T * (weight * chance * (1 - chance))) @ columns + 1e-6 * np.eye(len(found))
        step = np.linalg.solve(curvature, gradient)
        found -= np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(found, np.float64)


def flagged(worth: Floats, capacity: int) -> Ints:
    """The places of the ``capacity`` rows that are worth most, the best first; equal ones in their order."""
    return np.argsort(-worth, kind="stable")[:capacity]


def at_capacity(labels: Ints, worth: Floats, amounts: Floats | None, capacity: int) -> dict[str, float]:
    """What looking at the ``capacity`` rows that are worth most finds.

    ``precision``: share of positives among them; ``recall``: share of all positives; ``amount_share``: share of the
    amount of all positives (an unknown amount counts as nothing found and nothing to find).
    """
    chosen = flagged(worth, capacity)
    found = {
        "precision": float(labels[chosen].mean()),
        "recall": float(labels[chosen].sum() / max(labels.sum(), 1)),
    }
    if amounts is not None:
        at_stake = np.nan_to_num(amounts) * labels
        total = float(at_stake.sum())
        found["amount_found"] = float(at_stake[chosen].sum())
        found["amount_share"] = float(at_stake[chosen].sum() / total) if total else float("nan")
    return found


@dataclass(frozen=True)
class Figure:
    """A metric with its bootstrap interval; NaN where it does not exist."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        return {
            name: (round(value, 6) if np.isfinite(value) else None)
            for name, value in (("value", self.value), ("low", self.low), ("high", self.high))
        }


def figures(labels: Ints, probabilities: Floats, scores: Floats, clusters: Ints | None) -> dict[str, Figure]:
    """All metrics with intervals. ``clusters``: rows of one group are drawn together; (rows,) numbers from 0."""
    ranking = Ranking(labels, scores)

    def measure(weights: Floats | None) -> Mapping[str, float]:
        slope, intercept = calibration(labels, probabilities, weights)
        return {
            "auc": ranking.auc(weights),
            "average_precision": ranking.average_precision(weights),
            "brier": brier(labels, probabilities, weights),
            "calibration_slope": slope,
            "calibration_intercept": intercept,
        }

    point = measure(None)
    drawn = [measure(weights) for weights in draws(len(labels), clusters)]
    return {name: figure(value, [one[name] for one in drawn]) for name, value in point.items()}


def draws(rows: int, clusters: Ints | None) -> list[Floats]:
    """How often each row is drawn, in each draw of the bootstrap: the same draws for the same rows."""
    limits = settings("bootstrap")
    count = max(limits["least_draws"], min(limits["draws"], limits["row_draws"] // max(rows, 1)))
    random = np.random.default_rng(limits["seed"])
    of_row = np.arange(rows) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    size = int(of_row.max()) + 1
    return [
        np.bincount(random.integers(0, size, size), minlength=size)[of_row].astype(np.float64)
        for _ in range(count)
    ]


def figure(value: float, drawn: list[float]) -> Figure:
    """A metric with the interval of what was drawn by bootstrap; values that do not exist are left out."""
    known = [one for one in drawn if np.isfinite(one)]
    if not known or not np.isfinite(value):
        return Figure(value, float("nan"), float("nan"))
    outside = (1 - settings("bootstrap")["interval"]) / 2
    low, high = np.quantile(known, [outside, 1 - outside])
    return Figure(value, float(low), float(high))
