"""Dialects: mapping files (TOML) that say which column of a file is which field of a case.

A built-in dialect and a user's own mapping file have the same format (``docs/records.md``).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from drg.case import CASE_SCHEMA
from drg.errors import InputError, Problem, input_error
from drg.records.values import field_specs

MAX_MAPPING_BYTES = 1_000_000
Mapped = TypeVar("Mapped", bound=BaseModel)
LIST_FIELDS = ("dx", "proc")
SCALAR_FIELDS = tuple(name for name in CASE_SCHEMA.names if name not in LIST_FIELDS)
_PATTERN = re.compile(r"\{(\d{1,3})\.\.(\d{1,3})\}")
_TO_FULL_WIDTH = ord("｜") - ord("|")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Alternatives = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class Only(_Strict):
    """Which parts of a sum count: those beside which ``column`` (patterns as in the sum) has one of ``values``."""

    column: Alternatives
    values: tuple[str, ...] = Field(min_length=1)


class Columns(_Strict):
    """The columns that together make one value: texts to ``join``, or amounts in yuan to ``sum``.

    Of alternatives the first column that the file has is taken, with ``by_row`` the first that has something in the
    row. Names in ``sum`` may be patterns; ``only`` counts some of the parts. ``fen`` names a column that holds the
    whole amount in fen already; it is read where there is no amount in yuan.
    """

    join: tuple[Alternatives, ...] = ()
    glue: str = Field("-", alias="with")
    sum: tuple[Alternatives, ...] = ()
    only: Only | None = None
    by_row: bool = False
    fen: Alternatives | None = None

    def model_post_init(self, context: Any, /) -> None:
        if bool(self.join) == bool(self.sum):
            raise ValueError("give one of join, sum")
        if self.fen is not None and not self.sum:
            raise ValueError("fen belongs to sum")
        if any(len({len(expand(name)) for name in alternatives}) > 1 for alternatives in self.sum):
            raise ValueError("alternative patterns must stand for as many names")
        if self.only is not None and len(self.kinds) != len(self.parts):
            raise ValueError("only.column must stand for as many names as sum")

    @property
    def parts(self) -> tuple[Alternatives, ...]:
        """The alternatives of each column, patterns expanded."""
        return self.join or tuple(part for one in self.sum for part in _expanded(one))

    @property
    def kinds(self) -> tuple[Alternatives, ...]:
        """The column beside each part of a sum that says whether it counts."""
        return tuple(_expanded(self.only.column)) if self.only is not None else ()


def _expanded(alternatives: Alternatives) -> Iterator[Alternatives]:
    yield from zip(*(expand(name) for name in alternatives), strict=True)


def _as_joined(value: Any) -> Any:
    return value if isinstance(value, dict) else {"join": [value]}


FieldSource = Annotated[Columns, BeforeValidator(_as_joined)]


class ListSource(_Strict):
    """Where the codes of a case are: one separated column, several columns, or a JSON node.

    ``columns`` in order, the first is the principal; ``C06x{01..40}C`` stands for forty names.
    For ``node``: ``code`` names the code in each entry, ``keep`` the entries that count (key -> values; an entry
    without the key counts), ``first`` what marks the principal (any of the keys).
    """

    column: Alternatives | None = None
    separator: str = "|"
    columns: Alternatives | None = None
    node: str | None = None
    code: Alternatives | None = None
    keep: dict[str, tuple[str, ...]] = {}
    first: dict[str, tuple[str, ...]] = {}

    @property
    def wide_separator(self) -> str:
        """The separator as a Chinese keyboard writes it: full width, where it is a sign that has such a form."""
        narrow = len(self.separator) == 1 and "!" <= self.separator <= "~"
        return chr(ord(self.separator) + _TO_FULL_WIDTH) if narrow else self.separator

    def model_post_init(self, context: Any, /) -> None:
        if sum(part is not None for part in (self.column, self.columns, self.node)) != 1:
            raise ValueError("give one of column, columns, node")
        if (self.node is None) != (self.code is None):
            raise ValueError("node and code belong together")


class Times(_Strict):
    """Columns of points in time from which fields are computed where the record does not give them.

    ``icu_in``, ``icu_out`` and ``icu_duration`` (``days/hours/minutes``) have one column a stay.
    """

    born: Alternatives | None = None
    admitted: Alternatives | None = None
    discharged: Alternatives | None = None
    icu_in: Alternatives | None = None
    icu_out: Alternatives | None = None
    icu_duration: Alternatives | None = None


class Title(_Strict):
    en: str
    zh: str


class Dialect(_Strict):
    """One mapping file. ``detect`` are the columns that must all be there for a file to be of this dialect."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: Title
    source: str
    edition: Literal["clinical", "nhsa"]
    detect: tuple[Alternatives, ...] = Field(min_length=1)
    file_types: tuple[Literal["csv", "xlsx", "parquet", "json"], ...] = ("csv", "xlsx", "parquet", "json")
    json_record: str | None = None
    null_markers: tuple[str, ...] = ()
    age_zero_when_days_given: bool = False
    fields: dict[str, FieldSource]
    lists: dict[str, ListSource]
    times: Times = Times()
    values: dict[str, dict[str, str]] = {}

    def model_post_init(self, context: Any, /) -> None:
        unknown = [name for name in (*self.fields, *self.values) if name not in SCALAR_FIELDS]
        unknown += [name for name in self.lists if name not in LIST_FIELDS]
        if unknown:
            raise ValueError(f"not a field of a case: {', '.join(unknown)}")
        missing = [name for name in ("case_id",) if name not in self.fields]
        missing += [name for name in ("dx",) if name not in self.lists]
        if missing:
            raise ValueError(f"no column named for: {', '.join(missing)}")
        summed = [name for name, source in self.fields.items() if source.sum and not is_money(name)]
        joined = [name for name, source in self.fields.items() if len(source.join) > 1 and is_money(name)]
        if summed or joined:
            raise ValueError(f"sum is for money and join for texts: {', '.join((*summed, *joined))}")

    def wanted(self) -> Iterator[str]:
        """Every column name the dialect mentions, patterns expanded."""
        for source in self.fields.values():
            for alternatives in (*source.parts, *source.kinds):
                yield from alternatives
            yield from source.fen or ()
        for codes in self.lists.values():
            yield from codes.column or ()
            yield from expand_all(codes.columns or ())
            yield from (codes.node,) if codes.node else ()
        times = self.times
        for moments in (times.born, times.admitted, times.discharged):
            yield from moments or ()
        for stays in (times.icu_in, times.icu_out, times.icu_duration):
            yield from expand_all(stays or ())


