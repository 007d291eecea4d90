"""The training between two real processes over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from privacy import audit
from privacy.errors import PeerRefused, Refused
from privacy.protocols import JobResult
from privacy.protocols.train import TrainParameters, model
from privacy.session import run
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair
from tests.privacy.train_cases import Joined, train_plain, weights_of

ROWS, COLUMNS, ROUNDS = 600, 3, 3
JOINED = Joined.draw(ROWS, COLUMNS, seed=1, missing=0.05)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path, reconnect_seconds=1.0)
    made.initiator.add_table("mine", JOINED.initiator_columns())
    made.responder.add_table("theirs", JOINED.responder_columns())
    yield made
    made.close()


def train(pair: Pair, on_progress: Any = None, **others: Any) -> JobResult:
    return run(
        pair.initiator.config,
        "train",
        JOINED.parameters(max_rounds=ROUNDS, **others),
        table="mine",
        peer_table="theirs",
        purpose=PURPOSE,
        on_progress=on_progress,
    )


def models(party: Party) -> list[Path]:
    return sorted((party.config.state / model.FOLDER).glob("*"))


def test_two_processes_train_what_one_would_on_the_joined_rows(pair: Pair) -> None:
    pair.responder.serve()
    result = train(pair)
    parties = (pair.initiator, pair.responder)
    parts = [model.read(models(party)[0]).part for party in parties]
    plain = train_plain(
        TrainParameters.model_validate(JOINED.parameters(max_rounds=ROUNDS)),
        (parts[0], parts[1]),
        (JOINED.initiator_table(), JOINED.responder_table().take(range(ROWS, 0, -1))),
    )
    assert [weights_of(part) for part in parts] == [plain.initiator.tolist(), plain.responder.tolist()]
    assert result.summary["losses"] == plain.losses
    files = [model.read(models(party)[0]) for party in parties]
    told = [result.summary[name] for name in ("own_part_sha256", "peer_part_sha256", "split_model_sha256")]
    assert told == [parts[0].sha256, parts[1].sha256, files[1].split_sha256]
    assert models(pair.responder)[0].stem == result.summary["training_job"]
    assert result.summary["bytes_sent"] > 1_000_000
    folders = [party.folder / "state" / "audit" for party in parties]
    keys = [party.config.key.public_key() for party in parties]
    assert audit.compare(folders[0], keys[0], folders[1], keys[1]) == []


def test_a_responder_killed_in_the_training_leaves_nothing_and_a_retry_works(pair: Pair) -> None:
    pair.responder.serve()

    def kill_in_the_second_round(done: int, total: int, what: str) -> None:
        if (done, what) == (2, "rounds"):
            pair.responder.kill()

    with pytest.raises(Refused, match=r"channel\.unreachable"):
        train(pair, kill_in_the_second_round)
    assert models(pair.initiator) == models(pair.responder) == []
    pair.responder.serve()
    assert train(pair).summary["rounds"] == ROUNDS
    assert [len(models(party)) for party in (pair.initiator, pair.responder)] == [1, 1]


def test_a_column_that_the_responder_never_gives_is_refused_by_its_policy(pair: Pair) -> None:
    pair.responder.add_table("secret", JOINED.responder_columns(), constraint="NEVER")
    pair.responder.serve()
    with pytest.raises(PeerRefused) as refused:
        run(
            pair.initiator.config,
            "train",
            JOINED.parameters(max_rounds=ROUNDS),
            table="mine",
            peer_table="secret",
            purpose=PURPOSE,
        )
    assert refused.value.code == "policy.column_never"
    assert refused.value.by == pair.responder.config.party
