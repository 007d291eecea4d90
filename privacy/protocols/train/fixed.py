"""The arithmetic of the training in integers: residuals, steps, loss, and the bounds that keep them from wrapping.

Whole numbers only, so that both parties under encryption and the plain reference get the same bits. Scales, in bits
after the binary point: a feature ``FEATURE_BITS``, a residual ``RESIDUAL_BITS``, a weight ``WEIGHT_BITS``, which is
that of a product of a feature and a residual. Largest magnitudes: a standardised feature ``FEATURE_CLIP``, one
party's part of a residual ``RESIDUAL_MOST``. With these a sum of products over a million rows stays below t / 2.

The link is linear (Taylor at 0: sigmoid(z) = 1/2 + z/4), so that the residual 1/2 + z/4 - y is a sum of one part of
each party, and the loss log 2 - (y - 1/2) z + z^2 / 8 is 2 residual^2 + log 2 - 1/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy.errors import Refused
from privacy.he.fixed_point import Integers, largest_magnitude, require_bound

Features = npt.NDArray[np.int16]
"""(columns, rows), ``FEATURE_BITS`` after the point."""

FEATURE_BITS, FEATURE_CLIP = 10, 4
RESIDUAL_BITS, RESIDUAL_MOST = 14, 8
WEIGHT_BITS, WEIGHT_MOST = FEATURE_BITS + RESIDUAL_BITS, 1 << 8
VELOCITY_MOST = 1 << 12
RATE_BITS, RATE_MOST = 16, 16
L2_BITS = 24
# For the loss alone a residual is rounded to LOSS_BITS, so that the product of two has room.
LOSS_BITS = 7

ONE = np.int16(1 << FEATURE_BITS)
_LOSS_SCALE = RESIDUAL_BITS + LOSS_BITS


@dataclass(frozen=True)
class Rates:
    """Learning rate, momentum (``RATE_BITS``) and L2 (``L2_BITS``) as integers."""

    learning: int
    momentum: int
    l2: int

    @classmethod
    def of(cls, learning_rate: float, momentum: float, l2: float) -> Rates:
        return cls(
            round(learning_rate * (1 << RATE_BITS)),
            round(momentum * (1 << RATE_BITS)),
            round(l2 * (1 << L2_BITS)),
        )


@dataclass(frozen=True)
class Weights:
    """Weights and their velocities of one party's columns; ``shrunk`` is 1 where L2 applies, 0 for the intercept."""

    values: Integers
    velocities: Integers
    shrunk: Integers

    @classmethod
    def zero(cls, columns: int, with_intercept: bool) -> Weights:
        """All weights 0. The intercept, where there is one, is the first."""
        shrunk = np.ones(columns, np.int64)
        shrunk[: int(with_intercept)] = 0
        return cls(np.zeros(columns, np.int64), np.zeros(columns, np.int64), shrunk)


def require_room(rows: int) -> None:
    """Refuse, before anything is encrypted, a batch of so many rows that a sum could wrap modulo t."""
    feature, residual = FEATURE_CLIP << FEATURE_BITS, RESIDUAL_MOST << RESIDUAL_BITS
    require_bound("gradient", rows * feature * residual)
    in_loss = (RESIDUAL_MOST << LOSS_BITS) + 1
    require_bound("loss", rows * (2 * residual * in_loss + (RESIDUAL_MOST**2 << _LOSS_SCALE)) + 1)


def residual_part(features: Features, weights: Integers, label: Integers | None) -> Integers:
    """One party's part of the residual of each row: z/4, and at the label's owner 1/2 + z/4 - y.

    Raises ``Refused`` (``train.diverged``) above ``RESIDUAL_MOST``: the bounds would not hold.
    """
    scores = weights @ features.astype(np.int64)
    part = shift_round(scores, FEATURE_BITS + WEIGHT_BITS + 2 - RESIDUAL_BITS)
    if label is not None:
        part = part + (1 << (RESIDUAL_BITS - 1)) - (label << RESIDUAL_BITS)
    if largest_magnitude(part) > RESIDUAL_MOST << RESIDUAL_BITS:
        raise Refused("train.diverged", what="residual", most=RESIDUAL_MOST)
    return part


def gradient_part(features: Features, residual: Integers) -> Integers:
    """The sum over the rows of feature times residual, for each column; exact within ``require_room``."""
    return features.astype(np.int64) @ residual


def step(weights: Weights, gradient: Integers, rows: int, rates: Rates) -> Weights:
    """One step of gradient descent with momentum. Raises ``Refused`` (``train.diverged``) where it runs away."""
    mean = round_divide(gradient, rows)
    pull = shift_round(rates.l2 * weights.values, L2_BITS) * weights.shrunk
    velocities = shift_round(rates.momentum * weights.velocities, RATE_BITS) + mean + pull
    _require_most("velocity", velocities, VELOCITY_MOST)
    values = weights.values - shift_round(rates.learning * velocities, RATE_BITS)
    _require_most("weight", values, WEIGHT_MOST)
    return Weights(values, velocities, weights.shrunk)


def for_loss(residual: Integers) -> Integers:
    """A residual part rounded to ``LOSS_BITS``: the factor of the cross term."""
    return shift_round(residual, RESIDUAL_BITS - LOSS_BITS)


def squares(residual: Integers) -> int:
    """The sum of the squares of a residual part, in the scale of the loss."""
    exact = int(residual @ residual)
    return (exact + (1 << (RESIDUAL_BITS - LOSS_BITS - 1))) >> (RESIDUAL_BITS - LOSS_BITS)


def loss(total: int, rows: int) -> float:
    """The mean loss, from the sum of the squared residuals in the scale of the loss."""
    return 2 * total / ((1 << _LOSS_SCALE) * rows) + math.log(2) - 0.5


def shift_round(integers: Integers, bits: int) -> Integers:
    """``integers / 2^bits`` rounded, halves upwards."""
    return (integers + (1 << (bits - 1))) >> bits


def round_divide(integers: Integers, divisor: int) -> Integers:
    """``integers / divisor`` rounded, halves upwards."""
    return (2 * integers + divisor) // (2 * divisor)


def _require_most(what: str, integers: Integers, most: int) -> None:
    if largest_magnitude(integers) > most << WEIGHT_BITS:
        raise Refused("train.diverged", what=what, most=most)
