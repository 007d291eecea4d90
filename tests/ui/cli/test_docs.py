"""The examples of docs/cli.md do what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ui.cli.conftest import Run

TEXT = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
FILES = re.findall(r"```(?:csv|text|tsv) (\S+)\n(.*?)```", TEXT, re.S)
EXAMPLES = re.findall(r"```console\n\$ drgbridge (.*?)\n(.*?)```", TEXT, re.S)


def test_there_are_examples_of_every_command() -> None:
    assert {command.split()[0] for command, _ in EXAMPLES} == {
        "group",
        "explain",
        "search",
        "scheme",
        "records",
        "check",
        "rules",
        "suggest",
        "coding",
        "price",
        "settle",
        "simulate",
        "contract",
        "dip",
        "report",
        "running",
        "impact",
        "feedback",
    }


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_example(command: str, shown: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES:
        Path(name).write_text(content, encoding="utf-8")
    ended = run(*command.split())
    assert ended.code in (0, 3)
    assert ended.out or ended.err
    if shown:
        assert ended.out + ended.err == shown
