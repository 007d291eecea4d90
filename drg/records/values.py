"""From the cells of a column to the values of a field, whole columns at a time.

Files repeat the same few values, so every column is first reduced to its distinct values; these are read with
``pyarrow.compute`` and spread over the rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from drg.case import MAX_CODE_LENGTH, MAX_CODES
from drg.records.findings import Finding

MAX_CELL_LENGTH = 100_000
FEN = 100
FEN_NOISE = 1e-4
"""Part of a fen by which an amount may differ from whole fen: what binary numbers (12.30000000000001) leave."""
_NUMERIC = ("integer", "number", "money")

Mask = npt.NDArray[np.bool_]

_WHOLE = r"^[+-]?\d{1,9}(\.0*)?$"
_DECIMAL = r"^[+-]?\d{1,9}(\.\d*)?([eE]-\d{1,3})?$"
_FULL_WIDTH_NUMBER = r"^[0-9.+０-９．＋－-]+$"
_EXCEL_ERROR = r"^#[A-Za-z/0]+[!?A]?$"
_SCIENTIFIC = r"^[+-]?\d+(\.\d+)?[eE]\+\d+$"
_SCIENTIFIC_PART = r"(^|\W)\d+(\.\d+)?[eE]\+\d+($|\W)"
"""In a text that may be joined from several cells, such as a case id."""
_DATE_LIKE = (
    r"^\d{4}[-/.年]\d{1,2}([-/.月]\d{1,2}日?)?([ T].*)?$|^\d{1,2}[-/]\d{1,2}[-/](\d{2}|\d{4})$"
    r"|^\d{1,2}月\d{1,2}日$"
    r"|(?i)^\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-\d{2,4})?$"
    r"|(?i)^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-\d{1,4}$"
)
_EXCEL_SERIAL = r"^\d{5}(\.\d+)?$"
_CONTROL = r"[\x00-\x1f\x7f]"
_TIME = (
    r"^(?P<year>\d{4})"
    r"(?:-(?P<m1>\d{1,2})-(?P<d1>\d{1,2})|/(?P<m2>\d{1,2})/(?P<d2>\d{1,2})|(?P<m3>\d{2})(?P<d3>\d{2}))"
    r"(?:[ T]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:\.\d+)?)?"
    r"|[ T](?P<hour1>\d):(?P<minute1>\d{2})(?::(?P<second1>\d{2}))?)?$"
)
_DURATION = r"^(?P<days>\d{1,4})/(?P<hours>\d{1,2})/(?P<minutes>\d{1,2})$"


class FieldSpec(BaseModel):
    """What a field may hold (``fields.toml``); message ids are without the section ``records.``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text", "integer", "number", "money", "date", "codes"]
    max_length: int = 64
    low: float = 0
    high: float = 0
    allowed: tuple[int, ...] = ()
    below: str = ""
    above: str = ""
    outside: str = ""
    unknown: tuple[int, ...] = ()
    words: dict[str, str] = {}


@cache
def _settings() -> dict[str, Any]:
    import tomllib

    return tomllib.loads(Path(__file__).with_name("fields.toml").read_text(encoding="utf-8"))


@cache
def field_specs() -> Mapping[str, FieldSpec]:
    """Field name -> its specification, in the order of ``drg.Case``."""
    return {name: FieldSpec.model_validate(spec) for name, spec in _settings()["fields"].items()}


@cache
def null_markers() -> pa.Array:
    """Cell texts that mean "nothing here"."""
    return pa.array(_settings()["null_markers"], pa.string())


@dataclass(frozen=True)
class Column:
    """A field of a chunk: its values and what was found while reading them."""

    values: pa.Array
    problems: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


class _Verdicts:
    """The first thing that is wrong with each of some distinct values, and what was repaired."""

    def __init__(self, texts: pa.Array):
        self.texts = texts
        self.open: Mask = as_mask(pc.is_valid(texts))
        self.problems: list[tuple[str, Mask]] = []
        self.notes: list[tuple[str, Mask]] = []

    def settle(self, mask: Mask) -> Mask:
        """Those of ``mask`` that were still undecided; they are decided now."""
        fresh = mask & self.open
        self.open = self.open & ~fresh
        return fresh

    def reject(self, message: str, mask: Mask) -> None:
        fresh = self.settle(mask)
        if fresh.any():
            self.problems.append((message, fresh))

    def reject_matching(self, message: str, pattern: str) -> None:
        if self.open.any():
            self.reject(message, _matches(self.texts, pattern))

    def only(self, mask: Mask) -> _Verdicts:
        """Those of ``mask`` that are still undecided, to be judged by themselves; :meth:`take_over` brings it back."""
        return _Verdicts(pc.if_else(pa.array(mask & self.open), self.texts, pa.scalar(None, pa.string())))

    def take_over(self, judged: _Verdicts) -> None:
        for message, mask in judged.problems:
            self.reject(message, mask)


