"""The board as a report: what a page and its export show; the header sheet; no cell is a formula."""

from __future__ import annotations

import io
import tomllib
import zipfile

import pyarrow as pa
import pytest
from python_calamine import CalamineWorkbook

from drg.analytics import charts, workbook
from drg.analytics.board_report import Board, accounts, complications, document, outlying, overview, settled
from drg.analytics.documentation import example_cases, example_reference
from drg.analytics.feedback import explain_differences
from drg.analytics.payer_file import PAYER_SCHEMA
from drg.analytics.sources import side_of
from tests.conftest import REPOSITORY
from tests.drg.analytics.cases import SCHEME, cases

FORMULA = '=HYPERLINK("http://outside.example")'


def named_cases() -> pa.Table:
    """The worked example with text ids, and a department that looks like a formula."""
    table = example_cases()
    table = table.set_column(
        table.schema.get_field_index("case_id"), "case_id", table.column("case_id").cast(pa.string())
    )
    hostile = [FORMULA if one == "D2" else one for one in table.column("department").to_pylist()]
    return table.set_column(
        table.schema.get_field_index("department"), "department", pa.array(hostile, pa.string())
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_sections_show_what_the_tables_say(lang: str) -> None:
    board = Board(named_cases(), example_reference(), lang)
    figures = {figure.name: figure.value for figure in overview(board).figures}
    assert figures["病例数" if lang == "zh" else "Cases"] == 8
    assert "2026-02-20" in overview(board).text
    ledger = accounts(board, ("department",)).grids[0]
    assert ledger.rows.column("profit_fen").to_pylist() == [-800_000, 0]
    assert [len(grid.rows) for grid in outlying(board).grids] == [1, 1]
    assert len(complications(board, ("department",)).grids[0].rows) == 2


def test_without_complications_it_says_so() -> None:
    plain = named_cases().drop_columns(["cc_level"])
    section = complications(Board(plain, None, "zh"))
    assert not section.grids and section.text


def test_the_payers_settlement() -> None:
    table = cases()
    ours = side_of(table, SCHEME, None)
    lines = [
        {"payer_row": place, "case_id": id, "group": group}
        for place, (id, group) in enumerate(zip(("plain", "severe"), ("FR25", "FR25"), strict=True), 1)
    ]
    payer = pa.Table.from_pylist(lines, schema=PAYER_SCHEMA)
    found = explain_differences(table, ours, payer, [SCHEME])
    section = settled(found, "zh")
    assert len(section.grids[1].rows) == len(found.differences)
    assert sum(section.grids[0].rows.column("cases").to_pylist()) == len(found.differences)


def test_the_export_has_its_origin_first_and_no_formula() -> None:
    origin = (("运行", "2026-11-23"), ("分组方案", FORMULA))
    stream = io.BytesIO()
    workbook.write(document(Board(named_cases(), None, "zh"), (), origin), stream)
    stream.seek(0)
    book = CalamineWorkbook.from_filelike(stream)
    assert book.sheet_names[:2] == ["出处", "总览"]
    first = book.get_sheet_by_name("出处").to_python()
    assert ["分组方案", FORMULA] in [row[:2] for row in first]
    ledger = next(name for name in book.sheet_names if "科室" in name and "盈亏" in name)
    assert FORMULA in [row[0] for row in book.get_sheet_by_name(ledger).to_python()]
    with zipfile.ZipFile(stream) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        assert sheets and not any(b"<f>" in archive.read(name) for name in sheets)


def test_charts_have_the_palette_of_the_pages() -> None:
    theme = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    assert theme["chartCategoricalColors"][:2] == [charts.GOOD, charts.BAD]
    assert theme["textColor"] == charts.INK and theme["borderColor"] == charts.LINE
