"""Trains a model from pairs. Every pair is judged by what the other pairs teach, as a new text will be."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drg.coding.suggestion.features import FEATURES, Candidates, Featuriser, NameSide
from drg.coding.suggestion.grams import Floats, Ints
from drg.coding.suggestion.knowledge import Knowledge, Pair
from drg.coding.suggestion.model import BATCH, Model
from drg.coding.suggestion.ranking import (
    best_threshold,
    judge_features,
    predict,
    short_list,
    train_judge,
    train_ranker,
)
from drg.errors import input_error

FOLDS = 6
RANKER_FOLDS = 3
RANKER_ROUNDS, JUDGE_ROUNDS = 250, 150
HARDEST = 30
"""So many candidates of a text are learned from whole, of the others every fifth."""
HARD_BY = ("best_cosine_text", "best_cosine_part", "best_neighbour_text", "cosine_rewritten")


@dataclass(frozen=True)
class Fitted:
    """A model, and how it did on texts that it had not seen (by folds): share of targets found, F1."""

    model: Model
    pairs: int
    found: float
    f1: float


@dataclass(frozen=True)
class _Fold:
    """The texts of a fold with their candidates, and which candidates are right."""

    texts: list[str]
    candidates: Candidates
    labels: Ints
    targets: int
    found: int


def fold_of(text: str) -> int:
    """The fold of a text: the same text is always in the same fold."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % FOLDS


def fit_pairs(
    names: NameSide,
    pairs: Sequence[Pair],
    known: Sequence[Pair] = (),
    practice: Sequence[Pair] = (),
    phrases: Sequence[tuple[str, str]] = (),
    rounds: tuple[int, int] = (RANKER_ROUNDS, JUDGE_ROUNDS),
) -> Fitted:
    """A model of the catalogue ``names``.

    ``pairs`` are learned and remembered; ``known`` remembered only, at training too; ``practice`` are texts to
    train on that are not remembered; ``phrases`` teach what words stand for. Raises ``InputError`` where no text
    shares anything with the name of its code.
    """
    folds = [_fold(names, pairs, known, practice, phrases, number) for number in range(FOLDS)]
    folds = [fold for fold in folds if fold.texts]
    if not any(fold.found for fold in folds):
        raise input_error("suggest.nothing_to_learn")
    ranker = train_ranker(*_together(folds), rounds[0])
    judged: list[tuple[Floats, Ints, Ints]] = []
    for number in range(RANKER_FOLDS):
        inside = [fold for place, fold in enumerate(folds) if place % RANKER_FOLDS == number]
        outside = [fold for place, fold in enumerate(folds) if place % RANKER_FOLDS != number]
        if not any(fold.found for fold in outside):
            outside = folds
        half = train_ranker(*_together(outside), rounds[0])
        judged += [_judged(names, fold, predict(half, fold.candidates.features)) for fold in inside]
    probability = np.concatenate(_out_of_fold(judged, rounds[1]))
    right = np.concatenate([labels for _, labels, _ in judged])
    # A number a text over all folds, in the order of ``judged``.
    offsets = np.cumsum([0, *(int(text.max(initial=0)) + 1 for _, _, text in judged)])
    text = np.concatenate(
        [of_text + offset for (_, _, of_text), offset in zip(judged, offsets, strict=False)]
    )
    targets = sum(fold.targets for fold in folds)
    threshold, f1 = best_threshold(probability, right, text, targets)
    judge = train_judge(np.concatenate([features for features, _, _ in judged]), right, rounds[1])
    knowledge = Knowledge(names.table, [*known, *pairs], phrases)
    found = sum(fold.found for fold in folds) / max(targets, 1)
    return Fitted(Model(names, knowledge, ranker, judge, threshold), len(pairs), found, f1)