def as_mask(array: pa.Array) -> Mask:
    """A boolean array as numpy, null as false."""
    # Filling costs more than the rest where the array is short, and mostly there is nothing to fill.
    filled = array.fill_null(False) if array.null_count else array
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.bool_)


def _matches(texts: pa.Array, pattern: str) -> Mask:
    return as_mask(pc.match_substring_regex(texts, pattern))


def as_text(column: pa.Array) -> pa.Array:
    """Any scalar column as strings; whole floats without their ``.0``, not-a-number as null."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        known = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        return pc.replace_substring_regex(pc.cast(known, pa.string()), r"\.0$", "")
    return pc.cast(column, pa.string())


def without_markers(texts: pa.Array, markers: pa.Array) -> pa.Array:
    """Strings with blanks stripped at both ends; null where nothing or a null marker is left."""
    stripped = pc.utf8_trim_whitespace(texts)
    empty = pc.is_in(stripped, value_set=markers)
    if not pc.any(empty).as_py():
        return stripped
    return pc.if_else(empty, pa.scalar(None, pa.string()), stripped)


def _distinct(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    encoded = column.dictionary_encode()
    return encoded.dictionary, encoded.indices


def _spread(mask: Mask, indices: pa.Array) -> npt.NDArray[np.int64]:
    """Positions of the rows whose distinct value is in ``mask``."""
    if not mask.any():
        return np.empty(0, np.int64)
    padded = np.append(mask, False)
    places = pc.fill_null(indices, len(mask)).to_numpy(zero_copy_only=False)
    return np.flatnonzero(padded[places]).astype(np.int64)


def read_scalar(name: str, column: pa.Array, words: Mapping[str, str], markers: pa.Array) -> Column:
    """The cells of ``column`` as values of field ``name``.

    ``words`` are the dialect's texts for a value, ``markers`` its texts for nothing. Cells may be of any scalar
    Arrow type; a value that cannot be taken becomes null and a problem.
    """
    return _read(name, field_specs()[name], column, words, markers)


def read_fen(name: str, column: pa.Array, markers: pa.Array) -> Column:
    """The cells of ``column``, whole fen, as values of the money field ``name``; otherwise as :func:`read_scalar`."""
    spec = field_specs()[name]
    as_fen = spec.model_copy(update={"kind": "integer", "high": spec.high * FEN})
    return _read(name, as_fen, column, {}, markers)


def total(name: str, parts: Sequence[Column]) -> Column:
    """The sum of the parts of money field ``name``; null only where all parts are."""
    known = np.any([as_mask(pc.is_valid(part.values)) for part in parts], axis=0)
    amounts = np.sum([pc.fill_null(part.values, 0).to_numpy(zero_copy_only=False) for part in parts], axis=0)
    problems = [problem for part in parts for problem in part.problems]
    spec = field_specs()[name]
    too_high = np.flatnonzero(amounts > round(spec.high * FEN)).astype(np.int64)
    if len(too_high):
        shown = pa.array(amounts[too_high] / FEN).cast(pa.string())
        problems.append(Finding(f"records.{spec.above}", name, too_high, shown))
    notes = [note for part in parts for note in part.notes]
    return Column(pa.array(amounts, pa.int64(), mask=~known), tuple(problems), tuple(notes))


def counted(part: Column, kinds: pa.Array, counting: Sequence[str]) -> Column:
    """A part of a sum of money that counts where its kind is one of ``counting``, and is zero where it is another."""
    counts = pc.is_in(pc.utf8_trim_whitespace(kinds), value_set=pa.array(counting, pa.string()))
    nothing = pc.if_else(pc.is_valid(part.values), pa.scalar(0, pa.int64()), pa.scalar(None, pa.int64()))
    return replace(part, values=pc.if_else(counts, part.values, nothing))


def first_given(columns: Sequence[Column]) -> Column:
    """Of each row the first column's value that is there; the problems and notes of all."""
    return Column(
        pc.coalesce(*[column.values for column in columns]),
        tuple(problem for column in columns for problem in column.problems),
        tuple(note for column in columns for note in column.notes),
    )


