"""Which case ids were seen before, in bounded memory: 128-bit fingerprints in an open-addressing table.

Ten million ids take about 370 MB: 16 bytes of fingerprint and 8 bytes of row an id, and a slot table of 4 bytes a slot.
Two different ids have the same fingerprint with a probability of about 10^-25 at ten million ids.
"""

from __future__ import annotations

import secrets

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

_FIRST_SLOTS = 1 << 16
_MAX_LOAD = 0.6


@numba.njit(cache=True)
def _mixed(value):  # type: ignore[no-untyped-def]
    value ^= value >> np.uint64(32)
    value *= np.uint64(0xD6E8FEB86659FD93)
    value ^= value >> np.uint64(32)
    value *= np.uint64(0xD6E8FEB86659FD93)
    return value ^ (value >> np.uint64(32))


@numba.njit(cache=True)
def _fingerprints(offsets, data, seed, out):  # type: ignore[no-untyped-def]
    """128 bits a string: two 64-bit mixes over its bytes, eight at a time, and its length."""
    for i in range(len(offsets) - 1):
        length = np.uint64(offsets[i + 1] - offsets[i])
        one = seed ^ length
        two = _mixed(one) + np.uint64(0x9E3779B97F4A7C15)
        word = np.uint64(0)
        shift = np.uint64(0)
        for k in range(offsets[i], offsets[i + 1]):
            word |= np.uint64(data[k]) << shift
            shift += np.uint64(8)
            if shift == np.uint64(64):
                one = _mixed(one ^ word)
                two = _mixed(two + word * np.uint64(0xA0761D6478BD642F))
                word = np.uint64(0)
                shift = np.uint64(0)
        out[i, 0] = _mixed(one ^ word)
        out[i, 1] = _mixed(two + word * np.uint64(0xA0761D6478BD642F))


@numba.njit(cache=True)
def _place(slots, prints, index):  # type: ignore[no-untyped-def]
    """The slot of an entry: where it is already, or the free one where it belongs."""
    mask = np.uint64(len(slots) - 1)
    slot = prints[index, 0] & mask
    while True:
        entry = slots[slot]
        if entry < 0:
            return slot
        if prints[entry, 0] == prints[index, 0] and prints[entry, 1] == prints[index, 1]:
            return slot
        slot = (slot + np.uint64(1)) & mask


@numba.njit(cache=True)
def _rehash(slots, prints, count):  # type: ignore[no-untyped-def]
    for index in range(count):
        slots[_place(slots, prints, index)] = index


@numba.njit(cache=True)
def _insert(slots, prints, rows, count, fresh, fresh_rows, first_rows):  # type: ignore[no-untyped-def]
    """Add ``fresh`` fingerprints; ``first_rows`` gets the row of the same id before, -1 if there is none."""
    for i in range(len(fresh)):
        prints[count, 0] = fresh[i, 0]
        prints[count, 1] = fresh[i, 1]
        slot = _place(slots, prints, count)
        if slots[slot] < 0:
            slots[slot] = count
            rows[count] = fresh_rows[i]
            first_rows[i] = -1
            count += 1
        else:
            first_rows[i] = rows[slots[slot]]
    return count


class SeenIds:
    """The ids seen so far and the row of each."""

    def __init__(self) -> None:
        self._seed = np.uint64(secrets.randbits(64))
        self._count = 0
        self._slots = np.full(_FIRST_SLOTS, -1, np.int32)
        self._prints = np.empty((0, 2), np.uint64)
        self._rows = np.empty(0, np.int64)

    def first_rows(self, ids: pa.Array, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each id (string array without nulls) the row where it was seen first before, else -1; remembers all."""
        fresh = np.empty((len(ids), 2), np.uint64)
        if len(ids):
            offsets = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1]
            content = ids.buffers()[2]
            data = np.frombuffer(content, np.uint8) if content else np.empty(0, np.uint8)
            _fingerprints(offsets, data, self._seed, fresh)
        self._make_room(len(ids))
        found = np.empty(len(ids), np.int64)
        self._count = _insert(self._slots, self._prints, self._rows, self._count, fresh, rows, found)
        return found

    def _make_room(self, more: int) -> None:
        needed = self._count + more + 1
        if needed > len(self._rows):
            capacity = max(needed, len(self._rows) + len(self._rows) // 4)
            # realloc moves pages instead of copying them, so growing never needs the memory twice
            self._prints.resize((capacity, 2), refcheck=False)
            self._rows.resize(capacity, refcheck=False)
        slots = len(self._slots)
        while needed > slots * _MAX_LOAD:
            slots *= 2
        if slots != len(self._slots):
            self._slots = np.full(slots, -1, np.int32)
            _rehash(self._slots, self._prints, self._count)
