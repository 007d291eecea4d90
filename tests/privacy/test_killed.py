"""``kill -9`` of either party at every step of a job: the other is told, nothing is half-written, a retry works."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from privacy import audit
from tests.conftest import REPOSITORY
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair
from ui.cli.app import run as command

COMMON = {f"p{number}" for number in range(25, 40)}
STEPS = ("job.open", "psi.start", "psi.elements", "psi.matches", "psi.finish", "job.close")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path, reconnect_seconds=0.3)
    made.initiator.add_table("mine", {"id": [f"p{number}" for number in range(40)]})
    made.responder.add_table("theirs", {"id": [f"p{number}" for number in range(25, 60)]})
    (made.initiator.folder / "job.toml").write_text(
        f'table = "mine"\npeer_table = "theirs"\npurpose = "{PURPOSE}"\nout = "common.parquet"\n'
        '[parameters]\nreveal = "both"\n'
    )
    yield made
    made.close()


def joint(pair: Pair) -> list[str]:
    folder = pair.initiator.folder
    return ["joint", "psi", "--config", str(pair.initiator.config_file), "--job", str(folder / "job.toml")]


def results(pair: Pair) -> list[Path]:
    """The files with ids in them, at both parties: each is whole."""
    found = [
        *pair.initiator.folder.glob("common.parquet"),
        *(pair.responder.folder / "state").glob("results/*"),
    ]
    for path in found:
        assert set(parquet.read_table(path).column("id").to_pylist()) == COMMON, path
    return found


def assert_a_retry_works(pair: Pair, dead: Party) -> None:
    before = len(results(pair))
    assert command(joint(pair)) == 0
    assert len(results(pair)) >= max(2, before)
    # What the dead process left is swept; the other party's node lets go of the job when it was silent for long.
    assert list((dead.folder / "state" / "work").iterdir()) == []
    for party in (pair.initiator, pair.responder):
        assert audit.verify(party.folder / "state" / "audit", party.config.key.public_key()) == []


def dying(party: Party, step: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.privacy.dying", step, "--", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=(party.folder / "node.err").open("ab"),
    )


@pytest.mark.parametrize("step", STEPS)
def test_the_responder_dies(pair: Pair, step: str, capsys: pytest.CaptureFixture[str]) -> None:
    pair.responder.serve("tests.privacy.dying", f"answered:{step}", "--", "node", "serve", "--config")
    node = pair.responder.node
    assert node is not None
    code = command(joint(pair))
    assert node.wait(20) == -9
    # The result was whole already when the farewell got no answer.
    assert code == (0 if step == "job.close" else 4)
    assert step == "job.close" or "hospital" in capsys.readouterr().err
    results(pair)
    pair.responder.serve("tests.privacy.serve_product")
    assert_a_retry_works(pair, pair.responder)


@pytest.mark.parametrize("step", STEPS)
def test_the_initiator_dies(pair: Pair, step: str) -> None:
    pair.responder.serve("tests.privacy.serve_product")
    assert dying(pair.initiator, f"asked:{step}", joint(pair)).wait(20) == -9
    assert not (pair.initiator.folder / "common.parquet").exists()
    assert_a_retry_works(pair, pair.initiator)
