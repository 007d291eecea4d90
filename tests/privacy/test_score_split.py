"""A split model: who learns the score, who the bucket, and that both parts add up exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
import pytest

from privacy.errors import Refused
from privacy.he.fixed_point import decode
from privacy.party import PartyConfig
from privacy.protocols import JobResult, Role
from privacy.protocols.score.linear import buckets
from privacy.protocols.score.messages import ScoreParameters
from privacy.protocols.train import model
from privacy.protocols.train.features import FeatureMaker, Standardised
from privacy.session import run
from privacy.table import Table
from tests.privacy.pairs import PURPOSE, Pair, make_pair
from tests.privacy.test_score import COLUMNS, MINE, THEIRS, approve

JOB = "ab" * 16
OWN = ("premium",)
THRESHOLDS = [0.3, 0.6]


def as_table(columns: dict[str, list[object]]) -> Table:
    ids = [str(id) for id in columns["id"]]
    return Table(ids, {name: np.array(values, float) for name, values in columns.items() if name != "id"})


def part_of(config: PartyConfig, role: Role, columns: tuple[str, ...], table: Table) -> model.Part:
    """A part as the training writes one, with weights drawn at random."""
    random = np.random.default_rng(len(columns))
    maker = FeatureMaker(
        kind="raw",
        columns=columns,
        medians={column: float(np.median(table.columns[column])) for column in columns},
        standardised=tuple(
            Standardised(
                name=column,
                mean=float(table.columns[column].mean()),
                deviation=float(table.columns[column].std()),
            )
            for column in columns
        ),
    )
    weights = random.integers(-(2**24), 2**24, len(maker.standardised))
    return model.Part(
        job=JOB,
        role=role,
        party=config.party,
        peer=config.peer.name,
        purpose=PURPOSE,
        table="any",
        parameters_sha256="0" * 64,
        rows=len(table),
        rounds=1,
        features=maker,
        intercept=12345 if role == "initiator" else None,
        weights=tuple(weights.tolist()),
        salt="00" * 16,
    )


@dataclass
class Split:
    """A pair that holds a split model, and what it scores in clear."""

    pair: Pair
    sha256: str
    parts: tuple[model.Part, model.Part]

    def score(self, mode: str, **parameters: object) -> JobResult:
        given = {
            "mode": mode,
            "model_sha256": self.sha256,
            "training_job": JOB,
            "columns": list(COLUMNS),
            "own_columns": list(OWN),
            "rows": 100,
            **parameters,
        }
        config = self.pair.initiator.config
        return run(config, "score", given, table="mine", peer_table="theirs", purpose=PURPOSE)

    def approval(self, mode: str, thresholds: list[float], columns: tuple[str, ...] = COLUMNS) -> str:
        return ScoreParameters.model_validate(
            {
                "mode": mode,
                "model_sha256": self.sha256,
                "training_job": JOB,
                "columns": columns,
                "rows": 1,
                "thresholds": thresholds,
            }
        ).approved_sha256

    def plain(self, ids: list[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        own, peer = (
            part.scores(table.take([table.ids.index(id) for id in ids]))
            for part, table in zip(self.parts, (as_table(MINE), as_table(THEIRS)), strict=True)
        )
        return decode(own + peer, 34)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    pair = make_pair(tmp_path_factory.mktemp("split"))
    pair.initiator.add_table("mine", MINE)
    pair.responder.add_table("theirs", THEIRS)
    mine, theirs = pair.initiator.config, pair.responder.config
    parts = (
        part_of(mine, "initiator", OWN, as_table(MINE)),
        part_of(theirs, "responder", COLUMNS, as_table(THEIRS)),
    )
    files = (
        model.write(mine.state, parts[0], parts[1].sha256),
        model.write(theirs.state, parts[1], parts[0].sha256),
    )
    assert files[0].split_sha256 == files[1].split_sha256
    sha256 = files[0].split_sha256
    pair.responder.serve()
    yield Split(pair, sha256, parts)
    pair.close()


def test_the_initiator_learns_the_exact_score(split: Split) -> None:
    with pytest.raises(Refused, match=r"policy\.model "):
        split.score("split_score")
    approve(split.pair.responder, split.approval("split_score", []))
    table = split.score("split_score").table
    assert table is not None
    assert table["score"].to_pylist() == split.plain(table["id"].to_pylist()).tolist()
    assert table.num_rows == 30


def test_the_initiator_learns_the_bucket_and_the_responder_the_score(split: Split) -> None:
    approve(split.pair.responder, split.approval("split_bucket", THRESHOLDS))
    result = split.score("split_bucket", thresholds=THRESHOLDS)
    table = result.table
    assert table is not None
    assert table.column_names == ["id", "bucket"]
    plain = split.plain(table["id"].to_pylist())
    assert table["bucket"].to_pylist() == buckets(plain, THRESHOLDS).tolist()
    assert len(set(table["bucket"].to_pylist())) > 1
    (file,) = (split.pair.responder.folder / "state" / "results").glob("*.parquet")
    assert pq.read_table(file)["score"].to_pylist() == plain.tolist()


def test_other_thresholds_than_approved_are_refused(split: Split) -> None:
    approve(split.pair.responder, split.approval("split_bucket", THRESHOLDS))
    with pytest.raises(Refused, match=r"policy\.model "):
        split.score("split_bucket", thresholds=[0.3, 0.31, 0.6])


def test_other_columns_than_the_models_are_refused(split: Split) -> None:
    for columns in (COLUMNS, COLUMNS[:3]):
        approve(split.pair.responder, split.approval("split_score", [], columns))
    with pytest.raises(Refused, match=r"score\.columns"):
        split.score("split_score", columns=list(COLUMNS[:3]))
    with pytest.raises(Refused, match=r"score\.columns"):
        split.score("split_score", own_columns=[])
