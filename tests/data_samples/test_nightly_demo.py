"""The nightly demo end to end with real nodes, then its night again with the other party's node down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_samples import nightly_demo
from tests.conftest import REPOSITORY

SECONDS = 240


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the demo left, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "data_samples.nightly_demo", "--out", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_the_first_night_scores_jointly_and_the_second_skips_everything(demo: tuple[Path, str]) -> None:
    folder, told = demo
    first, second = (
        json.loads(path.read_text()) for path in sorted((folder / "results" / "runs").glob("*.json"))
    )
    assert first["joint"]["state"] == "done"
    assert second["joint"]["state"] == "nothing_new"
    assert second["parts"]["done"] == 0 < second["parts"]["skipped"]
    assert second["joint"]["bands"] == first["joint"]["bands"]
    table = pq.read_table(folder / "results" / "joint" / "joint.parquet")
    bands = Counter(table.column("band").drop_null().to_pylist())
    assert dict(bands) == first["joint"]["bands"]
    assert len(bands) > 1
    parties = {one["party"] for one in first["joint"]["learned"]}
    assert len(parties) == 2
    assert "is not approved" in told


def test_a_night_goes_on_while_the_node_is_down(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    before = pq.read_table(folder / "results" / "joint" / "joint.parquet")
    kept = folder / "results"
    kept.rename(folder / "kept")
    try:
        assert nightly_demo.night(folder / "nightly.toml") in nightly_demo.DONE
        told = nightly_demo.last_run(folder)
    finally:
        kept.rename(folder / "alone")
        (folder / "kept").rename(kept)
    assert (told["state"], told["joint"]["state"], told["joint"]["later"]) == ("done", "peer_down", True)
    assert told["rows"]["risk"] == len(before)
    alone = pq.read_table(folder / "alone" / "joint" / "joint.parquet").column("state")
    assert "not_asked" in set(alone.to_pylist())
    assert "scored" not in set(alone.to_pylist())
