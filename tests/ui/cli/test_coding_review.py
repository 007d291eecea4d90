"""``suggest``, ``coding review`` and ``coding graph``; the examples of docs/coding-support.md do what they show."""

from __future__ import annotations

import csv
import json
import re
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import REPOSITORY
from tests.ui.cli.conftest import Run

TEXT = (REPOSITORY / "docs" / "coding-support.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.S)
RECORDS = "data_samples/sample/records"
PLAIN = "data_samples/sample/plain.csv"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the sample data in it."""
    (tmp_path / "data_samples").symlink_to(REPOSITORY / "data_samples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def examples(block: str) -> list[tuple[str, list[str]]]:
    parts = re.split(r"^\$ drgbridge ", block, flags=re.M)[1:]
    return [(lines[0], lines[1:]) for part in parts if (lines := part.splitlines())]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_of_the_page(block: str, run: Run, here: Path) -> None:
    """``...`` stands for lines or the rest of a line that are left out."""
    for command, shown in examples(block):
        ended = run(*command.split())
        assert ended.code in (0, 3), ended.err
        assert ended.out or ended.err
        pattern = "".join(
            "(.*\n)*?" if line == "..." else re.escape(line).replace(re.escape("..."), ".*") + "\n"
            for line in shown
        )
        assert re.search(pattern, ended.out), f"{command}\n{ended.out}"


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    exec(compile(block, "docs/coding-support.md", "exec"), {})  # noqa: S102 - our own page
    assert "combination K80.200x003 2 ['Q211']" in capsys.readouterr().out


def test_suggest_as_json_has_evidence_with_offsets(run: Run, here: Path) -> None:
    told = run("suggest", RECORDS, "--case", "SYN00000006-1", "--json").json
    missed = next(one for one in told["proposals"] if one["draft"]["kind"] == "missed_dx")
    assert missed["draft"]["code"] == "E87.600"
    assert {one["source"] for one in missed["draft"]["evidence"]} >= {"labs", "orders"}
    assert missed["options"][0]["change"] == {"codes": "dx", "removed": [], "added": "E87.600", "at": None}


def test_documents_can_come_from_another_folder(run: Run, here: Path) -> None:
    (here / "one.csv").write_text(
        "case_id,sex,age,discharge_date,dx\nSYN00000056-1,1,60,2025-05-01,I63.801|J98.414\n", encoding="utf-8"
    )
    alone = run("suggest", "one.csv", "--case", "SYN00000056-1")
    assert "No evidence can be judged" in alone.out
    assert "without support" not in alone.out
    with_text = run("suggest", "one.csv", "--case", "SYN00000056-1", "--text", RECORDS)
    assert "diagnosis without support: J98.414" in with_text.out


def test_money_can_be_hidden(run: Run, here: Path) -> None:
    arguments = ("suggest", PLAIN, "--case", "SYN00000333-1", "--contract", "template")
    assert "weight" in run(*arguments).out
    assert not re.search("weight|yuan", run(*arguments, "--no-money").out)


def test_applying_needs_a_log_evidence_and_a_reason(run: Run, here: Path) -> None:
    arguments = ("suggest", RECORDS, "--case", "SYN00000006-1")
    told = run(*arguments, "--json").json
    kinds = [one["draft"]["kind"] for one in told["proposals"]]
    missed = kinds.index("missed_dx") + 1
    empty = next(n for n, one in enumerate(told["proposals"], start=1) if one["draft"]["strength"] == 0)
    assert run(*arguments, "--apply", missed, "--by", "A").code == 2
    refused = run(*arguments, "--apply", empty, "--by", "A", "--log", "log", "--reason", "because I say so")
    assert refused.code == 4
    assert "whatever the reason" in refused.err
    assert run(*arguments, "--apply", missed, "--by", "A", "--log", "log").code == 4
    assert not (here / "log").exists()
    reason = "potassium was substituted"
    done = run(*arguments, "--apply", missed, "--by", "A", "--log", "log", "--reason", reason)
    assert done.code == 0
    assert "E87.600" in done.out
    entry = json.loads((here / "log").read_text(encoding="utf-8"))
    assert (entry["by"], entry["added"], entry["reason"]) == ("A", "E87.600", reason)
    assert stat.S_IMODE((here / "log").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("suggest", RECORDS, "--case", "nobody"), 2),
        (("suggest", RECORDS, "--case", "SYN00000006-1", "--apply", 99, "--log", "log"), 2),
        (("coding", "review", PLAIN, "--out", "x.txt"), 2),
        (("coding", "graph", "show", "no such code"), 2),
        (("coding", "graph", "build", PLAIN, "--out", "graph", "--minimum", 2), 4),
        (("coding", "graph", "show", "I50", "--graph", "nowhere"), 4),
        (("coding", "review", "nowhere.csv", "--out", "x.csv"), 4),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[object, ...], code: int, run: Run, here: Path) -> None:
    ended = run(*arguments)
    assert ended.code == code
    assert ended.err
    assert "Unexpected" not in ended.err


def test_review_writes_a_row_a_proposal(run: Run, here: Path) -> None:
    ended = run("coding", "review", RECORDS, "--out", "found.parquet", "--contract", "template", "--json")
    assert ended.code == 0
    table = pq.read_table("found.parquet").to_pylist()
    assert {(row["case_id"], row["kind"]) for row in table} >= {
        ("SYN00000006-1", "missed_dx"),
        ("SYN00000056-1", "unsupported_dx"),
    }
    assert ended.json["cases"] == 12
    assert sum(side["proposals"] for side in ended.json["sides"].values()) == len(table)


def test_review_of_a_csv_can_be_opened_in_a_spreadsheet(run: Run, here: Path) -> None:
    assert run("coding", "review", PLAIN, "--out", "found.csv").code == 3
    with Path("found.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows
    assert all(row["case_id"].startswith("SYN") for row in rows)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_pictures(run: Run, here: Path) -> None:
    assert run("coding", "graph", "show", "E87.6", "--dot", "a.dot", "--echarts", "a.json").code == 0
    assert Path("a.dot").read_text(encoding="utf-8").startswith("digraph")
    assert json.loads(Path("a.json").read_text(encoding="utf-8"))["series"][0]["type"] == "graph"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_text_is_in_both_languages_and_used(lang: str) -> None:
    from ui.text import TEXTS

    source = (REPOSITORY / "ui" / "cli" / "coding_review.py").read_text(encoding="utf-8")
    own = {id.partition(".")[2] for id in TEXTS.catalogue if id.startswith("coding_review.")}
    said = set(re.findall(r'_say\(\s*"([a-z_]+)"', source)) | set(re.findall(r'"([a-z_]+_line)"', source))
    said |= {"not_applicable", "no_evidence", "no_proposals"}
    starts = tuple(re.findall(r"_say\(\s*f[\"']([a-z_]+_)\{", source))
    assert said <= own
    assert {key for key in own if key not in said and not key.startswith(starts)} == set()
    assert all(TEXTS.catalogue[f"coding_review.{key}"][lang].strip() for key in own)
