"""Ordinary logistic regression on plain data, and the measure by which models are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Logistic:
    """The maximum-likelihood weights of standardised columns; the first is the intercept."""

    means: Floats
    deviations: Floats
    weights: Floats

    def scores(self, columns: Floats) -> Floats:
        """Of rows, (columns, rows) -> (rows)."""
        scores: Floats = self.weights @ _with_ones((columns - self.means) / self.deviations)
        return scores


def fit(columns: Floats, label: Floats, steps: int = 25) -> Logistic:
    """Newton's method; ``columns`` (count, rows)."""
    means, deviations = columns.mean(axis=1, keepdims=True), columns.std(axis=1, keepdims=True)
    x = _with_ones((columns - means) / deviations)
    weights = np.zeros(len(x))
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-weights @ x))
        hessian = (x * (chance * (1 - chance))) @ x.T + 1e-9 * np.eye(len(x))
        weights -= np.linalg.solve(hessian, x @ (chance - label))
    return Logistic(means, deviations, weights)


def auc(scores: npt.ArrayLike, label: npt.ArrayLike) -> float:
    """The area under the ROC curve; equal scores share their ranks."""
    _, place, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positive = np.asarray(label) == 1
    ones, zeros = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _with_ones(columns: Floats) -> Floats:
    return np.vstack([np.ones(columns.shape[1]), columns])
