"""Published workbooks of knowledge points, made by the tests, and what a hostile one may hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import xlsxwriter

from claims.knowledge.points import LIMIT_COLUMNS, load_knowledge
from claims.knowledge.workbook import Imported, read_workbook, write_folder
from drg.errors import InputError

POINTS = ("序号", "知识点名称", "检出逻辑", "逻辑依据", "备注")
CODES = ("知识点编号", "编码", "名称")
Rows = Sequence[Sequence[object]]


def workbook(
    path: Path,
    title: str,
    points: Rows,
    codes: Rows = (),
    header: Sequence[str] = POINTS,
    header_row: int = 4,
) -> Path:
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("知识点")
        sheet.write(0, 0, title)
        for number, row in enumerate([header, *points]):
            sheet.write_row(header_row - 1 + number, 0, row)
        sheet = book.add_worksheet("编码")
        for number, row in enumerate([CODES, *codes]):
            sheet.write_row(number, 0, row)
    return path


def values(found: Imported) -> dict[str, str]:
    return {row["code"]: row["value"] for row in found.limits}


def reasons(found: Imported) -> list[tuple[str, str]]:
    return [(one.place, one.reason) for one in found.skipped]


def test_points_and_codes_are_joined_by_number(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "k.xlsx",
        "药品区分性别使用知识点",
        [
            (1, "甲药", "女性使用", "说明书", "限定性别：男"),
            (2, "乙药", "男性使用", "说明书", "限定性别：女"),
            ("合计", 2),
        ],
        [
            (1, "XD01ABC0001", "甲药片"),
            (1, "XD01ABC0002", "甲药胶囊"),
            (2, "XD01ABC0003", "乙药"),
            ("说明", "略"),
        ],
    )
    found = read_workbook(path)
    assert found.kind == "sex"
    assert values(found) == {"XD01ABC0001": "1", "XD01ABC0002": "1", "XD01ABC0003": "2"}
    assert found.skipped == []
    write_folder(found, tmp_path / "out")
    assert load_knowledge(tmp_path / "out").size == 3


@pytest.mark.parametrize(
    ("title", "remark", "value"),
    [
        ("限就医方式", "限门诊使用", "outpatient"),
        ("限医疗机构级别", "限二级及以上医疗机构", "2"),
        ("限支付疗程", "支付不超过14天", "14"),
        ("限工伤保险", "限工伤保险支付", "work_injury"),
        ("限适应症", "J12-J18、J20", "J12-J18 J20"),
        ("药品限二线", "", "yes"),
        ("中药饮片", "单复方均不予支付", "never"),
        ("儿童专用药", "限14周岁以下", "14"),
    ],
)
def test_the_title_says_the_kind_and_the_remark_the_value(
    tmp_path: Path, title: str, remark: str, value: str
) -> None:
    path = workbook(tmp_path / "k.xlsx", title, [(1, "甲", "", "依据", remark)], [(1, "ABC123", "甲")])
    assert values(read_workbook(path)) == {"ABC123": value}


def test_pairs_carry_two_items(tmp_path: Path) -> None:
    header = ("序号", "项目A编码", "项目A名称", "项目B编码", "项目B名称", "逻辑依据")
    rows = [
        (1, "001203000010000", "甲", "001203000020000", "乙", "依据"),
        (2, "001203000030000", "丙", "", "", ""),
    ]
    found = read_workbook(workbook(tmp_path / "k.xlsx", "项目重复收费", rows, header=header))
    assert [(row["kind"], row["a"], row["b"]) for row in found.pairs] == [
        ("includes", "001203000010000", "001203000020000")
    ]
    assert reasons(found) == [("知识点!6", "claims.workbook_no_code")]


def test_nothing_is_guessed(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "k.xlsx",
        "药品区分性别",
        [(1, "甲", "", "", "成人"), (2, "乙", "", "", "男"), (3, "丙", "", "", "女")],
        [(1, "ABC1", "甲"), (2, "ABC2", "乙"), (3, "ABC2", "丙")],
    )
    found = read_workbook(path)
    assert values(found) == {"ABC2": "1"}
    assert reasons(found) == [("知识点!5", "claims.workbook_value"), ("知识点!7", "claims.workbook_twice")]


def test_hostile_cells_do_no_harm(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "k.xlsx",
        "药品区分性别",
        [(1, "=cmd|'/c calc'!A1\t\n", "x" * 30_000, "依据\t注入\r\n行", "限定性别：男")],
        [(1, "=HYPERLINK(1)", "x"), (1, "../../etc", "x"), (1, "ABC1\nABC2", "名"), (1, "甲药", "名")],
    )
    found = read_workbook(path)
    assert values(found) == {"ABC1": "1", "ABC2": "1"}
    assert [one.reason for one in found.skipped] == ["claims.workbook_code"] * len(found.skipped) != []
    write_folder(found, tmp_path / "out")
    lines = (tmp_path / "out" / "limits.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3 and all(len(line.split("\t")) == len(LIMIT_COLUMNS) for line in lines)
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.split("\t"))


def test_a_second_import_replaces_points_of_the_same_kind_and_code(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for remark in ("男", "女"):
        path = workbook(tmp_path / "k.xlsx", "药品区分性别", [(1, "甲", "", "", remark)], [(1, "ABC1", "甲")])
        write_folder(read_workbook(path), out)
    assert load_knowledge(out).limits["sex"].values.to_pylist() == ["2"]


def test_an_import_leaves_other_points_with_all_their_days(tmp_path: Path) -> None:
    rows = ["ABC9\t乙\tsex\t1\t\t2025-12-31\tx", "ABC9\t乙\tsex\t2\t2026-01-01\t\tx"]
    standing = "\n".join(["\t".join(LIMIT_COLUMNS), *rows, ""])
    (tmp_path / "limits.tsv").write_text(standing, encoding="utf-8")
    path = workbook(tmp_path / "k.xlsx", "药品区分性别", [(1, "甲", "", "", "男")], [(1, "ABC1", "甲")])
    write_folder(read_workbook(path), tmp_path)
    found = (tmp_path / "limits.tsv").read_text(encoding="utf-8").splitlines()
    assert found[1:3] == rows and found[3].startswith("ABC1\t")


@pytest.mark.parametrize(
    ("title", "header", "message"),
    [("别的表", POINTS, "--kind"), ("药品区分性别", ("甲", "乙"), "header of knowledge points")],
)
def test_a_workbook_that_says_nothing_is_refused(
    tmp_path: Path, title: str, header: Sequence[str], message: str
) -> None:
    path = tmp_path / "k.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("知识点")
        sheet.write(0, 0, title)
        sheet.write_row(3, 0, header)
    with pytest.raises(InputError, match=message):
        read_workbook(path)


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.xlsx"
    path.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(InputError):
        read_workbook(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A\tx\tnonsense\t1\t\t\tb", "no kind"),
        ("A\tx\tsex\t3\t\t\tb", "1 / 2"),
        ("A\tx\tindication\tJ18-I10\t\t\tb", "E11-E14"),
        ("A\tx\tsex\t1\t2026-13-01\t\tb", "no day"),
        ("A\tx\tsex\t1", "4 cells"),
        ("A\tx\tsex\t1\t\t\tb\nA\tx\tsex\t2\t\t\tb", "overlaps"),
    ],
)
def test_a_wrong_table_says_line_and_reason(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "limits.tsv").write_text("\t".join(LIMIT_COLUMNS) + f"\n{line}\n", encoding="utf-8")
    (tmp_path / "pairs.tsv").write_text("kind\ta\ta_name\tb\tb_name\tbasis\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_knowledge(tmp_path)