def is_money(name: str) -> bool:
    return field_specs()[name].kind == "money"


def expand(pattern: str) -> list[str]:
    """``C06x{01..03}C`` -> ``C06x01C, C06x02C, C06x03C``; a name without braces stands for itself."""
    found = _PATTERN.search(pattern)
    if not found:
        return [pattern]
    low, high = found.groups()
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [f"{before}{number:0{len(low)}d}{after}" for number in range(int(low), int(high) + 1)]


def expand_all(patterns: Sequence[str]) -> list[str]:
    return [name for pattern in patterns for name in expand(pattern)]


def principal_columns(codes: ListSource) -> Sequence[str]:
    """The columns (any of them), or the node, in which the principal code stands."""
    if codes.node is not None:
        return (codes.node,)
    return codes.column or expand_all(codes.columns or ())[:1]


@cache
def built_in() -> Mapping[str, Dialect]:
    """The dialects that come with DRGBridge, by id."""
    folder = Path(__file__).with_name("dialects")
    loaded = [load(path) for path in sorted(folder.glob("*.toml"))]
    return {dialect.id: dialect for dialect in loaded}


def load(path: Path) -> Dialect:
    """The mapping file at ``path``; raises ``InputError`` with everything that is wrong with it."""
    return read_mapping(path, Dialect)


