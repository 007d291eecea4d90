"""The two-party tables: the same for the same seed, ids of nobody, and a label that needs both parties' columns."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_samples import two_parties
from data_samples.joint_evaluation import area_under_curve, logistic_scores
from data_samples.two_parties import HOSPITAL_EFFECTS, INSURER_EFFECTS, SHARE_AT_BOTH, make, resident_id

PERSONS, SEED = 3000, 20260124
LEAST_MARGIN = 0.03
WEIGHTS = [2**place % 11 for place in range(17, 0, -1)]
"""ISO 7064 MOD 11-2, computed here: not the table of the module under test."""


def test_the_same_seed_gives_the_same_tables_and_another_seed_others() -> None:
    first, again, other = make(200, 1), make(200, 1), make(200, 2)
    assert first.keys() == {"hospital.csv", "insurer.csv", "visits.csv"}
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, again[name])
        assert not table.equals(other[name])


def test_the_command_writes_what_make_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "argv", ["two_parties", "--out", str(tmp_path), "--persons", "50", "--seed", "3"]
    )
    two_parties.main()
    for name, table in make(50, 3).items():
        written = pd.read_csv(tmp_path / name, dtype={"id": str})
        assert written.columns[0] == "id"
        pd.testing.assert_frame_equal(
            written, table[written.columns].reset_index(drop=True), check_dtype=False
        )


@pytest.mark.parametrize("number", [0, 1, 24_999, 25_000, 24_999_999])
def test_an_id_passes_its_check_digit_and_is_of_no_division(number: int) -> None:
    id = resident_id(number)
    assert len(id) == 18
    assert id.startswith("999999")
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, id[:17], strict=True))
    check = 10 if id[17] == "X" else int(id[17])
    assert (total + check) % 11 == 1


def test_ids_are_distinct_and_shared_as_said() -> None:
    tables = make(PERSONS, SEED)
    hospital, insurer = (tables[f"{name}.csv"]["id"] for name in ("hospital", "insurer"))
    assert hospital.is_unique
    assert insurer.is_unique
    assert len(set(hospital) & set(insurer)) == PERSONS * SHARE_AT_BOTH
    assert len(set(hospital) | set(insurer)) == PERSONS
    visits = tables["visits.csv"]
    assert set(visits["id"]) <= set(hospital)
    assert not visits.duplicated(["id", "code_group"]).any()
    assert visits["month"].str.fullmatch(r"20\d\d-(0[1-9]|1[0-2])").all()


def test_a_joint_model_beats_either_party_alone() -> None:
    tables = make(PERSONS, SEED)
    common = tables["insurer.csv"].merge(tables["hospital.csv"], on="id")
    is_train = np.random.default_rng(1).random(len(common)) < 0.7
    train, test = common[is_train], common[~is_train]

    def area(columns: list[str]) -> float:
        scores = logistic_scores(train[columns], train["suspicious"].to_numpy(), test[columns])
        return area_under_curve(test["suspicious"].to_numpy(), scores)

    hospital, insurer = list(HOSPITAL_EFFECTS), list(INSURER_EFFECTS)
    assert area(hospital + insurer) - max(area(hospital), area(insurer)) >= LEAST_MARGIN


def test_the_area_under_the_curve_is_right_for_ties_and_order() -> None:
    labels = np.array([0, 0, 1, 1])
    assert area_under_curve(labels, np.array([1.0, 2.0, 3.0, 4.0])) == 1.0
    assert area_under_curve(labels, np.array([4.0, 3.0, 2.0, 1.0])) == 0.0
    assert area_under_curve(labels, np.ones(4)) == 0.5
    assert area_under_curve(labels, np.array([1.0, 3.0, 2.0, 4.0])) == 0.75
