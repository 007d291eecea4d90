"""Search in both catalogues: code, pinyin initials, Chinese words, similar names when little is found."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.codes.catalogue import SYSTEMS, System, load_catalogue
from drg.codes.normalise import normalise_code

Kind = Literal["exact", "prefix", "initials", "substring", "fuzzy"]

MAX_QUERY_LENGTH = 64
MAX_LIMIT = 1000
FUZZY_WHEN_FEWER_THAN = 5
"""Similar names are looked for only when fewer hits than this were found otherwise."""
FUZZY_CANDIDATES = 300
"""So many names, those that share most signs with the query, are compared in full."""
FUZZY_MIN_SCORE = 60.0

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# How a row was found, best first; two ways of finding by initials are one kind.
_EXACT, _PREFIX, _INITIALS_BEGIN, _INITIALS, _SUBSTRING, _NOT_FOUND = range(6)
_KINDS: tuple[Kind, ...] = ("exact", "prefix", "initials", "initials", "substring")
_KIND_ORDER = np.array([0, 1, 2, 2, 3, 4])
_NOWHERE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Hit:
    """One found code. ``score`` is 100, but for ``fuzzy`` the similarity of the name (0 to 100)."""

    code: str
    name: str
    system: System
    kind: Kind
    score: float
    gray: bool


class _Index:
    """The rows of all catalogues, system after system, each in code order, as columns ready for searching."""

    def __init__(self) -> None:
        catalogues = [load_catalogue(system) for system in SYSTEMS]
        self.codes = pa.concat_arrays([catalogue.column("code") for catalogue in catalogues])
        self.names = pa.concat_arrays([catalogue.column("name") for catalogue in catalogues])
        self.gray: Mask = np.concatenate(
            [catalogue.column("gray").to_numpy(zero_copy_only=False) for catalogue in catalogues]
        )
        self.system_of_row = np.repeat(np.arange(len(SYSTEMS)), [len(catalogue) for catalogue in catalogues])
        self.plain_names = [_plain(name) for name in self.names.to_pylist()]
        self.name_length: Ints = np.array([len(name) for name in self.plain_names])
        self._plain_name_column = pa.array(self.plain_names, pa.string())
        initials = pa.concat_arrays([catalogue.column("initials") for catalogue in catalogues])
        self._readings = initials.flatten()
        self._row_of_reading: Ints = pc.list_parent_indices(initials).to_numpy()
        self._signs, self._row_of_sign = _signs_of(self.plain_names, self.name_length)

    def begins_code(self, code: str) -> Mask:
        """Whether each row's code begins with ``code``."""
        found: Mask = pc.starts_with(self.codes, code).to_numpy(zero_copy_only=False)
        return found

    def name_offset(self, word: str) -> Ints:
        """Where ``word`` begins in each row's name, in UTF-8 bytes; negative where it does not occur."""
        offsets: Ints = pc.find_substring(self._plain_name_column, word).to_numpy()
        return offsets

    def initials_offset(self, word: str) -> Ints:
        """Where ``word`` first begins in the initials of each row's name, in any reading; else ``_NOWHERE``."""
        offsets = pc.find_substring(self._readings, word).to_numpy()
        found = offsets >= 0
        first: Ints = np.full(len(self.codes), _NOWHERE)
        np.minimum.at(first, self._row_of_reading[found], offsets[found])
        return first

    def sharing_most_signs(self, query: str, among: Mask) -> Ints:
        """The ``FUZZY_CANDIDATES`` rows that share most signs with ``query``, and at least half of them."""
        signs = np.array(sorted({ord(sign) for sign in query}))
        starts = np.searchsorted(self._signs, signs, side="left")
        ends = np.searchsorted(self._signs, signs, side="right")
        rows = [self._row_of_sign[start:end] for start, end in zip(starts, ends, strict=True)]
        shared = np.bincount(np.concatenate(rows), minlength=len(self.codes))
        enough = np.flatnonzero(among & (shared * 2 >= len(signs)))
        best_first = np.lexsort((enough, self.name_length[enough], -shared[enough]))
        return enough[best_first[:FUZZY_CANDIDATES]]

    def hit(self, row: int, kind: Kind, score: float) -> Hit:
        return Hit(
            code=self.codes[row].as_py(),
            name=self.names[row].as_py(),
            system=SYSTEMS[self.system_of_row[row]],
            kind=kind,
            score=score,
            gray=bool(self.gray[row]),
        )


