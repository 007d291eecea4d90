"""``drgbridge risk joint``: what it says and how it ends where the page's commands do not lead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claims.joint.world import World
from tests.ui.cli.conftest import Run, run

__all__ = ["run"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.make(tmp_path_factory.mktemp("world"))
    made.pair.close()
    section = (
        f'[joint]\nnode = "{made.pair.initiator.config_file}"\nscore = "bucket.toml"\ntrain = "train.toml"\n'
        'columns = { features = ["days_since_issue", "claims_12m", "sum_insured"] }\n'
        "[[joint.bands]]\nname = 'high'\nthreshold = 0.5\n"
    )
    (made.folder / "nightly.toml").write_text(section)
    yield made


def test_a_night_without_a_model_says_how_to_get_one(world: World, run: Run, tmp_path: Path) -> None:
    told = run("risk", "joint", "run", "--config", world.folder / "nightly.toml", "--results", world.results,
               "--out", tmp_path)  # fmt: skip
    assert told.code == 4
    assert "risk joint train" in told.out
    assert json.loads((tmp_path / "joint.json").read_text())["state"] == "no_model"
    ended = run("risk", "joint", "run", "--config", world.folder / "nightly.toml", "--results", world.results,
                "--out", tmp_path, "--json")  # fmt: skip
    assert ended.json["counts"]["waiting"] > 100


def test_training_with_a_node_that_is_down_can_be_repeated(world: World, run: Run) -> None:
    told = run("risk", "joint", "train", "--config", world.folder / "nightly.toml", "--results", world.results,
               "--labels", world.folder / "insurer" / "labels.csv")  # fmt: skip
    assert told.code == 5
    assert "hospital" in told.err
    assert not (world.folder / "joint-models" / "model.json").exists()


def test_training_wants_labels_once(world: World, run: Run) -> None:
    asked = ("risk", "joint", "train", "--config", world.folder / "nightly.toml", "--results", world.results)
    assert run(*asked).code == 2
    told = run(*asked, "--labels", world.results / "cases" / "20261001-sample.parquet")
    assert (told.code, "no column label" in told.err) == (4, True)


def test_labels_can_come_from_the_store(world: World, run: Run, tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    assert run("store", "init", "--store", store).code == 0
    told = run("risk", "joint", "train", "--config", world.folder / "nightly.toml", "--results", world.results,
               "--store", store)  # fmt: skip
    assert (told.code, "close decisions first" in told.err) == (4, True)


def test_a_run_that_asked_nothing_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "joint").mkdir()
    (tmp_path / "joint" / "joint.json").write_text('{"learned": []}', encoding="utf-8")
    told = run("risk", "joint", "trace", "--results", tmp_path)
    assert (told.code, told.out, "nobody learned anything" in told.err) == (0, "", True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--config", "nowhere.toml", "--results", "{results}"], 4, "nowhere.toml"),
        (["run", "--config", "{folder}/nightly.toml", "--results", "nowhere"], 4, "nowhere"),
        (["trace", "--results", "nowhere"], 4, "no trace"),
        (
            ["report", "nowhere.csv", "nowhere.csv", "--label", "y", "--amount", "a", "--out", "r"],
            4,
            "no such file",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    code: int,
    message: str,
    world: World,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run(
        "risk", "joint", *(one.format(results=world.results, folder=world.folder) for one in arguments)
    )
    assert told.code == code
    assert message in told.err
    assert "Traceback" not in told.err