def _read(
    name: str, spec: FieldSpec, column: pa.Array, words: Mapping[str, str], markers: pa.Array
) -> Column:
    if spec.kind in _NUMERIC and _is_numeric(column.type) and not words:
        return _read_numbers(name, spec, column)
    if spec.kind == "date" and pa.types.is_temporal(column.type):
        return Column(_as_seconds(column))
    if spec.kind == "text" and not words:
        return _read_text(name, spec, as_text(column), markers)
    originals, indices = _distinct(as_text(column))
    texts = _replaced(without_markers(originals, markers), {**spec.words, **words}, markers)
    verdicts = _Verdicts(texts)
    _reject_long(verdicts)
    values, became = _READERS[spec.kind](spec, verdicts)
    return Column(
        values.take(indices),
        tuple(_findings(name, verdicts.problems, column_texts=originals, indices=indices)),
        tuple(_findings(name, verdicts.notes, originals, indices, became)),
    )


def _findings(
    name: str,
    verdicts: Sequence[tuple[str, Mask]],
    column_texts: pa.Array,
    indices: pa.Array,
    became: pa.Array | None = None,
) -> list[Finding]:
    found = []
    for message, mask in verdicts:
        positions = _spread(mask, indices)
        places = indices.take(pa.array(positions))
        found.append(
            Finding(
                f"records.{message}",
                name,
                positions,
                column_texts.take(places),
                None if became is None else pc.cast(became.take(places), pa.string()),
            )
        )
    return found


def _replaced(texts: pa.Array, words: Mapping[str, str], markers: pa.Array) -> pa.Array:
    if not words:
        return texts
    places = pc.index_in(texts, value_set=pa.array(list(words), pa.string()))
    if places.null_count == len(places):
        return texts
    meant = pa.array(list(words.values()), pa.string()).take(places)
    return without_markers(pc.coalesce(meant, texts), markers)


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _reject_long(verdicts: _Verdicts) -> None:
    lengths = pc.utf8_length(verdicts.texts)
    if (pc.max(lengths).as_py() or 0) > MAX_CELL_LENGTH:
        verdicts.reject("cell_too_long", as_mask(pc.greater(lengths, MAX_CELL_LENGTH)))


def _read_numbers(name: str, spec: FieldSpec, column: pa.Array) -> Column:
    """A column of Arrow numbers; only what is out of range is looked at one by one."""
    if pa.types.is_decimal(column.type):
        column = pc.cast(column, pa.float64())
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if pa.types.is_integer(column.type) and spec.kind == "integer" and _all_in_range(spec, column):
        return Column(column)
    problems = []
    numbers = pc.cast(column, pa.float64(), safe=False)
    valid = as_mask(pc.is_valid(numbers))
    floats = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
    known = valid & ~np.isin(floats, spec.unknown) if spec.unknown else valid
    for message, mask in _out_of_range(spec, floats):
        positions = np.flatnonzero(mask & known).astype(np.int64)
        known = known & ~mask
        if len(positions):
            values = as_text(column.take(pa.array(positions)))
            problems.append(Finding(f"records.{message}", name, positions, values))
    return Column(_kept(spec, numbers, known), tuple(problems))


def _kept(spec: FieldSpec, numbers: pa.Array, known: Mask) -> pa.Array:
    """The numbers that are ``known``, in the type of the field; money as fen."""
    kept = pc.if_else(pa.array(known), numbers, pa.scalar(None, pa.float64()))
    if spec.kind == "money":
        kept = pc.round(pc.multiply(kept, float(FEN)))
    return pc.cast(kept, pa.float64() if spec.kind == "number" else pa.int64())


def _all_in_range(spec: FieldSpec, column: pa.Array) -> bool:
    bounds = pc.min_max(column)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None:
        return True
    if spec.allowed:
        return set(pc.unique(column).to_pylist()) <= {None, *spec.allowed} if high - low < 1000 else False
    return bool(spec.low <= low and high <= spec.high)


