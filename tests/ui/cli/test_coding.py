"""``drgbridge coding``: the examples of docs/coding.md, and input that cannot be used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.ui.cli.conftest import Run

TEXT = (Path(__file__).parents[3] / "docs" / "coding.md").read_text(encoding="utf-8")
FILES = re.findall(r"```(?:text|tsv) (\S+)\n(.*?)```", TEXT, re.S)
COMMANDS = re.findall(r"```console\n\$ drgbridge (.*?)\n```", TEXT, re.S)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.S)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the document, in which commands run."""
    monkeypatch.chdir(tmp_path)
    for name, content in FILES:
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_the_commands_of_the_document_work_one_after_the_other(here: Path, run: Run) -> None:
    assert len(COMMANDS) == 4
    shown = []
    for command in COMMANDS:
        ended = run(*command.split())
        assert ended.code == 0, ended.err
        shown.append(ended.out)
    lines = [line.split("\t") for line in shown[0].splitlines()]
    assert lines[0] == ["row", "text", "rank", "code", "name", "score", "given", "why"]
    codes = sorted((line[0], line[3]) for line in lines[1:])
    assert codes == [("1", "J44.100"), ("2", "I10.x05"), ("2", "M81.900")]
    assert (here / "codes.csv").read_text(encoding="utf-8-sig").count("\n") == 7


def test_a_taught_model_knows_what_it_was_taught(here: Path, run: Run) -> None:
    ended = run("coding", "fit", "pairs.tsv", "--catalogue", "codes.tsv", "--out", "model", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["pairs"] == 7
    (here / "asked.txt").write_text("胃ca并贫血貌\n\n", encoding="utf-8")
    found = run("coding", "suggest", "asked.txt", "--model", "model", "--given", "--json").out.splitlines()
    rows = [json.loads(line) for line in found]
    assert [(row["row"], row["code"]) for row in rows] == [(1, "C16"), (1, "D64"), (2, None)]


def test_the_python_of_the_document_works(capsys: pytest.CaptureFixture[str]) -> None:
    for block in PYTHON:
        exec(compile(block, "coding.md", "exec"), {})  # noqa: S102 - our own document
    out = capsys.readouterr().out
    assert out.startswith("J44.100")
    assert "hb 62.0 g/L True" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("coding suggest none.txt", 4, "no such file"),
        ("coding suggest .", 4, "no such file"),
        ("coding suggest texts.txt --model .", 4, "no model in this folder"),
        ("coding suggest texts.txt --out x.pdf", 2, ".parquet"),
        ("coding suggest texts.txt --top 0", 2, "--top"),
        ("coding suggest texts.txt --top 99", 2, "--top"),
        ("coding suggest texts.txt --kind drug", 2, "--kind"),
        ("coding suggest binary.txt", 4, "not text"),
        ("coding fit pairs.tsv --out .", 4, "something else"),
        ("coding fit none.tsv --out model", 4, "no such file"),
        ("coding fit texts.txt --catalogue codes.tsv --out model", 4, "only 0 of 2"),
        ("coding fit pairs.tsv --catalogue texts.txt --out model", 4, "texts.txt:1"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(
    arguments: str, code: int, said: str, here: Path, run: Run
) -> None:
    (here / "binary.txt").write_bytes(bytes(range(256)))
    ended = run(*arguments.split())
    assert said in ended.err
    assert ended.code == code
    assert "Traceback" not in ended.err
    assert not (here / "model").exists()
