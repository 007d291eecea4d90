"""``drgbridge check`` and ``drgbridge rules``."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drg.quality.registry import load_rule_sets
from tests.ui.cli.conftest import Run, run_process
from ui.text import TEXTS

RECORDS = """case_id,sex,age,los_days,discharge_way,discharge_date,department,dx,proc
1001,1,65,7,1,2024-05-01,03,C53.900|I10.x00,
1002,2,31,4,1,2024-05-03,04,K35.800x001,47.0100
1003,=1,31,4,1,2024-05-03,04,K35.800x001,47.0100
1002,2,31,4,1,2024-05-03,04,K35.800x001,47.0100
"""
DATE = ("--date", "2026-12-31")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv"
    path.write_text(RECORDS, encoding="utf-8")
    return path


def found(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_tells_records_grades_and_most_frequent_rules(source: Path, run: Run) -> None:
    ended = run("check", source, *DATE)
    assert ended.code == 3
    assert ended.out.startswith("3 records checked by ")
    assert "Q125  block  1 (33.3%)  Male with a cancer of the female genital organs" in ended.out
    assert "grade" in ended.out
    assert "row 5" in ended.err


def test_what_is_found_most_by_department(source: Path, run: Run) -> None:
    ended = run("check", source, "--top-defects", "department", *DATE)
    assert ended.code == 3
    told = ended.out[ended.out.index("Found most by department:") :]
    assert "\n  03  Q125  block  1 (100.0%)  Male with a cancer of the female genital organs" in told

    document = run("check", source, "--top-defects", "month", "--json", *DATE).json
    q125 = [line for line in document["top_defects"] if line["rule"] == "Q125"]
    assert [(line["month"], line["count"], line["records"]) for line in q125] == [("2024-05", 1, 3)]
    assert "top_defects" not in run("check", source, "--json", *DATE).json


def test_top_defects_by_something_else_is_a_usage_error(source: Path, run: Run) -> None:
    ended = run("check", source, "--top-defects", "colour", *DATE)
    assert ended.code == 2 and "department" in ended.err


def test_top_defects_of_an_empty_file(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(RECORDS.splitlines()[0] + "\n", encoding="utf-8")
    assert run("check", path, "--top-defects", "doctor", *DATE).code == 0


def test_json_counts_every_rule(source: Path, run: Run) -> None:
    document = run("check", source, "--json", *DATE).json
    assert (document["records"], document["rejected"]) == (3, 1)
    counts = {line["rule"]: line for line in document["counts"]}
    assert counts["Q125"] == {"rule": "Q125", "hit": 1, "pass": 2, "not_applicable": 0, "silenced": 0}
    assert all(
        sum(line[name] for name in ("hit", "pass", "not_applicable", "silenced")) == 3
        for line in counts.values()
    )


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
def test_findings_and_scores_go_to_files(source: Path, tmp_path: Path, run: Run, ending: str) -> None:
    out = tmp_path / f"findings{ending}"
    assert run("check", source, "--out", out, *DATE).code == 3
    assert (tmp_path / f"findings.records{ending}").exists()
    assert (tmp_path / "findings.rejections.csv").exists()
    if ending == ".csv":
        lines = [line for line in found(out) if line["rule"] == "Q125"]
        assert [line["evidence"] for line in lines] == ["sex (A12C)=1; diagnosis code, row 1 (C03C)=C53.900"]
        assert [line["place"] for line in lines] == ["diagnosis code, row 1 (C03C)"]
    elif ending == ".parquet":
        assert "Q125" in pq.read_table(out).column("rule").to_pylist()


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_no_cell_becomes_a_formula(source: Path, tmp_path: Path, run: Run, ending: str) -> None:
    from python_calamine import CalamineWorkbook

    out = tmp_path / f"findings{ending}"
    run("check", source, "--out", out, *DATE)
    if ending == ".csv":
        cells = [cell for line in found(out) for cell in line.values()]
    else:
        rows = CalamineWorkbook.from_path(out).get_sheet_by_index(0).to_python()
        cells = [str(cell) for row in rows for cell in row]
    assert "'=1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_one_case_with_all_findings_in_words(source: Path, run: Run) -> None:
    ended = run("check", source, "--case", "1001", *DATE)
    assert ended.code == 0
    assert "[block] Q125  Sex is male, but C53.900 is" in ended.out
    assert "Field: diagnosis code, row 1 (C03C)" in ended.out
    assert "Evidence: sex (A12C)=1; diagnosis code, row 1 (C03C)=C53.900" in ended.out
    assert "birth_date: Q008, " in ended.out
    assert re.search(r"^Rules: \d+ hit, \d+ passed, 0 silenced, \d+ not applicable$", ended.out, re.M)
    document = run("check", source, "--case", "1001", "--json", *DATE).json
    statuses = {line["rule"]: line for line in document["rules"]}
    assert statuses["Q125"]["status"] == "hit"
    assert statuses["Q008"]["missing"] == ["birth_date"]


def test_a_case_that_is_not_there_or_no_record(source: Path, run: Run) -> None:
    assert run("check", source, "--case", "9", *DATE).code == 2
    source.write_text(RECORDS.replace("1003,", "2.0E+11,"), encoding="utf-8")
    ended = run("check", source, "--case", "2.0E+11", *DATE)
    assert ended.code == 3
    assert "row 4" in ended.err


def test_an_accepted_appeal_is_counted(source: Path, tmp_path: Path, run: Run) -> None:
    appeals = tmp_path / "appeals.csv"
    appeals.write_text(
        "rule,case_id,reason,person,date,state\nQ125,1001,intersex,Wang,2024-06-01,accepted\n",
        encoding="utf-8",
    )
    ended = run("check", source, "--appeals", appeals, "--json", *DATE)
    counts = {line["rule"]: line for line in ended.json["counts"]}
    assert (counts["Q125"]["hit"], counts["Q125"]["silenced"]) == (0, 1)
    assert "Q125" in run("check", source, "--appeals", appeals, "--case", "1001", *DATE).out
    appeals.write_text(
        "rule,case_id,reason,person,date,state\nQ999,1,r,p,2024-06-01,open\n", encoding="utf-8"
    )
    assert run("check", source, "--appeals", appeals, *DATE).code == 4


def test_a_file_without_a_record_has_no_mean_and_no_shares(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(RECORDS.splitlines()[0] + "\n", encoding="utf-8")
    told = run("check", path, *DATE).out
    assert "mean score -\n" in told
    assert "0 (-) have a finding that blocks" in told
    assert run("check", path, "--json", *DATE).json["mean_score"] is None


def test_appeals_that_are_not_there_are_told_as_such(source: Path, run: Run) -> None:
    ended = run("check", source, "--appeals", "missing.csv", *DATE)
    assert ended.code == 4
    assert ended.err.startswith("missing.csv: The file cannot be opened: No such file or directory.")
    chinese = run_process("--lang", "zh", "check", source, "--appeals", "missing.csv", *DATE)
    assert chinese.err.startswith("missing.csv: 无法打开文件：文件或文件夹不存在。")


def test_the_help_names_every_set() -> None:
    for lang in ("en", "zh"):
        assert all(name in TEXTS.text("quality.rules_option_help", lang) for name in load_rule_sets())


def test_a_set_chooses_rules(source: Path, run: Run) -> None:
    every = run("check", source, "--json", *DATE).json["rules"]
    confirmed = run("check", source, "--rules", "confirmed", "--json", *DATE).json["rules"]
    assert set(confirmed) < set(every)
    ended = run("check", source, "--rules", "nothing", *DATE)
    assert ended.code == 4
    assert "front-page" in ended.err


def test_a_scheme_adds_the_groups(source: Path, run: Run) -> None:
    ended = run("check", source, "--scheme", "chs-drg-1.1", "--case", "1002", "--json", *DATE)
    assert ended.code == 0
    assert not [line for line in ended.json["rules"] if {"drg", "group_status"} & set(line["missing"])]
    assert run("check", source, "--contract", "template", *DATE).code == 2
    priced = run("check", source, "--scheme", "chs-drg-1.1", "--contract", "template", "--json", *DATE)
    assert priced.code == 3


@pytest.mark.parametrize(
    "options", [("--out", "x.docx"), ("--date", "2024-13-01"), ("--edition", "who"), ("--out", "records.csv")]
)
def test_wrong_options_are_refused(
    source: Path, run: Run, options: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    assert run("check", source, *options).code == 2
    assert source.read_text(encoding="utf-8") == RECORDS


def test_a_file_that_is_no_record_file_is_refused(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert run("check", path).code == 4


def test_rules_are_listed_shown_tested_and_counted(run: Run, tmp_path: Path) -> None:
    ended = run("rules", "list", "--category", "sex", "--severity", "block")
    assert ended.code == 0
    assert all(" block " in line and " sex " in line for line in ended.out.splitlines())
    assert {line["severity"] for line in run("rules", "list", "--severity", "hint", "--json").json} == {
        "hint"
    }
    assert run("rules", "list", "--category", "x").code == 2
    shown = run("rules", "show", "Q125").out
    for part in ("C51-C58", "What the coder does", "How a payer reads it", "Basis", "Hit: ", "Passes: "):
        assert part in shown
    assert run("rules", "show", "Q999").code == 4
    assert run("rules", "test", "Q125").out == "Rules tested: 1, failed: 0\n"
    assert run("rules", "test", "Q999").code == 4
    document = run("rules", "coverage", "--json").json
    assert "Q125" in document["done"]
    assert set(document) == {"done", "not_scriptable", "failing", "missing"}
    assert run("rules", "index", "--out", tmp_path / "rules.md").code == 0
    assert "Q125" in (tmp_path / "rules.md").read_text(encoding="utf-8")


def test_chinese(source: Path) -> None:
    ended = run_process("--lang", "zh", "check", source, "--case", "1001", *DATE)
    assert "[强制] Q125  性别为男" in ended.out
    assert "编码员如何处理" in ended.out
    assert "字段: 诊断编码 第1行（C03C）" in ended.out
    assert "性别（A12C）=1；诊断编码 第1行（C03C）=C53.900" in ended.out
    assert "出生日期 birth_date：Q008、" in ended.out
    assert not re.search(r"\d, ", ended.out)


@pytest.mark.parametrize("id", ["Q001", "Q125", "Q165", "Q351"])
def test_a_rule_in_chinese_has_english_in_its_conditions_and_paths_only(id: str) -> None:
    shown = run_process("--lang", "zh", "rules", "show", id).out
    assert "自 2016-06-01 起 · 全国 · 不限编码字典" in shown
    lines = [
        line
        for line in shown.splitlines()
        if not line.startswith(("字段", "命中条件", "例外", "命中示例", "通过示例"))
    ]
    assert re.findall(r"[a-z]{3,}", re.sub(r"\{[a-z_]+\}|[a-z]+\.toml", "", "\n".join(lines))) == []


def test_categories_are_listed_and_chosen_by_their_names() -> None:
    listed = run_process("--lang", "zh", "rules", "list", "--category", "性别").out
    assert listed == run_process("--lang", "zh", "rules", "list", "--category", "sex").out
    assert all(" 性别 " in line for line in listed.splitlines())
    assert "sex (性别)" in run_process("--lang", "zh", "rules", "list", "--category", "x").err
