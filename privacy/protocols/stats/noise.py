"""Noise for differential privacy: OpenDP's discrete Laplace on counts and clipped sums.

Neighbours are two tables that differ in the value of one column in one row: who is in the intersection is known to
both parties anyway. A row is in one group, so each group has the whole budget of the column. It is shared equally by
the column's count of present values, its sum, and its bins where it has any (one histogram).
"""

from __future__ import annotations

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import Integers, require_bound
from privacy.protocols.stats.layout import Kind, Layout
from privacy.protocols.stats.parameters import ColumnParameters, StatsParameters

# A draw is larger in fewer than one of 10^20 cases.
LARGEST_IN_SCALES = 50


def noise_scales(layout: Layout, parameters: StatsParameters, rows: int) -> dict[int, float]:
    """The scale of the noise of each quantity, by its place; empty for exact figures.

    Raises ``Refused`` (``he.overflow``) where a sum and its noise could pass half the plaintext modulus.
    """
    if parameters.epsilon is None:
        return {}
    scales: dict[int, float] = {}
    for name, column in parameters.columns.items():
        kinds: tuple[Kind, ...] = ("present", "value", "bin") if column.bins else ("present", "value")
        for kind in kinds:
            scale = _sensitivity(column, kind) * len(kinds) / parameters.epsilon
            scales.update(dict.fromkeys(layout.of(name, kind), scale))
            largest = rows * (column.magnitude if kind == "value" else 1)
            require_bound(f"noise of {name}", largest + int(LARGEST_IN_SCALES * scale))
    return scales


def draw_noise(scales: dict[int, float], groups: int, quantities: int) -> Integers:
    """Independent noise for each quantity of each group, (groups, quantities). Raises ``Refused`` without OpenDP."""
    found = np.zeros((groups, quantities), np.int64)
    for place, scale in scales.items():
        found[:, place] = _discrete_laplace(groups, scale)
    return found


def _sensitivity(column: ColumnParameters, kind: Kind) -> int:
    """How much another value (or none, which counts as 0) changes the quantity; both bins for ``bin``."""
    if kind == "value":
        span = int(column.in_units(column.most) - column.in_units(column.least))
        return max(span, column.magnitude)
    return 2 if kind == "bin" else 1


def _discrete_laplace(count: int, scale: float) -> list[int]:
    try:
        import opendp.prelude as dp
    except ImportError as error:
        raise Refused("stats.opendp_missing") from error
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    measurement = dp.m.make_laplace(*space, scale=scale)
    return [int(drawn) for drawn in measurement([0] * count)]
