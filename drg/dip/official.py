"""Imports a DIP catalogue: the official 3.0 workbook (xlsx) and local tables (csv).

Sheets and columns are found by the texts of ``official_layout.toml``. What is wrong in form only is repaired and every
repair is reported; what is wrong in meaning is a problem, and nothing is written while there is one.

A csv file has the same column names and says the layer of each row in the column 层级; a row that has no code but the
病种编号 of a group gives that group its cost, weight or score.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from drg.codes.catalogue import System, load_catalogue
from drg.dip.catalogue import (
    Catalogue,
    ExcludedProc,
    Label,
    PrimaryCare,
    ProcPlace,
    Row,
    Settings,
    check_target,
    default_matching,
    save_catalogue,
)
from drg.dip.cells import Band, Cell, cell_text, code_ranges, parse_band, parse_cell
from drg.disk import new_folder
from drg.errors import InputError, Problem, input_error
from drg.scheme.import_report import EXAMPLES, ImportReport, Repair, shortened
from drg.scheme.notation import with_prefix
from drg.scheme.sheets import cell_text as plain_text
from drg.scheme.sheets import check_file, clean_text, header_text
from drg.xlsx import column_letters

MAX_CSV_BYTES = 64 << 20
MAX_NAME = 200
MAX_WORTH = 10**9
"""No mean cost in yuan, weight or score is so high."""

_PUNCTUATION = re.compile(r"[\W_]+")

Holds = Literal["rows", "excluded_dx", "excluded_proc", "resistance", "primary_care"]


class SheetLayout(BaseModel):
    """One sheet of ``official_layout.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: list[str]
    holds: Holds
    layer: str = ""
    proc_place: ProcPlace = "principal"
    required: list[str]
    fill: list[str] = []


