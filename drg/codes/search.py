"""Search in both catalogues: code, pinyin initials, Chinese words, similar names when little is found."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
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
FUZZY_WHEN_FEWER_THAN = 3
"""Similar names are looked for only when fewer hits than this were found otherwise."""
FUZZY_CANDIDATES = 300
"""So many names, those that share most signs with the query, are compared in full."""
FUZZY_MIN_SCORE = 60.0
FUZZY_MIN_SCORE_LATIN = 75.0
"""For queries without Chinese: letters coincide more easily."""

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
        self.gray = _mask(pa.concat_arrays([catalogue.column("gray") for catalogue in catalogues]))
        self.system_of_row = np.repeat(np.arange(len(SYSTEMS)), [len(catalogue) for catalogue in catalogues])
        self.plain_names = pc.utf8_lower(pc.utf8_normalize(self.names, "NFKC"))
        self.name_length = _ints(pc.utf8_length(self.plain_names))
        initials = pa.concat_arrays([catalogue.column("initials") for catalogue in catalogues])
        self._readings = initials.flatten()
        self._row_of_reading = _ints(pc.list_parent_indices(initials))

    @cached_property
    def _sign_rows(self) -> tuple[Ints, Ints]:
        """The distinct (sign, row) pairs of the names as two arrays, ordered by code point, then row."""
        signs = np.frombuffer("".join(self.plain_names.to_pylist()).encode("utf-32-le"), dtype=np.uint32)
        rows = np.repeat(np.arange(len(self.plain_names)), self.name_length)
        pairs = np.unique(signs.astype(np.int64) << 32 | rows)
        return pairs >> 32, pairs & 0xFFFFFFFF

    def begins_code(self, code: str) -> Mask:
        """Whether each row's code begins with ``code``."""
        return _mask(pc.starts_with(self.codes, code))

    def name_offset(self, word: str) -> Ints:
        """Where ``word`` begins in each row's name, in UTF-8 bytes; negative where it does not occur."""
        return _ints(pc.find_substring(self.plain_names, word))

    def initials_offset(self, word: str) -> Ints:
        """Where ``word`` first begins in the initials of each row's name, any reading; or ``_NOWHERE``."""
        offsets = _ints(pc.find_substring(self._readings, word))
        found = offsets >= 0
        first: Ints = np.full(len(self.codes), _NOWHERE)
        np.minimum.at(first, self._row_of_reading[found], offsets[found])
        return first

    def sharing_most_signs(self, query: str, among: Mask) -> Ints:
        """The ``FUZZY_CANDIDATES`` rows that share most signs with ``query``, and at least half of them."""
        signs = np.array(sorted({ord(sign) for sign in query}))
        all_signs, all_rows = self._sign_rows
        starts = np.searchsorted(all_signs, signs, side="left")
        ends = np.searchsorted(all_signs, signs, side="right")
        rows = [all_rows[start:end] for start, end in zip(starts, ends, strict=True)]
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


def _ints(array: pa.Array) -> Ints:
    """Integers without nulls. Not by ``to_numpy``, which imports pandas and costs a cold start 0.2 s."""
    return np.from_dlpack(array).astype(np.int64, copy=False)


def _mask(array: pa.Array) -> Mask:
    """Booleans without nulls."""
    return np.from_dlpack(array.cast(pa.int8())).astype(np.bool_)


def _plain(text: str) -> str:
    """Text as it is compared: full-width and other compatibility forms resolved, lower case."""
    return unicodedata.normalize("NFKC", text).lower()


@cache
def _index() -> _Index:
    return _Index()


def search(text: str, system: System | None = None, limit: int = 20) -> list[Hit]:
    """The codes that ``text`` may mean, best first, at most ``limit`` (and ``MAX_LIMIT``).

    Kinds in this order: the code itself; codes it begins; names whose pinyin initials it begins, then is part
    of; names that contain it (earlier and shorter first); similar names, when little was found. Of several
    words all must be met, each by initials or in the name. Within a kind, codes printed gray come last.
    Only the first ``MAX_QUERY_LENGTH`` signs count. ``system`` restricts the search to one catalogue. Any
    text is allowed; the same text gives the same order.
    """
    words = _words(text)
    limit = max(0, min(limit, MAX_LIMIT))
    if not words or not limit:
        return []
    index = _index()
    asked: Mask = np.ones(len(index.codes), dtype=bool)
    if system is not None:
        asked = index.system_of_row == SYSTEMS.index(system)
    way, offset = _matches(index, words)
    found = np.flatnonzero(asked & (way != _NOT_FOUND))
    best_first = found[_order(index, found, way[found], offset[found])][:limit]
    hits = [index.hit(row, _KINDS[way[row]], 100.0) for row in best_first.tolist()]
    if len(hits) < min(limit, FUZZY_WHEN_FEWER_THAN):
        hits += _similar(index, "".join(words), asked & (way == _NOT_FOUND), limit - len(hits))
    return hits


def _words(text: str) -> list[str]:
    """The words of a query; invisible signs (zero-width, control, surrogates) are no part of them."""
    plain = _plain(text[:MAX_QUERY_LENGTH])[:MAX_QUERY_LENGTH]
    return "".join(sign for sign in plain if sign.isprintable() or sign.isspace()).split()


def _matches(index: _Index, words: list[str]) -> tuple[Ints, Ints]:
    """For each row: in which way it is found, and how far into the name or its initials."""
    way, offset = _word_matches(index, words[0])
    for word in words[1:]:
        word_way, word_offset = _word_matches(index, word)
        way, offset = np.maximum(way, word_way), offset + word_offset
    if code := normalise_code("".join(words)):
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
    """Rows with names like ``query``: gray last, most similar first."""
    from rapidfuzz import fuzz

    min_score = FUZZY_MIN_SCORE_LATIN if query.isascii() else FUZZY_MIN_SCORE
    scored = []
    for row in index.sharing_most_signs(query, among).tolist():
        name = index.plain_names[row].as_py()
        # The whole name shall be like the query, but a part of a long name counts too.
        score = (fuzz.ratio(query, name) + fuzz.partial_ratio(query, name)) / 2
        if score >= min_score:
            scored.append((bool(index.gray[row]), -score, row))
    return [index.hit(row, "fuzzy", -negative) for _, negative, row in sorted(scored)[:limit]]
