"""Two real processes over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from privacy import protocols
from privacy.session import run
from tests.privacy import echo
from tests.privacy.pairs import PURPOSE, Pair, make_pair

protocols.register(echo.NAME, "tests.privacy.echo")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path)
    made.initiator.add_table("mine", {"id": ["a", "b"]})
    made.responder.add_table("theirs", {"id": ["a", "b", "c"], "cost": [1.0, 2.0, 3.5]})
    yield made
    made.close()


def run_echo(pair: Pair, **parameters: object) -> dict[str, object]:
    result = run(
        pair.initiator.config,
        echo.NAME,
        {"column": "cost", **parameters},
        table="mine",
        peer_table="theirs",
        purpose=PURPOSE,
    )
    return result.summary


def test_a_job_runs_from_open_to_close(pair: Pair) -> None:
    pair.responder.serve()
    assert run_echo(pair, times=3) == {"total": 6.5, "count": 3, "rows": 3}
