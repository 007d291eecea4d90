"""Two LightGBM models: one orders the candidates of a text, one says how sure each of the best is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from drg.coding.suggestion.features import FEATURES, Candidates, NameSide
from drg.coding.suggestion.grams import Floats, Ints, flatten

if TYPE_CHECKING:
    import lightgbm as lgb

SHORT_LIST = 20
"""So many of the best candidates of a text are judged one by one."""
MAX_CODES = 8
"""A text never gets more codes than this."""
THREADS = 1
"""Of LightGBM. More than one makes no step faster where others use the cores: its threads wait for each other."""

_RANKER: dict[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 10,
    "label_gain": [0, 1],
    "learning_rate": 0.06,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.6,
    "lambda_l2": 5.0,
}
_JUDGE: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.6,
    "lambda_l2": 10.0,
}
_SAME: dict[str, Any] = {
    "verbosity": -1,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": THREADS,
}
_ORDER_FEATURES = (
    "score",
    "behind_best",
    "behind_previous",
    "before_next",
    "place",
    "new_signs",
    "covered_before",
    "same_part_before",
    "same_category_before",
)
JUDGE_FEATURES: tuple[str, ...] = (*_ORDER_FEATURES, *FEATURES)


@dataclass(frozen=True)
class ShortList:
    """The best candidates of each text, best first: shape (texts, SHORT_LIST); row -1 where there are no more."""

    row: Ints
    part: Ints
    probability: Floats


def train_ranker(features: Floats, labels: Ints, sizes: Ints, rounds: int) -> lgb.Booster:
    """A ranker from the candidates of texts one after the other; ``sizes``: candidates a text."""
    import lightgbm as lgb

    data = lgb.Dataset(features, labels, group=sizes, feature_name=list(FEATURES), free_raw_data=True)
    return lgb.train({**_RANKER, **_SAME}, data, num_boost_round=rounds)


def train_judge(features: Floats, labels: Ints, rounds: int) -> lgb.Booster:
    """A model of the probability that a short-listed candidate is right."""
    import lightgbm as lgb

    data = lgb.Dataset(features, labels, feature_name=list(JUDGE_FEATURES), free_raw_data=True)
    return lgb.train({**_JUDGE, **_SAME}, data, num_boost_round=rounds)


def predict(model: lgb.Booster, features: Floats) -> Floats:
    """Scores of rows."""
    if not len(features):
        return np.zeros(0, np.float32)
    return np.asarray(model.predict(features, num_threads=THREADS), np.float32)


def short_list(candidates: Candidates, scores: Floats, texts: int, code_numbers: Ints) -> tuple[Ints, Ints]:
    """Places of the best candidates of each text, (texts, SHORT_LIST), -1 for none; and how many there are.

    Of several rows of the same code the best is kept. ``code_numbers``: a number for the code of each row.
    """
    order = np.lexsort((candidates.row, -scores, candidates.text))
    code = candidates.text[order] << 32 | code_numbers[candidates.row[order]]
    order = order[np.sort(np.unique(code, return_index=True)[1])]
    text = candidates.text[order]
    rank = np.arange(len(order)) - np.searchsorted(text, text)
    kept = rank < SHORT_LIST
    places = np.full((texts, SHORT_LIST), -1, np.int64)
    places[text[kept], rank[kept]] = order[kept]
    return places, (places >= 0).sum(1)


def judge_features(
    texts: Sequence[str], names: NameSide, candidates: Candidates, scores: Floats, places: Ints
) -> Floats:
    """``JUDGE_FEATURES`` of the short-listed candidates, text after text, without the empty places."""
    held = places >= 0
    if not held.any():
        return np.zeros((0, len(JUDGE_FEATURES)), np.float32)
    filled = np.where(held, places, 0)
    score = np.where(held, scores[filled], -30.0).astype(np.float32)
    previous = np.concatenate([score[:, :1], score[:, :-1]], axis=1)
    following = np.concatenate([score[:, 1:], np.full((len(score), 1), -30.0, np.float32)], axis=1)
    points, starts = flatten(texts)
    novelty = np.zeros((*places.shape, 2), np.float32)
    _novelty(points, starts, names.points, names.starts, candidates.row, places, novelty)
    part = np.where(held, candidates.part[filled], -1)
    category = np.where(held, names.table.categories[candidates.row[filled]], -1)
    own = np.stack(
        [
            score,
            score[:, :1] - score,
            previous - score,
            score - following,
            np.broadcast_to(np.arange(places.shape[1], dtype=np.float32), places.shape),
            novelty[:, :, 0],
            novelty[:, :, 1],
            _seen_before(part),
            _seen_before(category),
        ],
        axis=2,
    )
    return np.concatenate([own[held], candidates.features[places[held]]], axis=1, dtype=np.float32)


def _seen_before(values: Ints) -> Floats:
    """How often the value of each place stands at an earlier place of its row."""
    same = values[:, :, None] == values[:, None, :]
    earlier = np.tril(np.ones((values.shape[1], values.shape[1]), bool), -1)
    return np.asarray((same & earlier).sum(2), np.float32)


@numba.njit(cache=True, nogil=True)
def _novelty(points, starts, name_points, name_starts, row, places, out):  # type: ignore[no-untyped-def]
    """For each place: the share of the text that this name has and no better one has; the share that better ones have.

    A character counts where it stands in a pair of characters that the name has too.
    """
    covered = np.zeros(256, np.bool_)
    for text in range(places.shape[0]):
        start, end = starts[text], min(starts[text + 1], starts[text] + 255)
        size = end - start
        covered[:] = False
        for rank in range(places.shape[1]):
            place = places[text, rank]
            if place < 0 or size == 0:
                break
            before = 0
            for sign in range(size):
                before += covered[sign]
            name = row[place]
            fresh = 0
            for sign in range(size - 1):
                for other in range(name_starts[name], name_starts[name + 1] - 1):
                    if (
                        points[start + sign] == name_points[other]
                        and points[start + sign + 1] == name_points[other + 1]
                    ):
                        for covers in (sign, sign + 1):
                            if not covered[covers]:
                                covered[covers] = True
                                fresh += 1
                        break
            out[text, rank, 0] = fresh / size
            out[text, rank, 1] = before / size


def best_threshold(probability: Floats, right: Ints, text: Ints, targets: int) -> tuple[float, float]:
    """The probability from which a code is given, so that F1 over all (text, code) is highest; and that F1.

    The surest candidate of a text is always given. ``targets``: how many codes there are to find.
    """
    first = np.zeros(len(text), bool)
    order = np.lexsort((-probability, text))
    ordered = text[order]
    first[order[np.concatenate([[True], ordered[1:] != ordered[:-1]])]] = True
    best = (0.5, 0.0)
    for threshold in np.arange(0.1, 0.9, 0.02):
        given = first | (probability >= threshold)
        score = 2 * right[given].sum() / max(given.sum() + targets, 1)
        if score > best[1]:
            best = (round(float(threshold), 2), float(score))
    return best
