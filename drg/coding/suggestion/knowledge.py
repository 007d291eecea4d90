"""What pairs of text and codes teach: remembered texts, rewrites, words that stand for others, what is frequent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from drg.coding.suggestion.grams import Floats, GramIndex, Ints, Rows, gram_keys, sorted_distinct
from drg.coding.suggestion.table import CodeTable
from drg.coding.suggestion.words import tokens

NEIGHBOURS = 16
EM_ROUNDS = 6
MAX_TRANSLATIONS = 12
MIN_PROBABILITY = 0.02
MAX_REWRITTEN = 10
"""Characters of a phrase that is rewritten."""
MIN_REWRITES, MIN_REWRITE_SHARE = 2, 0.3
ASSOCIATION_PRIOR = 2.0


@dataclass(frozen=True)
class Pair:
    """A normalised text and the rows of the catalogue that it is coded by. ``prepared``: its words, where stored."""

    text: str
    rows: tuple[int, ...]
    prepared: Sequence[str] | None = field(default=None, compare=False)

    @property
    def words(self) -> Sequence[str]:
        """The words of the text."""
        return tokens(self.text) if self.prepared is None else self.prepared


class Vocabulary:
    """Words as numbers, given out as words are met."""

    def __init__(self, words: Sequence[str] = ()):
        self.words = list(words)
        self.numbers = {word: number for number, word in enumerate(self.words)}

    def add(self, word: str) -> int:
        number = self.numbers.setdefault(word, len(self.words))
        if number == len(self.words):
            self.words.append(word)
        return number


@dataclass(frozen=True)
class Translations:
    """Word of a text -> words of names with their probability: sparse rows over one vocabulary."""

    starts: Ints
    words: Rows
    probabilities: Floats


def align(texts: Sequence[Sequence[int]], names: Sequence[Sequence[int]], words: int) -> Translations:
    """IBM model 1 (Brown and others, 1993) from word lists of texts and of their names.

    A word starts with a bias to itself, so that two pairs do not teach that a word means another.
    """
    entries = [
        (place, text_word, name_word)
        for place, (text, name) in enumerate(zip(texts, names, strict=True))
        for name_word in set(name)
        for text_word in set(text)
    ]
    if not entries:
        return Translations(np.zeros(words + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    place, text_word, name_word = np.array(entries, np.int64).T
    keys, key = np.unique(text_word << 32 | name_word, return_inverse=True)
    _, target = np.unique(place << 32 | name_word, return_inverse=True)
    from_word, to_word = keys >> 32, keys & 0xFFFFFFFF
    same = from_word == to_word
    probability = np.where(same, 1.0, 0.1)
    for _ in range(EM_ROUNDS):
        share = probability[key]
        share = share / (np.bincount(target, share)[target] + 1e-9)
        expected = np.bincount(key, share) + np.where(same, 0.5, 0.0)
        totals = np.bincount(from_word, expected, minlength=words)
        probability = expected / (totals[from_word] + 0.5)
    order = np.lexsort((-probability, from_word))
    rank = np.arange(len(order)) - np.searchsorted(from_word[order], from_word[order])
    kept = order[(rank < MAX_TRANSLATIONS) & (probability[order] >= MIN_PROBABILITY)]
    starts = np.searchsorted(from_word[kept], np.arange(words + 1))
    return Translations(starts, to_word[kept].astype(np.int32), probability[kept].astype(np.float32))


def learn_rewrites(texts_and_names: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Phrases that names write otherwise: what is left of a text and its name without common ends."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, name in texts_and_names:
        old, new = _difference(text, name)
        if old and new and len(old) <= MAX_REWRITTEN and len(new) <= 2 * MAX_REWRITTEN:
            counts[old][new] += 1
    found = {}
    for old, news in counts.items():
        new, times = news.most_common(1)[0]
        if times >= MIN_REWRITES and times >= MIN_REWRITE_SHARE * news.total():
            found[old] = new
    return found


def _difference(text: str, name: str) -> tuple[str, str]:
    shorter = min(len(text), len(name))
    start = 0
    while start < shorter and text[start] == name[start]:
        start += 1
    end = 0
    while end < shorter - start and text[-1 - end] == name[-1 - end]:
        end += 1
    return text[start : len(text) - end], name[start : len(name) - end]


class Knowledge:
    """What a list of pairs teaches about one catalogue. ``phrases``: pairs of text and name that teach words only."""

    def __init__(self, table: CodeTable, pairs: Sequence[Pair], phrases: Sequence[tuple[str, str]] = ()):
        self.table = table
        merged: dict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
        for pair in pairs:
            merged[pair.text][pair.rows] += 1
        self.remembered: Mapping[str, Counter[tuple[int, ...]]] = merged
        self.memory = [(text, rows.most_common(1)[0][0]) for text, rows in merged.items()]
        self.index = GramIndex([text for text, _ in self.memory])
        self.uses = np.bincount(
            [row for pair in pairs for row in pair.rows] or [0], minlength=len(table.codes)
        ).astype(np.float32)
        if not pairs:
            self.uses[:] = 0
        self.category_uses = np.bincount(table.categories, self.uses).astype(np.float32)
        taught = [(pair.text, table.terms[row]) for pair in pairs for row in pair.rows if len(pair.rows) == 1]
        self.rewrites = learn_rewrites([*taught, *phrases])
        self.rewrites.update(
            (text, name)
            for text, name in phrases
            if len(text) <= MAX_REWRITTEN and text.isalnum() and len(text) >= 2 and text not in self.rewrites
        )
        self._pairs, self._phrases = pairs, phrases

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the names, then of the pairs."""
        vocabulary = Vocabulary()
        for words in self.table.words:
            for word in words:
                vocabulary.add(word)
        return vocabulary

    @cached_property
    def translations(self) -> Translations:
        """What the words of texts stand for."""
        names = self.table.words
        texts, targets = [], []
        for pair in self._pairs:
            texts.append([self.vocabulary.add(word) for word in pair.words])
            words = dict.fromkeys(word for row in pair.rows for word in names[row])
            targets.append([self.vocabulary.add(word) for word in words])
        for text, name in self._phrases:
            texts.append([self.vocabulary.add(word) for word in tokens(text)])
            targets.append([self.vocabulary.add(word) for word in tokens(name)])
        return align(texts, targets, len(self.vocabulary.words))

    @cached_property
    def associations(self) -> tuple[Ints, tuple[Ints, Rows, Floats], tuple[Ints, Rows, Floats]]:
        """Gram keys of the texts, and for each gram the share of its texts in each category, and in each row."""
        owners, keys, _ = gram_keys([text for text, _ in self.memory])
        longer = keys >= 1 << 21
        known, gram = np.unique(keys[longer], return_inverse=True)
        owners = owners[longer]
        distinct = sorted_distinct(owners << 32 | gram)
        owners, gram = distinct >> 32, distinct & 0xFFFFFFFF
        of_row = _shares(gram, owners, [rows for _, rows in self.memory], len(known))
        categories = [tuple({int(self.table.categories[row]) for row in rows}) for _, rows in self.memory]
        return known, _shares(gram, owners, categories, len(known)), of_row

    def rewrite(self, term: str) -> str:
        """The term with every learned phrase in its place, longest first; the term itself where there is none."""
        out, place = [], 0
        while place < len(term):
            for size in range(min(MAX_REWRITTEN, len(term) - place), 0, -1):
                new = self.rewrites.get(term[place : place + size])
                if new is not None:
                    out.append(new)
                    break
            else:
                size = 1
                out.append(term[place])
            place += size
        return "".join(out)


def _shares(
    gram: Ints, owners: Ints, targets: list[tuple[int, ...]], grams: int
) -> tuple[Ints, Rows, Floats]:
    """For each gram: the targets of its texts with their share, damped for rare grams."""
    sizes = np.array([len(rows) for rows in targets] or [0])[owners] if len(owners) else np.zeros(0, np.int64)
    flat = np.array([row for owner in owners.tolist() for row in targets[owner]], np.int64)
    keys, times = np.unique(np.repeat(gram, sizes) << 32 | flat, return_counts=True)
    totals = np.bincount(gram, minlength=grams)
    of_gram = keys >> 32
    share = times / (totals[of_gram] + ASSOCIATION_PRIOR)
    starts = np.searchsorted(of_gram, np.arange(grams + 1))
    return starts, (keys & 0xFFFFFFFF).astype(np.int32), share.astype(np.float32)
