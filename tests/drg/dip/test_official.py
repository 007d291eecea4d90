"""A workbook in the official layout is read, repaired, reported, and says the same once written."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from drg.dip.catalogue import Catalogue, ExcludedProc, load_catalogue, save_catalogue
from drg.dip.lint import lint
from drg.dip.matcher import group
from drg.dip.official import import_catalogue
from drg.errors import InputError
from drg.scheme.import_report import ImportReport
from tests.drg.dip.examples import case_table, row
from tests.drg.dip.official_workbook import Cells, sheets, write


def imported(
    folder: Path, content: dict[str, Cells] | None = None, local: str = ""
) -> tuple[Catalogue, ImportReport]:
    paths = [write(folder / "book.xlsx", content or sheets())]
    if local:
        paths.append(folder / "local.csv")
        paths[1].write_bytes(local.encode("gb18030"))
    report = import_catalogue(paths, folder / "out", id="test-3.0", label="official")
    return load_catalogue(folder / "out"), report


def test_every_block_is_read(tmp_path: Path) -> None:
    found, _ = imported(tmp_path)
    xq = {"layer": "XQ", "proc_place": "anywhere"}
    assert [one for one in found.rows if one.layer in ("XQ", "FZ")] == [
        row(id="XQ-1", name="肺移植", proc="33.5100|33.5200", **xq),
        row(id="XQ-1", name="肺移植", proc="33.6x00", **xq),
        row(id="XQ-16", name="极低出生体重儿", dx="P07", age_days="..28", weight_g="1000..1499", **xq),
        row(id="FZ-1745", layer="FZ", name="三度 10-29%", dx="T20.300", other_dx="T31.1|T31.2"),
        row(
            id="FZ-1770",
            layer="FZ",
            name="肺癌 脑转移 化疗",
            dx="C34.900",
            other_dx="C79.3",
            proc="99.2503",
            proc_place="anywhere",
        ),
        row(id="FZ-1812", layer="FZ", name="肺结核", dx="A15", resistant=True),
        row(id="FZ-1813", layer="FZ", name="肺结核", dx="A15", resistant=False),
    ]
    assert [one.id for one in found.rows if one.layer == "BX"] == ["BX-1029", "BX-1030"]
    assert found.rows[found.places["BX-1030"]].proc == (("51.2300",),)
    assert found.rows[found.places["BX-1029"]].dx == (("K80.302",), ("K80.301",))
    assert found.excluded_dx == {"R65.300": "SIRS"}
    assert found.resistance == {"U82.100": "耐药"}
    assert found.excluded_proc == (
        ExcludedProc("89.5200", "心电图", "conservative"),
        ExcludedProc("99.1500", "胃肠外营养", "not_principal"),
        ExcludedProc("45.1300", "胃镜", "only_with", (("A00", "A09"), ("C15", "C26"), ("K20", "K93"))),
    )
    assert [one.number for one in found.primary_care] == ["1"]


def test_everything_repaired_or_left_is_reported(tmp_path: Path) -> None:
    _, report = imported(tmp_path)
    repaired = {(one.kind, one.sheet[:2], one.row) for one in report.repairs}
    assert ("carried_down", "一、", 5) in repaired
    assert ("number_to_code", "二、", 4) in repaired
    assert ("code_spelling", "四、", 4) in repaired
    assert ("duplicate_row", "四、", 5) in repaired
    codes = [warning.code for warning in report.warnings]
    assert sorted(codes) == ["dip.codes_unknown", "dip.rows_not_read", "dip.sheets_not_read"]
    text = report.render("zh")
    assert "K99.900" in text
    assert "注：天龄按入院时计算" in text
    assert report.counts["四、基础规则下的核心病种"] == 4
    assert "number read as the procedure code" in report.render("en")


def test_round_trip(tmp_path: Path) -> None:
    found, _ = imported(tmp_path)
    save_catalogue(found, tmp_path / "again")
    assert load_catalogue(tmp_path / "again") == found
    for name in ("groups.tsv", "catalogue.toml", "excluded_proc.tsv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_known_result(tmp_path: Path) -> None:
    """K80.302 with 51.2300 falls in BX-1029 (reference/dip.md)."""
    found, _ = imported(tmp_path)
    cases = case_table([{"dx": ["K80.302"], "proc": ["51.2300"]}, {"dx": ["K80.302"]}])
    assert group(cases, found).column("dip").to_pylist() == ["BX-1029", "JC-1858"]


def test_local_tables_add_groups_and_scores(tmp_path: Path) -> None:
    local = (
        "病种编号,层级,主要诊断编码,治疗方式,例均费用,RW,分值\n"
        "BX-1029,,,,12000.50,1.2,1200.05\n"
        "K81-S,综合病种,K81,手术,8000,0.8,800\n"
    )
    found, _ = imported(tmp_path, local=local)
    scored = found.rows[found.places["BX-1029"]]
    assert (scored.mean_cost_fen, scored.rw, scored.score) == (12_000_50, Decimal("1.2"), Decimal("1200.05"))
    cases = case_table([{"dx": ["K81.000"], "proc": ["51.2300"]}])
    assert group(cases, found).column("dip").to_pylist() == ["K81-S"]


def test_a_later_line_keeps_what_it_does_not_give(tmp_path: Path) -> None:
    local = "病种编号,例均费用,分值\nBX-1029,12000.50,\nBX-1029,,1200.05\n"
    found, _ = imported(tmp_path, local=local)
    scored = found.rows[found.places["BX-1029"]]
    assert (scored.mean_cost_fen, scored.score) == (12_000_50, Decimal("1200.05"))


@pytest.mark.parametrize(
    ("sheet", "cell", "value", "code"),
    [
        ("四、基础规则下的核心病种", (2, 2), "胆石症", "dip.no_code"),
        ("一、先期分组", (7, 5), "新生儿", "dip.no_band"),
        ("五、不纳入分组的主要手术操作", (2, 2), "酌情", "dip.exclusion_unknown"),
        ("三、诊断辅助细分-结核类病种", (2, 6), "不详", "dip.resistance_unknown"),
        ("四、基础规则下的核心病种", (2, 1), "", "dip.number_missing"),
    ],
)
def test_what_is_wrong_in_meaning_stops_the_import(
    sheet: str, cell: tuple[int, int], value: str, code: str, tmp_path: Path
) -> None:
    content = sheets()
    content[sheet][cell[0]][cell[1]] = value
    with pytest.raises(InputError) as raised:
        imported(tmp_path, content)
    assert [problem.code for problem in raised.value.problems] == [code]
    assert raised.value.problems[0].where.startswith(f"{sheet}!")
    assert not (tmp_path / "out").exists()


def test_all_missing_sheets_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        imported(tmp_path, {"表1": [["x"]]})
    assert {problem.code for problem in raised.value.problems} == {"dip.sheet_missing"}
    assert len(raised.value.problems) == 10


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        imported(tmp_path)
    assert (tmp_path / "out" / "letter.txt").exists()


def test_lint_finds_what_is_odd(tmp_path: Path) -> None:
    content = sheets()
    basic = content["四、基础规则下的核心病种"]
    basic += [
        ["基础", 1861, "R65.300", "SIRS", "", ""],
        ["基础", 1862, "K80.302", "胆管结石", "99.1500", ""],
        ["基础", 1863, "K80.302", "同 1858", "", ""],
        ["基础", 1864, "K80.302", "先被并项", "51.2300|51.2200", ""],
    ]
    found, _ = imported(tmp_path, content)
    kinds = {finding.kind: finding.examples for finding in lint(found)}
    assert kinds["unknown_dx"] == ("K99.900",)
    assert kinds["excluded_dx"] == ("JC-1861",)
    assert kinds["never_principal"] == ("JC-1862",)
    assert kinds["same_row"] == ("JC-1863 = JC-1858",)
    assert kinds["covered"] == ("JC-1864 < BX-1029",)
    assert "no_score" in kinds