def _out_of_range(spec: FieldSpec, numbers: npt.NDArray[np.float64]) -> list[tuple[str, Mask]]:
    checks: list[tuple[str, Mask]] = [("not_a_number", ~np.isfinite(numbers))]
    if spec.kind == "integer":
        checks.append(("not_whole", numbers != np.floor(numbers)))
    if spec.kind == "money":
        fen = numbers * FEN
        checks.append(("cost_decimals", np.abs(fen - np.rint(fen)) > FEN_NOISE))
    if spec.allowed:
        checks.append((spec.outside, ~np.isin(numbers, spec.allowed)))
    else:
        checks.append((spec.below, numbers < spec.low))
        checks.append((spec.above, numbers > spec.high))
    return checks


def _number_values(spec: FieldSpec, verdicts: _Verdicts) -> tuple[pa.Array, pa.Array]:
    """Distinct texts as numbers: ``63``, ``63.0`` and full-width digits; everything else is a problem."""
    texts, readable = _narrow_numbers(verdicts)
    _reject_unread_numbers(verdicts, readable)
    usable = readable & verdicts.open
    numbers = pc.cast(pc.if_else(pa.array(usable), texts, pa.scalar(None, pa.string())), pa.float64())
    floats = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
    known = usable & ~np.isin(floats, spec.unknown)
    for message, mask in _out_of_range(spec, floats):
        verdicts.reject(message, mask & known)
        known = known & ~mask
    values = _kept(spec, numbers, known)
    return values, values


def _narrow_numbers(verdicts: _Verdicts) -> tuple[pa.Array, Mask]:
    """The texts with full-width digits made narrow (a note tells of it), and which of them are numbers."""
    texts = verdicts.texts
    readable = _matches(texts, _DECIMAL)
    unread = verdicts.open & ~readable
    if not unread.any():
        return texts, readable
    narrow = pc.utf8_normalize(texts, form="NFKC")
    full_width = unread & _matches(texts, _FULL_WIDTH_NUMBER) & _matches(narrow, _DECIMAL)
    if not full_width.any():
        return texts, readable
    verdicts.notes.append(("full_width_digits", full_width))
    return pc.if_else(pa.array(full_width), narrow, texts), readable | full_width


def _reject_unread_numbers(verdicts: _Verdicts, readable: Mask) -> None:
    """Say why a text is no number: mostly what Excel made of it."""
    if (verdicts.open & ~readable).any():
        odd = verdicts.only(~readable)
        odd.reject_matching("excel_error", _EXCEL_ERROR)
        odd.reject_matching("excel_scientific", _SCIENTIFIC)
        odd.reject_matching("excel_date_number", _DATE_LIKE)
        odd.reject("not_a_number", odd.open)
        verdicts.take_over(odd)


def _date_values(spec: FieldSpec, verdicts: _Verdicts) -> tuple[pa.Array, pa.Array]:
    """Distinct texts as seconds: ``yyyy-MM-dd``, ``yyyy/M/d``, ``yyyyMMdd``, with or without a time."""
    seconds, good = seconds_of(verdicts.texts)
    if (verdicts.open & ~good).any():
        odd = verdicts.only(~good)
        odd.reject_matching("excel_serial_date", _EXCEL_SERIAL)
        odd.reject_matching("excel_error", _EXCEL_ERROR)
        odd.reject("date_unreadable", odd.open)
        verdicts.take_over(odd)
    values = pa.array(seconds, pa.int64(), mask=~good).cast(pa.timestamp("s"))
    return values, values


def seconds_of(texts: pa.Array) -> tuple[npt.NDArray[np.int64], Mask]:
    """Date texts as seconds since 1970, and which of them are real dates of the years 1850 to 2150."""
    parts = pc.extract_regex(texts, _TIME)
    found = as_mask(pc.is_valid(parts))

    def part(*names: str) -> npt.NDArray[np.int64]:
        chosen = [pc.struct_field(parts, name) for name in names]
        empty = pa.scalar(None, pa.string())
        text = pc.coalesce(*[pc.if_else(pc.equal(one, ""), empty, one) for one in chosen])
        return np.asarray(pc.cast(pc.fill_null(text, "0"), pa.int64()).to_numpy(zero_copy_only=False))

    year, month, day = part("year"), part("m1", "m2", "m3"), part("d1", "d2", "d3")
    hour, minute, second = part("hour", "hour1"), part("minute", "minute1"), part("second", "second1")
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64)
    month_length = (months + 1).astype("datetime64[D]").astype(np.int64) - days
    good = found & (year >= 1850) & (year <= 2150) & (month >= 1) & (month <= 12)
    good &= (day >= 1) & (day <= month_length) & (hour <= 23) & (minute <= 59) & (second <= 59)
    return (days + day - 1) * 86400 + hour * 3600 + minute * 60 + second, good


