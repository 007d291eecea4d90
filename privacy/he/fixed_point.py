"""Fixed point numbers as integers modulo the plaintext modulus t, and masks uniform modulo t.

No encryption here: both parties, and the plain reference of a protocol, use the same functions. t is below 2^50, so a
residue is an int64, two of them add without overflow, and a product of two does not fit: products are taken only of
integers whose bound was asserted with ``require_bound``.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

from privacy.errors import Refused
from privacy.he.parameters import bfv_parameters

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PLAIN_MODULUS = bfv_parameters().plain_modulus
SLOTS = bfv_parameters().degree
# A centred residue is in [-LARGEST, LARGEST]: t is odd.
LARGEST = PLAIN_MODULUS // 2
_SUM_WITHOUT_OVERFLOW = 1 << 12


def encode(values: Floats, scale_bits: int) -> Integers:
    """``round(values * 2**scale_bits)``, half to even, any shape.

    Raises ``Refused``: ``he.not_finite`` for a NaN or infinity (a missing value has no number), ``he.overflow``
    where an integer would pass ``LARGEST``.
    """
    if not np.isfinite(values).all():
        raise Refused("he.not_finite")
    with np.errstate(over="ignore"):
        scaled = np.rint(np.ldexp(values, scale_bits))
    # The cap keeps an infinity of the scaling a number.
    require_bound("encode", int(min(np.abs(scaled).max(initial=0.0), 2.0**80)))
    return scaled.astype(np.int64)


def decode(integers: Integers, scale_bits: int) -> Floats:
    """The numbers of centred integers; exact below 2^53."""
    return np.ldexp(integers.astype(np.float64), -scale_bits)


def require_bound(what: str, bound: int) -> None:
    """Refuse before encrypting what could wrap: ``bound`` is the largest magnitude that can come out, a Python int."""
    if bound > LARGEST:
        raise Refused("he.overflow", what=what, bits=bound.bit_length(), most_bits=LARGEST.bit_length())


def largest_magnitude(integers: Integers) -> int:
    """The largest absolute value, as a Python int; 0 of an empty array."""
    if integers.size == 0:
        return 0
    return max(int(integers.max()), -int(integers.min()))


def reduce(integers: Integers) -> Integers:
    """The residues in [0, t)."""
    return np.mod(integers, PLAIN_MODULUS)


def centred(residues: Integers) -> Integers:
    """The residues in [-LARGEST, LARGEST], of any residues."""
    least = reduce(residues)
    return np.where(least > LARGEST, least - PLAIN_MODULUS, least)


def add(left: Integers, right: Integers) -> Integers:
    """Sum modulo t, in [0, t)."""
    return reduce(reduce(left) + reduce(right))


def subtract(left: Integers, right: Integers) -> Integers:
    """Difference modulo t, in [0, t)."""
    return reduce(reduce(left) - reduce(right))


def sum_modulo(residues: Integers, axis: int = -1) -> Integers:
    """Sum along an axis modulo t, in [0, t)."""
    moved = np.moveaxis(reduce(residues), axis, 0)
    while len(moved) > 1:
        starts = np.arange(0, len(moved), _SUM_WITHOUT_OVERFLOW)
        moved = reduce(np.add.reduceat(moved, starts, axis=0))
    return moved[0] if len(moved) else np.zeros(moved.shape[1:], np.int64)


def uniform_masks(*shape: int) -> Integers:
    """Integers uniform in [0, t) from the system's CSPRNG, by rejection."""
    count = int(np.prod(shape, dtype=np.int64))
    bits = PLAIN_MODULUS.bit_length()
    found = np.empty(0, np.int64)
    while len(found) < count:
        # t is just below a power of two, so that hardly any draw is rejected.
        drawn = np.frombuffer(secrets.token_bytes(8 * (count - len(found))), np.uint64)
        kept = (drawn >> np.uint64(64 - bits)).astype(np.int64)
        found = np.concatenate([found, kept[kept < PLAIN_MODULUS]])
    return found.reshape(shape)


def block_count(rows: int) -> int:
    """Ciphertexts a column of so many rows takes."""
    return -(-rows // SLOTS)


def to_blocks(columns: Integers) -> Integers:
    """Columns (count, rows) -> (count, blocks, SLOTS): row blocks of one ciphertext each, the last filled with 0."""
    count, rows = columns.shape
    padded = np.zeros((count, block_count(rows) * SLOTS), np.int64)
    padded[:, :rows] = columns
    return padded.reshape(count, -1, SLOTS)


def from_blocks(blocks: Integers, rows: int) -> Integers:
    """The inverse of ``to_blocks``: (count, blocks, SLOTS) -> (count, rows)."""
    return blocks.reshape(len(blocks), -1)[:, :rows]
