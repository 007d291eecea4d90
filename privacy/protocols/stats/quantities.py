"""The responder's columns as integers, one row of them a quantity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from privacy.errors import Refused
from privacy.he.fixed_point import Floats, Integers
from privacy.protocols.stats.layout import Layout
from privacy.protocols.stats.parameters import ColumnParameters, StatsParameters
from privacy.table import Table

Present = npt.NDArray[np.bool_]


def quantity_rows(layout: Layout, parameters: StatsParameters, table: Table) -> Integers:
    """The quantities of each row, (quantities, rows). A missing value counts in none of them.

    Raises ``Refused``: ``stats.value_outside``, ``stats.decimals``. With ``epsilon`` values are clipped and rounded.
    """
    found = np.zeros((len(layout.quantities), len(table)), np.int64)
    for name, column in parameters.columns.items():
        values, present = to_units(name, table.columns[name], column, parameters.epsilon is not None)
        found[layout.of(name, "present")] = present
        found[layout.of(name, "value")] = values
        squares, limb = values * values, (1 << layout.limb_bits) - 1
        for part, place in enumerate(layout.of(name, "square")):
            found[place] = (squares >> (part * layout.limb_bits)) & limb
        bins = bin_numbers(values, column)
        for part, place in enumerate(layout.of(name, "bin")):
            found[place] = present & (bins == part)
    return found


def to_units(
    name: str, values: Floats, column: ColumnParameters, is_clipped: bool
) -> tuple[Integers, Present]:
    """A column in units of ``10**-decimals``, and where it has a value; 0 where it has none."""
    present = ~np.isnan(values)
    known = np.where(present, values, 0.0)
    if is_clipped:
        known = np.where(present, np.clip(known, column.least, column.most), 0.0)
    elif ((known < column.least) | (known > column.most))[present].any():
        raise Refused("stats.value_outside", column=name)
    scale = 10.0**column.decimals
    units = np.rint(known * scale)
    # Division is correctly rounded, so a value as it was written comes back the same.
    if not (is_clipped or column.rounded) and (units / scale != known).any():
        raise Refused("stats.decimals", column=name, decimals=column.decimals)
    return units.astype(np.int64), present


def bin_numbers(units: Integers, column: ColumnParameters) -> Integers:
    """The bin of each value: how many edges are at or below it."""
    edges = np.array([int(column.in_units(edge)) for edge in column.edges], np.int64)
    return np.searchsorted(edges, units, side="right").astype(np.int64)