def _fold(
    names: NameSide,
    pairs: Sequence[Pair],
    known: Sequence[Pair],
    practice: Sequence[Pair],
    phrases: Sequence[tuple[str, str]],
    number: int,
) -> _Fold:
    inside = [pair for pair in (*pairs, *practice) if fold_of(pair.text) == number]
    outside = [pair for pair in pairs if fold_of(pair.text) != number]
    hidden = {pair.text for pair in inside}
    phrases = [phrase for phrase in phrases if phrase[0] not in hidden]
    if not inside:
        return _Fold(
            [],
            Candidates(*(np.zeros(0, np.int64),) * 3, np.zeros((0, 0), np.float32)),
            np.zeros(0, np.int64),
            0,
            0,
        )
    featuriser = Featuriser(names, Knowledge(names.table, [*known, *outside], phrases))
    texts = [pair.text for pair in inside]
    batches = [featuriser.candidates(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    candidates = _joined(batches)
    codes = names.table.code_numbers
    wanted = [{int(codes[row]) for row in pair.rows} for pair in inside]
    labels = np.array(
        [
            code in wanted[text]
            for text, code in zip(candidates.text.tolist(), codes[candidates.row].tolist(), strict=True)
        ],
        np.int64,
    )
    right = labels > 0
    found = len(np.unique(candidates.text[right] << 32 | codes[candidates.row[right]]))
    return _Fold(texts, candidates, labels, sum(map(len, wanted)), found)


def _joined(batches: list[Candidates]) -> Candidates:
    """Batches one after the other. Units are numbered by batch; only those of one text are compared."""
    texts = [batch.text + place * BATCH for place, batch in enumerate(batches)]
    return Candidates(
        np.concatenate(texts),
        np.concatenate([batch.row for batch in batches]),
        np.concatenate([batch.part for batch in batches]),
        np.concatenate([batch.features for batch in batches]),
    )


def _together(folds: list[_Fold]) -> tuple[Floats, Ints, Ints]:
    """Features, labels and group sizes of the texts that have a right candidate."""
    features, labels, sizes = [], [], []
    for fold in folds:
        useful = np.bincount(fold.candidates.text, fold.labels, minlength=len(fold.texts)) > 0
        kept = useful[fold.candidates.text] & (_hard(fold) | (fold.labels > 0))
        counts = np.bincount(fold.candidates.text[kept], minlength=len(fold.texts))
        features.append(fold.candidates.features[kept])
        labels.append(fold.labels[kept])
        sizes.append(counts[useful])
    return np.concatenate(features), np.concatenate(labels), np.concatenate(sizes)


def _hard(fold: _Fold) -> npt.NDArray[np.bool_]:
    """The candidates worth learning from: those most alike by any of the ways to find them, and some others."""
    columns = [FEATURES.index(name) for name in HARD_BY]
    strength = fold.candidates.features[:, columns].max(1)
    order = np.lexsort((-strength, fold.candidates.text))
    text = fold.candidates.text[order]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(text, text)
    return np.asarray((rank < HARDEST) | (rank % 5 == 0))


def _judged(names: NameSide, fold: _Fold, scores: Floats) -> tuple[Floats, Ints, Ints]:
    """Judge features, labels and text of the short list of a fold."""
    places, counts = short_list(fold.candidates, scores, len(fold.texts), names.table.code_numbers)
    features = judge_features(fold.texts, names, fold.candidates, scores, places)
    return features, fold.labels[places[places >= 0]], np.repeat(np.arange(len(fold.texts)), counts)


def _out_of_fold(judged: list[tuple[Floats, Ints, Ints]], rounds: int) -> list[Floats]:
    """The probability of each fold's candidates by a judge that has not seen the fold."""
    found = []
    for place, (features, _, _) in enumerate(judged):
        others = [fold for other, fold in enumerate(judged) if other != place] or judged
        judge = train_judge(
            np.concatenate([fold[0] for fold in others]), np.concatenate([fold[1] for fold in others]), rounds
        )
        found.append(predict(judge, features))
    return found
