"""The encrypted index: keyword lookup by one multiplication with what the other party encrypted.

A question q lies in bucket b(q) and has a fingerprint f(q) modulo t. The initiator encrypts, slot by slot over all
buckets, e (1 in bucket b(q), else 0) and f(q) e. For each layer the responder sums over the slots

    (r f + m) e - r f(q) e          f, m: fingerprint and month of the layer's entry in that bucket; r uniform modulo t

which is m where the fingerprints agree and uniform modulo t where they do not, as t is prime. A bucket without an
entry has a uniform factor in the place of r f + m. r is new for every question, layer and bucket. The masks add up to
zero over the slots, so that only the sum over the slots can be learnt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import (
    PLAIN_MODULUS,
    SLOTS,
    Integers,
    block_count,
    reduce,
    sum_modulo,
    uniform_masks,
)
from privacy.protocols.lookup.records import LAST_MONTH, Records

ENTRIES_A_BUCKET = 6
"""On average: fewer make the questions larger, more the answers."""
MOST_INDEX_ENTRIES = 1 << 17
OVERFLOW = 1e-6
_PIECE_BITS = 13


class KeywordIndex:
    """The responder's index: ``blocks`` of ``SLOTS`` buckets, ``layers`` of at most one entry a bucket.

    Raises ``Refused`` (``lookup.index_too_large``).
    """

    def __init__(self, records: Records):
        if records.entries > MOST_INDEX_ENTRIES:
            raise Refused("lookup.index_too_large", entries=records.entries, most=MOST_INDEX_ENTRIES)
        self.blocks = max(1, block_count(-(-records.entries // ENTRIES_A_BUCKET)))
        self.layers = layers_for(records.entries, self.blocks * SLOTS)
        buckets, fingerprints = places(records.keys, self.blocks)
        order = np.argsort(buckets, kind="stable")
        ordered = buckets[order]
        # The how manieth of its bucket an entry is.
        layer = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
        if layer.max(initial=0) >= self.layers:
            raise Refused("lookup.index_full")
        shape = (self.layers, self.blocks * SLOTS)
        self._fingerprints = np.zeros(shape, np.int64)
        self._months = np.zeros(shape, np.int64)
        self._fingerprints[layer, ordered] = fingerprints[order]
        self._months[layer, ordered] = np.array(records.months, np.int64)[order]

    def factors(self) -> Integers:
        """What one question's ciphertexts are multiplied by: (layers, 2 * blocks, SLOTS), new each time."""
        randomness = uniform_masks(*self._months.shape)
        occupied = reduce(multiply(randomness, self._fingerprints) + self._months)
        bucket = np.where(self._months > 0, occupied, uniform_masks(*self._months.shape))
        both = np.stack([bucket, reduce(-randomness)], axis=1)
        return both.reshape(self.layers, 2 * self.blocks, SLOTS)

    def masks(self) -> Integers:
        """Uniform masks (layers, SLOTS) that add up to zero modulo t in each layer."""
        masks = uniform_masks(self.layers, SLOTS)
        masks[:, -1] = reduce(-sum_modulo(masks[:, :-1]))
        return masks


def layers_for(entries: int, buckets: int) -> int:
    """Layers that so many entries overflow once in a million indexes (Poisson tail over all buckets)."""
    mean = max(entries, 1) / buckets
    layers = math.ceil(mean) + 1
    while buckets * _tail(mean, layers) > OVERFLOW:
        layers += 1
    return layers


def _tail(mean: float, layers: int) -> float:
    """A bound of the probability that a bucket has more entries than layers."""
    first = math.exp((layers + 1) * math.log(mean) - mean - math.lgamma(layers + 2))
    return first / (1 - mean / (layers + 2))


def question_slots(key: bytes, blocks: int) -> Integers:
    """What the initiator encrypts for a question: (2 * blocks, SLOTS)."""
    (bucket,), (fingerprint,) = places([key], blocks)
    slots = np.zeros((2, blocks * SLOTS), np.int64)
    slots[:, bucket] = 1, fingerprint
    return slots.reshape(2 * blocks, SLOTS)


def month_of(decrypted: Integers) -> int | None:
    """The month number in an answer (layers, SLOTS), or None. A wrong month comes up once in 2^38 layers."""
    sums = sum_modulo(decrypted)
    found = sums[(sums >= 1) & (sums <= LAST_MONTH)]
    return int(found[0]) if len(found) else None


def places(keys: Sequence[bytes], blocks: int) -> tuple[Integers, Integers]:
    """Bucket and fingerprint of keyed questions."""
    halves = np.frombuffer(b"".join(key[:16] for key in keys), "<u8").reshape(-1, 2)
    buckets = halves[:, 0] % np.uint64(blocks * SLOTS)
    return buckets.astype(np.int64), (halves[:, 1] % np.uint64(PLAIN_MODULUS)).astype(np.int64)


def multiply(left: Integers, right: Integers) -> Integers:
    """Products modulo t of residues, exact: the right factor goes in by pieces that leave room in 64 bits."""
    product = np.zeros_like(left)
    pieces = -(-PLAIN_MODULUS.bit_length() // _PIECE_BITS)
    for piece in reversed(range(pieces)):
        digits = right >> (piece * _PIECE_BITS) & ((1 << _PIECE_BITS) - 1)
        product = reduce(reduce(product << _PIECE_BITS) + reduce(left * digits))
    return product
