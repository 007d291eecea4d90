"""The claims that the ranking is measured on: the acts are as the plan says, and leave no other trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.ranking import Judged
from bench.ranking_claims import HONEST, make, plan


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Truth, cases, fee lines."""
    folder: Path = tmp_path_factory.mktemp("claims")
    truth = make(folder, 3000, 1)
    return truth, *(pq.read_table(folder / f"{name}.parquet").to_pandas() for name in ("cases", "fees"))


def test_every_act_is_there_and_the_share_is_that_of_the_plan(made: tuple[pd.DataFrame, ...]) -> None:
    truth, _, _ = made
    assert set(truth["act"]) == {HONEST, *plan()["acts"]}
    assert (truth["act"] != HONEST).mean() == pytest.approx(plan()["share"], abs=0.02)


def test_the_bill_adds_up_and_the_patient_pays_the_same_part_of_every_claim(
    made: tuple[pd.DataFrame, ...],
) -> None:
    """How a figure was rounded must not tell an act."""
    _, cases, fees = made
    billed = fees["amount"].astype(float).groupby(fees["case_id"]).sum()
    assert np.allclose(billed[cases["case_id"]].to_numpy() * 100, cases["total_cost_fen"], atol=10)
    assert (cases["patient_paid_fen"] == cases["total_cost_fen"] * plan()["patient_percent"] // 100).all()
    stay = (pd.to_datetime(cases["discharge_date"]) - pd.to_datetime(cases["admission_date"])).dt.days
    assert (stay.clip(lower=1) == cases["los_days"].clip(lower=1)).all() and cases["case_id"].is_unique


def test_precision_counts_what_is_first() -> None:
    judged = Judged(np.array(["x", "", "", "x"], object), np.array([1, 0, 0, 1]), np.zeros(4, np.int64))
    worth = np.array([9.0, 8.0, 7.0, 6.0])
    assert judged.precision(worth, 1) == 1.0 and judged.precision(worth, 3) == pytest.approx(1 / 3)
    assert judged.precision(worth, 2, np.array([2.0, 1.0, 0.0, 1.0])) == 1.0
    assert judged.precision(worth, 2, np.array([0.0, 1.0, 0.0, 3.0])) == 0.5
