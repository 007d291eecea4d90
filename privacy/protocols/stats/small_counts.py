"""Which counts are below the minimum group size: neither party learns a count by it.

The initiator holds ``masked`` = count + mask modulo t, the responder the mask. A count is below the minimum k exactly
where ``masked - mask - i`` is 0 for one i of 0 .. k - 1. The responder multiplies each by a random number that is not
0, in a random order: the initiator decrypts k random numbers, or k - 1 of them and a 0 at a random place.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

from privacy.he.fixed_point import PLAIN_MODULUS, SLOTS, Integers, block_count, reduce, uniform_masks
from privacy.protocols.psi.sets import random_order

Flags = npt.NDArray[np.bool_]


def repeated(masked_counts: Integers, minimum: int) -> Integers:
    """The initiator's masked counts (counts), each ``minimum`` times, in blocks of slots (blocks, SLOTS)."""
    return _to_slots(np.repeat(masked_counts, minimum))


def tests(subtrahends: Integers, minimum: int) -> tuple[Integers, Integers]:
    """The responder's factors and addends, (blocks, SLOTS) each, for what is to be subtracted for each count."""
    tested = np.concatenate([one + random_order(minimum) for one in subtrahends.tolist()])
    factors = _not_zero(len(tested))
    # The products have a hundred bits: Python's integers.
    addends = (-factors.astype(object) * tested.astype(object)) % PLAIN_MODULUS
    return _to_slots(factors), _to_slots(addends.astype(np.int64))


def passed(decrypted: Integers, counts: int, minimum: int) -> Flags:
    """Which of the counts are at least the minimum: none of their tests is 0."""
    return np.asarray((decrypted.reshape(-1)[: counts * minimum].reshape(counts, minimum) != 0).all(axis=1))


def _not_zero(count: int) -> Integers:
    found = uniform_masks(count)
    for place in np.flatnonzero(found == 0):
        found[place] = 1 + secrets.randbelow(PLAIN_MODULUS - 1)
    return found


def _to_slots(integers: Integers) -> Integers:
    slots = np.zeros(block_count(len(integers)) * SLOTS, np.int64)
    slots[: len(integers)] = reduce(integers)
    return slots.reshape(-1, SLOTS)
