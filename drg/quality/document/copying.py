"""Copied text: notes as sets of character shingles, MinHash signatures, and their neighbours by banding (LSH).

Vital signs, headings, dates and names of the signers are removed before notes are compared, because they legitimately
repeat. Similarity is the Jaccard index of the sets of shingles.
"""

from __future__ import annotations

import re
import zlib
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

SHINGLE = 5
"""Characters of a shingle."""
BANDS, ROWS = 16, 4
"""Two notes of similarity s meet in a band with 1 - (1 - s^4)^16: 0.999 at 0.8, 0.64 at 0.5."""
_PRIME = (1 << 31) - 1
_SEED = 20210128
MAX_NOTES, MAX_CHARACTERS = 50_000, 50_000_000
"""Notes, and characters of them, that are kept for comparison across records; the oldest are forgotten first."""
MAX_MATCHED = 2_000
"""Characters of a note in which the longest shared piece is looked for: the search takes quadratic time."""
MAX_CANDIDATES = 20
"""Kept notes that one note is compared with, the latest: a common template must not cost quadratic time."""

_REMOVED = re.compile(
    r"【[^】\n]*】"
    r"|^\s*\S{2,12}\s*$"
    r"|\d{4}[-/年]\d{1,2}[-/月]\d{1,2}日?(?:\s*\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?"
    r"|(?<![A-Za-z])(?:T|P|R|BP|体温|脉搏|呼吸|血压|心率)\s*[:：]?\s*\d[\d./]*\s*(?:℃|次/分|mmHg|kPa)?"
    r"|(?:医师|术者|患者|护士)?签名\s*[:：]\s*\S+"
    r"|(?:入院|术后)第\s*\d+\s*[天日]",
    re.MULTILINE,
)
_IDLE = re.compile(r"[\s，,。.；;：:、！!？?（）()]+")


@dataclass(frozen=True)
class Compared:
    """A note ready to be compared: what is left of it, where each character stood, and its shingles."""

    text: str
    places: npt.NDArray[np.int32]
    shingles: npt.NDArray[np.uint32]

    def similarity(self, other: Compared) -> float:
        """The Jaccard index of the sets of shingles, 0 to 1."""
        if not len(self.shingles) or not len(other.shingles):
            return 0.0
        shared = len(np.intersect1d(self.shingles, other.shingles, assume_unique=True))
        return shared / (len(self.shingles) + len(other.shingles) - shared)


def compared(text: str) -> Compared:
    """A note without what legitimately repeats."""
    kept = np.ones(len(text), np.bool_)
    for pattern in (_REMOVED, _IDLE):
        for found in pattern.finditer(text):
            kept[found.start() : found.end()] = False
    places = np.flatnonzero(kept).astype(np.int32)
    left = "".join(text[place] for place in places)
    return Compared(left, places, _shingles(left))


def _shingles(text: str) -> npt.NDArray[np.uint32]:
    """The distinct shingles as checksums, ascending."""
    parts = {text[start : start + SHINGLE] for start in range(len(text) - SHINGLE + 1)}
    sums = np.fromiter((zlib.crc32(part.encode()) for part in parts), np.uint32, len(parts))
    distinct: npt.NDArray[np.uint32] = np.unique(sums)
    return distinct


def longest_shared(one: Compared, other: Compared) -> tuple[tuple[int, int], tuple[int, int]]:
    """The longest common piece, as offsets in the original texts of both."""
    from difflib import SequenceMatcher

    texts = one.text[:MAX_MATCHED], other.text[:MAX_MATCHED]
    found = SequenceMatcher(None, *texts, autojunk=False).find_longest_match()
    return _original(one, found.a, found.size), _original(other, found.b, found.size)


def _original(note: Compared, start: int, size: int) -> tuple[int, int]:
    if not size:
        return 0, 0
    return int(note.places[start]), int(note.places[start + size - 1]) + 1


@cache
def _hashes() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Factors and offsets of the hash functions, the same in every run."""
    random = np.random.default_rng(_SEED)
    count = BANDS * ROWS
    factors = random.integers(1, _PRIME, count, dtype=np.uint64)
    return factors, random.integers(0, _PRIME, count, dtype=np.uint64)


def signature(shingles: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The MinHash signature of a set that is not empty: ``BANDS * ROWS`` least hashes."""
    factors, offsets = _hashes()
    hashed = (shingles.astype(np.uint64)[:, None] % _PRIME * factors + offsets) % _PRIME
    least: npt.NDArray[np.uint32] = hashed.min(axis=0).astype(np.uint32)
    return least


def bands(shingles: npt.NDArray[np.uint32]) -> list[bytes]:
    """The keys under which a set is filed; similar sets share one with the probability that ``BANDS`` tells."""
    rows = signature(shingles).reshape(BANDS, ROWS)
    return [bytes([place]) + rows[place].tobytes() for place in range(BANDS)]


@dataclass(frozen=True)
class Filed:
    """A note that is kept: where it stands, who wrote it, for whom."""

    case_id: str
    person: str
    position: int
    body: str


class NoteIndex:
    """Notes by author, to find one much like another of a different patient.

    At most ``most`` notes of ``most_characters`` together are kept.
    """

    def __init__(self, most: int = MAX_NOTES, most_characters: int = MAX_CHARACTERS):
        self._most = most
        self._most_characters = most_characters
        self._characters = 0
        self._notes: OrderedDict[int, tuple[Filed, list[tuple[str, bytes]]]] = OrderedDict()
        self._bands: defaultdict[tuple[str, bytes], dict[int, None]] = defaultdict(dict)
        self._count = 0

    def nearest(self, author: str, note: Filed, shingled: Compared) -> tuple[Filed, Compared, float] | None:
        """The most similar kept note of the author about another patient, and its similarity; then keep this one."""
        keys = [(author, key) for key in bands(shingled.shingles)]
        candidates = sorted({number for key in keys for number in self._bands.get(key, ())})
        best: tuple[Filed, Compared, float] | None = None
        for number in candidates[-MAX_CANDIDATES:]:
            other = self._notes[number][0]
            if other.person == note.person:
                continue
            text = compared(other.body)
            similarity = shingled.similarity(text)
            if best is None or similarity > best[2]:
                best = other, text, similarity
        self._keep(note, keys)
        return best

    def _keep(self, note: Filed, keys: list[tuple[str, bytes]]) -> None:
        self._count += 1
        self._notes[self._count] = note, keys
        for key in keys:
            self._bands[key][self._count] = None
        self._characters += len(note.body)
        while len(self._notes) > self._most or self._characters > self._most_characters:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        number, (note, keys) = self._notes.popitem(last=False)
        self._characters -= len(note.body)
        for key in keys:
            self._bands[key].pop(number, None)
            if not self._bands[key]:
                del self._bands[key]
