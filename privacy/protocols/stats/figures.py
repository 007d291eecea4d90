"""From exact sums to counts, means, variances, cross tables and weights of evidence. A suppressed figure is None."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa

from privacy.protocols.stats.layout import Layout
from privacy.protocols.stats.parameters import ColumnParameters, StatsParameters

Sums = Sequence[Sequence[int | None]]
"""The sums of each group, by place in the layout; None where they were kept back."""

SUM_TYPE = pa.decimal128(38, 6)
SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("group", pa.string()),
        ("bin", pa.string()),
        ("rows", pa.int64()),
        ("count", pa.int64()),
        ("missing", pa.int64()),
        ("sum", SUM_TYPE),
        ("mean", pa.float64()),
        ("variance", pa.float64()),
        ("woe", pa.float64()),
    ]
)


@dataclass(frozen=True)
class _Moments:
    """Sums of one group (or of all): rows, present values, units, squares of units."""

    rows: int
    count: int | None
    total: int | None
    squares: int | None

    def figures(self, column: ColumnParameters) -> dict[str, Any]:
        """``variance`` is that of a sample (n - 1); exact sums are divided, so that only the last step rounds."""
        if self.count is None or self.total is None:
            return {"rows": self.rows}
        count, unit = self.count, 10**column.decimals
        found = {
            "rows": self.rows,
            "count": count,
            "missing": self.rows - count,
            "sum": Decimal(self.total).scaleb(-column.decimals),
        }
        if count > 0:
            found["mean"] = self.total / (count * unit)
        if count > 1 and self.squares is not None:
            found["variance"] = (count * self.squares - self.total**2) / (count * (count - 1) * unit**2)
        return found


def figures_table(
    parameters: StatsParameters,
    layout: Layout,
    names: Sequence[str | None],
    sizes: Sequence[int],
    sums: Sums,
) -> pa.Table:
    """A row for each column and group, one for all groups together (``group`` null), and one for each bin.

    All together are the sum of the groups: null where one of them was kept back, for it would follow.
    """
    rows: list[dict[str, Any]] = []
    for name, column in parameters.columns.items():
        moments = [_moments(layout, name, size, own) for size, own in zip(sizes, sums, strict=True)]
        rows.append({"column": name, **_together(moments).figures(column)})
        if names != (None,):
            for group, found in zip(names, moments, strict=True):
                rows.append({"column": name, "group": group, **found.figures(column)})
        rows += _bin_rows(parameters, layout, name, names, sizes, sums)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def information_values(
    parameters: StatsParameters, layout: Layout, sums: Sums
) -> dict[str, dict[str, float | None]]:
    """Of each column with edges: ``iv``, None where a bin was kept back, and ``iv_at_least`` from the others.

    Each term is 0 or more, so the sum of some is a lower bound.
    """
    found = {}
    for name, column in parameters.columns.items():
        if column.bins:
            terms = [term for _, term in _evidence(parameters, layout, name, sums)]
            known = [term for term in terms if term is not None]
            found[name] = {
                "iv": math.fsum(known) if len(known) == len(terms) else None,
                "iv_at_least": math.fsum(known) if known else None,
            }
    return found


def bin_names(column: ColumnParameters) -> list[str]:
    """``< 5``, ``[5, 10)``, ``>= 10``."""
    edges = [f"{edge:.{column.decimals}f}" for edge in column.edges]
    between = [f"[{left}, {right})" for left, right in pairwise(edges)]
    return [f"< {edges[0]}", *between, f">= {edges[-1]}"]


def _moments(layout: Layout, name: str, size: int, sums: Sequence[int | None]) -> _Moments:
    (present,), (value,) = layout.of(name, "present"), layout.of(name, "value")
    limbs = [sums[place] for place in layout.of(name, "square")]
    known = [limb for limb in limbs if limb is not None]
    squares = sum(limb << (part * layout.limb_bits) for part, limb in enumerate(known))
    is_known = bool(limbs) and len(known) == len(limbs)
    return _Moments(size, sums[present], sums[value], squares if is_known else None)


def _together(groups: Sequence[_Moments]) -> _Moments:
    def total(values: Sequence[int | None]) -> int | None:
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    return _Moments(
        sum(group.rows for group in groups),
        total([group.count for group in groups]),
        total([group.total for group in groups]),
        total([group.squares for group in groups]),
    )


def _bin_rows(
    parameters: StatsParameters,
    layout: Layout,
    name: str,
    names: Sequence[str | None],
    sizes: Sequence[int],
    sums: Sums,
) -> list[dict[str, Any]]:
    column = parameters.columns[name]
    if not column.bins:
        return []
    labels = bin_names(column)
    if parameters.label_column is not None:
        weights = [weight for weight, _ in _evidence(parameters, layout, name, sums)]
    else:
        weights = [None] * column.bins
    return [
        {"column": name, "group": group, "bin": label, "rows": size, "count": own[place], "woe": weight}
        for group, size, own in zip(names, sizes, sums, strict=True)
        for label, place, weight in zip(labels, layout.of(name, "bin"), weights, strict=True)
    ]


def _evidence(
    parameters: StatsParameters, layout: Layout, name: str, sums: Sums
) -> list[tuple[float | None, float | None]]:
    """Weight of evidence of each bin and its term of the information value; label 1 over label 0.

    ``smoothing`` is added to every count, and to the totals once a bin, so that the shares add up to 1.
    """
    (present,) = layout.of(name, "present")
    bins, smoothing = layout.of(name, "bin"), parameters.smoothing
    zeros, ones = sums
    all_zeros, all_ones = zeros[present], ones[present]
    found: list[tuple[float | None, float | None]] = []
    for place in bins:
        zero, one = zeros[place], ones[place]
        counts = [zero, one, all_zeros, all_ones]
        # Noise can make a count negative.
        if any(count is None or count + smoothing <= 0 for count in counts):
            found.append((None, None))
            continue
        assert zero is not None and one is not None  # noqa: S101 - just checked, for the type checker
        assert all_zeros is not None and all_ones is not None  # noqa: S101
        share_one = (one + smoothing) / (all_ones + smoothing * len(bins))
        share_zero = (zero + smoothing) / (all_zeros + smoothing * len(bins))
        weight = math.log(share_one / share_zero)
        found.append((weight, (share_one - share_zero) * weight))
    return found
