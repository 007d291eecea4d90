"""``drgbridge risk``: the examples of docs/risk.md, and options that cannot be carried out."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from data_samples.risk_claims import make
from tests.ui.cli.conftest import Run

TEXT = (Path(__file__).parents[3] / "docs" / "risk.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```console\n\$ drgbridge (.*?)\n```", TEXT, re.S)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.S)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the table of the document, in which commands run."""
    monkeypatch.chdir(tmp_path)
    make(1500, 20260124).to_csv("claims.csv", index=False)
    return tmp_path


def test_the_commands_of_the_document_work_one_after_the_other(here: Path, run: Run) -> None:
    shown = {}
    for command in COMMANDS:
        ended = run(*command.split())
        assert ended.code == 0, ended.err
        assert "Traceback" not in ended.err
        shown[command.split()[1]] = ended.out
    assert set(shown) == {"rank", "train", "evaluate", "score", "explain", "drift"}
    assert re.search(r"not used\trecovered\t.*AUC 1\.0", shown["train"])
    assert "By hospital" in shown["train"]
    assert "left out because they were trained on" in shown["evaluate"]
    assert shown["drift"].splitlines()[1].startswith("score\t0.0")
    with (here / "scored.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1500
    flagged = [row for row in rows if row["flagged"] == "true"]
    assert len(flagged) == 40
    assert all("the risk" in row["reasons"] for row in flagged)
    for name in ("card.json", "card.en.md", "card.zh.md"):
        assert (here / "model" / name).read_text(encoding="utf-8")
    for command in (
        ("score", "model", "claims.csv", "--out", "x.csv", "--amount", "nothing"),
        ("evaluate", "model", "claims.csv", "--subgroup", "nothing"),
        ("explain", "model", "claims.csv", "--unit", "SYN-CLAIM-0000007", "--fixed", "nothing"),
    ):
        ended = run("risk", *command)
        assert (ended.code, "the table has no column nothing" in ended.err) == (4, True), command
    day = run("risk", "train", "claims.csv", "--label", "suspicious", "--date", "soon", "--out", "m")
    assert day.code == 2
    ended = run("risk", "score", "model", "claims.csv", "--out", "model.txt")
    assert ended.code == 2
    (here / "model" / "trees-00.txt").write_text("tree\n")
    ended = run("risk", "score", "model", "claims.csv", "--out", "again.csv")
    assert (ended.code, "hash differs" in ended.err) == (4, True)
    assert not (here / "again.csv").exists()


def test_the_python_of_the_document_works(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in PYTHON:
        exec(compile(block, "risk.md", "exec"), {})  # noqa: S102 - our own document
    out = capsys.readouterr().out
    assert "'claims_12m': 2, 'days_since_last_claim': 92" in out
    assert "{'days_since_issue': 59, 'sum_insured_fen': 100, 'exam_share': 0.25, 'invoice_reused': 0}" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "claims.csv", "--label", "nothing", "--out", "m"], "no column nothing"),
        (["train", "claims.csv", "--label", "suspicious", "--unit", "group", "--out", "m"], "--group"),
        (["train", "claims.csv", "--label", "suspicious", "--split", "time", "--out", "m"], "--time"),
        (["train", "claims.csv", "--label", "age", "--out", "m"], "--positive"),
        (["train", "nowhere.csv", "--label", "age", "--out", "m"], "no such file"),
        (["evaluate", "nowhere", "claims.csv"], "no risk model"),
        (["rank", "claims.csv", "--out", "r.csv"], "nothing to rank"),
        (["rank", "claims.csv", "--value", "x", "--out", "r.csv"], "--value: the table has no column x"),
        (["rank", "claims.csv", "--value", "region", "--out", "r.csv"], "region has no numbers"),
        (
            ["train", "claims.csv", "--label", "suspicious", "--time", "hospital", "--out", "m"],
            "readable day",
        ),
        (["table", "nowhere", "--out", "t.csv"], "holds no results"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], message: str, here: Path, run: Run) -> None:
    ended = run("risk", *arguments)
    assert ended.code == 4
    assert message in ended.err
    assert not (here / "m").exists()