def _plain(text: str) -> str:
    """Text as it is compared: full-width and other compatibility forms resolved, case folded."""
    return unicodedata.normalize("NFKC", text).casefold()


def _signs_of(names: Sequence[str], lengths: Ints) -> tuple[Ints, Ints]:
    """The distinct (sign, row) pairs of the names as two arrays, ordered by sign (code point), then row."""
    signs = np.frombuffer("".join(names).encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    pairs = np.unique(signs << 32 | np.repeat(np.arange(len(names)), lengths))
    return pairs >> 32, pairs & 0xFFFFFFFF


@cache
def _index() -> _Index:
    return _Index()


def search(text: str, system: System | None = None, limit: int = 20) -> list[Hit]:
    """The codes that ``text`` may mean, best first, at most ``limit`` (and ``MAX_LIMIT``).

    Kinds in this order: the code itself; codes it begins; names whose pinyin initials it begins, then is part
    of; names that contain it (earlier and shorter first); similar names, when little was found. Of several
    words all must be met, each by initials or in the name. Within a kind, codes printed gray come last. Only the first ``MAX_QUERY_LENGTH`` signs count. ``system`` restricts the search to one catalogue.
    Any text is allowed; the same text gives the same order.
    """
    text = text[:MAX_QUERY_LENGTH].encode(errors="ignore").decode()
    words = _plain(text)[:MAX_QUERY_LENGTH].split()
    limit = max(0, min(limit, MAX_LIMIT))
    if not words or not limit:
        return []
    index = _index()
    asked: Mask = np.ones(len(index.codes), dtype=bool)
    if system is not None:
        asked = index.system_of_row == SYSTEMS.index(system)
    way, offset = _matches(index, text, words)
    found = np.flatnonzero(asked & (way != _NOT_FOUND))
    best_first = found[_order(index, found, way[found], offset[found])][:limit]
    hits = [index.hit(row, _KINDS[way[row]], 100.0) for row in best_first.tolist()]
    if len(hits) < min(limit, FUZZY_WHEN_FEWER_THAN):
        hits += _similar(index, "".join(words), asked & (way == _NOT_FOUND), limit - len(hits))
    return hits


def _matches(index: _Index, text: str, words: list[str]) -> tuple[Ints, Ints]:
    """For each row: in which way it is found, and how far into the name or its initials."""
    way, offset = _word_matches(index, words[0])
    for word in words[1:]:
        word_way, word_offset = _word_matches(index, word)
        way, offset = np.maximum(way, word_way), offset + word_offset
    code = normalise_code(text)
    way[index.begins_code(code)] = _PREFIX
    for system in SYSTEMS:
        if exact := load_catalogue(system).resolve(code).code:
            way[pc.index(index.codes, exact).as_py()] = _EXACT
    return way, offset


def _word_matches(index: _Index, word: str) -> tuple[Ints, Ints]:
    name_offset = index.name_offset(word)
    way: Ints = np.where(name_offset >= 0, _SUBSTRING, _NOT_FOUND)
    offset: Ints = np.maximum(name_offset, 0)
    if word.isascii():
        initials_offset = index.initials_offset(word)
        way[initials_offset < _NOWHERE] = _INITIALS
        way[initials_offset == 0] = _INITIALS_BEGIN
        offset = np.where(initials_offset < _NOWHERE, initials_offset, offset)
    return way, offset


def _order(index: _Index, rows: Ints, way: Ints, offset: Ints) -> Ints:
    """Found rows by kind, gray last, way, offset, length of the name; those found by code in code order."""
    by_code = way <= _PREFIX
    offset = np.where(by_code, 0, offset)
    length = np.where(by_code, 0, index.name_length[rows])
    return np.lexsort((rows, length, offset, way, index.gray[rows], _KIND_ORDER[way]))


def _similar(index: _Index, query: str, among: Mask, limit: int) -> list[Hit]:
    """Rows with names like ``query``: most similar first, gray last."""
    from rapidfuzz import fuzz, process

    rows = index.sharing_most_signs(query, among).tolist()
    names = [index.plain_names[row] for row in rows]
    scored = process.extract(query, names, scorer=fuzz.WRatio, score_cutoff=FUZZY_MIN_SCORE, limit=None)
    best_first = sorted(
        ((score, rows[position]) for _, score, position in scored),
        key=lambda found: (bool(index.gray[found[1]]), -found[0], int(index.name_length[found[1]]), found[1]),
    )
    return [index.hit(row, "fuzzy", score) for score, row in best_first[:limit]]
