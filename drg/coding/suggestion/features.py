"""The candidates for a batch of texts, and what speaks for and against each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from drg.coding.suggestion import kernel
from drg.coding.suggestion.grams import Floats, GramIndex, Ints, Rows, flatten, gram_keys
from drg.coding.suggestion.knowledge import Knowledge
from drg.coding.suggestion.normal import DATA, parts
from drg.coding.suggestion.table import CodeTable
from drg.coding.suggestion.words import tokens

NEAREST_OF_TEXT, NEAREST_OF_PART, NEAREST_OF_REWRITTEN, NEIGHBOURS = 40, 16, 24, 16
SIGNS = 1 << 17
"""Code points beyond are not told apart."""
WHOLE, PART, REWRITTEN = 0, 1, 2
MAX_BY_INITIALS = 20

FOUND_BY = (
    "cosine_text",
    "cosine_part",
    "cosine_rewritten",
    "neighbour_text",
    "votes_text",
    "neighbour_part",
    "votes_part",
    "by_initials",
)
"""The columns of what found a candidate."""
_VOTES = (FOUND_BY.index("votes_text"), FOUND_BY.index("votes_part"))
_OF_PART = (FOUND_BY.index("cosine_part"), FOUND_BY.index("neighbour_part"))
STRUCTURE_FEATURES = (
    "conflicts",
    "text_only",
    "name_only",
    "side_conflict",
    "number_conflict",
    "number_only",
    "with_conflict",
    "course_conflict",
    "behaviour_conflict",
)
RETRIEVAL_FEATURES = ("cosine_text", "cosine_part", "cosine_rewritten")
MEMORY_FEATURES = (
    "neighbour_text",
    "votes_text",
    "neighbour_part",
    "votes_part",
    "category_votes",
    "uses",
    "category_uses",
    "association_category",
    "association_row",
)
TABLE_FEATURES = ("gray", "vague", "code_length", "category_size", "name_length")
TEXT_FEATURES = ("text_length", "part_length", "parts", "by_initials")
BEST_OF = (
    "cosine_text",
    "cosine_part",
    "neighbour_text",
    "votes_text",
    "neighbour_part",
    "text_pairs_shared",
    "part_pairs_shared",
    "words_name_explained",
    "category_votes",
    "association_category",
    "part_subsequence_of_name",
    "rewritten_pairs_shared",
)
"""Features that are also given as the share of the best candidate of the text."""

FEATURES: tuple[str, ...] = (
    *RETRIEVAL_FEATURES,
    *MEMORY_FEATURES,
    *(f"text_{name}" for name in kernel.STRING_FEATURES),
    *(f"part_{name}" for name in kernel.STRING_FEATURES),
    *(f"rewritten_{name}" for name in kernel.STRING_FEATURES),
    *(f"words_{name}" for name in kernel.WORD_FEATURES),
    *(f"part_words_{name}" for name in kernel.WORD_FEATURES),
    *(f"text_{name}" for name in STRUCTURE_FEATURES),
    *(f"part_{name}" for name in STRUCTURE_FEATURES),
    *TABLE_FEATURES,
    *TEXT_FEATURES,
    *(f"best_{name}" for name in BEST_OF),
)


@dataclass(frozen=True)
class Candidates:
    """The candidates of a batch, text after text: ``text`` ascends; ``unit`` is the place of the best part."""

    text: Ints
    row: Ints
    part: Ints
    features: Floats


@cache
def _sounds() -> npt.NDArray[np.int32]:
    """Code point -> number of its sound (pinyin without tone); a character without one sounds like itself."""
    sounds = np.arange(SIGNS, dtype=np.int32)
    lines = (DATA / "syllables.tsv").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=SIGNS):
        for sign in line.split("\t")[1]:
            sounds[min(ord(sign), SIGNS - 1)] = number
    return sounds


@cache
def _initials() -> dict[str, str]:
    lines = (DATA / "syllables.tsv").read_text(encoding="utf-8").splitlines()
    return {sign: line[0] for line in lines for sign in line.split("\t")[1]}


def initials(term: str) -> str:
    """The first letters of the syllables; letters and digits stand for themselves."""
    first = _initials()
    return "".join(first.get(sign, sign if sign.isascii() and sign.isalnum() else "") for sign in term)


@cache
def _opposites() -> tuple[tuple[str, ...], list[list[list[str]]]]:
    """Names of the groups, and for each its members with their spellings."""
    with (DATA / "opposites.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return tuple(row[0] for row in rows), [[member.split("|") for member in row[1:]] for row in rows]


def structure(terms: Sequence[str]) -> npt.NDArray[np.uint16]:
    """For each term one bit a member of each group of opposites; the last column has the digits."""
    names, groups = _opposites()
    masks = np.zeros((len(terms), len(names) + 1), np.uint16)
    points, starts = flatten(terms)
    row_of_point = np.repeat(np.arange(len(terms)), np.diff(starts))

    def rows_with(spelling: str) -> Ints:
        last = max(len(points) - len(spelling) + 1, 0)
        places = np.flatnonzero(points[:last] == ord(spelling[0]))
        for offset, sign in enumerate(spelling[1:], start=1):
            places = places[points[places + offset] == ord(sign)]
        same_row = row_of_point[places] == row_of_point[places + len(spelling) - 1]
        return np.asarray(row_of_point[places[same_row]])

    for column, members in enumerate(groups):
        for bit, spellings in enumerate(members):
            for spelling in spellings:
                masks[rows_with(spelling), column] |= 1 << bit
    for digit in range(10):
        masks[rows_with(str(digit)), -1] |= 1 << digit
    # What is without also has "with" in its name.
    column = names.index("with")
    without = masks[:, column] & 2
    masks[:, column] = np.where(without > 0, 2, masks[:, column])
    return masks


class NameSide:
    """The catalogue's side of all features, computed once."""

    def __init__(self, table: CodeTable):
        self.table = table
        self.index = GramIndex(table.terms)
        self.points, self.starts = flatten(table.terms)
        self.signs = np.minimum(self.points, SIGNS - 1)
        self.sounds = _sounds()[self.signs]
        counts = np.bincount(self.signs, minlength=SIGNS)
        self.sign_weight = np.log((len(self.signs) + 1) / (counts + 1.0)).astype(np.float32)
        self.masks = structure(table.terms)

    @cached_property
    def initials(self) -> list[str]:
        """The first letters of the syllables of every name."""
        return [initials(term) for term in self.table.terms]

    def by_initials(self, letters: str) -> list[int]:
        """Rows whose name begins with the syllables of these letters, shortest first."""
        rows = [row for row, own in enumerate(self.initials) if own.startswith(letters)]
        return sorted(rows, key=lambda row: len(self.initials[row]))[:MAX_BY_INITIALS]


