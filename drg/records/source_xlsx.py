"""XLSX workbooks: the first sheet with a known header, read with calamine."""

from __future__ import annotations

import datetime as dt
import html
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from drg.errors import InputError, input_error
from drg.records.dialect import Dialect, Headers, expand_all, missing_for, not_recognised, recognise
from drg.records.findings import Finding
from drg.records.source import Chunk
from drg.xlsx import MAX_UNPACKED_BYTES, Extent, blocks, column_number, unpacked_bytes

MAX_CELLS = 40_000_000  # calamine keeps 32 bytes a cell of the whole rectangle, filled or not
MAX_EXACT_NUMBER = 10**15  # Excel keeps 15 digits

# Tags may have a prefix (<x:c>); the bounds keep a hostile part from making the search quadratic.
_SHEET = re.compile(rb"<(?:\w{1,20}:)?sheet\s[^>]{1,2000}>")
_RELATION = re.compile(rb"<(?:\w{1,20}:)?Relationship\s[^>]{1,2000}>")
_ATTRIBUTE = re.compile(rb"([\w:]{1,40})\s*=\s*[\"']([^\"']*)[\"']")
_ERROR_CELL = re.compile(
    rb"<(?:\w{1,20}:)?c\s(?=[^>]{0,200}\bt=[\"']e[\"'])[^>]{0,200}?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"'][^>]{0,200}>"
    rb"(?:(?!</(?:\w{1,20}:)?c>).){0,8192}?<(?:\w{1,20}:)?v>([^<]{1,40})<",
    re.DOTALL,
)


