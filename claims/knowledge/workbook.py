"""The importer of published workbooks of knowledge points (two sheets: points and codes) into a folder of tables.

Which sheets, columns and words are looked for is data: ``workbook_layout.toml``. What cannot be read becomes a line in
the report with its place; nothing is guessed.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from claims.errors import input_error
from claims.knowledge.points import HOME, LIMIT_COLUMNS, PAIR_COLUMNS, limit_kinds, load_knowledge, pair_kinds
from drg.disk import new_file
from drg.scheme.sheets import check_file

MAX_CELL_LENGTH = 2_000
MAX_POINTS = 500_000
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-+]{1,39}")
_SEPARATORS = re.compile(r"[、,，;；\s|]+")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

Point = dict[str, str]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SheetLayout(_Data):
    """Words in the name of a sheet, and the names that a column may have."""

    sheets: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]


class RuleLayout(_Data):
    """How the value of a point of one kind is found."""

    kind: str
    words: tuple[str, ...]
    value: str = ""
    values: dict[str, str] = {}
    fixed: str = ""


class Layout(_Data):
    """``workbook_layout.toml``."""

    header_rows: int
    remarks: tuple[str, ...]
    points: SheetLayout
    codes: SheetLayout
    rules: tuple[RuleLayout, ...]


@dataclass(frozen=True)
class Skipped:
    """A row that became no knowledge point. ``reason``: a text id of ``claims/texts``."""

    place: str
    reason: str
    value: str


@dataclass
class Imported:
    """What an import made: ``limits`` and ``pairs`` as rows of the tables, and the rows that were ``skipped``."""

    kind: str
    limits: list[Point] = field(default_factory=list)
    pairs: list[Point] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class _Sheet:
    name: str
    title: str
    rows: Sequence[tuple[int, Mapping[str, str]]]


@cache
def load_layout() -> Layout:
    """The layout of the workbooks."""
    return Layout.model_validate(tomllib.loads((HOME / "workbook_layout.toml").read_text(encoding="utf-8")))


def read_workbook(path: Path, kind: str | None = None) -> Imported:
    """The knowledge points of a workbook. ``kind`` (``kinds.toml``) where its titles do not say it.

    Raises ``InputError`` where the workbook cannot be used at all.
    """
    layout = load_layout()
    sheets = list(_sheets(path))
    points = _chosen(sheets, layout.points, path)
    codes = _chosen([sheet for sheet in sheets if sheet is not points], layout.codes, path, optional=True)
    rule = _rule(
        layout,
        kind,
        " ".join(f"{name} {title}" for name, title, _ in sheets[:1] + ([points] if points else [])),
        path,
    )
    assert points is not None  # noqa: S101 - not optional
    read = _read(points, layout.points, layout, path)
    if len(read.rows) > MAX_POINTS:
        raise input_error("claims.workbook_points", path.name, most=f"{MAX_POINTS:,}")
    found = Imported(rule.kind)
    if rule.kind in pair_kinds():
        _add_pairs(found, read, rule.kind)
    else:
        by_number = _codes_by_number(codes, layout, path, found)
        _add_limits(found, read, rule, by_number)
    return found


def write_folder(found: Imported, folder: Path) -> None:
    """Add the points to the tables of a folder, which is made where it is not there; then it is read back as a check.

    Points of the same kind and code that stood there are replaced. Raises ``InputError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns, rows, key in (
        ("limits.tsv", LIMIT_COLUMNS, found.limits, ("kind", "code")),
        ("pairs.tsv", PAIR_COLUMNS, found.pairs, ("kind", "a", "b")),
    ):
        path = folder / name
        new = {tuple(row[one] for one in key) for row in rows}
        # Of what stands there several rows may have one key: limits with days.
        kept = [row for row in _standing(path, columns) if tuple(row[one] for one in key) not in new]
        lines = ["\t".join(columns), *("\t".join(row[one] for one in columns) for row in (*kept, *rows))]
        with new_file(path) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    load_knowledge(folder)


def _standing(path: Path, columns: Sequence[str]) -> Iterator[Point]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8-sig") as file:
        next(file, None)
        for line in file:
            cells = line.rstrip("\r\n").split("\t")
            if len(cells) == len(columns):
                yield dict(zip(columns, cells, strict=True))


_Cells = tuple[str, str, list[list[Any]]]


def _sheets(path: Path) -> Iterator[_Cells]:
    """Name, title (the texts above the header) and cells of each sheet."""
    import python_calamine

    check_file(path)
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        for name in book.sheet_names:
            cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            head = cells[: load_layout().header_rows]
            yield name, " ".join(_text(cell) for row in head for cell in row[:3]), cells
    except (python_calamine.CalamineError, OSError) as error:
        raise input_error("claims.workbook_unreadable", path.name, detail=str(error)[:200]) from None


def _chosen(
    sheets: Sequence[_Cells], layout: SheetLayout, path: Path, optional: bool = False
) -> _Cells | None:
    """The sheet whose name has one of the words; else the first with a header."""
    named = [sheet for sheet in sheets if any(word in sheet[0] for word in layout.sheets)]
    for sheet in (*named, *sheets):
        if _header(sheet[2], layout) is not None:
            return sheet
    if optional:
        return None
    expected = " / ".join(names[0] for names in layout.columns.values())
    raise input_error("claims.workbook_header", path.name, expected=expected)