class Featuriser:
    """Candidates and features from the catalogue and from what pairs have taught."""

    def __init__(self, names: NameSide, knowledge: Knowledge):
        self.names, self.knowledge = names, knowledge
        self.table = names.table
        vocabulary = knowledge.vocabulary
        self.translations = knowledge.translations
        numbers = vocabulary.numbers
        lists = self.table.words
        self.word_starts = np.concatenate([[0], np.cumsum([len(words) for words in lists])]).astype(np.int64)
        self.words = np.array([numbers[word] for words in lists for word in words], np.int32)
        counts = np.bincount(self.words, minlength=len(vocabulary.words))
        self.word_idf = np.log((len(lists) + 1) / (counts + 1.0)).astype(np.float32)

    def candidates(self, texts: Sequence[str]) -> Candidates:
        """The candidates for normalised texts with ``FEATURES``."""
        units = _Units(texts, self.knowledge)
        text, row, values, part = self._retrieve(units)
        columns: dict[str, Any] = dict(zip(FOUND_BY, values.T, strict=True))
        whole, rewritten = units.first_of_text[text], units.rewritten_of_text[text]
        for name, of_unit in (("text", whole), ("part", part), ("rewritten", rewritten)):
            columns |= _columns(name, kernel.STRING_FEATURES, self._strings(units, of_unit, row))
        words = self._unit_words(units)
        for name, of_unit in (("words", whole), ("part_words", part)):
            columns |= _columns(name, kernel.WORD_FEATURES, self._words(words, of_unit, row))
        for name, of_unit in (("text", whole), ("part", part)):
            structure = _structure_features(units.masks[of_unit], self.names.masks[row])
            columns |= _columns(name, STRUCTURE_FEATURES, structure)
        categories = self.table.categories[row]
        columns["uses"], columns["category_uses"] = (
            np.log1p(self.knowledge.uses[row]),
            np.log1p(self.knowledge.category_uses[categories]),
        )
        columns["category_votes"] = _sum_by(text, categories, columns["votes_text"] + columns["votes_part"])
        columns["association_category"], columns["association_row"] = self._associations(texts, text, row)
        columns |= {name: self.table.features[row, place] for place, name in enumerate(TABLE_FEATURES)}
        columns["text_length"], columns["part_length"] = units.lengths[whole], units.lengths[part]
        columns["parts"] = units.parts_of_text[text]
        columns |= {
            f"best_{name}": columns[name] / (_max_by(text, columns[name], len(texts)) + 1e-6)
            for name in BEST_OF
        }
        features = np.column_stack([columns[name] for name in FEATURES]).astype(np.float32)
        return Candidates(text, row, part, features)

    def _retrieve(self, units: _Units) -> tuple[Ints, Ints, Floats, Ints]:
        """(text, row), what found each pair, and the unit (a part, or the whole) that is most like it."""
        size = len(self.table.codes)
        ways, owners, rows, values = zip(*self._ways(units), strict=True)
        way = np.repeat([FOUND_BY.index(name) for name in ways], [len(found) for found in rows])
        owner, value = np.concatenate(owners), np.concatenate(values)
        key = units.text[owner] * size + np.concatenate(rows)
        distinct, place = np.unique(key, return_inverse=True)
        table = np.zeros((len(distinct), len(FOUND_BY)), np.float32)
        sums = np.isin(way, _VOTES)
        np.add.at(table, (place[sums], way[sums]), value[sums] ** 2)
        np.maximum.at(table, (place[~sums], way[~sums]), value[~sums])
        text, row = distinct // size, distinct % size
        part = units.first_of_text[text]
        of_part = np.flatnonzero(np.isin(way, _OF_PART))
        in_order = of_part[np.argsort(value[of_part], kind="stable")]
        part[place[in_order]] = owner[in_order]
        return text, row, table, part

    def _ways(self, units: _Units) -> Iterator[tuple[str, Ints, Ints, Floats]]:
        """What is found on each way (of ``FOUND_BY``): units, rows of the table, and how well they fit."""
        for kind, count, column in (
            (WHOLE, NEAREST_OF_TEXT, "cosine_text"),
            (PART, NEAREST_OF_PART, "cosine_part"),
            (REWRITTEN, NEAREST_OF_REWRITTEN, "cosine_rewritten"),
        ):
            chosen = np.flatnonzero(units.kind == kind)
            rows, cosines = self.names.index.nearest([units.terms[unit] for unit in chosen], count)
            found = rows >= 0
            of_unit = np.repeat(chosen, count)[found.ravel()]
            yield column, of_unit, rows[found].astype(np.int64), cosines[found]
        for kind, of in ((WHOLE, "text"), (PART, "part")):
            for of_unit, coded_by, value in self._neighbours(units, np.flatnonzero(units.kind == kind)):
                yield f"neighbour_{of}", of_unit, coded_by, value
                yield f"votes_{of}", of_unit, coded_by, value
        for unit in np.flatnonzero((units.kind == WHOLE) & units.is_letters).tolist():
            begun = np.array(self.names.by_initials(units.terms[unit]), np.int64)
            yield "by_initials", np.full(len(begun), unit), begun, np.ones(len(begun), np.float32)

    def _neighbours(self, units: _Units, chosen: Ints) -> list[tuple[Ints, Ints, Floats]]:
        """The rows that the remembered texts most like each unit are coded by."""
        memory = self.knowledge.memory
        places, cosines = self.knowledge.index.nearest([units.terms[unit] for unit in chosen], NEIGHBOURS)
        flat = [
            (unit, row, cosine)
            for unit, of_unit, values in zip(chosen.tolist(), places.tolist(), cosines.tolist(), strict=True)
            for place, cosine in zip(of_unit, values, strict=True)
            if place >= 0 and cosine >= 0.2
            for row in memory[place][1]
        ]
        if not flat:
            return []
        unit, row, cosine = zip(*flat, strict=True)
        return [(np.array(unit, np.int64), np.array(row, np.int64), np.array(cosine, np.float32))]

    def _strings(self, units: _Units, of_unit: Ints, row: Ints) -> Floats:
        out = np.zeros((len(row), len(kernel.STRING_FEATURES)), np.float32)
        kernel.string_features(
            of_unit,
            row,
            units.starts,
            units.signs,
            units.sounds,
            self.names.starts,
            self.names.signs,
            self.names.sounds,
            self.names.sign_weight,
            out,
        )
        return out

    def _unit_words(self, units: _Units) -> tuple[Ints, Rows]:
        """Where the words of each unit start, and their numbers; -1 for a word that nothing has."""
        numbers = self.knowledge.vocabulary.numbers
        lists = [[numbers.get(word, -1) for word in tokens(term)] for term in units.terms]
        starts = np.concatenate([[0], np.cumsum([len(words) for words in lists])]).astype(np.int64)
        return starts, np.array([word for words in lists for word in words], np.int32)

    def _words(self, words: tuple[Ints, Rows], of_unit: Ints, row: Ints) -> Floats:
        starts, flat = words
        order = np.argsort(of_unit, kind="stable")
        found = np.zeros((len(row), len(kernel.WORD_FEATURES)), np.float32)
        known = self.translations
        kernel.word_features(
            of_unit[order],
            row[order],
            starts,
            flat,
            self.word_starts,
            self.words,
            known.starts,
            known.words,
            known.probabilities,
            self.word_idf,
            found,
        )
        out = np.empty_like(found)
        out[order] = found
        return out

    def _associations(self, texts: Sequence[str], text: Ints, row: Ints) -> tuple[Floats, Floats]:
        keys, of_category, of_row = self.knowledge.associations
        by_category, by_row = np.zeros(len(row), np.float32), np.zeros(len(row), np.float32)
        if len(keys):
            owners, grams, _ = gram_keys(texts)
            place = np.searchsorted(keys, grams)
            place[place == len(keys)] = 0
            known = keys[place] == grams
            order = np.argsort(owners[known], kind="stable")
            owner, gram = owners[known][order], place[known][order].astype(np.int32)
            starts = np.searchsorted(owner, np.arange(len(texts) + 1))
            weights = np.ones(len(keys), np.float32)
            targets = self.table.categories[row].astype(np.int64)
            kernel.associated(
                text,
                targets,
                starts,
                gram,
                weights,
                *of_category,
                int(self.table.categories.max()) + 1,
                by_category,
            )
            kernel.associated(text, row, starts, gram, weights, *of_row, len(self.table.codes), by_row)
        return by_category, by_row


