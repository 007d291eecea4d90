"""Metrics against values worked out by hand, and properties of calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.risk.calibration import from_json, isotonic, platt
from claims.risk.metrics import (
    Ranking,
    at_capacity,
    auc,
    average_precision,
    brier,
    calibration,
    figures,
    sigmoid,
)

LABELS = np.array([1, 0, 1, 0, 0], np.int64)
SCORES = np.array([0.9, 0.8, 0.7, 0.3, 0.1])
SEED_DATA = np.random.default_rng(3)


def test_auc_counts_pairs() -> None:
    # (0.9 beats 0.8, 0.3, 0.1) and (0.7 beats 0.3, 0.1): 5 of 6 pairs.
    assert auc(LABELS, SCORES) == pytest.approx(5 / 6)
    assert auc(LABELS, np.ones(5)) == 0.5
    assert auc(LABELS, -SCORES) == pytest.approx(1 / 6)


def test_auc_of_one_label_does_not_exist() -> None:
    assert math.isnan(auc(np.ones(3, np.int64), np.arange(3.0)))


def test_average_precision_by_hand() -> None:
    # Positives at rank 1 (precision 1) and 3 (precision 2/3).
    assert average_precision(LABELS, SCORES) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(LABELS, np.ones(5)) == pytest.approx(2 / 5)


def test_brier_by_hand() -> None:
    assert brier(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx((0.04 + 0.16) / 2)


def test_weights_are_the_same_as_repeated_rows() -> None:
    weights = np.array([2.0, 1.0, 3.0, 0.0, 1.0])
    place = np.repeat(np.arange(5), weights.astype(int))
    weighted, repeated = Ranking(LABELS, SCORES), Ranking(LABELS[place], SCORES[place])
    assert weighted.auc(weights) == pytest.approx(repeated.auc())
    assert weighted.average_precision(weights) == pytest.approx(repeated.average_precision())


def test_calibration_of_right_and_of_too_extreme_probabilities() -> None:
    odds = SEED_DATA.normal(-1, 1, 40_000)
    labels = (SEED_DATA.random(40_000) < sigmoid(odds)).astype(np.int64)
    slope, intercept = calibration(labels, sigmoid(odds))
    assert slope == pytest.approx(1, abs=0.05)
    assert intercept == pytest.approx(0, abs=0.05)
    assert calibration(labels, sigmoid(2 * odds))[0] == pytest.approx(0.5, abs=0.03)
    assert calibration(labels, sigmoid(odds - 1))[1] == pytest.approx(1, abs=0.05)


def test_capacity_by_hand() -> None:
    found = at_capacity(LABELS, SCORES, np.array([100.0, 50, 300, 10, np.nan]), 2)
    assert found == {"precision": 0.5, "recall": 0.5, "amount_found": 100.0, "amount_share": 0.25}


def test_intervals_hold_the_value_and_clusters_widen_them() -> None:
    group = np.repeat(np.arange(40), 25)
    labels = (SEED_DATA.random(1000) < np.where(SEED_DATA.random(40) < 0.3, 0.6, 0.05)[group]).astype(
        np.int64
    )
    scores = SEED_DATA.random(1000) + 0.3 * labels
    alone = figures(labels, np.clip(scores, 0, 1), scores, None)["brier"]
    together = figures(labels, np.clip(scores, 0, 1), scores, group)["brier"]
    assert alone.low < alone.value < alone.high
    assert together.high - together.low > 1.3 * (alone.high - alone.low)


SCORED = st.lists(
    st.tuples(st.integers(0, 1), st.floats(-5, 5).map(lambda x: round(x, 3))), min_size=4, max_size=60
)


@given(SCORED)
@settings(max_examples=60, deadline=None)
def test_calibrated_probabilities_never_fall(rows: list[tuple[int, float]]) -> None:
    labels = np.array([label for label, _ in rows], np.int64)
    scores = np.array([score for _, score in rows])
    asked = np.linspace(-6, 6, 200)
    for method in (platt, isotonic):
        fitted = method(labels, scores)
        told = fitted.probabilities(asked)
        assert (np.diff(told) >= 0).all()
        assert ((told > 0) & (told < 1)).all()
        assert (from_json(fitted.as_json()).probabilities(asked) == told).all()


def test_isotonic_pools_what_falls() -> None:
    fitted = isotonic(np.array([0, 1, 0, 1], np.int64), np.array([1.0, 2, 3, 4]))
    assert fitted.scores == (1.0, 2.5, 4.0)
    assert fitted.values == pytest.approx((1 / 6, 0.5, 5 / 6))


@pytest.mark.parametrize(
    "told",
    [
        {"method": "isotonic", "scores": [2, 1], "values": [0.1, 0.2]},
        {"method": "isotonic", "scores": [1, 2], "values": [0.2, 0.1]},
        {"method": "isotonic", "scores": [], "values": []},
        {"method": "isotonic", "scores": [1], "values": [0.1, 0.2]},
    ],
)
def test_a_calibrator_that_is_none_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        from_json(told)
