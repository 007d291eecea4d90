"""Reports as pages, charts and workbooks: self-contained, escaped, nothing lost."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from drg.analytics import charts, html, workbook
from drg.analytics.document import Bars, Column, Document, Figure, Grid, Section, shown
from drg.analytics.documentation import example_cases, example_reference
from drg.analytics.report import document

EVIL = "<script>alert(1)</script>\"'&=1+1"


def page_of(text: str) -> Document:
    grid = Grid(
        text,
        (Column("a", text), Column("b", "money", "money")),
        pa.table({"a": [text] * 3, "b": [-150] * 3}),
        2,
        text,
    )
    section = Section(text, text, (Figure(text, text, "text", text),), (), (grid,))
    return Document(text, text, "zh", (section, section), text)


class _Tags(HTMLParser):
    def __init__(self, page: str):
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_texts_are_texts_whatever_is_in_them(text: str) -> None:
    found = _Tags(html.render(page_of(text)))
    assert "script" not in found.tags
    assert found.texts.count(text) >= 5 or not text.strip()


def bars_of(text: str, upright: bool = False) -> Bars:
    return Bars(text, "money", [(text, -150), (text, None), ("x" * 99, 300)], upright)


def drawn(bars: Bars) -> ElementTree.Element:
    """The SVG of a chart, read as XML."""
    return ElementTree.fromstring(charts.svg(charts.chart(bars)))  # noqa: S314 - our own


def test_a_page_needs_nothing_but_itself() -> None:
    plain = page_of(EVIL)
    section = replace(plain.sections[0], charts=(bars_of(EVIL), bars_of(EVIL, upright=True)))
    page = html.render(replace(plain, sections=(section,)))
    found = _Tags(page)
    assert all(link.startswith("#") for link in found.links)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page
    assert "script" not in found.tags
    assert page.count("<svg") == page.count("</svg>") == 2


@pytest.mark.parametrize("upright", [False, True])
def test_a_chart_reads_nothing_but_its_own_values(upright: bool) -> None:
    made = charts.chart(bars_of("https://example.org/a.csv", upright)).to_dict()
    assert '"url"' not in json.dumps(made)


@settings(deadline=None, max_examples=10)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100), st.booleans())
@example("\x00\x01\n\ufffe", False)
@example("𠮷" * 40, False)
def test_labels_of_a_chart_are_texts(text: str, upright: bool) -> None:
    image = drawn(bars_of(text, upright))
    assert {element.tag for element in image.iter()} <= {"svg", "g", "path", "line", "rect", "text"}
    told = [element.get("aria-label", "") for element in image.iter("path")]
    label = charts.NOT_DRAWN.sub("\ufffd", text)
    # The bar that is not known is not there.
    assert [one for one in told if one] == [
        f"{label}: -1.50",
        f"{'x' * 99}: 3.00",
    ]


def test_a_page_shows_some_rows_and_says_how_many_more() -> None:
    page = html.render(page_of("t"))
    assert page.count("<tr>") == 2 * (1 + 2)
    assert page.count("另有 1 行") == 2


def test_bars_start_at_zero_and_negative_ones_go_left() -> None:
    # -1.50 to 3.00 yuan on 305 pixels: zero at 305 / 3 = 101.7; the labels stand in order, cut where they are long.
    image = drawn(bars_of("内科"))
    shapes = {element.get("fill"): element.get("d") or "" for element in image.iter("path")}
    assert shapes[charts.BAD].startswith("M0,") and "h101.6" in shapes[charts.BAD]
    assert shapes[charts.GOOD].startswith("M101.6") and "h203.3" in shapes[charts.GOOD]
    texts = [element.text or "" for element in image.iter("text")]
    assert texts[:2] == ["内科", "内科"] and texts[2].startswith("xxx") and texts[2].endswith("…")
    assert texts[3:] == ["-1.50", "–", "3.00"]
    assert all("Noto Sans CJK SC" in (element.get("font-family") or "") for element in image.iter("text"))


def test_columns_have_an_axis_in_yuan_with_thousands() -> None:
    months = [(f"2026-{month:02}", month * 12_345_600.0) for month in range(1, 13)]
    texts = [element.text for element in drawn(Bars("t", "money", months, upright=True)).iter("text")]
    assert "1,500,000" in texts
    assert texts[-12:] == [month for month, _ in months]


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("bars", [[], [("a", None)], [("a", 0)]])
def test_a_chart_of_nothing_is_a_chart(bars: list[tuple[str, float | None]], upright: bool) -> None:
    assert drawn(Bars("t", "share", bars, upright)).tag == "svg"


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "money", "–"),
        (0, "money", "0.00"),
        (-123456, "money", "-1,234.56"),
        (0.1234, "share", "12.3%"),
        (0, "count", "0"),
        (1.5, "ratio", "1.500"),
        (1234.5, "weight", "1,234.50"),
    ],
)
def test_values_as_text(value: float | None, kind: str, text: str) -> None:
    assert shown(value, kind) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "{=", "\t=", "＝"])
def test_a_workbook_has_every_row_and_no_formula(tmp_path: Path, start: str) -> None:
    path = tmp_path / "a.xlsx"
    text = start + "1+1 [x]/y" + "很" * 40
    workbook.write(page_of(text), path)
    book = CalamineWorkbook.from_path(path)
    assert len(book.sheet_names) == len(set(book.sheet_names)) == 3
    assert all(len(name) <= 31 for name in book.sheet_names)
    rows = book.get_sheet_by_index(1).to_python()
    assert rows[1:] == [[text, -1.5]] * 3
    with zipfile.ZipFile(path) as archive:
        assert not any(b"<f" in archive.read(name) for name in archive.namelist() if "sheet" in name)


def test_a_text_too_long_for_a_cell_is_cut_not_dropped(tmp_path: Path) -> None:
    document = page_of("t")
    grid = replace(document.sections[0].grids[0], rows=pa.table({"a": ["x" * 40_000], "b": [1]}))
    workbook.write(replace(document, sections=(Section("s", grids=(grid,)),)), tmp_path / "a.xlsx")
    cell = CalamineWorkbook.from_path(tmp_path / "a.xlsx").get_sheet_by_index(1).to_python()[1][0]
    assert cell == "x" * 32_766 + "…"


def grouped() -> pa.Table:
    table = example_cases()
    reasons = ["grouper.grouped"] * 5 + ["grouper.no_mdc", "grouper.ambiguous", "grouper.grouped"]
    return table.append_column("reason", pa.array(reasons)).append_column("drg_name", table.column("drg"))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_hospital_report(lang: str, tmp_path: Path) -> None:
    found = document(grouped(), example_reference(), lang, "H", "contract")
    titles = [section.title for section in found.sections]
    # Whole, departments, months, doctors, groups, reasons, definitions; one hospital has no section of its own.
    assert len(titles) == len(set(titles)) == 7
    page = html.render(found)
    assert "-8,000.00" in page
    assert dt.date(2026, 2, 20).isoformat() in page
    workbook.write(found, tmp_path / "a.xlsx")
    sheets = CalamineWorkbook.from_path(tmp_path / "a.xlsx").sheet_names
    assert len(sheets) == 1 + 4 + 1 + 1
    rows = CalamineWorkbook.from_path(tmp_path / "a.xlsx").get_sheet_by_index(1).to_python()
    assert [row[1] for row in rows[1:]] == [3, 5]


def test_a_report_without_money_or_reference_says_so() -> None:
    bare = grouped().select(["case_id", "status", "drg", "department", "discharge_date"])
    page = html.render(document(bare, None, "en", "H"))
    assert "No reference table" in page
    assert "nothing is priced" in page
