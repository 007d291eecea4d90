"""A wrong command line: what is wrong, about which option, where to look; in both languages, never in Typer's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.cli.conftest import Run
from ui.cli import usage

WRONG = {
    "a choice": (
        "group x --edition foo",
        "'--edition': 'foo' is not known here; use nhsa, clinical",
        "group",
    ),
    "no number": ("search x --limit foo", "'--limit': it must be a whole number", "search"),
    "too small": ("search x --limit 0", "'--limit': it must be at least 1", "search"),
    "too great": ("search x --limit 1001", "'--limit': it must be at most 1000", "search"),
    "no day": (
        "running x --today 2024-13-01",
        "'2024-13-01' is not a day; write it as 2026-01-31",
        "running",
    ),
    "no such command": ("grup x", "there is no command grup; nearest: group", None),
    "nothing near": ("risk zzzz", "there is no command zzzz", "risk"),
    "no such option": ("group x --nothing-such", "there is no option --nothing-such", "group"),
    "near option": ("group x --edtion nhsa", "there is no option --edtion; nearest: --edition", "group"),
    "no value": ("dip group x --out", "--out needs a value after it", "dip group"),
    "a value of a flag": ("search x --json=1", "--json takes no value", "search"),
    "one too many": ("group x y z", "more was given than the command takes: y z", "group"),
    "missing": ("group", "'IN' is missing", "group"),
    "no file": ("deidentify nosuch.csv --policy p --out o.csv", "there is no nosuch.csv", "deidentify"),
    "a folder": ("deidentify . --policy p --out o.csv", ". is a folder; name a file", "deidentify"),
    "a file": ("audit show pyproject.toml", "pyproject.toml is a file; name a folder", "audit show"),
    "cannot be opened": (
        "consent find nosuch --id-kind name --config x",
        "nosuch cannot be opened",
        "consent find",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_command_line(name: str, run: Run) -> None:
    line, told, command = WRONG[name]
    ended = run(*line.split())
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert ended.err.endswith(f"See: drgbridge {command} --help\n" if command else "See: drgbridge --help\n")


def test_a_problem_of_no_single_option_has_no_empty_name(run: Run, tmp_path: Path) -> None:
    ended = run("audit", "verify", tmp_path, "--key", "zz")
    assert ended.code == 2
    assert not ended.err.startswith(":")


@pytest.mark.parametrize(
    "said",
    [
        "Value error, 'foo' is not one of 'nhsa', 'clinical'.",
        "Value error, '2024-13-01' does not match the formats '%Y-%m-%d'.",
        "Input should be a valid integer, unable to parse string as an integer",
        "No such command 'trian'. Did you mean 'train', 'rank'?",
        "Got unexpected extra argument(s) (y z)",
        "Option '--out' requires an argument.",
        "dir '/etc/passwd' is a file.",
    ],
)
def test_nothing_of_typer_is_left_in_chinese(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "LANG", "zh")
    told = usage.translated(said)
    words = {word.strip("'.,()") for word in said.split()}
    assert told != said
    assert not words & {"error", "should", "such", "unexpected", "requires", "match"} & set(told.split())
    assert any("一" <= sign <= "鿿" for sign in told)
