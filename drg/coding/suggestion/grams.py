"""Character n-grams of terms as numbers, and an inverted index over them with TF-IDF weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

MAX_SHARE = 0.12
"""Grams of more than this share of all rows find nothing: they only cost time."""
_BITS = 21
_WEIGHT_OF_SIZE = (0.6, 1.0, 0.9)


def flatten(terms: Sequence[str]) -> tuple[Ints, Ints]:
    """All characters as code points, and where each term starts (one more than terms)."""
    points = np.frombuffer("".join(terms).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    starts = np.zeros(len(terms) + 1, np.int64)
    np.cumsum([len(term) for term in terms], out=starts[1:])
    return points, starts


def gram_keys(terms: Sequence[str]) -> tuple[Ints, Ints, Floats]:
    """(term, gram, weight of its size), one a gram and place: single characters, pairs and triples."""
    points, starts = flatten(terms)
    rows = np.repeat(np.arange(len(terms)), np.diff(starts))
    owners, keys, weights = [], [], []
    for size in (1, 2, 3):
        count = max(len(points) - size + 1, 0)
        key = np.zeros(count, np.int64)
        for place in range(size):
            key = key << _BITS | points[place : place + count]
        inside = rows[:count] == rows[size - 1 : size - 1 + count]
        owners.append(rows[:count][inside])
        # Sizes do not meet: a single code point stays below 2**21, a pair below 2**42.
        keys.append(key[inside])
        weights.append(np.full(int(inside.sum()), _WEIGHT_OF_SIZE[size - 1], np.float32))
    return np.concatenate(owners), np.concatenate(keys), np.concatenate(weights)


def sorted_distinct(values: Ints) -> Ints:
    """``np.unique``, which hashes, three times slower for as many values as here."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


@dataclass(frozen=True)
class Vectors:
    """Sparse rows: the grams of row ``i`` are ``grams[starts[i]:starts[i+1]]``."""

    starts: Ints
    grams: Rows
    weights: Floats


class GramIndex:
    """Rows (names or remembered texts) to be found by the grams that they share with a term."""

    def __init__(self, terms: Sequence[str]):
        self.size = len(terms)
        owners, keys, _ = gram_keys(terms)
        self.keys = sorted_distinct(keys)
        distinct = sorted_distinct(owners << 32 | np.searchsorted(self.keys, keys))
        counts = np.bincount(distinct & 0xFFFFFFFF, minlength=len(self.keys))
        self.idf = np.log((self.size + 1) / (counts + 0.5)).astype(np.float32)
        vectors = self.vectors(terms)
        rows = np.repeat(np.arange(self.size), np.diff(vectors.starts))
        useful = counts[vectors.grams] <= max(MAX_SHARE * self.size, 50)
        grams, rows, weights = vectors.grams[useful], rows[useful], vectors.weights[useful]
        order = np.argsort(grams, kind="stable")
        self._rows = rows[order].astype(np.int32)
        self._weights = weights[order]
        self._starts = np.searchsorted(grams[order], np.arange(len(self.keys) + 1))

    def vectors(self, terms: Sequence[str]) -> Vectors:
        """The known grams of each term with TF-IDF weights, each row of length 1 (0 where nothing is known)."""
        owners, keys, size_weights = gram_keys(terms)
        place = np.searchsorted(self.keys, keys)
        place[place == len(self.keys)] = 0
        known = self.keys[place] == keys if len(self.keys) else np.zeros(len(keys), bool)
        pairs, first, times = np.unique(
            owners[known] << 32 | place[known], return_index=True, return_counts=True
        )
        grams = (pairs & 0xFFFFFFFF).astype(np.int32)
        rows = pairs >> 32
        weights = self.idf[grams] * size_weights[known][first] * np.sqrt(times).astype(np.float32)
        # What no row has counts in the length, so that a term of unknown signs is like nothing.
        unknown = np.bincount(owners[~known], minlength=len(terms)) * float(np.log(self.size + 1)) ** 2 * 0.3
        lengths = np.sqrt(
            np.bincount(rows, weights=weights.astype(float) ** 2, minlength=len(terms)) + unknown
        )
        weights = (weights / np.maximum(lengths, 1e-6)[rows]).astype(np.float32)
        starts = np.searchsorted(rows, np.arange(len(terms) + 1))
        return Vectors(starts, grams, weights)

    def nearest(self, terms: Sequence[str], count: int) -> tuple[Rows, Floats]:
        """For each term the ``count`` rows most alike by cosine: rows (-1 where there are no more), cosines."""
        found = np.full((len(terms), count), -1, np.int32)
        cosines = np.zeros((len(terms), count), np.float32)
        if self.size and len(terms):
            vectors = self.vectors(terms)
            _nearest(
                vectors.starts,
                vectors.grams,
                vectors.weights,
                self._starts,
                self._rows,
                self._weights,
                self.size,
                found,
                cosines,
            )
        return found, cosines


@numba.njit(cache=True, nogil=True)
def _nearest(starts, grams, weights, posting_starts, posting_rows, posting_weights, size, found, cosines):  # type: ignore[no-untyped-def]
    """Adds up the postings of each term, then keeps the best in a heap whose root is the least of them."""
    sums = np.zeros(size, np.float32)
    touched = np.empty(size, np.int32)
    count = found.shape[1]
    for term in range(len(starts) - 1):
        touches = 0
        for place in range(starts[term], starts[term + 1]):
            weight = weights[place]
            for posting in range(posting_starts[grams[place]], posting_starts[grams[place] + 1]):
                row = posting_rows[posting]
                if sums[row] == 0:
                    touched[touches] = row
                    touches += 1
                sums[row] += weight * posting_weights[posting]
        held = 0
        for touch in range(touches):
            row = touched[touch]
            value = sums[row]
            sums[row] = 0
            if held < count:
                child = held
                held += 1
                while child > 0 and cosines[term, (child - 1) // 2] > value:
                    cosines[term, child] = cosines[term, (child - 1) // 2]
                    found[term, child] = found[term, (child - 1) // 2]
                    child = (child - 1) // 2
                cosines[term, child] = value
                found[term, child] = row
            elif value > cosines[term, 0]:
                parent = 0
                while True:
                    child = 2 * parent + 1
                    if child >= count:
                        break
                    if child + 1 < count and cosines[term, child + 1] < cosines[term, child]:
                        child += 1
                    if cosines[term, child] >= value:
                        break
                    cosines[term, parent] = cosines[term, child]
                    found[term, parent] = found[term, child]
                    parent = child
                cosines[term, parent] = value
                found[term, parent] = row
        order = np.argsort(-cosines[term, :held], kind="mergesort")
        cosines[term, :held] = cosines[term, :held][order]
        found[term, :held] = found[term, :held][order]
