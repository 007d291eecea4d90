"""What ``make ui`` serves after ``make demo``: every page opens for its role, and the passwords are nobody else's."""

from __future__ import annotations

import datetime as dt
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from claims.nightly.config import load_config
from claims.nightly.manifest import write_table
from claims.nightly.run import Options, run
from claims.nightly.runners import Stop
from data_samples import nightly_demo, ui_demo
from tests.conftest import REPOSITORY
from tests.privacy.pairs import INITIATOR, make_pair
from tests.ui.accounts_fixture import opened, shown, sign_in, visit
from tests.ui.claims_fixture import desk_in
from tests.ui.results_fixture import tables
from ui import home
from ui.roles import rules

CASES = 20
SMALL_NIGHT = """out = "results"
steps = ["group", "price"]
scheme = "chs-drg-1.1"
contract = "template"
workers = 1
[[input]]
name = "cases"
paths = ["cases.csv"]
"""
FIRST_ROLE = {name: page.roles[0] for name, page in rules().pages.items()}


@contextmanager
def demo(folder: Path) -> Iterator[Path]:
    """A small demo in place of the whole one: a night's results with its store and model, a pair of parties."""
    nightly = desk_in(folder / "nightly").folder
    nightly_demo.configured(nightly)
    add_quality(nightly / "results")
    add_run(nightly / "results", folder / "small")
    pair = make_pair(folder / "joint")
    assert INITIATOR == ui_demo.INSURER
    try:
        yield folder
    finally:
        pair.close()


def add_quality(results: Path) -> None:
    """What the hospital's part of a night adds: findings and scores."""
    found = tables()
    outputs = [
        write_table(found[name], results, f"{name}/q0.parquet", name) for name in ("findings", "scores")
    ]
    told = [{"table": one.table, "file": one.file} for one in outputs]
    (results / "parts" / "q0.json").write_bytes(orjson.dumps({"steps": {"all": {"outputs": told}}}))


def add_run(results: Path, small: Path) -> None:
    """What a real night tells of itself, one over a few cases."""
    small.mkdir()
    lines = (
        (REPOSITORY / "data_samples" / "sample" / "plain.csv").read_text(encoding="utf-8").splitlines(True)
    )
    (small / "cases.csv").write_text("".join(lines[:CASES]), encoding="utf-8")
    (small / "nightly.toml").write_text(SMALL_NIGHT, encoding="utf-8")
    run(load_config(small / "nightly.toml"), Options(dt.date(2026, 11, 24), 1, "fixture"), Stop())
    shutil.copy(small / "results" / "_run.json", results)
    shutil.rmtree(results / "runs")
    shutil.copytree(small / "results" / "runs", results / "runs")


def wire(folder: Path) -> dict[str, str]:
    """Name and password of every account."""
    ui_demo.wire(folder / "ui", folder / "nightly", folder / "joint")
    lines = (folder / "ui" / ui_demo.ACCOUNTS).read_text(encoding="utf-8").splitlines()[1:]
    return {name: password for name, password, _ in map(str.split, lines)}


def test_every_page_opens_for_its_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    with demo(tmp_path) as folder:
        # The store has some of the accounts, as after an earlier demo: they get a new password too.
        passwords = wire(folder)
        accounts = folder / "ui" / ui_demo.ACCOUNTS
        assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
        assert set(passwords) == set(rules().roles)
        settings = (folder / "ui" / ui_demo.SETTINGS).read_text(encoding="utf-8")
        assert not [one for one in passwords.values() if one in settings]
        monkeypatch.setenv(home.VARIABLE, str(folder / "ui" / ui_demo.SETTINGS))
        for role, password in passwords.items():
            page = sign_in(opened(), role, password)
            assert [one for one in page.text_input if one.proto.type == one.proto.PASSWORD] == [], role
            for name in (name for name, one in FIRST_ROLE.items() if one == role):
                assert 'class="d-problem"' not in shown(visit(page, name)), name