class Layout(BaseModel):
    """``official_layout.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header_columns: int
    columns: dict[str, list[str]]
    sheets: dict[str, SheetLayout]
    exclusion_words: dict[Literal["conservative", "not_principal", "only_with"], str]
    resistance_words: dict[str, bool]
    layer_words: dict[str, str]


@cache
def load_layout() -> Layout:
    """The layout of the official workbook."""
    text = Path(__file__).with_name("official_layout.toml").read_text(encoding="utf-8")
    return Layout.model_validate(tomllib.loads(text))


@dataclass(frozen=True)
class _Line:
    """One row below a header: what stands in each known column, as a text and as the cell it was."""

    sheet: str
    number: int
    letters: Mapping[str, str]
    texts: Mapping[str, str]
    cells: Mapping[str, object]

    def place(self, column: str) -> str:
        return f"{self.sheet}!{self.letters.get(column, '')}{self.number}"

    def get(self, column: str) -> str:
        return self.texts.get(column, "")


@dataclass
class _Import:
    """What is collected while the files are read; ``places``: where among ``rows`` a group stands."""

    rows: list[Row] = field(default_factory=list)
    places: dict[str, list[int]] = field(default_factory=dict)
    excluded_dx: dict[str, str] = field(default_factory=dict)
    excluded_proc: list[ExcludedProc] = field(default_factory=list)
    resistance: dict[str, str] = field(default_factory=dict)
    primary_care: list[PrimaryCare] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    repairs: list[Repair] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unknown: dict[str, dict[str, str]] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)

    def problem(self, message: str, line: _Line, column: str, /, **params: Any) -> None:
        shown = {key: shortened(value) for key, value in params.items()}
        self.problems.append(Problem(message, line.place(column), shown))

    def repair(self, kind: str, line: _Line, what: str, became: str = "") -> None:
        self.repairs.append(Repair(kind, line.sheet, line.number, what, became))


def import_catalogue(
    paths: Sequence[Path],
    out: Path,
    *,
    id: str,
    name: str = "",
    name_en: str = "",
    source: str = "",
    label: Label = "local",
) -> ImportReport:
    """Read a workbook and tables and write them as the catalogue ``id`` into the folder ``out``.

    Rows are tried in the order of the files. A catalogue that is in ``out`` already is replaced. Raises
    ``InputError`` with every problem at once; then nothing is written.
    """
    out = out.absolute()
    check_target(out)
    settings = _settings(id, name, name_en, source or ", ".join(path.name for path in paths), label)
    work = _Import()
    for path in paths:
        if path.suffix.lower() == ".xlsx":
            _read_workbook(work, path)
        elif path.suffix.lower() == ".csv":
            _read_csv(work, path)
        else:
            raise input_error("dip.file_kind", path.name)
    _warn(work)
    if work.problems:
        raise InputError(work.problems)
    layers = settings.matching.layers
    catalogue = Catalogue(
        settings,
        tuple(sorted(work.rows, key=lambda row: layers.index(row.layer))),
        work.excluded_dx,
        tuple(work.excluded_proc),
        work.resistance,
        tuple(work.primary_care),
    )
    with new_folder(out) as part:
        save_catalogue(catalogue, part)
    return ImportReport(id, out, dict(work.counts), tuple(work.repairs), tuple(work.warnings))


def _settings(id: str, name: str, name_en: str, source: str, label: Label) -> Settings:
    try:
        return Settings(
            id=id,
            name=name or id,
            name_en=name_en or id,
            label=label,
            source=source,
            matching=default_matching(),
        )
    except ValidationError:
        raise input_error("dip.catalogue_id", id) from None


def _read_workbook(work: _Import, path: Path) -> None:
    import python_calamine

    check_file(path)
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        names = {name: _PUNCTUATION.sub("", header_text(name)) for name in book.sheet_names}
        read: set[str] = set()
        for layout in load_layout().sheets.values():
            found = [name for name, plain in names.items() if any(part in plain for part in layout.names)]
            if not found:
                params = {"expected": " / ".join(layout.names), "found": ", ".join(names)}
                work.problems.append(Problem("dip.sheet_missing", path.name, params))
            for name in found:
                read.add(name)
                cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                _read_sheet(work, name, layout, cells)
    except (python_calamine.CalamineError, OSError) as error:
        raise input_error("workbook.unreadable", path.name, detail=str(error)) from None
    if left := [name for name in names if name not in read]:
        work.warnings.append(Problem("dip.sheets_not_read", path.name, {"names": ", ".join(left)}))


def _read_sheet(work: _Import, name: str, layout: SheetLayout, cells: Sequence[Sequence[object]]) -> None:
    before = work.counts[name]
    for line in _lines(work, name, layout.required, layout.fill, cells):
        _READERS[layout.holds](work, line, layout)
        work.counts[name] += 1
    if work.counts[name] == before:
        aliases = (load_layout().columns[column][0] for column in layout.required)
        work.problems.append(Problem("dip.header_missing", name, {"expected": ", ".join(aliases)}))


def _lines(
    work: _Import, name: str, required: Sequence[str], fill: Sequence[str], cells: Sequence[Sequence[object]]
) -> Iterator[_Line]:
    """The rows below the headers of a sheet, merged cells filled. A block whose header lacks a required column
    is read where what it has is enough."""
    columns: dict[str, int] = {}
    above: dict[str, str] = {}
    for number, row in enumerate(cells, start=1):
        if header := _header(row):
            columns, above = header, {}
            continue
        if not columns:
            continue
        letters = {column: column_letters(place + 1) for column, place in columns.items()}
        raw = {column: row[place] for column, place in columns.items() if place < len(row)}
        line = _Line(name, number, letters, _texts(work, name, number, raw), raw)
        if not any(line.texts.values()):
            continue
        if not any(line.get(column) for column in _CODE_COLUMNS) and not (line.get("id")):
            shown = next(text for text in line.texts.values() if text)
            work.unread.setdefault(name, []).append(f"{line.place('')} {shortened(shown)}")
            continue
        yield _filled(work, line, [column for column in fill if column in columns], above)


_CODE_COLUMNS = ("dx", "proc", "related", "any_proc", "other_dx", "age_days", "weight_g")


def _header(row: Sequence[object]) -> dict[str, int]:
    """Column name -> place if the row is a header, else empty."""
    texts = [header_text(plain_text(cell)) for cell in row]
    filled = sum(bool(text) for text in texts)
    found: dict[str, int] = {}
    for column, aliases in load_layout().columns.items():
        place = next((place for place, text in enumerate(texts) if text in aliases), None)
        if place is not None:
            found[column] = place
    is_header = len(found) >= load_layout().header_columns and 2 * len(found) >= filled
    return found if is_header else {}


def _texts(work: _Import, sheet: str, number: int, raw: Mapping[str, object]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for column, cell in raw.items():
        was = plain_text(cell)
        texts[column] = became = clean_text(was)
        if became != was:
            work.repairs.append(Repair("cleaned", sheet, number, was, became))
    return texts


def _filled(work: _Import, line: _Line, fill: Sequence[str], above: dict[str, str]) -> _Line:
    """The line with the values above it where its cells are merged with them; ``above`` is kept up to date."""
    texts = dict(line.texts)
    for column in fill:
        if texts[column]:
            above[column] = texts[column]
        elif column in above:
            texts[column] = above[column]
            work.repair("carried_down", line, load_layout().columns[column][0], above[column])
    return replace(line, texts=texts)


def _codes(work: _Import, line: _Line, column: str, system: System) -> Cell:
    """The codes of a cell; what cannot be read is a problem, what was written otherwise a repair."""
    text, raw = line.get(column), line.cells.get(column)
    if system == "icd9cm3" and isinstance(raw, (int, float)) and not isinstance(raw, bool):
        restored = f"{raw:07.4f}"
        work.repair("number_to_code", line, text, restored)
        text = restored
    try:
        cell = parse_cell(text)
    except ValueError as error:
        work.problem("dip.no_code", line, column, column=load_layout().columns[column][0], text=str(error))
        return ()
    spelt = tuple(tuple(_spelt(work, line, column, code, system) for code in codes) for codes in cell)
    if cell_text(spelt) != text.replace(" ", ""):
        work.repair("code_spelling", line, text, cell_text(spelt))
    return spelt


def _spelt(work: _Import, line: _Line, column: str, code: str, system: System) -> str:
    """A code as the catalogue of codes writes it; one that it has neither whole nor as a beginning is noted."""
    catalogue = load_catalogue(system)
    if code in catalogue or with_prefix(code, catalogue.codes):
        return code
    found = catalogue.resolve(code).code
    if found is None:
        work.unknown.setdefault(line.sheet, {}).setdefault(code, line.place(column))
    return found or code


def _row(work: _Import, line: _Line, layout: SheetLayout) -> None:
    if not line.get("number"):
        work.problem("dip.number_missing", line, "number")
        return
    any_proc = _codes(work, line, "any_proc", "icd9cm3")
    proc = any_proc or _codes(work, line, "proc", "icd9cm3")
    row = Row(
        id=f"{layout.layer}-{line.get('number')}",
        layer=layout.layer,
        name=_name(line),
        dx=_codes(work, line, "dx", "icd10"),
        proc=proc,
        proc_place="anywhere" if any_proc else layout.proc_place,
        related=_codes(work, line, "related", "icd9cm3"),
        other_dx=_codes(work, line, "other_dx", "icd10"),
        age_days=_band(work, line, "age_days"),
        weight_g=_band(work, line, "weight_g"),
        resistant=_resistant(work, line),
    )
    _add(work, line, row)


def _add(work: _Import, line: _Line, row: Row) -> None:
    if row in work.rows[-1:]:
        work.repair("duplicate_row", line, row.id)
    else:
        work.places.setdefault(row.id, []).append(len(work.rows))
        work.rows.append(row)


def _name(line: _Line) -> str:
    """The printed name, or the names of diagnosis and procedure."""
    if line.get("name"):
        return line.get("name")[:MAX_NAME]
    columns = (
        "dx_name",
        "other_dx_name",
        "degree",
        "area",
        "proc_name",
        "any_proc_name",
        "related_name",
        "plain_name",
    )
    return " ".join(text for text in map(line.get, columns) if text)[:MAX_NAME]


def _band(work: _Import, line: _Line, column: str) -> Band:
    if not line.get(column):
        return None, None
    try:
        return parse_band(line.get(column))
    except ValueError as error:
        work.problem("dip.no_band", line, column, column=load_layout().columns[column][0], text=str(error))
        return None, None


def _resistant(work: _Import, line: _Line) -> bool | None:
    words, text = load_layout().resistance_words, line.get("resistant")
    if text and text not in words:
        work.problem("dip.resistance_unknown", line, "resistant", text=text, known=", ".join(words))
    return words.get(text)


def _excluded_dx(work: _Import, line: _Line, layout: SheetLayout) -> None:
    for codes in _codes(work, line, "dx", "icd10"):
        work.excluded_dx["+".join(codes)] = line.get("dx_name") or line.get("plain_name")


def _resistance(work: _Import, line: _Line, layout: SheetLayout) -> None:
    for codes in _codes(work, line, "dx", "icd10"):
        work.resistance["+".join(codes)] = line.get("dx_name") or line.get("plain_name")


def _excluded_proc(work: _Import, line: _Line, layout: SheetLayout) -> None:
    words, note = load_layout().exclusion_words, line.get("note").replace(" ", "")
    kind = next((kind for kind, word in words.items() if word in note), None)
    ranges = tuple(code_ranges(note)) if kind == "only_with" else ()
    if kind is None or (kind == "only_with" and not ranges):
        work.problem("dip.exclusion_unknown", line, "note", text=note, known=", ".join(words.values()))
        return
    for codes in _codes(work, line, "proc", "icd9cm3"):
        name = line.get("proc_name") or line.get("plain_name")
        work.excluded_proc.append(ExcludedProc("+".join(codes), name, kind, ranges))


def _primary_care(work: _Import, line: _Line, layout: SheetLayout) -> None:
    dx, proc = _codes(work, line, "dx", "icd10"), _codes(work, line, "proc", "icd9cm3")
    work.primary_care.append(PrimaryCare(line.get("number"), dx, proc))


_READERS = {
    "rows": _row,
    "excluded_dx": _excluded_dx,
    "excluded_proc": _excluded_proc,
    "resistance": _resistance,
    "primary_care": _primary_care,
}


def _read_csv(work: _Import, path: Path) -> None:
    try:
        content = path.read_bytes()[: MAX_CSV_BYTES + 1]
    except OSError as error:
        raise input_error("dip.no_file", str(path), detail=error.strerror or "") from None
    if len(content) > MAX_CSV_BYTES:
        raise input_error("dip.file_too_large", path.name, limit=MAX_CSV_BYTES >> 20)
    try:
        cells = list(csv.reader(io.StringIO(_decoded(path, content))))
    except csv.Error as error:
        raise input_error("dip.table_unreadable", path.name, detail=str(error)) from None
    before = work.counts[path.name]
    for line in _lines(work, path.name, (), (), cells):
        _local_row(work, line)
        work.counts[path.name] += 1
    if work.counts[path.name] == before:
        expected = ", ".join(load_layout().columns[column][0] for column in ("id", "layer", "dx"))
        work.problems.append(Problem("dip.header_missing", path.name, {"expected": expected}))


def _decoded(path: Path, content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise input_error("dip.not_utf8", path.name, detail="gb18030")


def _local_row(work: _Import, line: _Line) -> None:
    """A row of a local table: a group of its own, or the weight and score of one read before."""
    worth: dict[str, Any] = {
        "mean_cost_fen": _fen(work, line),
        "rw": _decimal(work, line, "rw"),
        "score": _decimal(work, line, "score"),
    }
    id = line.get("id") or line.get("number")
    if not id:
        work.problem("dip.number_missing", line, "id")
    elif not any(line.get(column) for column in _CODE_COLUMNS):
        _give_worth(work, line, id, worth)
    else:
        matching = default_matching()
        words = load_layout().layer_words
        layer = words.get(line.get("layer"), line.get("layer"))
        if layer not in matching.layers:
            known = ", ".join((*matching.layers, *words))
            work.problem("dip.layer_unknown", line, "layer", text=line.get("layer"), known=known)
            return
        treatments = {step.name: name for name, step in matching.treatments.items()}
        treatment = treatments.get(line.get("treatment"), line.get("treatment"))
        if treatment and treatment not in matching.treatments:
            known = ", ".join((*matching.treatments, *treatments))
            work.problem("dip.treatment_unknown", line, "treatment", text=treatment, known=known)
            return
        any_proc = _codes(work, line, "any_proc", "icd9cm3")
        proc = any_proc or _codes(work, line, "proc", "icd9cm3")
        row = Row(
            id=id,
            layer=layer,
            name=_name(line),
            dx=_codes(work, line, "dx", "icd10"),
            proc=proc,
            proc_place="anywhere" if any_proc else "ignored" if treatment and not proc else "principal",
            related=_codes(work, line, "related", "icd9cm3"),
            other_dx=_codes(work, line, "other_dx", "icd10"),
            treatment=treatment,
            age_days=_band(work, line, "age_days"),
            weight_g=_band(work, line, "weight_g"),
            resistant=_resistant(work, line),
        )
        _add(work, line, replace(row, **worth))


def _give_worth(work: _Import, line: _Line, id: str, worth: Mapping[str, Any]) -> None:
    """What the line does not give stays as it was."""
    given = {name: value for name, value in worth.items() if value is not None}
    if id not in work.places:
        work.problem("dip.id_unknown", line, "id", id=id)
    for place in work.places.get(id, ()):
        work.rows[place] = replace(work.rows[place], **given)


def _decimal(work: _Import, line: _Line, column: str) -> Decimal | None:
    text = line.get(column).replace(",", "")
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or not 0 <= number < MAX_WORTH:
        work.problem("dip.no_number", line, column, column=load_layout().columns[column][0], text=text)
        return None
    return number


def _fen(work: _Import, line: _Line) -> int | None:
    yuan = _decimal(work, line, "mean_cost_yuan")
    if yuan is None:
        return None
    if yuan * 100 != int(yuan * 100):
        name = load_layout().columns["mean_cost_yuan"][0]
        work.problem("dip.no_number", line, "mean_cost_yuan", column=name, text=str(yuan))
    return int(yuan * 100)


def _warn(work: _Import) -> None:
    for sheet, unknown in work.unknown.items():
        examples = ", ".join(f"{code} ({place})" for code, place in list(unknown.items())[:EXAMPLES])
        params: dict[str, Any] = {"count": len(unknown), "examples": examples}
        work.warnings.append(Problem("dip.codes_unknown", sheet, params))
    for sheet, lines in work.unread.items():
        params = {"count": len(lines), "examples": "; ".join(lines[:EXAMPLES])}
        work.warnings.append(Problem("dip.rows_not_read", sheet, params))
