"""LightGBM: a few candidates compared on validation folds, one model a fold and seed, all of them averaged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from claims.risk.frame import Feature
from claims.risk.linear import Linear
from claims.risk.linear import fit as fit_linear
from claims.risk.metrics import Ranking
from claims.risk.settings import settings
from claims.risk.split import Folds
from claims.risk.values import Floats, Ints

if TYPE_CHECKING:
    import lightgbm as lgb

PARAMETERS = ("\nparameters:", "end of parameters\n")


@dataclass(frozen=True)
class Member:
    """Trees, and the logistic regression from which they start where there is one. Scores are log odds."""

    booster: lgb.Booster
    linear: Linear | None

    def scores(self, values: Floats) -> Floats:
        found = np.asarray(self.booster.predict(values, raw_score=True, num_threads=threads(len(values))))
        return found + self.linear.log_odds(values) if self.linear is not None else found

    def contributions(self, values: Floats) -> Floats:
        """(rows, features + 1): what each feature adds, and what is there without any; their sum is the score."""
        found = np.asarray(self.booster.predict(values, pred_contrib=True, num_threads=threads(len(values))))
        found = found.reshape(len(values), values.shape[1] + 1)
        if self.linear is not None:
            found[:, :-1] += self.linear.contributions(values)
            found[:, -1] += self.linear.intercept
        return found


@dataclass(frozen=True)
class Trained:
    """The members, out-of-fold scores of the training rows, and how each candidate did."""

    members: tuple[Member, ...]
    scores: Floats
    chosen: str
    tried: tuple[dict[str, Any], ...]


def threads(rows: int) -> int:
    """One thread for small tables, where more only wait for each other."""
    return (os.cpu_count() or 1) if rows > settings("boosting")["threaded_rows"] else 1


def train(features: Sequence[Feature], values: Floats, labels: Ints, folds: Folds) -> Trained:
    """The best candidate by the mean of AUC and average precision of its out-of-fold scores.

    ``values``: (rows, features) of training rows; ``folds``: (rows,). Same input, same trees. The time is bounded by
    the number of candidates and rounds, not by a clock.
    """
    best: tuple[float, dict[str, Any], list[Member], Floats] | None = None
    tried = []
    for candidate in _candidates(values):
        members, scores = _fit_folds(candidate, features, values, labels, folds, seed=1)
        ranking = Ranking(labels, scores)
        told = {"auc": ranking.auc(), "average_precision": ranking.average_precision()}
        tried.append({"name": candidate["name"], **{name: round(value, 5) for name, value in told.items()}})
        merit = sum(told.values())
        if best is None or merit > best[0]:
            best = merit, candidate, members, scores
    if best is None:
        raise AssertionError("settings.toml has no candidate")
    _, candidate, members, scores = best
    limits = settings("boosting")
    seeds = limits["seeds"] if len(labels) <= limits["small_rows"] else 1
    for seed in range(2, seeds + 1):
        more, also = _fit_folds(candidate, features, values, labels, folds, seed)
        members, scores = members + more, scores + also
    return Trained(tuple(members), scores / seeds, candidate["name"], tuple(tried))


def _candidates(values: Floats) -> list[dict[str, Any]]:
    limits = settings("boosting")
    rows, columns = values.shape
    fitting = [one for one in limits["candidates"] if one["rows"][0] <= rows <= one["rows"][1]]
    return fitting[: max(1, limits["most_work"] // max(rows * columns, 1))]


def _fit_folds(
    candidate: dict[str, Any],
    features: Sequence[Feature],
    values: Floats,
    labels: Ints,
    folds: Folds,
    seed: int,
) -> tuple[list[Member], Floats]:
    scores = np.zeros(len(labels))
    members = []
    for fold in range(int(folds.max()) + 1):
        asked = folds == fold
        member = _fit_one(candidate, features, values, labels, asked, seed * 100 + fold)
        scores[asked] = member.scores(values[asked])
        members.append(member)
    return members, scores


def _fit_one(
    candidate: dict[str, Any],
    features: Sequence[Feature],
    values: Floats,
    labels: Ints,
    asked: np.typing.NDArray[np.bool_],
    seed: int,
) -> Member:
    """A member from all rows but those of the validation fold, on which its trees stop."""
    import lightgbm as lgb

    limits = settings("boosting")
    linear = fit_linear(features, values[~asked], labels[~asked]) if candidate["linear"] else None
    categorical = [place for place, feature in enumerate(features) if feature.levels]
    ones = int(labels[~asked].sum())
    parameters = {
        **limits["common"],
        **candidate["parameters"],
        "scale_pos_weight": ((len(labels) - asked.sum() - ones) / max(ones, 1)) ** candidate["weight"],
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads(len(labels)),
        "verbosity": -1,
    }

    def dataset(rows: np.typing.NDArray[np.bool_], of: lgb.Dataset | None) -> lgb.Dataset:
        start = None if linear is None else linear.log_odds(values[rows])
        return lgb.Dataset(
            values[rows],
            labels[rows],
            init_score=start,
            categorical_feature=categorical,
            reference=of,
            params={"verbosity": -1},
        )

    train_set = dataset(~asked, None)
    booster = lgb.train(
        parameters,
        train_set,
        num_boost_round=limits["most_rounds"],
        valid_sets=[dataset(asked, train_set)],
        callbacks=[lgb.early_stopping(limits["patience"], verbose=False)],
    )
    return Member(lgb.Booster(model_str=text(booster)), linear)


def text(booster: lgb.Booster) -> str:
    """The trees as LightGBM's text, without its parameters: those name the number of threads of this machine."""
    told = str(booster.model_to_string(num_iteration=booster.best_iteration))
    start, end = (told.find(mark) for mark in PARAMETERS)
    return told[:start] + "\n" + told[end + len(PARAMETERS[1]) :].lstrip("\n") if 0 <= start < end else told
