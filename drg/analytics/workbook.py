"""A report as an xlsx workbook: a sheet a table, texts as texts and numbers as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from drg import messages
from drg.analytics.document import Document, Grid, Kind, heading, with_unit

MAX_ROWS = 1_048_575
ROWS_AT_ONCE = 10_000
MAX_NAME = 31
MAX_TEXT = 32_767
"""What Excel takes; a longer text ends in an ellipsis instead of being left out whole."""
FORMATS: dict[Kind, str] = {
    "count": "#,##0",
    "share": "0.0%",
    "ratio": "0.000",
    "weight": "#,##0.0000",
    "money": "#,##0.00",
    "mean_money": "#,##0.00",
}


def write(document: Document, target: Path | IO[bytes]) -> None:
    """Write all figures and tables of a document; a table longer than a sheet goes on in another one."""
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target, options) as book:
        styles: dict[str, Any] = {
            kind: book.add_format({"num_format": text}) for kind, text in FORMATS.items()
        }
        styles["heading"] = book.add_format({"bold": True, "bottom": 1})
        if document.origin:
            _write_origin(book, document, styles)
        _write_figures(book, document, styles)
        used = {sheet.name.casefold() for sheet in book.worksheets()}
        for section in document.sections:
            for grid in section.grids:
                for start in range(0, max(len(grid.rows), 1), MAX_ROWS):
                    name = _sheet_name(grid.title or section.title, used)
                    _write_grid(book.add_worksheet(name), grid, start, styles, document.lang)


def _write_origin(book: Any, document: Document, styles: dict[str, Any]) -> None:
    """The header sheet: what the report was made from, so that a copy of it can be traced."""
    sheet = book.add_worksheet(messages.text("analytics.sheet_origin", document.lang))
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 80)
    sheet.write_string(0, 0, document.title, styles["heading"])
    for row, (name, value) in enumerate(document.origin, start=2):
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, value[:MAX_TEXT])


def _write_figures(book: Any, document: Document, styles: dict[str, Any]) -> None:
    sheet = book.add_worksheet(messages.text("analytics.sheet_figures", document.lang))
    sheet.set_column(0, 2, 34)
    sheet.write_string(0, 0, document.title, styles["heading"])
    sheet.write_string(1, 0, document.subtitle)
    for place, name in enumerate(("figure", "value", "note")):
        sheet.write_string(3, place, heading(name, document.lang), styles["heading"])
    row = 4
    for section in document.sections:
        for figure in section.figures:
            sheet.write_string(row, 0, with_unit(figure.name, figure.kind, document.lang))
            _write(sheet, row, 1, figure.value, figure.kind, styles)
            sheet.write_string(row, 2, figure.note)
            row += 1


def _write_grid(sheet: Any, grid: Grid, start: int, styles: dict[str, Any], lang: str) -> None:
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(grid.columns):
        sheet.set_column(place, place, 24 if column.kind == "text" else 14)
        sheet.write_string(0, place, with_unit(column.heading, column.kind, lang), styles["heading"])
    wanted = grid.rows.select([column.name for column in grid.columns]).slice(start, MAX_ROWS)
    for number, row in enumerate(_rows(wanted), start=1):
        for place, column in enumerate(grid.columns):
            _write(sheet, number, place, row[column.name], column.kind, styles)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        yield from batch.to_pylist()


def _write(sheet: Any, row: int, place: int, value: Any, kind: Kind, styles: dict[str, Any]) -> None:
    if value is None:
        return
    if kind == "text":
        text = str(value)
        sheet.write_string(row, place, text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…")
    else:
        number = Decimal(value) / 100 if kind in ("money", "mean_money") else value
        sheet.write_number(row, place, number, styles[kind])


def _sheet_name(title: str, used: set[str]) -> str:
    """A name that Excel takes: short, without its special signs, not used before."""
    plain = re.sub(r"[\[\]:*?/\\']", " ", title).strip() or "-"
    name = next(name for name in _names(plain) if name.casefold() not in used)
    used.add(name.casefold())
    return name


def _names(plain: str) -> Iterator[str]:
    yield plain[:MAX_NAME]
    number = 2
    while True:
        end = f" {number}"
        yield plain[: MAX_NAME - len(end)] + end
        number += 1
