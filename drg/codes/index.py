"""Code strings to row numbers, straight from Arrow's buffers."""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from drg.codes.catalogue import System, load_catalogue

MISSING = -1


class CodeIndex:
    """Finds codes of a catalogue and ``extra`` codes that only a scheme knows.

    Row 0 means unknown, row ``i`` is ``codes[i - 1]``. A code that is not written so is resolved by
    ``Catalogue.resolve`` (blanks, case, full-width signs, bare dagger halves, numbers that lost their zeros); that
    path is slow and runs once a distinct text.
    """

    def __init__(self, system: System, extra: tuple[str, ...] = ()):
        self.system = system
        self.extra = frozenset(extra)
        self.codes = load_catalogue(system).codes + extra
        self.rows = {code: row for row, code in enumerate(self.codes, start=1)}
        codes = pa.array(self.codes, pa.string())
        self.names = pa.concat_arrays([pa.nulls(1, pa.string()), codes])
        self._offsets, self._data = _string_buffers(codes)
        self._table = _build_table(self._offsets, self._data, _table_size(len(codes)))

    def find(self, values: pa.StringArray) -> npt.NDArray[np.int32]:
        """The row of each value, ``int32[len(values)]``."""
        offsets, data = _string_buffers(values)
        rows = np.empty(len(values), np.int32)
        misses: int = _find(offsets, data, self._offsets, self._data, self._table, rows)
        if misses:
            self._resolve_misses(values, rows)
        return rows

    def row_of(self, text: str) -> int:
        """The row of one code as a person wrote it."""
        row = self.rows.get(text)
        if row is not None:
            return row
        code = load_catalogue(self.system).resolve(text, self.extra).code
        return self.rows.get(code, 0) if code else 0

    def _resolve_misses(self, values: pa.StringArray, rows: npt.NDArray[np.int32]) -> None:
        places = np.flatnonzero(rows == MISSING)
        written = values.take(pa.array(places)).dictionary_encode()
        found = [0 if text is None else self.row_of(text) for text in written.dictionary.to_pylist()]
        indices = written.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
        rows[places] = np.array([*found, 0], np.int32)[indices]


@cache
def code_index(system: System, extra: tuple[str, ...] = ()) -> CodeIndex:
    """The index of a catalogue, with a scheme's own codes; built once a process."""
    return CodeIndex(system, extra)


def _string_buffers(values: pa.StringArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    _, offsets, data = values.buffers()
    if offsets is None or len(values) == 0:
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    places = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    return places, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def _table_size(count: int) -> int:
    """A power of two that leaves three quarters of the hash table free."""
    return 1 << (4 * max(count, 1) - 1).bit_length()


@numba.njit(cache=True, nogil=True)
def _hash(data, start, end):  # type: ignore[no-untyped-def]
    """FNV-1a over the bytes of one code."""
    value = np.uint32(2166136261)
    for place in range(start, end):
        value = np.uint32((value ^ np.uint32(data[place])) * np.uint32(16777619))
    return value ^ (value >> np.uint32(15))


@numba.njit(cache=True, nogil=True)
def _build_table(offsets, data, size):  # type: ignore[no-untyped-def]
    """Open addressing: each slot holds a row (from 1) or 0."""
    table = np.zeros(size, np.int32)
    for code in range(len(offsets) - 1):
        slot = _hash(data, offsets[code], offsets[code + 1]) & np.uint32(size - 1)
        while table[slot] != 0:
            slot = (slot + np.uint32(1)) & np.uint32(size - 1)
        table[slot] = code + 1
    return table


@numba.njit(cache=True, nogil=True)
def _find(offsets, data, known_offsets, known_data, table, rows):  # type: ignore[no-untyped-def]
    """Fill ``rows``; returns how many values were not found (``MISSING``)."""
    size = np.uint32(len(table))
    misses = 0
    for value in range(len(rows)):
        start, end = offsets[value], offsets[value + 1]
        slot = _hash(data, start, end) & (size - np.uint32(1))
        row = MISSING
        while table[slot] != 0:
            known = known_offsets[table[slot] - 1]
            if known_offsets[table[slot]] - known == end - start:
                same = True
                for place in range(end - start):
                    if data[start + place] != known_data[known + place]:
                        same = False
                        break
                if same:
                    row = table[slot]
                    break
            slot = (slot + np.uint32(1)) & (size - np.uint32(1))
        rows[value] = row
        misses += row == MISSING
    return misses