class _Units:
    """Texts, their parts and their rewritten forms as one list of terms, text after text."""

    def __init__(self, texts: Sequence[str], knowledge: Knowledge):
        terms: list[str] = []
        owner: list[int] = []
        kind: list[int] = []
        first: list[int] = []
        last: list[int] = []
        counts: list[int] = []
        for place, text in enumerate(texts):
            pieces = parts(text)
            first.append(len(terms))
            units = [(text, WHOLE), *((piece, PART) for piece in pieces)]
            for piece in (*pieces, text):
                rewritten = knowledge.rewrite(piece)
                if rewritten != piece:
                    units.append((rewritten[:120], REWRITTEN))
            terms += [term for term, _ in units]
            kind += [of for _, of in units]
            owner += [place] * len(units)
            last.append(len(terms) - 1 if units[-1][1] == REWRITTEN else first[-1])
            counts.append(len(pieces))
        self.terms = terms
        self.text, self.kind = np.array(owner, np.int64), np.array(kind)
        self.first_of_text = np.array(first, np.int64)
        self.rewritten_of_text = np.array(last, np.int64)
        self.parts_of_text = np.array(counts, np.float32)
        self.lengths = np.array([len(term) for term in terms], np.float32)
        self.is_letters = np.array(
            [2 <= len(term) <= 16 and term.isascii() and term.isalpha() for term in terms], bool
        )
        points, self.starts = flatten(terms)
        self.signs = np.minimum(points, SIGNS - 1)
        self.sounds = _sounds()[self.signs]
        self.masks = structure(terms)