@dataclass(frozen=True)
class _Sheet:
    """A sheet with a header: its cells, where its columns begin, the header's row number, and its error cells."""

    cells: Any
    first_column: int
    header_row: int
    names: tuple[str, ...]
    errors: dict[tuple[int, int], str]

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Row number and cells of every row below the header that is not blank."""
        error_rows = {row for row, _ in self.errors}
        for number, cells in enumerate(self.cells.iter_rows(), start=1):
            if number in error_rows:
                for place in range(len(cells)):
                    cells[place] = self.errors.get((number, self.first_column + place), cells[place])
            if number > self.header_row and any(cell != "" for cell in cells):
                yield number, cells


class XlsxSource:
    """An open workbook; see :class:`drg.records.source.Source`."""

    file_type = "xlsx"
    encoding = ""

    def __init__(self, path: Path, dialect: Dialect | None):
        self.path = path
        self._sheet, self.dialect = self._choose(dialect)
        self.columns: Sequence[str] = self._sheet.names
        self.row_count: int | None = 0 if next(self._sheet.rows(), None) is None else None

    def _choose(self, dialect: Dialect | None) -> tuple[_Sheet, Dialect]:
        """The first sheet with a recognised header; with a given dialect, else the first sheet with any."""
        sheets = []
        for sheet in self._sheets():
            found = recognise(sheet.names, self.file_type) if dialect is None else dialect
            if found is not None and (dialect is None or not missing_for(dialect, sheet.names)):
                return sheet, found
            sheets.append(sheet)
        if not sheets:
            raise input_error("records.xlsx_empty", str(self.path))
        if dialect is None:
            raise not_recognised(str(self.path), sheets[0].names, self.file_type)
        return sheets[0], dialect

    def _sheets(self) -> Iterator[_Sheet]:
        """The sheets with a header, in the order of the workbook."""
        import python_calamine

        try:
            with zipfile.ZipFile(self.path) as archive:
                if unpacked_bytes(archive) > MAX_UNPACKED_BYTES:
                    most = MAX_UNPACKED_BYTES // 1024**2
                    raise input_error("records.xlsx_too_large", str(self.path), most=most)
                parts = _sheet_parts(archive)
                workbook = python_calamine.load_workbook(self.path)
                for metadata in workbook.sheets_metadata:
                    if metadata.typ is python_calamine.SheetTypeEnum.WorkSheet:
                        errors = self._scan(archive, parts[metadata.name])
                        sheet = _with_header(workbook.get_sheet_by_name(metadata.name), errors)
                        if sheet is not None:
                            yield sheet
        except (InputError, GeneratorExit, KeyboardInterrupt):
            raise
        except python_calamine.PasswordError as error:
            raise input_error("records.xlsx_encrypted", str(self.path)) from error
        except (
            BaseException
        ) as error:  # what a damaged archive raises is not bounded; Rust panics are no Exception
            raise input_error("records.xlsx_not_readable", str(self.path), detail=str(error)[:200]) from error

    def _scan(self, archive: zipfile.ZipFile, part: str) -> dict[tuple[int, int], str]:
        """The error cells of a sheet, which calamine reads as empty; raises when its rectangle is too large."""
        errors: dict[tuple[int, int], str] = {}
        extent = Extent()
        for block in blocks(archive, part):
            extent.add(block)
            if b't="e"' in block or b"t='e'" in block:
                for column, row, value in _ERROR_CELL.findall(block):
                    errors[int(row), column_number(column.decode())] = value.decode("utf-8", "replace")
        if extent.cells > MAX_CELLS:
            raise input_error("records.xlsx_too_many_cells", str(self.path), most=MAX_CELLS // 1_000_000)
        return errors

    def chunks(self, wanted: Sequence[str], batch_rows: int) -> Iterator[Chunk]:
        """Rows with something in them, ``batch_rows`` at a time."""
        places = {name: self.columns.index(name) for name in wanted}
        numbers: list[int] = []
        cells: list[list[Any]] = []
        for number, row in self._sheet.rows():
            numbers.append(number)
            cells.append([row[place] for place in places.values()])
            if len(numbers) == batch_rows:
                yield self._chunk(list(places), numbers, cells)
                numbers, cells = [], []
        if numbers:
            yield self._chunk(list(places), numbers, cells)

    def _chunk(self, names: list[str], numbers: list[int], cells: list[list[Any]]) -> Chunk:
        columns, notes = {}, []
        codes = self._code_columns()
        for name, values in zip(names, zip(*cells, strict=True), strict=True):
            texts = [_text(value) for value in values]
            columns[name] = pa.array(texts, pa.string())
            numeric = [place for place, value in enumerate(values) if isinstance(value, float)]
            if name in codes and numeric:
                shown = columns[name].take(pa.array(numeric))
                notes.append(
                    Finding("records.number_as_code", codes[name], np.array(numeric, np.int64), shown, shown)
                )
        return Chunk(pa.array(numbers, pa.int64()), columns, notes=tuple(notes))

    def _code_columns(self) -> dict[str, str]:
        """Header -> field, for the columns that hold codes."""
        headers = Headers.of(self.columns)
        return {
            self.columns[place]: field
            for field, codes in self.dialect.lists.items()
            for name in (*(codes.column or ()), *expand_all(codes.columns or ()))
            for place in headers.places(name)
        }


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name -> its XML part."""
    targets = {
        relation["Id"]: relation["Target"].removeprefix("/")
        for relation in map(_attributes, _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")))
        if "Id" in relation and "Target" in relation
    }
    parts = {}
    for sheet in map(_attributes, _SHEET.findall(archive.read("xl/workbook.xml"))):
        identity = next(value for key, value in sheet.items() if key.endswith(":id"))
        target = targets[identity]
        parts[sheet["name"]] = target if target.startswith("xl/") else f"xl/{target}"
    return parts


def _attributes(tag: bytes) -> dict[str, str]:
    return {key.decode(): html.unescape(value.decode()) for key, value in _ATTRIBUTE.findall(tag)}


def _with_header(cells: Any, errors: dict[tuple[int, int], str]) -> _Sheet | None:
    """The sheet with its first row that is not blank as header; None if all is blank."""
    for number, row in enumerate(cells.iter_rows(), start=1):
        if any(cell != "" for cell in row):
            names = tuple((_text(cell) or "").strip() for cell in row)
            return _Sheet(cells, cells.start[1] + 1, number, names, errors)
    return None


def _text(value: Any) -> str | None:
    """A cell as text; numbers that Excel cannot hold exactly in its own short form (``1.23E+17``)."""
    if value == "" or value is None:
        return None
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value)) if abs(value) < MAX_EXACT_NUMBER else f"{value:.5E}"
        return repr(value)
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value)
