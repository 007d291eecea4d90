"""``drgbridge claims across`` and ``drgbridge claims indicators``."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.ui.cli.conftest import Run, run_process

VISITS = """case_id,person,hospital,admission_date,discharge_date
A,p1,H1,2026-03-01,2026-03-08
B,p1,H2,2026-03-05,2026-03-10
"""
MANY = VISITS + "".join(f"C{n},q{n},H3,2026-03-01,2026-03-08\n" for n in range(12))


def test_hits_are_written_and_told(tmp_path: Path, run: Run) -> None:
    source, out = tmp_path / "v.csv", tmp_path / "hits.csv"
    source.write_text(VISITS, encoding="utf-8")
    ended = run("claims", "across", source, "--out", out)
    assert ended.code == 0, ended.err
    assert "2 visits" in ended.out and "C056  suspicion  1" in ended.out
    assert "C061 is not applicable: no values of visits.dx, visits.planned_readmission" in ended.out
    assert "visit_kind" in ended.out
    with out.open(encoding="utf-8-sig") as file:
        (hit,) = csv.DictReader(file)
    assert hit["rule"] == "C056" and hit["other_cases"] == "A" and "3" in hit["sentence_zh"]
    assert not (tmp_path / "hits.rejections.csv").exists()


def test_rejected_rows_end_with_3(tmp_path: Path, run: Run) -> None:
    source, out = tmp_path / "v.csv", tmp_path / "hits.parquet"
    source.write_text(VISITS + "A,p2,H1,2026-03-01,2026-03-02\n", encoding="utf-8")
    ended = run("claims", "across", source, "--out", out, "--until", "2026-03-09", "--json")
    assert ended.code == 3
    assert ended.json["hits"] == 0 and ended.json["rejected"] == 1
    assert "v.csv row 3" in ended.err and "more than once" in ended.err
    assert pq.read_table(out).num_rows == 0
    assert (tmp_path / "hits.rejections.csv").exists()


def test_indicators_name_what_they_are(tmp_path: Path, run: Run) -> None:
    source, out = tmp_path / "v.csv", tmp_path / "indicators.csv"
    source.write_text(MANY, encoding="utf-8")
    ended = run("claims", "indicators", source, "--out", out)
    assert ended.code == 0, ended.err
    assert "3 figures, 2 of them not shown" in ended.out and "cmi is not applicable" in ended.out
    with out.open(encoding="utf-8-sig") as file:
        rows = {row["hospital"]: row for row in csv.DictReader(file)}
    assert (rows["H3"]["name"], rows["H3"]["unit"], float(rows["H3"]["value"])) == ("Mean stay", "days", 7)
    assert rows["H1"]["value"] == "" and rows["H1"]["cases"] == ""


def test_input_that_cannot_be_used_leaves_nothing(tmp_path: Path, run: Run) -> None:
    source, out = tmp_path / "v.csv", tmp_path / "hits.parquet"
    source.write_text("a,b\n1,2\n", encoding="utf-8")
    ended = run("claims", "across", source, "--out", out)
    assert ended.code == 4 and "case_id" in ended.err and not out.exists()
    assert run("claims", "across", source, "--out", tmp_path / "x.doc").code == 2
    assert run("claims", "across", tmp_path / "none.csv", "--out", out).code == 4
    assert run("claims", "across", tmp_path, "--out", out).code == 4
    lines = run("claims", "across", tmp_path, "--lines", source, "--out", out)
    assert (lines.code, "--lines" in lines.err) == (2, True)
    until = run("claims", "across", source, "--until", "soon", "--out", out)
    assert (until.code, "--until" in until.err) == (2, True)


def test_chinese(tmp_path: Path) -> None:
    source, out = tmp_path / "v.csv", tmp_path / "hits.xlsx"
    source.write_text(VISITS, encoding="utf-8")
    ended = run_process("claims", "across", source, "--out", out, LC_ALL="zh_CN.UTF-8")
    assert ended.code == 0 and "2 次就诊" in ended.out and "疑点" in ended.out
    assert out.exists()


TEXT = (Path(__file__).parents[3] / "docs" / "supervision.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ drgbridge (.*?)\n(.*?)```", TEXT, re.S)


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_the_examples_of_the_page_do_what_they_show(
    command: str, shown: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in re.findall(r"```csv (\S+)\n(.*?)```", TEXT, re.S):
        Path(name).write_text(content, encoding="utf-8")
    ended = run(*command.split())
    told = iter((ended.out + ended.err).splitlines())
    assert [line for line in shown.splitlines() if line != "…" and line not in told] == []


def test_the_page_names_every_column_rule_and_indicator() -> None:
    from claims.across.indicators import definitions
    from claims.across.rule import load_across_rules
    from claims.across.visits import contract

    rows = [f"| `{name}` |" for columns in contract().values() for name in columns]
    rows += [
        f"| {one.id} | {one.severity} | {one.title.en} | {one.title.zh} |"
        for one in load_across_rules().values()
    ]
    rows += [f"| `{one.id}` | {one.name.en} | {one.name.zh} | {one.unit} |" for one in definitions()]
    assert [row for row in rows if row not in TEXT] == []
