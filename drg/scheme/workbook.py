"""Imports the official configuration workbook (xlsx) as a scheme pack.

What is wrong in form only is repaired and every repair is reported; what is wrong in meaning (a rule that
cannot be read, two rows that contradict each other) is a problem, and nothing is written while there is one.

Corrections against the printed scheme: ``drg/scheme/amendments.py``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from math import inf, isfinite
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drg.codes.catalogue import Catalogue, load_catalogue
from drg.codes.normalise import normalise_code
from drg.disk import new_folder
from drg.errors import InputError, Problem, input_error
from drg.scheme.amendments import Amendments, CorrectName
from drg.scheme.import_report import EXAMPLES, ImportReport, Repair, shortened
from drg.scheme.pack import (
    Settings,
    load_pack,
    load_settings,
    read_toml,
    set_system,
    write_lists,
    write_tables,
)
from drg.scheme.sheets import Sheet, clean_text, load_layout, read_workbook

TABLES = ("mdc", "adrg", "drg")
HAND_WRITTEN = ("cases.tsv", "PROVENANCE.md")
"""Files that an import does not make; they stay when a pack is imported again."""

_NUMBER_AS_TEXT = re.compile(r"([0-9]+)\.0+")
_CODE = re.compile(r"[A-Z0-9][0-9](?!.*\.\.)[A-Za-z0-9.+*/]*")
_SET_NAME = re.compile(r"[A-Z_]\w*")
_TABLE_NAME = re.compile(r"[^\s#]+")


@dataclass(frozen=True)
class _TableRow:
    """A row of the sheet MDC, ADRG or DRG."""

    number: int
    code: str
    name: str
    rule: str
    parent: str
    order: float

    @property
    def content(self) -> tuple[str, str, str, str]:
        return self.code, self.name, self.rule, self.parent


@dataclass
class _Import:
    """The state of one import: what is collected while the sheets are read."""

    sheets: Mapping[str, Sheet]
    settings: Settings
    repairs: list[Repair] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def repair(self, kind: str, sheet: Sheet, row: int, what: str, became: str = "") -> None:
        self.repairs.append(Repair(kind, sheet.name, row, what, became))

    def problem(self, message: str, sheet: Sheet, number: int, column: str, /, **params: Any) -> None:
        shown = {key: shortened(value) for key, value in params.items()}
        self.problems.append(Problem(message, sheet.place(number, column), shown))


def import_workbook(path: Path, settings: Path | None, scheme_id: str, out: Path) -> ImportReport:
    """Read the workbook ``path`` and write it as the pack ``scheme_id`` into the folder ``out``.

    ``settings`` is a file in the shape of ``scheme.toml``; without one, ``workbook_defaults.toml`` applies.
    A pack that is in ``out`` already is replaced (its hand-written files stay). Raises ``InputError`` with
    every problem at once; then nothing is written.
    """
    out = out.absolute()
    _check_target(out)
    sheets = read_workbook(path)
    work = _Import(sheets, _settings(settings, scheme_id, _set_names(sheets["sets"])))
    for sheet in sheets.values():
        work.repairs += [
            Repair("cleaned", sheet.name, cell.row, cell.was, cell.became) for cell in sheet.cleaned
        ]
    tables = _read_tables(work)
    codes = _CodeReader(work)
    blocks = {
        "sets.txt": _read_blocks(work, sheets["sets"], codes, set_system, _SET_NAME),
        "cc.txt": _read_complications(work, codes),
        "exclusions.txt": _read_blocks(work, sheets["exclusions"], codes, lambda _: "icd10", _TABLE_NAME),
    }
    amendments = _amend(work, settings, tables, blocks["exclusions.txt"])
    _warn_unknown(work, codes)

    try:
        with new_folder(out) as part:
            _write(part, work.settings, tables, blocks, amendments)
            work.problems += _pack_problems(part, work, tables)
            if work.problems:
                raise InputError(work.problems)
            _keep_hand_written(out, part)
    finally:
        load_pack.cache_clear()
    counts = {sheet.name: len(sheet.rows) for sheet in sheets.values()}
    return ImportReport(scheme_id, out, counts, tuple(work.repairs), tuple(work.warnings))


def _check_target(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise input_error("workbook.target_no_folder", str(out))
    if out.is_dir() and any(out.iterdir()) and not (out / "scheme.toml").is_file():
        raise input_error("workbook.target_no_pack", str(out))


def _settings(path: Path | None, scheme_id: str, set_names: set[str]) -> Settings:
    if path is not None:
        given = load_settings(path).model_dump(by_alias=True)
    else:
        defaults = tomllib.loads(
            Path(__file__).with_name("workbook_defaults.toml").read_text(encoding="utf-8")
        )
        given = defaults["settings"]
        given["evaluation"] |= {key: name for key, name in defaults["switches"].items() if name in set_names}
    try:
        return Settings.model_validate({**given, "id": scheme_id})
    except ValidationError:
        raise input_error("workbook.scheme_id", scheme_id) from None


def _set_names(sheet: Sheet) -> set[str]:
    return {_block_name(cells["block"]) for _, cells in sheet.rows}


def _read_tables(work: _Import) -> dict[str, list[_TableRow]]:
    """The rows of the sheets MDC, ADRG, DRG in the order in which they are tried."""
    evaluation = work.settings.evaluation
    patterns = (evaluation.fallback_mdc, evaluation.fallback_adrg, load_layout().fallback_drg)
    tables: dict[str, list[_TableRow]] = {}
    scopes: dict[str, int] = {"": 0}
    parent_width = 0
    for key, pattern in zip(TABLES, patterns, strict=True):
        sheet = work.sheets[key]
        rows = [
            _table_row(work, sheet, number, cells, len(pattern), parent_width) for number, cells in sheet.rows
        ]
        rows = _in_order(work, sheet, _without_duplicates(work, sheet, rows), scopes)
        tables[key] = _fallbacks_last(work, sheet, rows, pattern)
        scopes = {row.code: position for position, row in enumerate(tables[key])}
        parent_width = len(pattern)
    return tables


def _table_row(
    work: _Import, sheet: Sheet, number: int, cells: Mapping[str, str], width: int, parent_width: int
) -> _TableRow:
    code = _group_code(work, sheet, number, cells["code"], width)
    if not code:
        work.problem("workbook.cell_empty", sheet, number, "code")
    parent = _group_code(work, sheet, number, cells.get("parent", ""), parent_width)
    rule = _rule_text(cells["rule"])
    if rule != cells["rule"]:
        work.repair("rule_signs", sheet, number, cells["rule"], rule)
    order = _order(work, sheet, number, cells.get("order"))
    return _TableRow(number, code, cells["name"], rule, parent, order)


def _group_code(work: _Import, sheet: Sheet, number: int, text: str, width: int) -> str:
    """A group code without blanks, in capitals; zeros that a number lost are put back."""
    code = _whole_number(unicodedata.normalize("NFKC", text)).replace(" ", "").upper()
    if code.isdecimal():
        code = code.zfill(width)
    if code != text:
        work.repair("group_code", sheet, number, text, code)
    return code


def _whole_number(text: str) -> str:
    return match[1] if (match := _NUMBER_AS_TEXT.fullmatch(text)) else text


def _rule_text(text: str) -> str:
    """A rule in ASCII signs, as the rule language wants it."""
    if text.isascii() and not any(sign in text for sign in load_layout().rule_signs):
        return text
    for sign, meaning in load_layout().rule_signs.items():
        text = text.replace(sign, meaning)
    return clean_text(unicodedata.normalize("NFKC", text))


def _order(work: _Import, sheet: Sheet, number: int, text: str | None) -> float:
    """The place of a row; a row without one goes to the end of its scope. ``None``: there is no such column."""
    if text is None:
        return 0
    if not text:
        work.repair("order_missing", sheet, number, "")
        return inf
    try:
        place = float(text)
    except ValueError:
        place = inf
    if not isfinite(place):
        work.problem("workbook.order_not_number", sheet, number, "order", text=text)
    return place


def _without_duplicates(work: _Import, sheet: Sheet, rows: Iterable[_TableRow]) -> list[_TableRow]:
    first: dict[str, _TableRow] = {}
    for row in rows:
        earlier = first.setdefault(row.code, row)
        if earlier is row:
            continue
        if earlier.content == row.content:
            work.repair("duplicate_row", sheet, row.number, row.code)
        else:
            work.problem(
                "workbook.rows_contradict", sheet, row.number, "code", code=row.code, row=earlier.number
            )
    return list(first.values())


def _in_order(
    work: _Import, sheet: Sheet, rows: list[_TableRow], scopes: Mapping[str, int]
) -> list[_TableRow]:
    """The rows by scope (their parent's place) and order column; rows of equal order as they stand."""
    if "order" not in sheet.letters:
        work.warnings.append(Problem("workbook.no_order_column", sheet.name, {}))
    ordered = sorted(rows, key=lambda row: (scopes.get(row.parent, len(scopes)), row.order))
    moved = sum(before is not after for before, after in zip(rows, ordered, strict=True))
    if moved:
        work.repair("sorted", sheet, 0, str(moved))
    for one, following in pairwise(ordered):
        if "order" in sheet.letters and (one.parent, one.order) == (following.parent, following.order):
            work.repair("order_tie", sheet, following.number, f"{one.code}, {following.code}")
    return ordered


def _fallbacks_last(work: _Import, sheet: Sheet, rows: list[_TableRow], pattern: str) -> list[_TableRow]:
    """The rows with those that take what is left at the end of their scope."""
    by_scope: dict[str, list[_TableRow]] = {}
    for row in rows:
        by_scope.setdefault(row.parent, []).append(row)
    placed: list[_TableRow] = []
    for scope in by_scope.values():
        fallbacks = [row for row in scope if fnmatchcase(row.code, pattern)]
        others = [row for row in scope if not fnmatchcase(row.code, pattern)]
        for row in fallbacks:
            if others and scope.index(row) < scope.index(others[-1]):
                work.repair("fallback_moved", sheet, row.number, row.code)
        placed += others + fallbacks
    return placed


class _CodeReader:
    """Brings the codes of a workbook to catalogue spelling, each distinct text once."""

    def __init__(self, work: _Import) -> None:
        self.work = work
        self.catalogues: dict[str, Catalogue] = {
            system: load_catalogue(system) for system in ("icd10", "icd9cm3")
        }
        self.known: dict[tuple[str | None, str], str | None] = {}
        self.unknown: dict[str, dict[str, str]] = {}

    def read(self, sheet: Sheet, row: int, text: str, system: str | None) -> str | None:
        """The code in ``text``; ``None`` (and a problem) where it is no code at all."""
        key = system, text
        if key not in self.known:
            self.known[key] = self._spell(sheet, row, text, system)
        code = self.known[key]
        if code is None:
            self.work.problem("workbook.no_code", sheet, row, "code", text=text)
        elif code != text:
            self.work.repair("code_spelling", sheet, row, text, code)
        return code

    def _spell(self, sheet: Sheet, row: int, text: str, system: str | None) -> str | None:
        code = normalise_code(text)
        if system is not None and code not in self.catalogues[system]:
            readings = (code, _whole_number(code), code.removesuffix(".0"))
            resolved = (self.catalogues[system].resolve(reading).code for reading in readings)
            found = next((code for code in resolved if code is not None), None)
            if found is None and _CODE.fullmatch(code):
                self.unknown.setdefault(sheet.name, {})[code] = sheet.place(row, "code")
            code = found or code
        return code if _CODE.fullmatch(code) else None


def _read_blocks(
    work: _Import,
    sheet: Sheet,
    codes: _CodeReader,
    system_of: Callable[[str], str | None],
    valid_name: re.Pattern[str],
) -> dict[str, list[str]]:
    """Block name -> codes of the sheets 集合 and 排除表."""
    blocks: dict[str, dict[str, None]] = {}
    for number, cells in sheet.rows:
        name = _block_name(cells["block"])
        if not valid_name.fullmatch(name):
            work.problem("workbook.no_block_name", sheet, number, "block", text=cells["block"])
            continue
        code = codes.read(sheet, number, cells["code"], system_of(name))
        if code is None:
            continue
        members = blocks.setdefault(name, {})
        if code in members:
            work.repair("duplicate_row", sheet, number, f"{name} {code}")
        members[code] = None
    return {name: list(members) for name, members in blocks.items()}


def _block_name(text: str) -> str:
    return _whole_number(unicodedata.normalize("NFKC", text)).replace(" ", "").upper()


def _read_complications(work: _Import, codes: _CodeReader) -> dict[str, list[str]]:
    """Level and exclusion table, as ``MCC 12`` -> codes of the sheet CC."""
    sheet = work.sheets["cc"]
    first: dict[str, tuple[int, str]] = {}
    blocks: dict[str, list[str]] = {}
    for number, cells in sheet.rows:
        code = codes.read(sheet, number, cells["code"], "icd10")
        if code is None:
            continue
        block = f"{_block_name(cells['level'])} {_block_name(cells['table'])}".rstrip()
        row, earlier = first.setdefault(code, (number, block))
        if row == number:
            blocks.setdefault(block, []).append(code)
        elif earlier == block:
            work.repair("duplicate_row", sheet, number, f"{block} {code}")
        else:
            work.problem("workbook.rows_contradict", sheet, number, "code", code=code, row=row)
    return blocks


def _amend(
    work: _Import, settings: Path | None, tables: dict[str, list[_TableRow]], exclusions: dict[str, list[str]]
) -> Path | None:
    """Apply the amendments beside the settings file; the path of that file, ``None`` where there is none."""
    path = settings.parent / "amendments.toml" if settings is not None else None
    if path is None or not path.is_file():
        return None
    amendments = read_toml(path, Amendments)
    for correction in amendments.correct_name:
        _correct_name(work, correction, tables[correction.table])
    for addition in amendments.add_exclusion:
        members = exclusions.setdefault(addition.table.upper(), [])
        for code in addition.codes:
            if code in members:
                params = {"table": addition.table, "code": code}
                work.warnings.append(Problem("workbook.amendment_not_needed", path.name, params))
            else:
                members.append(code)
                work.repair("exclusion_added", work.sheets["exclusions"], 0, f"{addition.table} {code}")
    return path


def _correct_name(work: _Import, correction: CorrectName, rows: list[_TableRow]) -> None:
    sheet = work.sheets[correction.table]
    for index, row in enumerate(rows):
        if row.code == correction.code:
            rows[index] = replace(row, name=correction.name)
            work.repair("name_corrected", sheet, row.number, row.name, correction.name)
            return
    work.problems.append(Problem("workbook.amendment_no_group", "amendments.toml", {"code": correction.code}))


def _warn_unknown(work: _Import, codes: _CodeReader) -> None:
    for sheet, unknown in codes.unknown.items():
        examples = ", ".join(f"{code} ({place})" for code, place in list(unknown.items())[:EXAMPLES])
        params = {"count": len(unknown), "examples": examples}
        work.warnings.append(Problem("workbook.codes_unknown", sheet, params))


def _write(
    folder: Path,
    settings: Settings,
    tables: Mapping[str, Sequence[_TableRow]],
    blocks: Mapping[str, Mapping[str, list[str]]],
    amendments: Path | None,
) -> None:
    (folder / "scheme.toml").write_text(settings_text(settings), encoding="utf-8")
    cells = {f"{key}.tsv": [list(row.content) for row in rows] for key, rows in tables.items()}
    cells["mdc.tsv"] = [row[:-1] for row in cells["mdc.tsv"]]
    write_tables(folder, cells)
    write_lists(folder, blocks, {})
    if amendments is not None:
        shutil.copyfile(amendments, folder / "amendments.toml")


def settings_text(settings: Settings) -> str:
    """``scheme.toml`` for ``settings``."""
    values = settings.model_dump(by_alias=True, exclude_none=True)
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if key not in tables]
    for key, table in tables.items():
        lines += ["", f"[{key}]", *(f"{name} = {_toml(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """A string, date or list of strings as TOML; JSON strings are TOML strings but for DEL."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _pack_problems(
    folder: Path, work: _Import, tables: Mapping[str, Sequence[_TableRow]]
) -> Iterator[Problem]:
    """What the loader finds wrong with the written pack, at its place in the workbook."""
    try:
        load_pack(folder)
    except InputError as error:
        for problem in error.problems:
            yield replace(problem, where=_place(problem, work, tables))


def _place(problem: Problem, work: _Import, tables: Mapping[str, Sequence[_TableRow]]) -> str:
    """``adrg.tsv:12:8`` -> ``ADRG!C12``: the TSV line tells the row, the row its number in the sheet."""
    file, _, place = problem.where.partition(":")
    key = file.removesuffix(".tsv")
    if key not in tables or not place:
        return work.sheets["cc"].name if key == "cc.txt" else problem.where
    row = tables[key][int(place.split(":")[0]) - 2]
    return work.sheets[key].place(row.number, "parent" if "parent" in problem.params else "rule")


def _keep_hand_written(out: Path, part: Path) -> None:
    """Hand-written files of a pack that is there stay when ``part`` takes its place."""
    for name in HAND_WRITTEN:
        if (out / name).is_file():
            shutil.copy2(out / name, part / name)
