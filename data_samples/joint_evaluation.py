"""How well scores tell 1 from 0, and a plain logistic regression to compare with: on tables that one may see whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

STEPS = 30
RIDGE = 1e-3


def area_under_curve(labels: npt.NDArray[np.int64], scores: Floats) -> float:
    """The share of pairs of a 1 and a 0 in which the 1 has the higher score; equal scores count half."""
    ranks = pd.Series(scores).rank().to_numpy()
    ones = int(labels.sum())
    zeros = len(labels) - ones
    return float((ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def logistic_scores(train: pd.DataFrame, labels: npt.NDArray[np.int64], test: pd.DataFrame) -> Floats:
    """Fit a logistic regression on ``train`` by Newton's method; the scores of ``test``, before the link."""
    mean, deviation = train.mean(), train.std()
    fitted, asked = (_with_ones((table - mean) / deviation) for table in (train, test))
    weights = np.zeros(fitted.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(fitted @ weights, -30, 30)))
        gradient = fitted.T @ (chance - labels) / len(labels) + RIDGE * weights
        curvature = (fitted.T * (chance * (1 - chance))) @ fitted / len(labels)
        weights -= np.linalg.solve(curvature + RIDGE * np.eye(len(weights)), gradient)
    scores: Floats = asked @ weights
    return scores


def _with_ones(table: pd.DataFrame) -> Floats:
    return np.column_stack([np.ones(len(table)), table.to_numpy(dtype=np.float64)])
