"""A trained model: what pairs taught, and how candidates are judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from drg.coding.suggestion.features import FEATURES, Candidates, Featuriser, NameSide
from drg.coding.suggestion.grams import Floats, Ints
from drg.coding.suggestion.knowledge import Knowledge
from drg.coding.suggestion.normal import normalise
from drg.coding.suggestion.ranking import MAX_CODES, judge_features, predict, short_list

if TYPE_CHECKING:
    import lightgbm as lgb

BATCH = 512
"""Texts that are worked on at once: bounds the memory."""


@dataclass(frozen=True)
class Suggestion:
    """A code for a text. ``score``: estimated probability that a coder would give it, 0 to 1.

    ``given``: whether it belongs to the codes that the model would give. ``why``: message ids
    (``suggest.why_...``), the strongest first.
    """

    code: str
    name: str
    score: float
    why: tuple[str, ...]
    given: bool


@dataclass(frozen=True)
class Model:
    """Everything that suggests codes of one catalogue. ``threshold``: from this score on a code is given."""

    names: NameSide
    knowledge: Knowledge
    ranker: lgb.Booster
    judge: lgb.Booster
    threshold: float

    @cached_property
    def _featuriser(self) -> Featuriser:
        return Featuriser(self.names, self.knowledge)

    def suggest(self, text: str, top: int = 10) -> list[Suggestion]:
        """The best codes for one text, best first."""
        return next(self.suggest_many([text], top))

    def suggest_many(self, texts: Sequence[str], top: int = 10) -> Iterator[list[Suggestion]]:
        """The best codes for each text, in order; worked on in batches of ``BATCH``."""
        for start in range(0, len(texts), BATCH):
            yield from self._suggest_batch([normalise(text) for text in texts[start : start + BATCH]], top)

    def _suggest_batch(self, terms: list[str], top: int) -> list[list[Suggestion]]:
        candidates = self._featuriser.candidates(terms)
        scores = predict(self.ranker, candidates.features)
        places, counts = short_list(candidates, scores, len(terms), self.names.table.code_numbers)
        judged = judge_features(terms, self.names, candidates, scores, places)
        probability = predict(self.judge, judged)
        ends = np.cumsum(counts)
        return [
            self._of_text(
                term,
                candidates,
                places[text, : counts[text]],
                probability[ends[text] - counts[text] : ends[text]],
                top,
            )
            for text, term in enumerate(terms)
        ]

    def _of_text(
        self, term: str, candidates: Candidates, places: Ints, probability: Floats, top: int
    ) -> list[Suggestion]:
        table = self.names.table
        found: dict[str, Suggestion] = {}
        for row, given in self._remembered(term):
            code = table.codes[row]
            found.setdefault(
                code,
                Suggestion(code, table.names[row], 1.0 if given else 0.5, ("suggest.why_remembered",), given),
            )
        remembered = bool(found)
        for place in np.argsort(-probability, kind="stable").tolist():
            row, score = int(candidates.row[places[place]]), float(probability[place])
            code = table.codes[row]
            if code not in found:
                given = not remembered and len(found) < MAX_CODES and (not found or score >= self.threshold)
                why = _reasons(dict(zip(FEATURES, candidates.features[places[place]].tolist(), strict=True)))
                found[code] = Suggestion(code, table.names[row], round(score, 4), why, given)
        return list(found.values())[:top]

    def _remembered(self, term: str) -> Iterator[tuple[int, bool]]:
        """Rows of the same text in the pairs: those given most often, then the others."""
        remembered = self.knowledge.remembered.get(term)
        for rank, (rows, _) in enumerate(remembered.most_common() if remembered else ()):
            for row in rows:
                yield row, rank == 0


def _reasons(values: dict[str, float]) -> tuple[str, ...]:
    found = []
    if values["text_same"]:
        found.append("suggest.why_same_name")
    if values["part_same"] and not values["text_same"]:
        found.append("suggest.why_same_part")
    if values["rewritten_same"] and not values["text_same"]:
        found.append("suggest.why_rewritten")
    if values["neighbour_text"] >= 0.5 or values["neighbour_part"] >= 0.5:
        found.append("suggest.why_similar_text")
    if values["by_initials"]:
        found.append("suggest.why_initials")
    if values["text_sounds_alike"] > max(
        values["text_subsequence_of_name"], values["text_subsequence_of_text"]
    ):
        found.append("suggest.why_sounds_alike")
    if values["words_name_explained"] >= 0.8:
        found.append("suggest.why_words")
    return tuple(found) or ("suggest.why_similar_name",)
