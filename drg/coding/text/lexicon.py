"""The dictionaries of the package, read once a process: terms, cues, items, headings, and jieba filled with them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import pyarrow.parquet as pq

from drg.coding.text.annotated import Kind
from drg.coding.text.normal import plain

DATA = Path(__file__).with_name("data")
TERMS = DATA / "terms.parquet"
WORD_COUNT = 5_000
"""How often one of our words is taken to occur, against the counts of jieba: it wins over its parts."""
MIN_COUNT = 30
"""Rarer words of jieba are left out: the dictionary loads faster, and record text does not have them."""

_PLAIN_NUMBERS = ("lab", "vital")
"""Kinds of items whose number may stand without a unit."""

Effect = Literal["negated", "uncertain", "past", "family"]
Reach = Literal["clause", "sentence", "list", "adjacent", "procedure"]


class Term(NamedTuple):
    """What a word of the dictionary names."""

    kind: Kind
    codes: tuple[str, ...]
    drug_class: str


class Cue(NamedTuple):
    """A word that tells how to take the terms after (or before) it, and how far."""

    effect: Effect
    reach: Reach


@dataclass(frozen=True)
class Item:
    """Something that is measured. ``factors``: written unit -> factor to ``unit``."""

    name: str
    unit: str
    low: float | None
    high: float | None
    factors: Mapping[str, float]
    needs_unit: bool


@dataclass(frozen=True)
class Lexicon:
    """All words that mean something to :func:`drg.coding.text.read`, as compared (:func:`plain`)."""

    terms: Mapping[str, Term]
    after: Mapping[str, Cue]
    before: Mapping[str, Cue]
    turns: Mapping[str, frozenset[str]]
    not_cues: frozenset[str]
    not_sides: tuple[str, ...]
    headings: Mapping[str, str]
    section_effects: Mapping[str, Effect]
    items: Mapping[str, Item]
    not_items: frozenset[str]


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table of this package: UTF-8, tab-separated, with a header."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def words(path: Path) -> list[str]:
    """The lines of a word list."""
    return [plain(line) for line in path.read_text(encoding="utf-8").split()]


@cache
def load_lexicon() -> Lexicon:
    """The lexicon of ``data/``."""
    cues = rows(DATA / "cues.tsv")
    ends = {
        "doubt": frozenset(("negated", "uncertain")),
        "family": frozenset(("family",)),
        "all": frozenset(("negated", "uncertain", "past", "family")),
    }
    return Lexicon(
        terms=_terms(),
        after=_cues(cues, "after"),
        before=_cues(cues, "before"),
        turns={plain(row["word"]): ends[row["ends"]] for row in rows(DATA / "turns.tsv")},
        not_cues=frozenset(words(DATA / "not_cues.txt")),
        not_sides=tuple(words(DATA / "not_sides.txt")),
        headings={row["heading"]: row["section"] for row in rows(DATA / "sections.tsv")},
        section_effects={
            row["section"]: cast(Effect, row["effect"]) for row in rows(DATA / "section_effects.tsv")
        },
        items=dict(_items()),
        not_items=frozenset(words(DATA / "not_items.txt")),
    )


def _terms() -> dict[str, Term]:
    with pq.ParquetFile(TERMS) as parquet:
        table = parquet.read(use_threads=False)
    columns = (table.column(name).to_pylist() for name in ("term", "kind", "codes"))
    found = {term: Term(kind, tuple(codes.split()), "") for term, kind, codes in zip(*columns, strict=True)}
    for row in rows(DATA / "drugs.tsv"):
        found[plain(row["term"])] = Term("drug", (), row["class"])
    return found


def _cues(table: list[dict[str, str]], side: str) -> dict[str, Cue]:
    return {
        plain(row["cue"]): Cue(cast(Effect, row["effect"]), cast(Reach, row["reach"]))
        for row in table
        if row["side"] == side
    }


def _items() -> Iterator[tuple[str, Item]]:
    """One pair a name of an item."""
    for row in rows(DATA / "items.tsv"):
        lows = [float(row[name]) for name in ("low", "male_low", "female_low") if row[name]]
        highs = [float(row[name]) for name in ("high", "male_high", "female_high") if row[name]]
        factors = {plain(row["unit"]): 1.0}
        for pair in filter(None, row["factors"].split("|")):
            unit, _, factor = pair.rpartition("=")
            factors[plain(unit)] = float(factor)
        item = Item(
            row["item"],
            row["unit"],
            min(lows, default=None),
            max(highs, default=None),
            factors,
            row["kind"] not in _PLAIN_NUMBERS,
        )
        for name in row["names"].split("|"):
            yield plain(name), item


@cache
def tokenizer() -> Any:
    """jieba with its bundled words and ours. Filled by hand: jieba's own loader keeps a cache in a shared folder."""
    import jieba  # type: ignore[import-untyped]

    lexicon = load_lexicon()
    counts: dict[str, int] = {}
    total = 0
    for line in files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, _ = line.split(" ")
        if len(word) == 1 or int(count) >= MIN_COUNT:
            counts[word] = int(count)
            total += int(count)
    ours = {*lexicon.terms, *lexicon.after, *lexicon.before, *lexicon.turns, *lexicon.not_cues}
    counts.update((word, max(counts.get(word, 0), WORD_COUNT)) for word in ours)
    # jieba walks from a word's beginning to longer ones only over beginnings that it knows.
    for word in list(counts):
        for end in range(len(word) - 1, 0, -1):
            if word[:end] in counts:
                break
            counts[word[:end]] = 0
    filled = jieba.Tokenizer()
    filled.FREQ, filled.total, filled.initialized = counts, total + WORD_COUNT * len(ours), True
    return filled
