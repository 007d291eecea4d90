"""A DIP catalogue: its groups, what does not group, and how a case finds its group. One folder a catalogue::

    catalogue.toml    name, source, reference cost, how rows are chosen (see ``matching.toml``)
    groups.tsv        the rows of all layers in the order in which they are tried
    excluded_dx.tsv   principal diagnoses that do not group
    excluded_proc.tsv procedures that cannot be the principal one
    resistance.tsv    diagnoses that make a tuberculosis resistant
    primary_care.tsv  groups that are recommended for primary care

Only ``catalogue.toml`` and ``groups.tsv`` must be there.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from drg.dip.cells import Band, Cell, band_text, cell_text, parse_band, parse_cell
from drg.errors import InputError, Problem, input_error

CATALOGUES_FOLDER = Path(__file__).with_name("catalogues")
MATCHING_FILE = Path(__file__).with_name("matching.toml")
SETTINGS_FILE = "catalogue.toml"
MAX_FILE_BYTES = 64 << 20
MAX_TOML_BYTES = 2 << 20
MAX_ROWS = 200_000

Criterion = Literal[
    "dx_level",
    "related",
    "principal_proc",
    "most_procedures",
    "proc_level",
    "nearest_mean",
    "type_ladder",
]
ProcPlace = Literal["principal", "anywhere", "ignored"]
"""Where the procedures of a row stand: the principal one is among them, anywhere, or procedures do not matter."""

Label = Literal["official", "local", "synthetic"]


class Treatment(BaseModel):
    """One step of the treatment ladder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    types: list[str]


class Matching(BaseModel):
    """How a case finds its row; the keys are explained in ``matching.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: list[str] = Field(min_length=1, max_length=20)
    dx_lengths: list[int] = Field(min_length=1, max_length=4)
    proc_lengths: list[int] = Field(min_length=1, max_length=4)
    principal_procedure: Literal["first_allowed", "first"]
    counted_treatments: list[str]
    strategy: dict[str, list[Criterion]]
    treatments: dict[str, Treatment]

    @model_validator(mode="after")
    def _names_exist(self) -> Matching:
        if not set(self.strategy) <= {"default", *self.layers} or "default" not in self.strategy:
            raise ValueError(f"strategy: default, or one of {', '.join(self.layers)}")
        if not set(self.counted_treatments) <= set(self.treatments):
            raise ValueError(f"counted_treatments: some of {', '.join(self.treatments)}")
        return self

    def criteria(self, layer: str) -> list[Criterion]:
        """The criteria by which one of several rows of a layer is taken."""
        return self.strategy.get(layer, self.strategy["default"])


class Settings(BaseModel):
    """``catalogue.toml``. ``label`` says what the catalogue may be used for; ``reference_cost_fen`` is M."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")
    name: str
    name_en: str
    label: Label
    source: str
    first_day: dt.date | None = None
    reference_cost_fen: int | None = Field(default=None, gt=0)
    score_base: int = Field(default=1000, gt=0, le=100_000)
    matching: Matching


@dataclass(frozen=True)
class Row:
    """One row of ``groups.tsv``; rows with the same id are ways into the same group.

    ``dx`` alternatives: principal diagnosis first, others among the other diagnoses; an empty cell is any
    diagnosis. ``treatment`` restricts a row to cases with that treatment. ``rw`` and ``score`` are what was
    published or built, ``None`` where there is none.
    """

    id: str
    layer: str
    name: str
    dx: Cell = ()
    proc: Cell = ()
    proc_place: ProcPlace = "principal"
    related: Cell = ()
    other_dx: Cell = ()
    treatment: str = ""
    age_days: Band = (None, None)
    weight_g: Band = (None, None)
    resistant: bool | None = None
    cases: int | None = None
    mean_cost_fen: int | None = None
    cv: Decimal | None = None
    rw: Decimal | None = None
    score: Decimal | None = None


ExclusionKind = Literal["conservative", "not_principal", "only_with"]


