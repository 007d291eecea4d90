"""Reads the sheets of a configuration workbook: which cells are wanted is data, ``workbook_layout.toml``.

The file is not trusted: its unpacked size and the extent of its sheets are bounded before it is parsed.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from drg.errors import InputError, Problem, input_error
from drg.xlsx import MAX_UNPACKED_BYTES, Extent, blocks, column_letters, unpacked_bytes

MAX_CELLS = 20_000_000
"""Largest extent (rows times columns) of a sheet; two far-apart cells alone would take that much memory."""

_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What ``zipfile`` raises for files that are damaged, encrypted or made to confuse it."""
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_BLANKS = re.compile(r"\s+")
_CLEAN = re.compile(r"[!-^`-~]+(?: [!-^`-~]+)*")
"""Text without blanks at its ends, escapes or anything but ASCII: most cells, and nothing to do."""


class SheetLayout(BaseModel):
    """One sheet: names it may have, and for each field the header texts it may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: list[str]
    columns: dict[str, list[str]]
    optional: list[str]


class Layout(BaseModel):
    """``workbook_layout.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header_search_rows: int
    fallback_drg: str
    sheets: dict[str, SheetLayout]
    rule_signs: dict[str, str]


@cache
def load_layout() -> Layout:
    """The layout of the official workbook."""
    text = Path(__file__).with_name("workbook_layout.toml").read_text(encoding="utf-8")
    return Layout.model_validate(tomllib.loads(text))


@dataclass(frozen=True)
class CleanedCell:
    """A cell whose text had to be cleaned of escapes or blanks that cannot be seen."""

    row: int
    was: str
    became: str


@dataclass(frozen=True)
class Sheet:
    """The wanted cells of one sheet.

    ``letters`` gives the column letter of each field; ``rows`` are row number and cleaned texts by field.
    """

    name: str
    letters: Mapping[str, str]
    rows: Sequence[tuple[int, dict[str, str]]]
    cleaned: Sequence[CleanedCell]

    def place(self, row: int, field: str) -> str:
        """Where a cell is, as a spreadsheet names it: ``ADRG!C12``."""
        return f"{self.name}!{self.letters.get(field, '')}{row}"


def read_workbook(path: Path) -> dict[str, Sheet]:
    """The sheets of ``load_layout()`` by key.

    Raises ``InputError`` with every sheet and column that is missing.
    """
    import python_calamine

    check_file(path)
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        by_name = {header_text(name): name for name in reversed(book.sheet_names)}
        problems: list[Problem] = []
        found: dict[str, Sheet] = {}
        for key, layout in load_layout().sheets.items():
            name = next((by_name[alias] for alias in layout.names if alias in by_name), None)
            if name is None:
                params = {"expected": " / ".join(layout.names), "found": ", ".join(book.sheet_names)}
                problems.append(Problem("workbook.sheet_missing", path.name, params))
                continue
            cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            if sheet := _read_sheet(name, layout, cells, problems):
                found[key] = sheet
    except (python_calamine.CalamineError, OSError) as error:
        raise input_error("workbook.unreadable", path.name, detail=str(error)) from None
    if problems:
        raise InputError(problems)
    return found


def check_file(path: Path) -> None:
    if path.name.startswith("~$"):
        raise input_error("workbook.temporary", str(path), name=path.name.removeprefix("~$"))
    if not path.is_file():
        raise input_error("workbook.no_file", str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path.name)
    except _BROKEN_ZIP as error:
        raise input_error("workbook.not_xlsx", path.name, detail=str(error)) from None


def _check_archive(archive: zipfile.ZipFile, name: str) -> None:
    size = unpacked_bytes(archive)
    if size > MAX_UNPACKED_BYTES:
        raise input_error("workbook.too_large", name, size=size >> 20, limit=MAX_UNPACKED_BYTES >> 20)
    for member in archive.infolist():
        # Reading to the end checks the CRC: a truncated member, or one that lies about its size, ends here.
        extent = Extent()
        for block in blocks(archive, member):
            extent.add(block)
        if extent.cells > MAX_CELLS:
            part, cells = member.filename, extent.cells
            raise input_error("workbook.too_many_cells", name, part=part, cells=cells, limit=MAX_CELLS)


def _read_sheet(
    name: str, layout: SheetLayout, cells: Sequence[Sequence[object]], problems: list[Problem]
) -> Sheet | None:
    header, columns = _find_header(layout, cells)
    missing = [field for field in layout.columns if field not in columns and field not in layout.optional]
    if missing:
        expected = ", ".join(" / ".join(layout.columns[field]) for field in missing)
        rows = load_layout().header_search_rows
        problems.append(Problem("workbook.columns_missing", name, {"expected": expected, "rows": rows}))
        return None
    cleaned: list[CleanedCell] = []
    rows_read = list(_rows(cells, header, columns, cleaned))
    if not rows_read:
        problems.append(Problem("workbook.sheet_empty", name, {}))
    letters = {field: column_letters(column + 1) for field, column in columns.items()}
    return Sheet(name, letters, rows_read, cleaned)


def _find_header(layout: SheetLayout, cells: Sequence[Sequence[object]]) -> tuple[int, dict[str, int]]:
    """Index of the header row (of the first rows, the one with most known texts), column index by field."""
    best: tuple[int, dict[str, int]] = (0, {})
    for index, row in enumerate(cells[: load_layout().header_search_rows]):
        texts = [header_text(cell_text(cell)) for cell in row]
        columns = {
            field: texts.index(alias)
            for field, aliases in layout.columns.items()
            for alias in [next((alias for alias in aliases if alias in texts), None)]
            if alias is not None
        }
        if len(columns) > len(best[1]):
            best = index, columns
    return best


def _rows(
    cells: Sequence[Sequence[object]], header: int, columns: Mapping[str, int], cleaned: list[CleanedCell]
) -> Iterator[tuple[int, dict[str, str]]]:
    for number, row in enumerate(cells[header + 1 :], start=header + 2):
        texts: dict[str, str] = {}
        for field, column in columns.items():
            was = cell_text(row[column])
            texts[field] = became = clean_text(was)
            if became != was:
                cleaned.append(CleanedCell(number, was, became))
        if any(texts.values()):
            yield number, texts


def header_text(text: str) -> str:
    return clean_text(unicodedata.normalize("NFKC", text)).replace(" ", "")


def cell_text(value: object) -> str:
    """A cell as text; a whole number without ``.0``."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def clean_text(text: str) -> str:
    """Text without Excel's ``_xHHHH_`` escapes and zero-width signs; runs of blanks are one blank."""
    if _CLEAN.fullmatch(text):
        return text
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    visible = "".join(
        " " if unicodedata.category(sign) == "Cc" else sign for sign in text if not _unseen(sign)
    )
    return _BLANKS.sub(" ", visible).strip()


def _unseen(sign: str) -> bool:
    """Zero-width signs, and halves of characters that no file could hold."""
    return unicodedata.category(sign) in ("Cf", "Cs")
