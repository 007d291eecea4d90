"""``drgbridge store``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.ui.cli.conftest import Run


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRGBRIDGE_STORE_URL", raising=False)


def test_the_life_of_a_store(run: Run) -> None:
    assert run("store", "status").code == 4
    assert run("store", "init").code == 0
    assert "up to date" in run("store", "upgrade").out.lower()
    assert run("store", "backup", "b.zip").out.startswith("Backed up")
    status = run("store", "status", "--json").json
    assert (status["schema"], status["items"]["claim"]["open"], status["audit_entries"]) == ("0004", 0, 1)
    assert run("store", "restore", "b.zip", "--store", "c.sqlite").code == 0
    assert run("store", "verify", "--store", "c.sqlite").code == 0
    refused = run("store", "restore", "b.zip", "--store", "c.sqlite")
    assert (refused.code, refused.out) == (4, "")
    assert "empty store" in refused.err


def test_verify_says_what_is_wrong(run: Run) -> None:
    run("store", "init")
    with sqlite3.connect("drgbridge-store.sqlite") as database:
        database.execute("UPDATE audit_head SET number = 5")
    ended = run("store", "verify")
    assert ended.code == 4
    assert "entry 5" in ended.out
    assert run("store", "verify", "--json").json["problems"][0]["code"] == "store.audit_end"


def test_a_password_on_the_command_line_is_refused_and_not_repeated(run: Run) -> None:
    ended = run("store", "status", "--store", "postgresql://u:s3cret@localhost/d")
    assert ended.code == 4
    assert "s3cret" not in ended.err
    assert "PGPASSFILE" in ended.err