@dataclass(frozen=True)
class Moments:
    """Points in time of a column: seconds since 1970, which are ``known``, and the texts that are no time."""

    seconds: npt.NDArray[np.int64]
    known: Mask
    unreadable: Finding | None

    @property
    def given(self) -> Mask:
        """Where something stands, readable or not."""
        if self.unreadable is None:
            return self.known
        given = self.known.copy()
        given[self.unreadable.positions] = True
        return given


def read_moments(name: str, column: pa.Array, markers: pa.Array) -> Moments:
    """A column of times (texts or Arrow times) that only serves to compute fields."""
    if pa.types.is_temporal(column.type):
        seconds = pc.fill_null(pc.cast(_as_seconds(column), pa.int64()), 0).to_numpy(zero_copy_only=False)
        return Moments(seconds, as_mask(pc.is_valid(column)), None)
    texts = without_markers(as_text(column), markers)
    seconds, known = seconds_of(texts)
    bad = np.flatnonzero(as_mask(pc.is_valid(texts)) & ~known).astype(np.int64)
    if not len(bad):
        return Moments(seconds, known, None)
    shown = texts.take(pa.array(bad))
    empty = pa.nulls(len(bad), pa.string())
    return Moments(seconds, known, Finding("records.time_unreadable", name, bad, shown, empty))


def read_durations(column: pa.Array, markers: pa.Array) -> tuple[npt.NDArray[np.float64], Mask]:
    """Texts ``days/hours/minutes`` as hours, and which of them are such durations."""
    parts = pc.extract_regex(without_markers(as_text(column), markers), _DURATION)
    known = as_mask(pc.is_valid(parts))
    days, hours, minutes = (
        pc.cast(pc.fill_null(pc.struct_field(parts, name), "0"), pa.float64()).to_numpy(zero_copy_only=False)
        for name in ("days", "hours", "minutes")
    )
    return days * 24 + hours + minutes / 60, known


