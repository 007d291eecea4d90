"""A scheme pack: one folder that holds one grouping scheme as data.

======================  =====================================================================================
``scheme.toml``         names, source, where and when it applies, switches of the evaluation
``mdc.tsv``             ``code name rule``; rows in the order in which they are tried
``adrg.tsv``            ``code name rule mdc``
``drg.tsv``             ``code name rule adrg``
``sets.txt``            the code sets that rules name (``drg/scheme/notation.py``)
``cc.txt``              blocks ``MCC 12`` / ``CC 12``: codes of that level that refer to exclusion table 12
``exclusions.txt``      blocks ``12``: the principal diagnoses that exclusion table 12 lists
``amendments.toml``     corrections against the source, each with its own source (optional)
``cases.tsv``           example cases with the group that is right for them (optional)
======================  =====================================================================================

The loader reports everything that is wrong with a pack at once, each problem with file, row and column.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drg.codes.catalogue import System, load_catalogue
from drg.errors import InputError, Problem, input_error
from drg.scheme import language, notation

SCHEMES_FOLDER = Path(__file__).parents[1] / "schemes"
TABLE_COLUMNS = {
    "mdc.tsv": ("code", "name", "rule"),
    "adrg.tsv": ("code", "name", "rule", "mdc"),
    "drg.tsv": ("code", "name", "rule", "adrg"),
}
LIST_CATALOGUES: dict[str, dict[str, System]] = {
    "sets.txt": {"OP_": "icd9cm3", "DI_": "icd10", "EX_": "icd10"},
    "cc.txt": {"": "icd10"},
    "exclusions.txt": {"": "icd10"},
}
"""Which catalogue the blocks of a list file are resolved against, by the start of the block's name."""
SWITCH_SETS: dict[str, System] = {
    "surgical_set": "icd9cm3",
    "not_principal_dx": "icd10",
    "non_grouping_proc": "icd9cm3",
    "non_grouping_kept": "icd9cm3",
}
"""The keys of ``Evaluation`` that name a set, and which codes it holds."""
MAX_EXCERPT = 200
SCHEME_ID = r"[a-z0-9][a-z0-9.\-]{0,63}"
"""A scheme id as a regular expression; it is the name of a folder too."""

Model = TypeVar("Model", bound=BaseModel)


class Validity(BaseModel):
    """Where and when a scheme applies."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    regions: list[str] = Field(description="region codes; * is every region")
    first_day: dt.date = Field(alias="from")
    last_day: dt.date | None = Field(None, alias="to")

    def covers(self, region: str | None, day: dt.date) -> bool:
        """Whether a discharge on ``day`` in ``region`` falls under the scheme."""
        in_time = self.first_day <= day and (self.last_day is None or day <= self.last_day)
        return in_time and ("*" in self.regions or region in self.regions)


class Evaluation(BaseModel):
    """The switches in which schemes differ. Set names refer to ``sets.txt``, patterns use ``*`` and ``?``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: str = Field(pattern="^(birth|admission)$", description="which weight XSRTZ reads")
    surgical_set: str | None = Field(
        None,
        description="a case whose principal procedure is in this set skips groups that test no procedure",
    )
    not_principal_dx: str | None = Field(None, description="principal diagnoses that cannot be grouped")
    non_grouping_proc: str | None = Field(None, description="procedures that count as none")
    non_grouping_kept: str | None = Field(None, description="of these, other procedures that still count")
    ambiguous_adrg: str = Field("*QY", description="ADRG codes that mean: no group decides this case")
    fallback_mdc: str = Field("0000", description="MDC codes that take what is left, as ungrouped")
    fallback_adrg: str = Field("?00", description="ADRG codes that take what is left of an MDC, as ungrouped")
    ungrouped: str = Field("0000", description="the group code of a case that no MDC takes")


