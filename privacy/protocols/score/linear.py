"""Linear scores in whole numbers: what the encrypted computation gives, bit for bit, and the link in clear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import Floats, Integers, encode, largest_magnitude, require_bound
from privacy.protocols.score.messages import Precision
from privacy.table import Table


def feature_integers(table: Table, columns: Sequence[str], precision: Precision) -> Integers:
    """The columns (columns, rows) in fixed point.

    Raises ``Refused``: ``score.value_missing`` (a missing value is no number), ``score.feature_too_large``.
    """
    integers = np.empty((len(columns), len(table)), np.int64)
    for row, column in zip(integers, columns, strict=True):
        values = table.columns[column]
        if np.isnan(values).any():
            raise Refused("score.value_missing", column=column)
        if np.abs(values).max(initial=0.0) > _largest_feature(precision):
            raise Refused("score.feature_too_large", column=column, most=_largest_feature(precision))
        row[:] = encode(values, precision.feature_scale_bits)
    return integers


def weight_integers(weights: Sequence[float], precision: Precision) -> Integers:
    """The weights in fixed point."""
    return encode(np.array(weights, dtype=np.float64), precision.weight_scale_bits)


def intercept_integer(intercept: float, precision: Precision) -> int:
    """The intercept in the fixed point of a score."""
    return int(encode(np.array([intercept]), precision.score_scale_bits)[0])


def require_no_overflow(weights: Integers, precision: Precision) -> None:
    """Refuse (``he.overflow``) weights whose sum could wrap modulo t with features of the agreed bound."""
    total = sum(abs(weight) for weight in weights.tolist())
    require_bound("score", total << precision.feature_bits)


def integer_scores(features: Integers, weights: Integers, intercept: int) -> Integers:
    """``intercept + weights @ features``, (rows), exact: the reference, and the partial scores in clear."""
    total = sum(abs(weight) for weight in weights.tolist())
    # A bound below 2^49, so that no product or sum of int64 can wrap.
    require_bound("score", abs(intercept) + total * largest_magnitude(features))
    scores: Integers = weights @ features + np.int64(intercept)
    return scores


def probabilities(scores: Floats) -> Floats:
    """The logistic link, without overflow for large magnitudes."""
    shrunk = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1.0, shrunk) / (1.0 + shrunk)


def buckets(scores: Floats, thresholds: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """How many thresholds the probability of each row reaches."""
    return np.searchsorted(np.array(thresholds), probabilities(scores), side="right").astype(np.uint8)


def _largest_feature(precision: Precision) -> float:
    return 2.0 ** (precision.feature_bits - precision.feature_scale_bits)
