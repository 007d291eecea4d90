"""``drgbridge claims network``: the examples of docs/network.md, rejections, refusals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ui.cli.conftest import Run

TEXT = (Path(__file__).parents[3] / "docs" / "network.md").read_text(encoding="utf-8")
FILES = re.findall(r"```csv (\S+)\n(.*?)```", TEXT, re.S)
EXAMPLES = re.findall(r"```console\n\$ drgbridge (.*?)\n(.*?)```", TEXT, re.S)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES:
        Path(name).write_text(content, encoding="utf-8")
    return tmp_path


def test_the_commands_of_the_document_work_one_after_the_other(run: Run) -> None:
    assert len(EXAMPLES) == 2
    for command, shown in EXAMPLES:
        ended = run(*command.split())
        assert ended.code == 0, ended.err
        assert ended.out + ended.err == shown


def test_json_of_both_commands(run: Run) -> None:
    report = run("claims", "network", "build", "visits.csv", "--out", "network", "--json").json
    assert (report["claims"], report["edges"]["together"], report["missing"]) == (11, 3, ["agent"])
    found = run("claims", "network", "ego", "network", "--node", "person:P1", "--hops", "2", "--json").json
    assert {"source": "person:P1", "target": "person:P2", "kind": "together"}.items() <= found["edges"][
        0
    ].items()


def test_rejected_rows_are_told_and_the_exit_code_says_so(run: Run) -> None:
    Path("bad.csv").write_text("case_id,person,claim_date\n1,p,2025-01-01\n2,,2025-01-01\n3,p,soon\n")
    ended = run("claims", "network", "build", "bad.csv", "--out", "network")
    assert ended.code == 3
    assert "2 rows were rejected" in ended.err
    assert "bad.csv, row 2, person: the id is missing" in ended.err
    assert "row 3, claim_date: soon cannot be read" in ended.err


def test_phones_need_a_key_and_are_nowhere_afterwards(run: Run, here: Path) -> None:
    Path("raw.csv").write_text("case_id,person,claim_date,phone\n1,p,2025-01-01,13800138000\n")
    refused = run("claims", "network", "build", "raw.csv", "--out", "network")
    assert (refused.code, "--key" in refused.err, (here / "network").exists()) == (4, True, False)
    key = Path("key")
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    assert run("claims", "network", "build", "raw.csv", "--out", "network", "--key", "key").code == 0
    shown = run("claims", "network", "ego", "network", "--node", "p", "--json").out
    assert "138001" not in shown
    key.chmod(0o644)
    assert run("claims", "network", "build", "raw.csv", "--out", "network", "--key", "key").code == 4


def test_what_is_not_there_is_said(run: Run) -> None:
    for arguments in (["ego", "nowhere", "--node", "p"], ["build", "nowhere.csv", "--out", "network"]):
        ended = run("claims", "network", *arguments)
        assert (ended.code, ended.out) == (4, "")
        assert "Traceback" not in ended.err
