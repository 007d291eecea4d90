"""``kill -9`` of either party at every step of a job: the other is told, nothing is half-written, a retry works."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from privacy import audit
from privacy.protocols.train import model
from tests.conftest import REPOSITORY
from tests.privacy.killed_cases import CASES, Case
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair
from ui.cli.app import run as command

COMMON = {f"p{number}" for number in range(25, 40)}
STEPS = ("job.open", "psi.start", "psi.elements", "psi.matches", "psi.finish", "job.close")


OUT = "out.csv"


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
    assert_nothing_is_left(pair, dead)


def assert_nothing_is_left(pair: Pair, dead: Party) -> None:
    """What the dead process left is swept; the other party's node lets go of the job when it was silent for long."""
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


@pytest.fixture
def case_pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path, reconnect_seconds=0.3)
    # One place: the job of an initiator that died must not hold it when the next one comes.
    made.responder.set(limits__jobs_at_once=1)
    yield made
    made.close()


def serve_until(pair: Pair, step: str) -> None:
    pair.responder.kill()
    pair.responder.serve("tests.privacy.dying", f"answered:{step}", "--", "node", "serve", "--config")


def serve(pair: Pair) -> None:
    pair.responder.kill()
    pair.responder.serve("tests.privacy.serve_product")


def finished(pair: Pair) -> list[list[Any]]:
    """Files that finished jobs left, by their kind, each read as a whole: tables as rows in some order, models."""
    folders = [party.folder / "state" for party in (pair.initiator, pair.responder)]
    tables = [parquet.read_table(path) for path in folders[1].glob("results/*")]
    models = [
        [model.read(path).part.weights for path in folder.glob(f"{model.FOLDER}/*")] for folder in folders
    ]
    written = [sorted(path.read_text("utf-8").splitlines()) for path in pair.initiator.folder.glob(OUT)]
    # Scores have a little noise in some modes.
    return [written, [sorted(table.column("id").to_pylist()) for table in tables], *models]


def assert_the_job_ends_well(pair: Pair, arguments: list[str], dead: Party) -> None:
    """What a job left that was killed at its end is whole: it is what the last one left."""
    assert command(arguments) == 0
    kinds = finished(pair)
    assert any(kinds)
    for kind in kinds:
        assert all(each == kind[0] for each in kind)
    assert_nothing_is_left(pair, dead)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_responder_dies_at_each_message(case_pair: Pair, case: Case) -> None:
    """Each job but the first is the retry after the kill of the one before, and comes further than it."""
    pair, arguments = case_pair, case.write(case_pair)
    for step in case.steps:
        serve_until(pair, step)
        node = pair.responder.node
        assert node is not None
        assert command(arguments) == 4
        assert node.wait(20) == -9
        assert not (pair.initiator.folder / OUT).exists()
    serve(pair)
    assert_the_job_ends_well(pair, arguments, pair.responder)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_initiator_dies_at_each_message(case_pair: Pair, case: Case) -> None:
    pair, arguments = case_pair, case.write(case_pair)
    serve(pair)
    for step in case.steps:
        assert dying(pair.initiator, f"asked:{step}", arguments).wait(20) == -9
        assert not (pair.initiator.folder / OUT).exists()
    assert_the_job_ends_well(pair, arguments, pair.initiator)
