"""Every door of the command line with something behind it that is not there: an answer, no trace, the right code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from tests.ui.cli.conftest import Run
from ui.cli.app import app

PLACES = ("--store", "--config")
"""Options with a default that a stranger's folder does not have."""
LATE = {
    "search",
    "rules index",
    "coding graph show",
    "check",
    "dip build",
    "coding graph build",
    "coding fit",
}
"""Commands that have their answer, or seconds of work, before they look at any path."""


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = {" ".join(words): command for words, command in commands(get_command(app))}
ASKING = COMMANDS.keys() - LATE


def filled(command: Any, nowhere: Path) -> list[str]:
    """What the command needs: paths below a file, names that nothing has."""
    given = []
    for parameter in command.params:
        if parameter.required or set(parameter.opts) & set(PLACES):
            option = [one for one in parameter.opts if one.startswith("--")]
            given += [*option, value(parameter.type_descriptor.annotation, nowhere, parameter.opts[0])]
    return given


def value(annotation: Any, nowhere: Path, name: str) -> str:
    if choices := [one for one in get_args(annotation) if isinstance(one, str)]:
        return choices[0]
    if "datetime" in str(annotation):
        return "2026-01-31"
    return (
        str(nowhere) if "Path" in str(annotation) or "File" in str(annotation) or name in PLACES else "nosuch"
    )


@pytest.mark.parametrize("name", [name for name in sorted(ASKING) if filled(COMMANDS[name], Path())])
def test_nothing_is_there(name: str, run: Run, cases: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run(*name.split(), *filled(COMMANDS[name], cases / "nowhere.csv"))
    assert ended.code in (2, 4), ended.err
    assert ended.err.strip()
    for raw in ("Errno", "Traceback", "Unexpected error", "Value error", "pydantic"):
        assert raw not in ended.err
    assert [path.name for path in tmp_path.iterdir()] == [cases.name], "nothing may be written"


LONG = "n" * 300
DOORS = {
    "a name too long": ("group {long}.csv", "File name too long"),
    "parameters that are not there": ("claims check {file} --parameters no.toml", "No such file"),
    "empty parameters": ("claims check {file} --parameters {empty}", "empty.toml: region: "),
    "broken parameters": ("claims check {file} --parameters {broken}", "line 2, column 2"),
    "a broken party": ("node jobs --config {broken}", "TOML: line 2, column 2"),
    "a broken job": ("joint approval --job {broken}", "line 2, column 2"),
    "an unfinished mapping": ("group {file} --profile {empty}", "id: it is missing; add it"),
    "a broken mapping": ("group {file} --profile {broken}", "line 2, column 2"),
    "a scheme where no stay is open": ("running {file} --scheme nosuch", "nosuch"),
    "a reference that is not there": ("report {file} --out r.html --reference no.csv", "No such file"),
}


@pytest.mark.parametrize("name", DOORS)
def test_something_else_is_there(
    name: str, run: Run, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line, told = DOORS[name]
    given: dict[str, Any] = {"file": cases, "long": LONG}
    for file, text in (("empty", ""), ("broken", "a = [1,\n[x\n")):
        given[file] = tmp_path / f"{file}.toml"
        given[file].write_text(text, encoding="utf-8")
    ended = run(*line.format(**given).split())
    assert (ended.code, ended.out) == (4, "")
    assert told in ended.err
    assert "Errno" not in ended.err
