"""The estimate of a job before it starts, held against what a small training really sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from privacy import preflight
from privacy.errors import Refused
from privacy.party import Limits
from privacy.protocols.stats.parameters import StatsParameters
from privacy.protocols.train import TrainParameters
from tests.privacy.train_cases import Joined, train_direct

FACTOR = 1.15
"""The bytes of a training are estimated to this, where no number is missing."""
JOINED = Joined.draw(1000, 4, seed=3)


@pytest.mark.parametrize("batch_rows", [None, 250])
def test_the_bytes_of_a_training_are_estimated(tmp_path: Path, batch_rows: int | None) -> None:
    asked = TrainParameters.model_validate(JOINED.parameters(max_rounds=6, batch_rows=batch_rows))
    ended = train_direct(tmp_path, asked, JOINED.initiator_table(), JOINED.responder_table())
    crossed = sum(map(len, ended.direct.transcript))
    expected = preflight.estimate("train", asked, 1000, 1001)
    assert crossed / FACTOR < expected.bytes < crossed * FACTOR
    assert expected.rows == 1001


def large(**changes: object) -> TrainParameters:
    names = {
        f"{party}_columns": [f"{party[0]}{n}" for n in range(32)] for party in ("initiator", "responder")
    }
    return TrainParameters.model_validate({"label": "y", **names, "max_rounds": 20, **changes})


@pytest.mark.parametrize(
    ("batch_rows", "megabytes", "seconds"),
    [(None, (287 / 1.15, 287 * 1.15), (60, 240)), (10_000, (98 / 1.15, 98 * 1.15), (15, 60))],
)
def test_the_estimate_of_the_measured_large_trainings(
    batch_rows: int | None, megabytes: tuple[float, float], seconds: tuple[float, float]
) -> None:
    """Measured by ``bench.privacy_train --large`` (figures in ``privacy/preflight.toml``); seconds to a factor of 2."""
    expected = preflight.estimate("train", large(batch_rows=batch_rows), 100_000, 100_000)
    assert megabytes[0] < expected.bytes / 1e6 < megabytes[1]
    assert seconds[0] < expected.seconds < seconds[1]


def test_batches_are_of_nearly_equal_size_and_leaves_count_as_columns() -> None:
    assert large(batch_rows=3000).round_rows(10_000) == 2500
    assert large(batch_rows=20_000).round_rows(10_000) == large().round_rows(10_000) == 10_000
    assert large().round_rows(0) == 0
    trees = large(features="leaves", responder_target="t", trees={"count": 20, "leaves": 16})
    assert trees.round_bytes(10_000) > 2 * large().round_bytes(10_000)


def test_a_job_over_a_limit_is_refused_with_the_limit() -> None:
    limits = Limits(job_bytes=200_000_000)
    preflight.check(preflight.estimate("train", large(batch_rows=10_000), 100_000), limits, "hospital")
    with pytest.raises(Refused) as refused:
        preflight.check(preflight.estimate("train", large(), 100_000), limits, "hospital")
    assert (refused.value.code, refused.value.params["limit"]) == ("job.over_limit", "job_bytes")


def test_what_is_not_done_in_rounds_counts_once() -> None:
    asked = StatsParameters.model_validate({"columns": {"cost": {"most": 10.0}}})
    one, two = (preflight.estimate("stats", asked, rows) for rows in (1000, 2000))
    assert two.bytes - one.bytes == 240_000
