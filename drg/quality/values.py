"""What an expression of a condition yields over many records or rows at once: truths, numbers, texts.

A value that is missing or unreadable is *unknown*. Arrays have one element a record (or a row of a group); constants
have one element in all and are broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.records.values import as_mask

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

DECIMALS = 6
"""Results of arithmetic are rounded so, because amounts such as 0.1 + 0.2 must equal 0.3."""


@dataclass(frozen=True)
class Truth:
    """Three-valued: where it holds, where it does not hold; unknown elsewhere."""

    yes: Mask
    no: Mask

    def take(self, places: Places) -> Truth:
        return Truth(self.yes[places], self.no[places])

    @property
    def size(self) -> int:
        return self.yes.nbytes + self.no.nbytes

    @property
    def unknown(self) -> Mask:
        return ~(self.yes | self.no)


@dataclass(frozen=True)
class Numbers:
    """Numbers, hours or, for times, seconds since 1970; ``values`` mean nothing where not ``known``."""

    values: npt.NDArray[np.float64]
    known: Mask

    def take(self, places: Places) -> Numbers:
        return Numbers(self.values[places], self.known[places])

    @property
    def size(self) -> int:
        return self.values.nbytes + self.known.nbytes


@dataclass(frozen=True)
class Texts:
    """Texts as places in ``distinct`` (strings, all different, no null); -1 is unknown.

    The places are as wide as NumPy takes them without making a copy.
    """

    indices: npt.NDArray[np.int64]
    distinct: pa.Array

    @cached_property
    def known(self) -> Mask:
        return self.indices >= 0

    def take(self, places: Places) -> Texts:
        return Texts(self.indices[places], self.distinct)

    @property
    def size(self) -> int:
        return int(self.indices.nbytes)


Value = Truth | Numbers | Texts


def truth(holds: Mask, known: Mask) -> Truth:
    """``holds`` where ``known``, unknown elsewhere."""
    return Truth(holds & known, ~holds & known)


def rounded(values: npt.NDArray[np.float64], known: Mask) -> Numbers:
    """The result of arithmetic; what is not finite is unknown."""
    finite = np.isfinite(values)
    return Numbers(np.where(finite, np.round(values, DECIMALS), 0.0), known & finite)


def encoded(texts: pa.Array) -> Texts:
    """Strings as ``Texts``; null is unknown."""
    given = pa.types.is_dictionary(texts.type)
    coded = texts if given else texts.dictionary_encode()
    distinct = coded.dictionary.cast(pa.string())
    # A dictionary that comes with the texts may hold one twice, or null.
    if given and (distinct.null_count or pc.count_distinct(distinct).as_py() < len(distinct)):
        return encoded(coded.cast(pa.string()))
    indices = coded.indices.fill_null(-1) if coded.null_count else coded.indices
    return Texts(indices.to_numpy(zero_copy_only=False).astype(np.int64), distinct)


def changed(texts: Texts, distinct: pa.Array) -> Texts:
    """Texts of which each distinct one became the one at its place in ``distinct`` (null: unknown)."""
    coded = distinct.dictionary_encode()
    return Texts(spread(coded.indices.fill_null(-1), texts, -1), coded.dictionary)


def flagged(texts: Texts, flags: pa.Array | Mask) -> Truth:
    """What is true of each distinct text, for every text. A null flag, or no text, is unknown."""
    yes = flags if isinstance(flags, np.ndarray) else as_mask(flags)
    if not isinstance(flags, np.ndarray) and flags.null_count:
        no = ~yes & as_mask(flags.is_valid())
        return Truth(np.append(yes, False)[texts.indices], np.append(no, False)[texts.indices])
    if not yes.any():
        return Truth(np.zeros(len(texts.indices), np.bool_), texts.known)
    holds = np.append(yes, False)[texts.indices]
    return Truth(holds, texts.known & ~holds)


def numbered(texts: Texts, numbers: npt.NDArray[np.float64], known: Mask) -> Numbers:
    """A number of each distinct text, for every text."""
    return Numbers(np.append(numbers, 0.0)[texts.indices], np.append(known, False)[texts.indices])


def spread(values: pa.Array, texts: Texts, default: int) -> npt.NDArray[np.int64]:
    """Integers of the distinct texts, for every text; ``default`` where there is no text."""
    padded = np.append(values.to_numpy(zero_copy_only=False), default).astype(np.int64)
    return padded[texts.indices]


def same_numbering(left: Texts, right: Texts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Both texts as integers that are equal where the texts are; a text of ``right`` only becomes -2."""
    places = pc.index_in(right.distinct, value_set=left.distinct).fill_null(-2)
    return left.indices, spread(places, right, -1)
