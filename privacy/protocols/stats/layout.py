"""Which sums a job takes of each group, and which count guards each: the same at both parties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from privacy.errors import Refused
from privacy.he.fixed_point import LARGEST, SLOTS, block_count, require_bound
from privacy.protocols.stats.parameters import ColumnParameters, StatsParameters

MOST_GROUPS = 64
# 2 million rows: a group of them is a message of 52 MB.
MOST_BLOCKS = 256
MOST_QUANTITIES = 400
# Memory of the responder's columns, 64 kB a block, and the time of one message: some 20 seconds.
MOST_PRODUCTS = 4000
MOST_TESTS = 64 * SLOTS
LARGEST_SQUARE_ROOT = 3_000_000_000

Kind = Literal["present", "value", "square", "bin"]


@dataclass(frozen=True)
class Quantity:
    """A sum over the rows of a group. ``part``: which limb of the squares, or which bin."""

    column: str
    kind: Kind
    part: int = 0

    @property
    def is_count(self) -> bool:
        """Counts are held against the minimum group size."""
        return self.kind in ("present", "bin")


@dataclass(frozen=True)
class Layout:
    """``quantities`` in the order in which they cross; ``limb_bits`` of a square go into one sum."""

    quantities: tuple[Quantity, ...]
    limb_bits: int

    @property
    def counts(self) -> tuple[int, ...]:
        """Places of the counts among the quantities."""
        return tuple(place for place, quantity in enumerate(self.quantities) if quantity.is_count)

    def of(self, column: str, kind: Kind) -> tuple[int, ...]:
        """Places of a column's quantities of one kind, by part."""
        return tuple(
            place
            for place, quantity in enumerate(self.quantities)
            if (quantity.column, quantity.kind) == (column, kind)
        )


def layout(parameters: StatsParameters, rows: int) -> Layout:
    """The layout for ``rows`` common rows.

    Raises ``Refused`` before anything is encrypted: ``stats.few_rows``, ``stats.too_large``, and ``he.overflow``
    where a sum could pass half the plaintext modulus.
    """
    if rows < parameters.minimum_group:
        raise Refused("stats.few_rows", minimum=parameters.minimum_group)
    bits = (LARGEST // rows).bit_length() - 1
    exact = parameters.epsilon is None
    found = tuple(
        quantity
        for name, column in parameters.columns.items()
        for quantity in _of_column(name, column, rows, bits, exact)
    )
    blocks = block_count(rows)
    if len(found) > MOST_QUANTITIES or blocks > MOST_BLOCKS or len(found) * blocks > MOST_PRODUCTS:
        raise Refused("stats.too_large", sums=len(found), blocks=blocks)
    return Layout(found, bits)


def _of_column(name: str, column: ColumnParameters, rows: int, bits: int, exact: bool) -> Iterator[Quantity]:
    require_bound(f"sum of {name}", rows * column.magnitude)
    yield Quantity(name, "present")
    yield Quantity(name, "value")
    if exact:
        if column.magnitude > LARGEST_SQUARE_ROOT:
            raise Refused("stats.square", column=name, most=LARGEST_SQUARE_ROOT)
        limbs = -(-(column.magnitude**2).bit_length() // bits)
        yield from (Quantity(name, "square", limb) for limb in range(limbs))
    yield from (Quantity(name, "bin", bin) for bin in range(column.bins))


def require_groups(parameters: StatsParameters, layout: Layout, groups: int) -> None:
    """Raise ``Refused`` (``stats.groups``) where there are no groups, or more than can be tested."""
    tests = groups * len(layout.counts) * parameters.minimum_group
    if not 0 < groups <= MOST_GROUPS or tests > MOST_TESTS:
        raise Refused("stats.groups", groups=groups, most=MOST_GROUPS)
