"""Which counts the responder releases: no small one, and none from which a small one follows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from privacy.errors import Refused
from privacy.he.fixed_point import Integers
from privacy.protocols.stats.layout import Layout
from privacy.protocols.stats.parameters import StatsParameters

Flags = npt.NDArray[np.bool_]


def released(passed: Flags, layout: Layout, parameters: StatsParameters, totals: Integers) -> Flags:
    """Which counts of which groups are released, from those that passed, (groups, counts) both.

    ``totals``: the quantities over all common rows. The bins of a column need its count of present values, to which
    they add up: where a bin is too small, the first that is large enough is kept back as well, so that what is kept
    back holds the minimum together. A bin that no common row is in is released (for exact figures): it says nothing
    of one group.
    """
    found = np.zeros((len(passed), len(layout.quantities)), np.bool_)
    found[:, layout.counts] = passed
    for name in parameters.columns:
        (present,) = layout.of(name, "present")
        bins = layout.of(name, "bin")
        empty = (totals[list(bins)] == 0) & (parameters.epsilon is None)
        found[:, bins] = _bins(found[:, bins], empty) & found[:, [present]]
    return found[:, layout.counts]


def guarded(counts: Flags, layout: Layout) -> Flags:
    """Which quantities the released counts let out, (groups, quantities): sums go with the count of their column."""
    found = np.zeros((len(counts), len(layout.quantities)), np.bool_)
    found[:, layout.counts] = counts
    for place, quantity in enumerate(layout.quantities):
        if not quantity.is_count:
            (present,) = layout.of(quantity.column, "present")
            found[:, place] = found[:, present]
    return found


def packed(flags: Flags) -> bytes:
    """Flags as the bits of a message."""
    return np.packbits(flags).tobytes()


def unpacked(data: bytes, groups: int, counts: int) -> Flags:
    """The inverse of ``packed``, (groups, counts). Raises ``Refused`` (``stats.size``) for another number of bits."""
    if len(data) != -(-groups * counts // 8):
        raise Refused("stats.size")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=groups * counts)
    return bits.astype(np.bool_).reshape(groups, counts)


def _bins(passed: Flags, empty: Flags) -> Flags:
    found = passed | empty
    for group, kept in zip(passed, found, strict=True):
        large = np.flatnonzero(group & ~empty)
        if not kept.all() and len(large):
            kept[large[0]] = False
    return found
