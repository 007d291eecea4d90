"""``drgbridge claims``."""

from __future__ import annotations

import csv
from pathlib import Path

import xlsxwriter

from tests.ui.cli.conftest import Run

CLAIMS = "case_id,sex,age,dx,visit_kind\n1,1,40,J18.900,inpatient\n2,2,40,J18.900,inpatient\n"
LINE = "SYN-D002,甲,drug,1,2026-03-01\n"
FEES = f"case_id,item_code,item_name,kind,quantity,date\n1,{LINE}9,{LINE}"


def test_claims_are_checked_with_their_fee_lines(tmp_path: Path, run: Run) -> None:
    source, fees, out = tmp_path / "c.csv", tmp_path / "f.csv", tmp_path / "out.csv"
    source.write_text(CLAIMS, encoding="utf-8")
    fees.write_text(FEES, encoding="utf-8")
    ended = run("claims", "check", source, "--fees", fees, "--region", "440300", "--out", out)
    assert ended.code == 3, ended.err
    assert "2 claims" in ended.out and "C001" in ended.out
    assert "synthetic sample" in ended.err and "case 9" in ended.err
    with out.open(encoding="utf-8-sig") as file:
        findings = list(csv.DictReader(file))
    assert [(line["rule"], line["case_id"]) for line in findings] == [("C001", "1")]
    assert (tmp_path / "out.claims.csv").exists() and (tmp_path / "out.rejections.csv").exists()


def test_what_is_not_there_is_said(tmp_path: Path, run: Run) -> None:
    source = tmp_path / "c.csv"
    source.write_text(CLAIMS, encoding="utf-8")
    for arguments in (
        [tmp_path / "nowhere.json"],
        [source, "--fees", "nowhere"],
        [source, "--parameters", "nowhere"],
    ):
        ended = run("claims", "check", *arguments)
        assert (ended.code, "Check" in ended.err) == (4, True), ended.err


def test_a_region_or_parameter_that_nobody_knows_is_refused(tmp_path: Path, run: Run) -> None:
    source, parameters = tmp_path / "c.csv", tmp_path / "p.toml"
    source.write_text(CLAIMS, encoding="utf-8")
    assert "six digits" in run("claims", "check", source, "--region", "44030").err
    setting = '[price_tolerence]\ntitle = { en = "x", zh = "x" }\nvalues = [{ value = 1, source = "t" }]\n'
    parameters.write_text(f'region = "440300"\n{setting}', encoding="utf-8")
    ended = run("claims", "check", source, "--parameters", parameters)
    assert (ended.code, "price_tolerence" in ended.err) == (4, True)


def test_json_counts_every_rule(tmp_path: Path, run: Run) -> None:
    source = tmp_path / "c.csv"
    source.write_text(CLAIMS, encoding="utf-8")
    ended = run("claims", "check", source, "--json")
    assert ended.json["claims"] == 2 and len(ended.json["counts"]) == len(ended.json["rules"])


def test_rules_are_listed_shown_and_counted(run: Run) -> None:
    assert "C022" in run("claims", "rules", "list", "--severity", "suspicion").out
    shown = run("claims", "rules", "show", "C022").out
    assert "includes(fee_lines, code, date)" in shown and "hospital" in shown
    across = run("claims", "rules", "show", "C061").out
    assert "readmission_days" in across and "FROM stays" in across and "hospital" in across
    assert "not built yet" in run("claims", "rules", "show", "C047").out
    assert "cannot be checked" in run("claims", "rules", "show", "C054").out
    unknown = run("claims", "rules", "show", "C999")
    assert (unknown.code, "drgbridge claims rules list" in unknown.err) == (4, True)
    found = run("claims", "rules", "coverage", "--json").json
    assert not found["missing"] and not found["failing"] and len(found["done"]) >= 85


def test_a_workbook_without_points_leaves_nothing(tmp_path: Path, run: Run) -> None:
    path, folder = tmp_path / "k.xlsx", tmp_path / "points"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("知识点")
        sheet.write_row(3, 0, ["序号", "知识点名称", "检出逻辑", "逻辑依据", "备注"])
        sheet.write_row(4, 0, [1, "甲药", "", "说明书", "成人"])
    ended = run("claims", "knowledge", "import", path, "--out", folder, "--kind", "sex")
    assert (ended.code, ended.out, folder.exists()) == (4, "", False)
    assert "nothing was written" in ended.err


def test_imported_points_are_used_by_the_check(tmp_path: Path, run: Run) -> None:
    book_path, folder, source, fees = (tmp_path / name for name in ("k.xlsx", "points", "c.csv", "f.csv"))
    with xlsxwriter.Workbook(book_path) as book:
        sheet = book.add_worksheet("知识点")
        sheet.write(0, 0, "药品区分性别使用")
        sheet.write_row(3, 0, ["序号", "知识点名称", "检出逻辑", "逻辑依据", "备注"])
        sheet.write_row(4, 0, [1, "甲药", "", "说明书", "限定性别：女"])
        sheet = book.add_worksheet("编码")
        sheet.write_row(0, 0, ["知识点编号", "编码", "名称"])
        sheet.write_row(1, 0, [1, "XREAL001", "甲药片"])
    ended = run("claims", "knowledge", "import", book_path, "--out", folder)
    assert ended.code == 0 and "1 knowledge points" in ended.out
    source.write_text(CLAIMS, encoding="utf-8")
    fees.write_text(FEES.replace("SYN-D002", "XREAL001").replace("\n9,", "\n2,"), encoding="utf-8")
    ended = run("claims", "check", source, "--fees", fees, "--knowledge", folder, "--json")
    assert ended.code == 0
    assert {line["rule"]: line["hit"] for line in ended.json["counts"]}["C001"] == 1
