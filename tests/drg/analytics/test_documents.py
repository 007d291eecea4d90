"""Reports as pages and workbooks: self-contained, escaped, nothing lost."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from drg.analytics import html, workbook
from drg.analytics.document import Bars, Column, Document, Figure, Grid, Section, shown
from drg.analytics.documentation import example_cases, example_reference
from drg.analytics.report import document

EVIL = "<script>alert(1)</script>\"'&=1+1"


def page_of(text: str) -> Document:
    grid = Grid(
        text, (Column("a", text), Column("b", "money", "money")), [{"a": text, "b": -150}] * 3, 2, text
    )
    chart = Bars(text, "money", [(text, -150), (text, None), ("x" * 99, 300)])
    section = Section(text, text, (Figure(text, text, "text", text),), (chart,), (grid,))
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


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_texts_are_texts_whatever_is_in_them(text: str) -> None:
    found = _Tags(html.render(page_of(text)))
    assert "script" not in found.tags
    assert found.texts.count(text) >= 5 or not text.strip()


def test_a_page_needs_nothing_but_itself() -> None:
    page = html.render(page_of(EVIL))
    found = _Tags(page)
    assert all(link.startswith("#") for link in found.links)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page
    assert "script" not in found.tags


def test_a_page_shows_some_rows_and_says_how_many_more() -> None:
    page = html.render(page_of("t"))
    assert page.count("<tr>") == 2 * (1 + 2)
    assert "+ 1" in page


def test_bars_start_at_zero_and_negative_ones_go_left() -> None:
    # -1.50 to 3.00 yuan on 380 pixels: zero at 190 + 380 / 3 = 316.7.
    page = html.render(page_of("t"))
    assert '<line x1="316.7"' in page
    assert '<rect class="negative" x="190.0" y="4" width="126.7"' in page
    assert '<rect class="positive" x="316.7" y="52" width="253.3"' in page


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


def test_a_workbook_has_every_row_and_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook.write(page_of("=1+1 [x]/y" + "很" * 40), path)
    book = CalamineWorkbook.from_path(path)
    assert len(book.sheet_names) == len(set(book.sheet_names)) == 3
    assert all(len(name) <= 31 for name in book.sheet_names)
    rows = book.get_sheet_by_index(1).to_python()
    assert rows[1:] == [["=1+1 [x]/y" + "很" * 40, -1.5]] * 3
    with zipfile.ZipFile(path) as archive:
        assert not any(b"<f>" in archive.read(name) for name in archive.namelist())


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