def _header(cells: Sequence[Sequence[Any]], layout: SheetLayout) -> tuple[int, dict[str, int]] | None:
    """The row of the header (from 0) and the column of each field; the row with the most of them."""
    best: tuple[int, dict[str, int]] | None = None
    for number, row in enumerate(cells[: load_layout().header_rows]):
        texts = [_text(cell) for cell in row]
        columns: dict[str, int] = {}
        for name, aliases in layout.columns.items():
            place = next((texts.index(alias) for alias in aliases if alias in texts), None)
            if place is not None and place not in columns.values():
                columns[name] = place
        if len(columns) >= 2 and (best is None or len(columns) > len(best[1])):
            best = number, columns
    return best


def _read(sheet: _Cells, layout: SheetLayout, whole: Layout, path: Path) -> _Sheet:
    """The rows below the header, without totals and remarks."""
    name, title, cells = sheet
    found = _header(cells, layout)
    if found is None:
        raise input_error("claims.workbook_header", path.name, expected=name)
    header, columns = found
    rows = []
    for number, row in enumerate(cells[header + 1 :], start=header + 2):
        texts = [_text(cell) for cell in row]
        first = next((text for text in texts if text), "")
        if first and not first.startswith(whole.remarks):
            rows.append(
                (number, {key: texts[place] if place < len(texts) else "" for key, place in columns.items()})
            )
    return _Sheet(name, title, rows)


def _rule(layout: Layout, kind: str | None, title: str, path: Path) -> RuleLayout:
    if kind is not None:
        known = {rule.kind: rule for rule in layout.rules}
        if kind not in limit_kinds() and kind not in pair_kinds():
            raise input_error(
                "claims.workbook_kind", path.name, known=", ".join((*limit_kinds(), *pair_kinds()))
            )
        return known.get(kind) or RuleLayout(kind=kind, words=(), value="(.+)")
    found = next((rule for rule in layout.rules if any(word in title for word in rule.words)), None)
    if found is None:
        raise input_error("claims.workbook_kind", path.name, known=", ".join((*limit_kinds(), *pair_kinds())))
    return found


def _codes_by_number(
    sheet: _Cells | None, layout: Layout, path: Path, found: Imported
) -> dict[str, list[tuple[str, str]]]:
    """Codes and names by the number of their point."""
    if sheet is None:
        return {}
    read = _read(sheet, layout.codes, layout, path)
    by_number: dict[str, list[tuple[str, str]]] = {}
    for row, cells in read.rows:
        for code in _codes(cells.get("code", ""), f"{read.name}!{row}", found):
            by_number.setdefault(cells.get("number", ""), []).append((code, cells.get("name", "")))
    return by_number


def _add_limits(
    found: Imported, sheet: _Sheet, rule: RuleLayout, by_number: Mapping[str, list[tuple[str, str]]]
) -> None:
    taken: dict[str, str] = {}
    for row, cells in sheet.rows:
        place = f"{sheet.name}!{row}"
        value = _value(rule, cells)
        if value is None:
            found.skipped.append(Skipped(place, "claims.workbook_value", cells.get("remark", "")[:80]))
            continue
        codes = [(code, cells.get("name", "")) for code in _codes(cells.get("code", ""), place, found)]
        codes += by_number.get(cells.get("number", ""), [])
        if not codes:
            found.skipped.append(Skipped(place, "claims.workbook_no_code", cells.get("name", "")[:80]))
        for code, name in codes:
            if taken.setdefault(code, value) != value:
                found.skipped.append(Skipped(place, "claims.workbook_twice", code))
                continue
            basis = cells.get("basis", "") or cells.get("logic", "")
            point = (code, name, rule.kind, value, "", "", basis)
            found.limits.append(dict(zip(LIMIT_COLUMNS, point, strict=True)))


def _add_pairs(found: Imported, sheet: _Sheet, kind: str) -> None:
    for row, cells in sheet.rows:
        place = f"{sheet.name}!{row}"
        ones, others = (_codes(cells.get(name, ""), place, found) for name in ("a", "b"))
        if not ones or not others:
            found.skipped.append(Skipped(place, "claims.workbook_no_code", cells.get("name", "")[:80]))
        for a in ones:
            for b in others:
                if a != b:
                    point = (
                        kind,
                        a,
                        cells.get("a_name", ""),
                        b,
                        cells.get("b_name", ""),
                        cells.get("basis", ""),
                    )
                    found.pairs.append(dict(zip(PAIR_COLUMNS, point, strict=True)))


def _codes(cell: str, place: str, found: Imported) -> list[str]:
    """The codes of a cell; what is none is told."""
    codes = []
    for part in filter(None, _SEPARATORS.split(cell)):
        if _CODE.fullmatch(part):
            codes.append(part)
        else:
            found.skipped.append(Skipped(place, "claims.workbook_code", part[:80]))
    return codes


def _value(rule: RuleLayout, cells: Mapping[str, str]) -> str | None:
    """The value of a point: fixed, or the first found in remark and logic that the kind allows."""
    if rule.fixed:
        return rule.fixed
    kind = limit_kinds()[rule.kind]
    if kind.value == "yes":
        return "yes"
    for name in ("remark", "logic"):
        match = re.search(rule.value, cells.get(name, ""))
        if match is None:
            continue
        text = rule.values.get(match[1], match[1])
        value = " ".join(filter(None, _SEPARATORS.split(text))) if kind.value == "codes" else text.strip()
        if kind.expected(value) is None:
            return value
    return None


def _text(cell: Any) -> str:
    """A cell as one line of text: no control signs, no formula, at most 2,000 characters."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = unicodedata.normalize("NFC", str(cell))[:MAX_CELL_LENGTH]
    text = " ".join("".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text).split())
    return text.lstrip("".join(_FORMULA)).strip() if text.startswith(_FORMULA) else text
