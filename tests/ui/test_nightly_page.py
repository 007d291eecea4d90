"""The page of the nightly runs over a results folder that a real run has made."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from claims.nightly.results import open_results
from claims.store import Store, audit_since
from tests.conftest import REPOSITORY
from tests.ui.accounts_fixture import SETTINGS, configure, opened, shown, sign_in, visit
from tests.ui.cli.conftest import run_process
from ui.text import text

ROWS = """case_id,sex,age,los_days,discharge_way,discharge_date,dx,proc,total_cost_yuan
1001,1,65,7,1,2024-05-01,I21.001|J96.000|E11.900,,9000.00
1002,2,31,4,1,2024-05-03,K35.800x001,47.0100,8000.00
1003,2,-4,4,1,2024-05-03,K35.800x001,47.0100,8000.00
"""
CONFIG = """out = "results"
steps = ["group", "price"]
scheme = "chs-drg-1.1"
contract = "template"
workers = 1

[[input]]
name = "cases"
paths = ["cases.csv"]
"""
PATIENCE_SECONDS = 60


def say(key: str, **params: object) -> str:
    return text(f"nightly_page.{key}", "zh", **params)


@pytest.fixture
def night(account_store: Store, installation_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose configuration of runs is there, but no run yet."""
    (installation_folder / "cases.csv").write_text(ROWS, encoding="utf-8")
    (installation_folder / "nightly.toml").write_text(CONFIG, encoding="utf-8")
    configure(installation_folder, monkeypatch, SETTINGS + 'results = "results"\nnightly = "nightly.toml"\n')
    monkeypatch.chdir(REPOSITORY)
    return installation_folder


def page_of(role: str) -> AppTest:
    return visit(sign_in(opened(), role), "nightly")


def run_once(folder: Path) -> None:
    assert run_process("nightly", "run", "--config", folder / "nightly.toml").code == 3


def test_before_the_first_run_an_operator_plans_it(night: Path) -> None:
    page = page_of("operator")
    assert say("no_run").partition("\n")[0] in shown(page)
    page.button(key="nightly_plan_button").click()
    page.run()
    assert text("nightly.plan_sources", "zh", new=1, known=0, refused=0) in shown(page)
    assert not (night / "results" / "_run.json").exists()


def test_a_finished_run_shows_its_results_rejections_and_history(night: Path, account_store: Store) -> None:
    run_once(night)
    page = page_of("operator")
    run = open_results(night / "results").run()
    assert run["id"] in shown(page) and say("exit_3") in shown(page)
    assert say("rows_rejected") in shown(page) and say("sum_payment_fen") in shown(page)
    rejected = open_results(night / "results").table("rejected").to_pylist()
    assert (
        len(rejected) == 1
        and rejected[0]["text_zh"] in shown(page)
        and rejected[0]["remedy_zh"] in shown(page)
    )
    assert page.button(key="nightly_resume").disabled and not page.button(key="nightly_start").disabled
    assert ("operator", "view", "page", "nightly") in [
        (one.person, one.action, one.object_kind, one.object_id) for one in audit_since(account_store, 0)
    ]


def test_an_auditor_looks_but_starts_nothing(night: Path) -> None:
    run_once(night)
    page = page_of("auditor")
    assert say("exit_3") in shown(page)
    assert not [button for button in page.button if (button.key or "").startswith("nightly_")]


def test_others_are_refused(night: Path) -> None:
    page = page_of("analyst")
    assert text("access.page_refused", "zh").partition("\n")[0] in shown(page)
    assert say("title") not in shown(page)


def test_a_run_that_is_started_here_goes_on_by_itself_and_is_audited(
    night: Path, account_store: Store
) -> None:
    page = page_of("operator")
    page.button(key="nightly_start").click()
    page.run()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (night / "results" / "_SUCCESS").exists():
        assert time.monotonic() < deadline, "the run did not end"
        time.sleep(0.2)
    assert open_results(night / "results").run()["exit_code"] == 3
    assert "start_run" in [one.action for one in audit_since(account_store, 0)]


def test_a_run_that_was_killed_is_called_so_and_can_be_resumed(night: Path) -> None:
    run_once(night)
    told = night / "results" / "_run.json"
    told.write_text(told.read_text().replace('"state": "done"', '"state": "running"'), encoding="utf-8")
    page = page_of("operator")
    assert say("state_killed") in shown(page)
    assert not page.button(key="nightly_resume").disabled


def test_a_wrong_configuration_is_told_in_words(night: Path) -> None:
    (night / "nightly.toml").write_text(CONFIG + "\n[limits]\nrows = 3\n", encoding="utf-8")
    page = page_of("operator")
    assert "limits.rows" in shown(page) and "Traceback" not in shown(page)
    assert not page.exception