class Settings(BaseModel):
    """``scheme.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=f"^{SCHEME_ID}$")
    name: str
    name_en: str
    issued: str
    source: str
    validity: Validity
    evaluation: Evaluation


@dataclass(frozen=True)
class Row:
    """A row of ``mdc.tsv``, ``adrg.tsv`` or ``drg.tsv``; ``parent`` is the MDC or ADRG it stands under."""

    code: str
    name: str
    rule: language.Rule
    text: str
    parent: str
    where: str


@dataclass(frozen=True)
class Complication:
    """What makes a diagnosis a complication: its level, and the exclusion table it refers to."""

    level: str
    exclusion_table: str


@dataclass(frozen=True, eq=False)
class Pack:
    """A loaded scheme; rows in the order in which they are tried."""

    folder: Path
    settings: Settings
    mdcs: tuple[Row, ...]
    adrgs: tuple[Row, ...]
    drgs: tuple[Row, ...]
    sets: Mapping[str, frozenset[str]]
    complications: Mapping[str, Complication]
    exclusions: Mapping[str, frozenset[str]]

    @property
    def id(self) -> str:
        return self.settings.id

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Names of the MDCs, ADRGs and DRGs by code."""
        return {row.code: row.name for row in (*self.mdcs, *self.adrgs, *self.drgs)}

    @cached_property
    def adrgs_of(self) -> Mapping[str, Sequence[Row]]:
        """MDC code -> its ADRG rows in order; no key for an MDC without any."""
        return _by_parent(self.adrgs)

    @cached_property
    def drgs_of(self) -> Mapping[str, Sequence[Row]]:
        """ADRG code -> its DRG rows in order; no key for an ADRG without any."""
        return _by_parent(self.drgs)

    @cached_property
    def non_grouping_procedures(self) -> tuple[frozenset[str], frozenset[str]]:
        """Procedures that count as none, and those among them that still count when they are not principal."""
        switches, none = self.settings.evaluation, frozenset[str]()
        dropped = self.sets[switches.non_grouping_proc] if switches.non_grouping_proc else none
        kept = self.sets[switches.non_grouping_kept] if switches.non_grouping_kept else none
        return dropped, kept

    @cache  # noqa: B019 - a pack is loaded once and kept
    def own_codes(self, system: System) -> tuple[str, ...]:
        """Codes that the scheme names and the catalogue does not have, sorted."""
        named: set[str] = set()
        if system == "icd10":
            named.update(self.complications, *self.exclusions.values())
        named.update(*(codes for name, codes in self.sets.items() if set_system(name) == system))
        return tuple(sorted(named.difference(load_catalogue(system).codes)))