def _as_seconds(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = pc.local_timestamp(column)
    return pc.cast(column, pa.timestamp("s"), safe=False)


def _text_values(spec: FieldSpec, verdicts: _Verdicts) -> tuple[pa.Array, pa.Array]:
    texts = verdicts.texts
    verdicts.reject("text_too_long", as_mask(pc.greater(pc.utf8_length(texts), spec.max_length)))
    if has_control_bytes(texts):
        verdicts.reject_matching("control_character", _CONTROL)
    if pc.any(pc.starts_with(texts, "#")).as_py():
        verdicts.reject_matching("excel_error", _EXCEL_ERROR)
    if pc.any(pc.match_substring(texts, "E+", ignore_case=True)).as_py():
        verdicts.reject_matching("excel_scientific", _SCIENTIFIC_PART)
    return texts, texts


def has_control_bytes(texts: pa.Array) -> bool:
    """Whether any string of the array has a control character: one look at its bytes."""
    data = texts.buffers()[2]
    if data is None or not len(texts):
        return False
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    return bool(((content < 0x20) | (content == 0x7F)).any())


def _read_text(name: str, spec: FieldSpec, texts: pa.Array, markers: pa.Array) -> Column:
    """Text columns may be all different (case ids), so they are read without looking for distinct values."""
    verdicts = _Verdicts(without_markers(texts, markers))
    values, _ = _text_values(spec, verdicts)
    problems = [
        Finding(
            f"records.{message}", name, np.flatnonzero(mask).astype(np.int64), texts.filter(pa.array(mask))
        )
        for message, mask in verdicts.problems
    ]
    return Column(values, tuple(problems))


_READERS: dict[str, Callable[[FieldSpec, _Verdicts], tuple[pa.Array, pa.Array]]] = {
    "integer": _number_values,
    "number": _number_values,
    "money": _number_values,
    "date": _date_values,
    "text": _text_values,
}


def without_oversized(name: str, texts: pa.Array) -> tuple[pa.Array, tuple[Finding, ...]]:
    """``texts`` with cells of more than 100,000 characters emptied, and the problem that tells of them."""
    lengths = pc.utf8_length(texts)
    if (pc.max(lengths).as_py() or 0) <= MAX_CELL_LENGTH:
        return texts, ()
    oversized = as_mask(pc.greater(lengths, MAX_CELL_LENGTH))
    positions = np.flatnonzero(oversized).astype(np.int64)
    problem = Finding("records.cell_too_long", name, positions, texts.take(pa.array(positions)))
    return pc.if_else(pa.array(oversized), pa.scalar(None, pa.string()), texts), (problem,)


def read_codes(name: str, column: pa.Array, markers: pa.Array, principal_required: bool) -> Column:
    """A column of lists of code texts as the codes of field ``dx`` or ``proc``.

    The first item is the principal. Empty items are left out; an empty first item with others behind it rejects
    the row where the principal is required, and is a note otherwise.
    """
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    originals, indices = _distinct(as_text(column.flatten()))
    texts = without_markers(originals, markers)
    parents = np.repeat(np.arange(len(column)), lengths)
    problems = [
        Finding(found.message, name, parents[found.positions], found.values)
        for found in _findings(name, _code_problems(texts), originals, indices)
    ]
    kept = np.append(as_mask(pc.is_valid(texts)), False)[
        pc.fill_null(indices, len(texts)).to_numpy(zero_copy_only=False)
    ]
    kept_lengths = lengths if kept.all() else np.bincount(parents[kept], minlength=len(column))
    unchanged = bool(kept.all()) and pc.all(pc.equal(originals, texts)).as_py()
    if unchanged and not column.null_count and column.type == pa.list_(pa.string()):
        values = column
    else:
        values = _rebuilt(texts.take(indices), kept, kept_lengths)
    headless = np.flatnonzero(_without_first(kept, lengths) & (kept_lengths > 0)).astype(np.int64)
    notes: list[Finding] = []
    if principal_required:
        empty = np.flatnonzero(kept_lengths == 0).astype(np.int64)
        problems += _about_rows("principal_dx_missing", name, empty, values)
        problems += _about_rows("principal_dx_missing_others_given", name, headless, values)
    else:
        notes += map(_with_became, _about_rows("principal_proc_empty", name, headless, values))
    too_many = np.flatnonzero(kept_lengths > MAX_CODES).astype(np.int64)
    problems += _about_rows("too_many_codes", name, too_many, values)
    return Column(values, tuple(problems), tuple(notes))


def _code_problems(texts: pa.Array) -> list[tuple[str, Mask]]:
    """Why distinct texts can be no codes: message and which of them."""
    verdicts = _Verdicts(texts)
    verdicts.reject("code_too_long", as_mask(pc.greater(pc.utf8_length(texts), MAX_CODE_LENGTH)))
    if has_control_bytes(texts):
        verdicts.reject_matching("control_character", _CONTROL)
    verdicts.reject_matching("excel_error", _EXCEL_ERROR)
    verdicts.reject_matching("excel_scientific_code", _SCIENTIFIC)
    verdicts.reject_matching("excel_date_code", _DATE_LIKE)
    return verdicts.problems


def _without_first(kept: Mask, lengths: npt.NDArray[np.int64]) -> Mask:
    """The lists (of ``lengths`` items, one behind the other) whose first item is not there or not ``kept``."""
    starts = np.cumsum(lengths) - lengths
    without = np.ones(len(lengths), np.bool_)
    filled = lengths > 0
    without[filled] = ~kept[starts[filled]]
    return without


def _rebuilt(flat: pa.Array, kept: Mask, lengths: npt.NDArray[np.int64]) -> pa.Array:
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    items = flat if kept.all() else flat.filter(pa.array(kept))
    return pa.ListArray.from_arrays(pa.array(offsets), items)


def _about_rows(message: str, name: str, positions: npt.NDArray[np.int64], values: pa.Array) -> list[Finding]:
    if not len(positions):
        return []
    shown = pc.binary_join(values.take(pa.array(positions)), "|")
    return [Finding(f"records.{message}", name, positions, shown)]


def _with_became(found: Finding) -> Finding:
    return Finding(found.message, found.field, found.positions, found.values, found.values)


def as_date(timestamps: pa.Array) -> pa.Array:
    """Seconds as days."""
    return pc.cast(pc.floor_temporal(timestamps, unit="day"), pa.date32())