@dataclass(frozen=True)
class ExcludedProc:
    """A procedure that cannot be the principal one: it counts as none, or only where it is not the first, or it
    may be principal ``only_with`` a principal diagnosis in ``dx_ranges``."""

    code: str
    name: str
    kind: ExclusionKind
    dx_ranges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PrimaryCare:
    """A group that is recommended for primary care."""

    number: str
    dx: Cell
    proc: Cell


@dataclass(frozen=True)
class Catalogue:
    """A catalogue as loaded or built; ``excluded_dx`` and ``resistance`` map codes to names."""

    settings: Settings
    rows: tuple[Row, ...]
    excluded_dx: Mapping[str, str]
    excluded_proc: tuple[ExcludedProc, ...]
    resistance: Mapping[str, str]
    primary_care: tuple[PrimaryCare, ...]

    @property
    def id(self) -> str:
        return self.settings.id

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Group id -> place of its first row."""
        found: dict[str, int] = {}
        for place, row in enumerate(self.rows):
            found.setdefault(row.id, place)
        return found


def default_matching() -> Matching:
    """``matching.toml``."""
    return Matching.model_validate(tomllib.loads(MATCHING_FILE.read_text(encoding="utf-8")))


def shipped_ids() -> list[str]:
    """The ids of the catalogues that come with the library."""
    return sorted(path.parent.name for path in CATALOGUES_FOLDER.glob(f"*/{SETTINGS_FILE}"))


def find_catalogue(catalogue: str | Path) -> Catalogue:
    """A shipped catalogue by id, or one in a folder. Raises ``InputError`` where there is none."""
    shipped = CATALOGUES_FOLDER / str(catalogue)
    if str(catalogue) in shipped_ids():
        return load_catalogue(shipped)
    folder = Path(catalogue)
    if not (folder / SETTINGS_FILE).is_file():
        raise input_error("dip.no_catalogue", str(catalogue), known=", ".join(shipped_ids()))
    return load_catalogue(folder.absolute())


def folder_of(catalogue: str | Path) -> Path:
    """The folder of a shipped catalogue, or the one named."""
    return CATALOGUES_FOLDER / str(catalogue) if str(catalogue) in shipped_ids() else Path(catalogue)


def check_target(folder: Path) -> None:
    """Raise ``InputError`` where a new catalogue would be written over something else than a catalogue."""
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not (folder / SETTINGS_FILE).is_file())
    ):
        raise input_error("dip.target_not_empty", str(folder))


@cache
def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue in ``folder``. Raises ``InputError`` with every problem, each at file, line and column."""
    problems: list[Problem] = []
    settings = load_toml(folder / SETTINGS_FILE, Settings)
    reader = _Reader(folder, settings, problems)
    catalogue = Catalogue(
        settings=settings,
        rows=tuple(reader.read("groups.tsv", reader.row)),
        excluded_dx=dict(reader.read("excluded_dx.tsv", _code_and_name)),
        excluded_proc=tuple(reader.read("excluded_proc.tsv", _excluded_proc)),
        resistance=dict(reader.read("resistance.tsv", _code_and_name)),
        primary_care=tuple(reader.read("primary_care.tsv", _primary_care)),
    )
    if not catalogue.rows and not problems:
        problems.append(Problem("dip.no_rows", "groups.tsv"))
    if problems:
        raise InputError(problems)
    return catalogue


def check_size(path: Path, limit: int = MAX_FILE_BYTES) -> None:
    """Raise ``InputError`` for a file of more bytes than a part of a catalogue or a contract has."""
    if path.stat().st_size > limit:
        raise input_error("dip.file_too_large", path.name, limit=limit >> 20)


Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: Path, model: type[Model]) -> Model:
    """A TOML file as ``model`` (a pydantic model). Raises ``InputError`` with every key that is wrong."""
    try:
        check_size(path, MAX_TOML_BYTES)
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise input_error("dip.no_file", str(path), detail=error.strerror or "") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise input_error("dip.toml_unreadable", path.name, detail=str(error)) from None
    except ValidationError as error:
        raise InputError(
            Problem(
                "dip.setting_invalid",
                path.name,
                {"key": ".".join(str(part) for part in found["loc"]), "detail": found["msg"]},
            )
            for found in error.errors()
        ) from None


