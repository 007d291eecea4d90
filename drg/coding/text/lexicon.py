"""The dictionaries of the package, read once a process: terms, cues, items, headings, and jieba filled with them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drg.coding.text.annotated import Kind
from drg.coding.text.normal import plain
from drg.coding.text.words import Tokenizer, jieba_words

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

    after: Mapping[str, Cue]
    before: Mapping[str, Cue]
    turns: Mapping[str, frozenset[str]]
    not_cues: frozenset[str]
    not_sides: tuple[str, ...]
    headings: Mapping[str, str]
    section_effects: Mapping[str, Effect]
    items: Mapping[str, Item]
    not_items: frozenset[str]

    @cached_property
    def terms(self) -> Mapping[str, Term]:
        """The dictionary: what each term names."""
        return _terms()

    @cached_property
    def words(self) -> frozenset[str]:
        """The terms alone: read in a fraction of the time."""
        return frozenset([*_read_terms("term")[0], *(plain(row["term"]) for row in rows(DATA / "drugs.tsv"))])


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


def _read_terms(*columns: str) -> list[list[str]]:
    with pq.ParquetFile(TERMS) as parquet:
        table = parquet.read(list(columns), use_threads=False)
    return [column.to_pylist() for column in table.columns]


def _terms() -> dict[str, Term]:
    columns = _read_terms("term", "kind", "codes")
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
def tokenizer() -> Tokenizer:
    """Cuts texts into the words of jieba and ours."""
    lexicon = load_lexicon()
    words, counts = jieba_words()
    kept = pc.or_(pc.equal(pc.utf8_length(words), 1), pc.greater_equal(counts, MIN_COUNT))
    words, counts = words.filter(kept), counts.filter(kept)
    ours = pa.array(
        {*lexicon.words, *lexicon.after, *lexicon.before, *lexicon.turns, *lexicon.not_cues}, pa.string()
    )
    of_jieba = pc.fill_null(counts.take(pc.index_in(ours, words)), 0)
    return Tokenizer(
        pa.concat_arrays([words, ours]),
        pa.concat_arrays([counts, pc.max_element_wise(of_jieba, WORD_COUNT)]),
        pc.sum(counts).as_py() + WORD_COUNT * len(ours),
    )