def _structure_features(text: npt.NDArray[np.uint16], name: npt.NDArray[np.uint16]) -> Floats:
    """``STRUCTURE_FEATURES`` of pairs of masks."""
    groups, _ = _opposites()
    conflict = (text > 0) & (name > 0) & (text & name == 0)
    text_only = (text & ~name) > 0
    name_only = (name & ~text) > 0
    columns = [
        conflict[:, :-1].sum(1),
        text_only[:, :-1].sum(1),
        name_only[:, :-1].sum(1),
        conflict[:, groups.index("side")],
        conflict[:, -1] * 2 + text_only[:, -1],
        name_only[:, -1],
        conflict[:, groups.index("with")] + 2 * name_only[:, groups.index("with")],
        conflict[:, groups.index("course")] + 2 * name_only[:, groups.index("course")],
        conflict[:, groups.index("behaviour")] + 2 * name_only[:, groups.index("behaviour")],
    ]
    return np.column_stack(columns).astype(np.float32)


def _columns(name: str, features: Sequence[str], found: Floats) -> dict[str, Floats]:
    """The columns of ``found`` by the names of their features."""
    return {f"{name}_{feature}": found[:, place] for place, feature in enumerate(features)}


def _max_by(text: Ints, values: Floats, texts: int) -> Floats:
    """The greatest value of the text of each candidate."""
    best = np.zeros(texts, np.float32)
    np.maximum.at(best, text, values)
    return best[text]


def _sum_by(text: Ints, category: Rows, values: Floats) -> Floats:
    """The sum over the candidates of the same text and category."""
    _, place = np.unique(text << 32 | category, return_inverse=True)
    return np.bincount(place, values)[place].astype(np.float32)