TABLE_COLUMNS: dict[str, tuple[str, ...]] = {
    "groups.tsv": tuple(Row.__dataclass_fields__),
    "excluded_dx.tsv": ("code", "name"),
    "excluded_proc.tsv": ("code", "name", "kind", "dx_ranges"),
    "resistance.tsv": ("code", "name"),
    "primary_care.tsv": ("number", "dx", "proc"),
}

_WHOLE = re.compile(r"[0-9]{1,15}")
_RESISTANT = {"": None, "yes": True, "no": False}


class _CellError(ValueError):
    """A cell that cannot be read: message id, column and what stood there."""

    def __init__(self, message: str, column: str, text: str):
        super().__init__(message)
        self.message, self.column, self.text = message, column, text


class _Reader:
    """Reads the tables of a catalogue folder; what is wrong goes to ``problems``."""

    def __init__(self, folder: Path, settings: Settings, problems: list[Problem]):
        self.folder, self.settings, self.problems = folder, settings, problems

    def read(self, name: str, make: Callable[[Mapping[str, str]], Any]) -> list[Any]:
        path = self.folder / name
        if not path.is_file():
            return []
        check_size(path)
        try:
            lines = csv.reader(
                io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter="\t", quoting=csv.QUOTE_NONE
            )
            header = next(lines, [])
            rows = list(itertools.islice(lines, MAX_ROWS + 1))
        except UnicodeDecodeError as error:
            raise input_error("dip.not_utf8", name, detail=str(error)) from None
        except csv.Error as error:
            raise input_error("dip.table_unreadable", name, detail=str(error)) from None
        if len(rows) > MAX_ROWS:
            raise input_error("dip.too_many_rows", name, limit=MAX_ROWS)
        columns = TABLE_COLUMNS[name]
        if tuple(header) != columns:
            self.problems.append(Problem("dip.header", f"{name}:1", {"expected": " ".join(columns)}))
            return []
        made: list[Any] = []
        for number, cells in enumerate(rows, start=2):
            if len(cells) != len(columns):
                params: dict[str, Any] = {"found": len(cells), "expected": len(columns)}
                self.problems.append(Problem("dip.cell_count", f"{name}:{number}", params))
                continue
            try:
                made.append(make(dict(zip(columns, cells, strict=True))))
            except _CellError as error:
                where = f"{name}:{number}:{columns.index(error.column) + 1}"
                params = {"column": error.column, "text": error.text[:80]}
                self.problems.append(Problem(error.message, where, params))
        return made

    def row(self, cells: Mapping[str, str]) -> Row:
        matching = self.settings.matching
        if not cells["id"]:
            raise _CellError("dip.value_missing", "id", "")
        return Row(
            id=cells["id"],
            layer=_one_of(cells, "layer", matching.layers),
            name=cells["name"],
            dx=_cell(cells, "dx"),
            proc=_cell(cells, "proc"),
            proc_place=_one_of(cells, "proc_place", ("principal", "anywhere", "ignored")),
            related=_cell(cells, "related"),
            other_dx=_cell(cells, "other_dx"),
            treatment=_one_of(cells, "treatment", ("", *matching.treatments)),
            age_days=_band(cells, "age_days"),
            weight_g=_band(cells, "weight_g"),
            resistant=_RESISTANT[_one_of(cells, "resistant", tuple(_RESISTANT))],
            cases=_whole(cells, "cases"),
            mean_cost_fen=_whole(cells, "mean_cost_fen"),
            cv=_decimal(cells, "cv"),
            rw=_decimal(cells, "rw"),
            score=_decimal(cells, "score"),
        )


def _one_of(cells: Mapping[str, str], column: str, known: Sequence[str]) -> Any:
    if cells[column] not in known:
        raise _CellError("dip.value_unknown", column, cells[column])
    return cells[column]


def _cell(cells: Mapping[str, str], column: str) -> Cell:
    try:
        return parse_cell(cells[column])
    except ValueError as error:
        raise _CellError("dip.no_code", column, str(error)) from None