def read_mapping(path: Path, model: type[Mapped]) -> Mapped:
    """A mapping file of any kind as its ``model``; raises ``InputError`` with everything that is wrong with it."""
    where = str(path)
    try:
        if path.stat().st_size > MAX_MAPPING_BYTES:
            raise input_error("records.mapping_too_large", where)
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise input_error("records.mapping_not_found", where) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise input_error("records.mapping_not_toml", where, detail=str(error)) from error
    except ValidationError as error:
        raise InputError(
            Problem(
                "records.mapping_invalid",
                where,
                {
                    "key": ".".join(str(part) for part in one["loc"]) or "*",
                    "detail": one["msg"].removeprefix("Value error, "),
                },
            )
            for one in error.errors()
        ) from error


def named(profile: str | Path) -> Dialect:
    """A built-in dialect by id, or the mapping file at a path ending in ``.toml``."""
    if isinstance(profile, str) and profile in built_in():
        return built_in()[profile]
    if str(profile).lower().endswith(".toml"):
        return load(Path(profile))
    raise input_error("records.profile_unknown", str(profile), known=", ".join(built_in()))


def _normal(header: str) -> str:
    return unicodedata.normalize("NFKC", header).strip().casefold()


@dataclass(frozen=True)
class Headers:
    """The headers of a table, found by name: exactly first, else as ``A48_病案号`` or ``病案号(A48)``."""

    names: tuple[str, ...]
    exact: Mapping[str, list[int]] = field(default_factory=dict)
    loose: Mapping[str, list[int]] = field(default_factory=dict)

    @staticmethod
    def of(names: Sequence[str]) -> Headers:
        exact: dict[str, list[int]] = {}
        loose: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            normal = _normal(name)
            exact.setdefault(normal, []).append(place)
            code = _only_code(normal)
            if code is not None and code != normal:
                loose.setdefault(code, []).append(place)
        return Headers(tuple(names), exact, loose)

    def places(self, wanted: str) -> list[int]:
        """Where column ``wanted`` is; several places mean that it is ambiguous."""
        normal = _normal(wanted)
        return self.exact.get(normal) or self.loose.get(normal, [])

    def has(self, alternatives: Sequence[str]) -> bool:
        return any(self.places(name) for name in alternatives)


def _only_code(header: str) -> str | None:
    """The one run of ASCII letters and digits in a header that says more, such as ``A48_病案号``."""
    runs = re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)*", header)
    return runs[0] if len(runs) == 1 else None


def recognise(names: Sequence[str], file_type: str) -> Dialect | None:
    """The built-in dialect whose ``detect`` columns are all among ``names``; None if there is none.

    Where several fit, the one that uses most of the columns; a tie is an ``InputError``.
    """
    headers = Headers.of(names)
    fitting = [
        dialect
        for dialect in built_in().values()
        if file_type in dialect.file_types and all(headers.has(one) for one in dialect.detect)
    ]
    if not fitting:
        return None
    used = {dialect.id: sum(bool(headers.places(name)) for name in dialect.wanted()) for dialect in fitting}
    best = [dialect for dialect in fitting if used[dialect.id] == max(used.values())]
    if len(best) > 1:
        raise input_error("records.dialect_ambiguous", found=", ".join(dialect.id for dialect in best))
    return best[0]


def missing_for(dialect: Dialect, names: Sequence[str]) -> list[str]:
    """Those of the dialect's ``detect`` columns that are not among ``names``."""
    headers = Headers.of(names)
    return [" / ".join(one) for one in dialect.detect if not headers.has(one)]


def not_recognised(where: str, names: Sequence[str], file_type: str) -> InputError:
    """The error for a header that no dialect fits: what each dialect would need."""
    shown = ", ".join(name[:40] for name in names[:20])
    candidates = [one for one in built_in().values() if file_type in one.file_types]
    return InputError(
        [Problem("records.header_not_recognised", where, {"header": shown, "count": len(names)})]
        + [
            Problem(
                "records.header_lacks",
                where,
                {"dialect": one.id, "missing": ", ".join(missing_for(one, names))},
            )
            for one in candidates
        ]
    )
