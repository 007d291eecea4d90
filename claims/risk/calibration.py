"""From log odds to probabilities: a line (Platt) or steps (isotonic), fitted on out-of-fold scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from claims.risk.metrics import log_loss, sigmoid
from claims.risk.settings import settings
from claims.risk.values import Floats, Ints

NEWTON_STEPS = 100


@dataclass(frozen=True)
class Platt:
    """The probability is the sigmoid of slope * log odds + intercept."""

    slope: float
    intercept: float

    def probabilities(self, scores: Floats) -> Floats:
        return sigmoid(self.slope * scores + self.intercept)

    def as_json(self) -> dict[str, Any]:
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True)
class Isotonic:
    """Straight lines between the middles of the blocks of an isotonic regression: never falling."""

    scores: tuple[float, ...]
    values: tuple[float, ...]

    def probabilities(self, scores: Floats) -> Floats:
        return np.interp(scores, self.scores, self.values)

    def as_json(self) -> dict[str, Any]:
        return {"method": "isotonic", "scores": list(self.scores), "values": list(self.values)}


Calibrator = Platt | Isotonic


def from_json(told: dict[str, Any]) -> Calibrator:
    """The inverse of ``as_json``; raises ``KeyError``, ``TypeError`` or ``ValueError`` where it is none."""
    if told["method"] == "platt":
        return Platt(float(told["slope"]), float(told["intercept"]))
    scores, values = [float(one) for one in told["scores"]], [float(one) for one in told["values"]]
    if not scores or len(scores) != len(values) or scores != sorted(scores) or values != sorted(values):
        raise ValueError
    return Isotonic(tuple(scores), tuple(values))


def platt(labels: Ints, scores: Floats) -> Platt:
    """Platt's line, with his smoothed targets; its slope is never below 0, so that the order stays."""
    ones, zeros = int(labels.sum()), int(len(labels) - labels.sum())
    target = np.where(labels == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    columns = np.column_stack([scores, np.ones(len(scores))])
    found = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        chance = sigmoid(columns @ found)
        gradient = columns.T @ (chance - target)
        curvature = (columns.T * (chance * (1 - chance))) @ columns + 1e-9 * np.eye(2)
        step = np.clip(np.linalg.solve(curvature, gradient), -2, 2)
        found -= step
        if np.abs(step).max() < 1e-10:
            break
    if found[0] < 0:
        rate = target.mean()
        return Platt(0.0, float(np.log(rate / (1 - rate))))
    return Platt(float(found[0]), float(found[1]))


def isotonic(labels: Ints, scores: Floats) -> Isotonic:
    """Isotonic regression by pooling neighbours that fall; equal scores are one."""
    distinct, place = np.unique(scores, return_inverse=True)
    weight = np.bincount(place).astype(np.float64)
    mean = np.bincount(place, weights=labels) / weight
    blocks: list[tuple[float, float, float]] = []
    for score, rate, rows in zip(distinct.tolist(), mean.tolist(), weight.tolist(), strict=True):
        block = (score, rate, rows)
        while blocks and blocks[-1][1] >= block[1]:
            block = _pooled(blocks.pop(), block)
        blocks.append(block)
    # One positive more and one negative more at the ends: nothing is certain.
    clip = 1 / (len(labels) + 2)
    values = np.clip([rate for _, rate, _ in blocks], clip, 1 - clip)
    return Isotonic(tuple(score for score, _, _ in blocks), tuple(values.tolist()))


def _pooled(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float, float]:
    rows = one[2] + other[2]
    return (
        (one[0] * one[2] + other[0] * other[2]) / rows,
        (one[1] * one[2] + other[1] * other[2]) / rows,
        rows,
    )


def fit(labels: Ints, scores: Floats, folds: Ints) -> tuple[Calibrator, dict[str, float]]:
    """The calibrator for out-of-fold scores, and the log loss of each method on folds that it did not see."""
    limits = settings("calibration")
    losses = {"platt": _crossed(labels, scores, folds, platt)}
    if labels.sum() >= limits["isotonic_positives"]:
        losses["isotonic"] = _crossed(labels, scores, folds, isotonic)
        if losses["isotonic"] < losses["platt"] * (1 - limits["isotonic_gain"]):
            return isotonic(labels, scores), losses
    return platt(labels, scores), losses


def _crossed(
    labels: Ints, scores: Floats, folds: Ints, method: Callable[[Ints, Floats], Calibrator]
) -> float:
    told = np.zeros(len(labels))
    for fold in np.unique(folds):
        rest = folds != fold
        told[~rest] = method(labels[rest], scores[rest]).probabilities(scores[~rest])
    return log_loss(labels, told)