def _by_parent(rows: Iterable[Row]) -> Mapping[str, Sequence[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.parent, []).append(row)
    return grouped


def set_system(name: str) -> System | None:
    """The code system of a set, which the start of its name tells; ``None`` for any other name."""
    starts = LIST_CATALOGUES["sets.txt"].items()
    return next((system for start, system in starts if name.startswith(start)), None)


@cache
def load_pack(folder: Path) -> Pack:
    """The pack in ``folder``.

    Raises ``InputError`` with every problem that was found.
    """
    settings = load_settings(folder / "scheme.toml")
    problems: list[Problem] = []
    tables = {name: _read_table(folder / name, problems) for name in TABLE_COLUMNS}
    lists = {name: _read_list(folder / name, problems) for name in LIST_CATALOGUES}
    mdcs, adrgs, drgs = tables.values()
    sets, cc_blocks, exclusions = lists.values()
    complications = _complications(cc_blocks, problems)
    _check_parents(adrgs, mdcs, problems)
    _check_parents(drgs, adrgs, problems)
    for row in (*mdcs, *adrgs, *drgs):
        problems += _set_problems(row, sets)
    problems += _switch_set_problems(settings.evaluation, sets)
    if problems:
        raise InputError(problems)
    return Pack(folder, settings, mdcs, adrgs, drgs, sets, complications, exclusions)


def load_settings(path: Path) -> Settings:
    """``scheme.toml`` of a pack. Raises ``InputError`` with every problem that was found."""
    return read_toml(path, Settings)


def read_toml(path: Path, model: type[Model]) -> Model:
    """A TOML file of a pack as what it describes. Raises ``InputError`` with every problem that was found."""
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise input_error("scheme.file_missing", str(path), name=path.name) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise input_error("scheme.toml_unreadable", path.name, detail=str(error)) from None
    except ValidationError as error:
        problems = [
            Problem(
                "scheme.setting_invalid",
                path.name,
                {"key": ".".join(str(part) for part in found["loc"]), "detail": found["msg"]},
            )
            for found in error.errors()
        ]
        raise InputError(problems) from None


def _read_table(path: Path, problems: list[Problem]) -> tuple[Row, ...]:
    columns = TABLE_COLUMNS[path.name]
    lines = _read_lines(path, problems)
    if lines is None:
        return ()
    if not lines or tuple(lines[0].split("\t")) != columns:
        problems.append(Problem("scheme.header", f"{path.name}:1", {"expected": " ".join(columns)}))
        return ()
    if not any(line.strip() for line in lines[1:]):
        problems.append(Problem("scheme.no_rows", path.name))
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        cells = line.split("\t")
        if len(cells) != len(columns):
            params = {"found": len(cells), "expected": len(columns)}
            problems.append(Problem("scheme.cell_count", where, params))
            continue
        record = dict(zip(columns, cells, strict=True))
        code = record["code"]
        if not code or any(sign.isspace() for sign in code):
            problems.append(Problem("scheme.code_blank", where, {"code": code}))
            continue
        if code in seen:
            problems.append(Problem("scheme.code_twice", where, {"code": code, "line": seen[code]}))
            continue
        seen[code] = number
        rule_column = line.index(record["rule"], len(code) + 1 + len(record["name"])) + 1
        rule = parse_rule(record["rule"], where, rule_column, problems)
        parent = record[columns[3]] if len(columns) > 3 else ""
        rows.append(Row(code, record["name"], rule, record["rule"], parent, where))
    return tuple(rows)


def parse_rule(text: str, where: str, column: int, problems: list[Problem]) -> language.Rule:
    """The rule in ``text``; a syntax error becomes a problem at ``where`` with a caret under it.

    ``column`` is the place of the rule's first character in its line, from 1.
    """
    try:
        return language.parse(text)
    except language.RuleSyntaxError as error:
        start, end = error.span
        excerpt = _with_caret(text, start, end)
        problems.append(Problem(error.code, f"{where}:{column + start}", dict(error.params), excerpt))
        return language.Always(False)


def _with_caret(text: str, start: int, end: int) -> str:
    """The text, cut to what is near ``start``, with a line below that marks ``start`` to ``end``."""
    first = max(0, start - MAX_EXCERPT // 2)
    last = first + MAX_EXCERPT
    return f"  {text[first:last]}\n  {' ' * (start - first)}{'^' * max(1, min(end, last) - start)}"


def _read_list(path: Path, problems: list[Problem]) -> dict[str, frozenset[str]]:
    catalogues = {start: load_catalogue(system).codes for start, system in LIST_CATALOGUES[path.name].items()}
    lines = _read_lines(path, problems)
    return notation.read_blocks(path.name, lines or (), catalogues, problems)


def _read_lines(path: Path, problems: list[Problem]) -> list[str] | None:
    """The lines of a file of a pack, with or without a byte order mark; ``None`` where it cannot be read."""
    try:
        # Not splitlines(), which also ends a line at signs that may stand in a name.
        return path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except FileNotFoundError:
        problems.append(Problem("scheme.file_missing", str(path), {"name": path.name}))
    except UnicodeDecodeError as error:
        problems.append(Problem("scheme.not_utf8", path.name, {"position": error.start}))
    return None


def _complications(blocks: Mapping[str, frozenset[str]], problems: list[Problem]) -> dict[str, Complication]:
    found: dict[str, Complication] = {}
    for name, codes in blocks.items():
        level, table = [*name.split(maxsplit=1), ""][:2]
        if level not in language.CC_LEVELS:
            known = ", ".join(language.CC_LEVELS)
            problems.append(Problem("scheme.cc_level", "cc.txt", {"name": name, "known": known}))
        for code in sorted(codes & found.keys()):
            problems.append(Problem("scheme.cc_twice", "cc.txt", {"code": code, "name": name}))
        found.update(dict.fromkeys(codes, Complication(level, table)))
    return found


def _check_parents(rows: Iterable[Row], parents: Iterable[Row], problems: list[Problem]) -> None:
    known = {parent.code for parent in parents}
    for row in rows:
        if row.parent not in known:
            problems.append(
                Problem("scheme.parent_missing", row.where, {"code": row.code, "parent": row.parent})
            )


def _set_problems(row: Row, sets: Mapping[str, frozenset[str]]) -> Iterable[Problem]:
    """Sets that a rule names but the pack does not have, or that hold codes of the other system."""
    for test in language.tests(row.rule):
        for name in language.set_names(test):
            fields_are_dx = not isinstance(test, language.ScalarTest) and test.fields[0] in language.DX_FIELDS
            system = "icd10" if fields_are_dx else "icd9cm3"
            if name not in sets:
                yield _set_problem("scheme.set_missing", row, name)
            elif set_system(name) != system:
                yield _set_problem("scheme.set_of_other_system", row, name)


def _set_problem(code: str, row: Row, name: str) -> Problem:
    start = max(row.text.upper().find(name), 0)
    caret = f"  {row.text}\n  {' ' * start}{'^' * len(name)}"
    return Problem(code, row.where, {"code": row.code, "name": name}, caret)


def _switch_set_problems(evaluation: Evaluation, sets: Mapping[str, frozenset[str]]) -> Iterable[Problem]:
    for key, system in SWITCH_SETS.items():
        name = getattr(evaluation, key)
        params = {"key": f"evaluation.{key}", "name": name}
        if name is not None and name not in sets:
            yield Problem("scheme.switch_set_missing", "scheme.toml", params)
        elif name is not None and set_system(name) != system:
            yield Problem("scheme.switch_set_of_other_system", "scheme.toml", params)


def write_tables(folder: Path, tables: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Write ``mdc.tsv``, ``adrg.tsv`` and ``drg.tsv``: file name -> rows of cells in ``TABLE_COLUMNS`` order."""
    for name, rows in tables.items():
        lines = ["\t".join(TABLE_COLUMNS[name]), *("\t".join(row) for row in rows)]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_lists(
    folder: Path, lists: Mapping[str, Mapping[str, Collection[str]]], titles: Mapping[str, str]
) -> None:
    """Write ``sets.txt``, ``cc.txt`` and ``exclusions.txt``: file name -> block name -> codes."""
    for name, blocks in lists.items():
        catalogues = {start: load_catalogue(system).codes for start, system in LIST_CATALOGUES[name].items()}
        text = notation.write_blocks(blocks, catalogues, titles if name == "sets.txt" else {})
        (folder / name).write_text(text, encoding="utf-8")


def find_pack(id_or_folder: str | Path) -> Pack:
    """The pack with an id among those shipped, or the one in a folder. Raises ``InputError``."""
    if str(id_or_folder) in shipped_ids():
        return load_pack(SCHEMES_FOLDER / id_or_folder)
    given = Path(id_or_folder)
    if _is_pack(given):
        return load_pack(given.resolve())
    raise input_error("scheme.unknown", name=str(id_or_folder), known=", ".join(shipped_ids()))


def _is_pack(folder: Path) -> bool:
    try:
        return (folder / "scheme.toml").is_file()
    except OSError:  # a name that no file can have
        return False


def shipped_ids() -> list[str]:
    """The ids of the packs that come with the project."""
    return sorted(path.parent.name for path in SCHEMES_FOLDER.glob("*/scheme.toml"))


def choose_id(region: str | None, day: dt.date | None) -> str | None:
    """The shipped scheme for a discharge on ``day`` in ``region``; ``None`` where none applies.

    A scheme that names the region goes before a national one, the later one before the earlier.
    """
    if day is None:
        return None
    fitting = [
        settings
        for settings in (load_settings(SCHEMES_FOLDER / id / "scheme.toml") for id in shipped_ids())
        if settings.validity.covers(region, day)
    ]
    fitting.sort(key=lambda settings: (region in settings.validity.regions, settings.validity.first_day))
    return fitting[-1].id if fitting else None