def _band(cells: Mapping[str, str], column: str) -> Band:
    if not cells[column]:
        return None, None
    try:
        return parse_band(cells[column])
    except ValueError:
        raise _CellError("dip.no_band", column, cells[column]) from None


def _whole(cells: Mapping[str, str], column: str) -> int | None:
    if cells[column] and not _WHOLE.fullmatch(cells[column]):
        raise _CellError("dip.no_number", column, cells[column])
    return int(cells[column]) if cells[column] else None


def _decimal(cells: Mapping[str, str], column: str) -> Decimal | None:
    if not cells[column]:
        return None
    try:
        number = Decimal(cells[column])
    except InvalidOperation:
        raise _CellError("dip.no_number", column, cells[column]) from None
    if not number.is_finite() or number < 0 or number >= 10**9:
        raise _CellError("dip.no_number", column, cells[column])
    return number


def _code_and_name(cells: Mapping[str, str]) -> tuple[str, str]:
    return cells["code"], cells["name"]


def _excluded_proc(cells: Mapping[str, str]) -> ExcludedProc:
    kind = _one_of(cells, "kind", ("conservative", "not_principal", "only_with"))
    ranges = [part.partition("..") for part in cells["dx_ranges"].split("|") if part]
    return ExcludedProc(cells["code"], cells["name"], kind, tuple((first, last) for first, _, last in ranges))


def _primary_care(cells: Mapping[str, str]) -> PrimaryCare:
    return PrimaryCare(cells["number"], _cell(cells, "dx"), _cell(cells, "proc"))


def save_catalogue(catalogue: Catalogue, folder: Path) -> None:
    """Write the files of a catalogue; the inverse of :func:`load_catalogue`, deterministic."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = catalogue.settings.model_dump(exclude_none=True)
    (folder / SETTINGS_FILE).write_text(toml_text(settings), encoding="utf-8")
    tables: dict[str, Iterable[Sequence[str]]] = {
        "groups.tsv": (_row_cells(row) for row in catalogue.rows),
        "excluded_dx.tsv": catalogue.excluded_dx.items(),
        "excluded_proc.tsv": (
            (found.code, found.name, found.kind, "|".join("..".join(ends) for ends in found.dx_ranges))
            for found in catalogue.excluded_proc
        ),
        "resistance.tsv": catalogue.resistance.items(),
        "primary_care.tsv": (
            (found.number, cell_text(found.dx), cell_text(found.proc)) for found in catalogue.primary_care
        ),
    }
    for name, rows in tables.items():
        lines = ["\t".join(_one_line(cell) for cell in row) for row in rows]
        if lines or name == "groups.tsv":
            text = "\n".join(["\t".join(TABLE_COLUMNS[name]), *lines]) + "\n"
            (folder / name).write_text(text, encoding="utf-8")
        else:
            (folder / name).unlink(missing_ok=True)
    load_catalogue.cache_clear()


def _one_line(cell: str) -> str:
    return cell.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def _row_cells(row: Row) -> list[str]:
    resistant = {value: text for text, value in _RESISTANT.items()}
    texts: dict[str, str] = {
        **{name: cell_text(getattr(row, name)) for name in ("dx", "proc", "related", "other_dx")},
        **{name: band_text(getattr(row, name)) for name in ("age_days", "weight_g")},
        "resistant": resistant[row.resistant],
    }
    return [
        texts[name] if name in texts else _plain(getattr(row, name)) for name in TABLE_COLUMNS["groups.tsv"]
    ]


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def toml_text(values: Mapping[str, Any], path: str = "") -> str:
    """Nested tables of texts, numbers, dates and lists as TOML. JSON strings are TOML strings but for DEL."""
    simple = {key: value for key, value in values.items() if not isinstance(value, dict)}
    nested = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{key} = {_toml_value(value)}" for key, value in simple.items()]
    text = "\n".join([f"[{path}]", *lines] if path and lines else lines)
    parts = [text] if text else []
    parts += [
        toml_text(table, f"{path}.{key}" if path else key).rstrip("\n") for key, table in nested.items()
    ]
    return "\n\n".join(parts) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")
