"""``drgbridge nightly``: what the commands refuse, with its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.nightly.lock import locked
from tests.claims.nightly.conftest import Installation, make_installation
from tests.ui.cli.conftest import Run


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return make_installation(tmp_path / "night")


def test_another_run_in_the_folder_is_75_and_leaves_all_as_it_is(made: Installation, run: Run) -> None:
    made.out.mkdir()
    with locked(made.out):
        ended = run("nightly", "run", "--config", made.config)
        assert (ended.code, ended.out) == (75, "")
        assert "Another run works in this folder" in ended.err
        assert [path.name for path in made.out.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run", "--date", "2026-02-30"], 2, "no day"),
        (["run", "--limit", "0"], 2, "--limit"),
        (["run", "--tls", "tls.toml"], 2, "--tls"),
        (["resume"], 4, "drgbridge nightly run"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, told: str, made: Installation, run: Run
) -> None:
    ended = run("nightly", *arguments, "--config", made.config)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err
    assert not made.out.exists()


def test_a_folder_without_a_run(made: Installation, run: Run) -> None:
    ended = run("nightly", "status", "--config", made.config)
    assert (ended.code, ended.out) == (0, "There was no run in this folder yet.\n")
    assert run("nightly", "plan", "--config", made.config, "--limit", "1", "--json").json["parts"] == 2
    assert not made.out.exists()


def test_input_that_is_gone_does_not_take_its_results_along(made: Installation, run: Run) -> None:
    run("nightly", "run", "--config", made.config)
    before = made.hashes()
    (made.folder / "input").rename(made.folder / "not-mounted")
    ended = run("nightly", "run", "--config", made.config)
    assert (ended.code, "No input was found" in ended.err) == (4, True)
    made.configure('"input/*.csv"', '"input/a.csv"')
    ended = run("nightly", "run", "--config", made.config)
    assert (ended.code, "input/a.csv" in ended.err) == (4, True)
    assert made.hashes() == before


def test_a_scheduler_that_does_not_answer_is_no_failed_run(
    made: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    from claims.nightly.runners import dask

    monkeypatch.setattr(dask, "CONNECT_S", 0.5)
    ended = run("nightly", "run", "--config", made.config, "--dask", "tcp://127.0.0.1:9")
    assert (ended.code, "No Dask scheduler" in ended.err) == (4, True)
    assert run("nightly", "status", "--config", made.config).out == "There was no run in this folder yet.\n"


def test_a_store_of_the_environment_must_be_named_there(
    made: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    monkeypatch.delenv("DRGBRIDGE_STORE_URL", raising=False)
    made.configure('["group", "price", "features"]', '["group", "items"]\nstore = "environment"')
    ended = run("nightly", "run", "--config", made.config)
    assert (ended.code, "DRGBRIDGE_STORE_URL" in ended.err) == (4, True)
    assert not list(made.folder.glob("*.sqlite"))
