"""The functions of the condition language; the reference in ``docs/quality.md`` is made from their docstrings.

Row functions take values element by element; group functions take the rows of a repeated group together. Unless its
text says otherwise a function is unknown where an argument is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.quality import dictionary, divisions
from drg.quality.identity import identity_numbers
from drg.quality.rows import Rows
from drg.quality.values import (
    Mask,
    Numbers,
    Texts,
    Truth,
    Value,
    changed,
    flagged,
    numbered,
    rounded,
    same_numbering,
    truth,
)
from drg.records.values import as_mask, seconds_of

DAY = 86_400
EARLIEST = dt.datetime(1900, 1, 1, tzinfo=dt.UTC).timestamp()
HOUR = 3_600
LIST_SEPARATOR = "[,;，；、→]"
WIDEST_NUMBERING = 1 << 36
"""Whole numbers in a narrower range number themselves: pairs with the records of a chunk still fit into 63 bits."""

TEXT_KINDS = frozenset(("text", "dx_code", "proc_code"))
VALUE_KINDS = TEXT_KINDS | {"number", "time"}

ACCEPTED: dict[str, frozenset[str]] = {
    "text": TEXT_KINDS,
    "number": frozenset(("number",)),
    "time": frozenset(("time",)),
    "truth": frozenset(("truth",)),
    "code": frozenset(("dx_code", "proc_code")),
    "dx_code": frozenset(("dx_code",)),
    "proc_code": frozenset(("proc_code",)),
    "value": VALUE_KINDS,
    "words": frozenset(("words",)),
    "field": VALUE_KINDS,
    "same": VALUE_KINDS,
}
"""Which kinds of expression a parameter takes. ``words``: a text constant, ``same``: the kind of the first argument."""


@dataclass(frozen=True)
class Function:
    """A function of the language. ``result`` is a kind, or ``same`` for that of the first argument.

    ``required`` parameters must be given; the last parameter may be repeated where ``repeated``. ``implied`` fields of
    the record are given to it before the arguments. ``choices``: what its word may be. ``blames`` (of a group
    function) tells the rows that make it hold from its rows and arguments.
    """

    name: str
    parameters: tuple[str, ...]
    required: int
    repeated: bool
    result: str
    apply: Callable[..., Value]
    signature: str
    implied: tuple[str, ...] = ()
    choices: frozenset[str] | None = None
    blames: Callable[..., Mask] | None = None

    @property
    def summary(self) -> str:
        return " ".join((self.apply.__doc__ or "").split())


Applied = TypeVar("Applied", bound=Callable[..., Value])

ROW_FUNCTIONS: dict[str, Function] = {}
GROUP_FUNCTIONS: dict[str, Function] = {}


def declared(
    signature: str,
    parameters: str,
    result: str,
    apply: Callable[..., Value],
    *,
    implied: tuple[str, ...] = (),
    choices: frozenset[str] | None = None,
    blames: Callable[..., Mask] | None = None,
) -> Function:
    """A function named as in ``signature``; ``?`` marks an optional parameter, ``*`` a repeated one."""
    kinds = parameters.split()
    return Function(
        name=signature.partition("(")[0],
        parameters=tuple(kind.rstrip("?*") for kind in kinds),
        required=sum(not kind.endswith("?") for kind in kinds),
        repeated=bool(kinds) and kinds[-1].endswith("*"),
        result=result,
        apply=apply,
        signature=signature,
        implied=implied,
        choices=choices,
        blames=blames,
    )


def _row(signature: str, parameters: str, result: str) -> Callable[[Applied], Applied]:
    def enter(apply: Applied) -> Applied:
        function = declared(signature, parameters, result, apply)
        ROW_FUNCTIONS[function.name] = function
        return apply

    return enter


def _group(
    signature: str, parameters: str, result: str, blames: Callable[..., Mask] | None = None
) -> Callable[[Applied], Applied]:
    def enter(apply: Applied) -> Applied:
        function = declared(signature, parameters, result, apply, blames=blames)
        GROUP_FUNCTIONS[function.name] = function
        return apply

    return enter


# Texts


@_row("length(x)", "text", "number")
def _length(x: Texts) -> Numbers:
    """Number of characters."""
    lengths = pc.utf8_length(x.distinct).to_numpy(zero_copy_only=False).astype(np.float64)
    return numbered(x, lengths, np.ones(len(lengths), np.bool_))


@_row('matches(x, "regex")', "text words", "truth")
def _matches(x: Texts, pattern: str) -> Truth:
    """The pattern (RE2, without look-around) is found in the text; anchor it by ``^`` and ``$``."""
    return flagged(x, pc.match_substring_regex(x.distinct, pattern))


@_row('contains(x, "词 词")', "text words", "truth")
def _contains(x: Texts, words: str) -> Truth:
    """One of the words, which are separated by blanks, is in the text."""
    return flagged(x, pc.match_substring_regex(x.distinct, "|".join(map(re.escape, words.split()))))


@_row('starts(x, "词 词")', "text words", "truth")
def _starts(x: Texts, words: str) -> Truth:
    """The text begins with one of the words."""
    choice = "|".join(map(re.escape, words.split()))
    return flagged(x, pc.match_substring_regex(x.distinct, f"^(?:{choice})"))


@_row('named(x, "词 词")', "text words", "truth")
def _named(x: Texts, words: str) -> Truth:
    """The text is one of the words, in upper or lower case; marks before it and brackets behind it do not count."""
    choice = "|".join(map(re.escape, words.split()))
    return flagged(
        x, pc.match_substring_regex(x.distinct, rf"(?i)^[^\p{{L}}\p{{N}}]*(?:{choice})\s*(?:[(（\[【].*)?$")
    )


@_row("part(x, first, last)", "text number number", "text")
def _part(x: Texts, first: Numbers, last: Numbers) -> Texts:
    """The characters ``first`` to ``last`` (constants, from 1); unknown where the text is shorter than ``first``."""
    start, end = int(first.values[0]) - 1, int(last.values[0])
    cut = pc.utf8_slice_codeunits(x.distinct, start=start, stop=end)
    return changed(x, pc.if_else(pc.equal(cut, ""), pa.scalar(None, pa.string()), cut))


@_row("number(x)", "text", "number")
def _number(x: Texts) -> Numbers:
    """The text as a number; unknown where it is none."""
    return numbered(x, *read_numbers(x.distinct))


@_row("items(x)", "text", "number")
def _items(x: Texts) -> Numbers:
    """Number of parts of a list written with commas, semicolons, enumeration commas or arrows."""
    counts = pc.add(pc.count_substring_regex(x.distinct, LIST_SEPARATOR), 1)
    return numbered(
        x, counts.to_numpy(zero_copy_only=False).astype(np.float64), np.ones(len(counts), np.bool_)
    )


@_row("is_in(x, y)", "text text", "truth")
def _is_in(x: Texts, y: Texts) -> Truth:
    """The text ``x`` is a part of the text ``y``."""
    both = x.known & y.known
    places = np.flatnonzero(both)
    holds = np.zeros(len(both), np.bool_)
    pairs, pair_of = distinct_pairs(
        np.broadcast_to(x.indices, both.shape)[places], np.broadcast_to(y.indices, both.shape)[places]
    )
    small, large = x.distinct.to_pylist(), y.distinct.to_pylist()
    holds[places] = np.array([small[a] in large[b] for a, b in pairs.tolist()], np.bool_)[pair_of]
    return truth(holds, both)


@_row("joined(x, y)", "text value", "text")
def _joined(x: Texts, y: Value) -> Texts:
    """One text for the pair, to ask whether two rows have the same code on the same day; unknown where one is."""
    numbers, given = numbering(y)
    known = x.known & given
    indices = np.full(len(known), -1, np.int64)
    places = np.flatnonzero(known)
    pairs, pair_of = distinct_pairs(
        np.broadcast_to(x.indices, known.shape)[places], np.broadcast_to(numbers, known.shape)[places]
    )
    indices[places] = pair_of
    texts = x.distinct.to_pylist()
    return Texts(indices, pa.array([f"{texts[mine]} {other}" for mine, other in pairs.tolist()], pa.string()))


@_row("side(x)", "text", "text")
def _side(x: Texts) -> Texts:
    """左, 右 or 双 where the text names a side, 双 also where it names both; unknown where it names none."""
    both = pc.match_substring_regex(x.distinct, "双侧|双眼|双耳|双手|双足|双膝|双髋|双肾|双肺|左.*右|右.*左")
    left, right = pc.match_substring(x.distinct, "左"), pc.match_substring(x.distinct, "右")
    none = pa.scalar(None, pa.string())
    return changed(x, pc.if_else(both, "双", pc.if_else(left, "左", pc.if_else(right, "右", none))))


@_row("city_elsewhere(x)", "text", "truth")
def _city_elsewhere(x: Texts) -> Truth:
    """The address begins with a province and a city of another province; unknown where it names not both."""
    return flagged(x, divisions.cities_elsewhere(x.distinct))


@_row("id_valid(x)", "text", "truth")
def _id_valid(x: Texts) -> Truth:
    """An identity number of 15 digits, or of 18 with the right check character, with a real day of birth."""
    numbers = identity_numbers(x.distinct)
    return flagged(x, numbers.births[1] & numbers.checked)


@_row("id_birth_date(x)", "text", "time")
def _id_birth_date(x: Texts) -> Numbers:
    """The day of birth that an identity number names; unknown where it names none."""
    return numbered(x, *identity_numbers(x.distinct).births)


@_row("id_sex(x)", "text", "text")
def _id_sex(x: Texts) -> Texts:
    """The sex that an identity number names: 1 male, 2 female; unknown for another text."""
    return changed(x, identity_numbers(x.distinct).sexes)


# Numbers


@_row("abs(x)", "number", "number")
def _abs(x: Numbers) -> Numbers:
    """The number without its sign."""
    return Numbers(np.abs(x.values), x.known)


@_row("total(a, b, …)", "number*", "number")
def _total(*parts: Numbers) -> Numbers:
    """The sum of those that are known; unknown where none is."""
    sums = sum(np.where(part.known, part.values, 0.0) for part in parts)
    return rounded(np.asarray(sums, np.float64), _any_known(parts))


@_row("least(a, b, …)", "value same*", "same")
def _least(*parts: Numbers) -> Numbers:
    """The least of those numbers or times that are known; unknown where none is."""
    return _extreme(np.minimum, np.inf, parts)


@_row("greatest(a, b, …)", "value same*", "same")
def _greatest(*parts: Numbers) -> Numbers:
    """The greatest of those numbers or times that are known; unknown where none is."""
    return _extreme(np.maximum, -np.inf, parts)


# Times


@_row("days(a, b)", "time time", "number")
def _days(a: Numbers, b: Numbers) -> Numbers:
    """Calendar days from ``a`` to ``b``: 0 on the same day, negative where ``b`` is before."""
    return Numbers(np.floor(b.values / DAY) - np.floor(a.values / DAY), a.known & b.known)


@_row("hours(a, b)", "time time", "number")
def _hours(a: Numbers, b: Numbers) -> Numbers:
    """Hours from ``a`` to ``b``, with fractions."""
    return rounded((b.values - a.values) / HOUR, a.known & b.known)


@_row("years(a, b)", "time time", "number")
def _years(a: Numbers, b: Numbers) -> Numbers:
    """Completed years from ``a`` to ``b``: the age at ``b`` of who was born at ``a``."""
    known = a.known & b.known
    start, end = _calendar(a), _calendar(b)
    years = end[0] - start[0] - ((end[1] < start[1]) | ((end[1] == start[1]) & (end[2] < start[2])))
    return Numbers(years.astype(np.float64), known)


@_row("earlier(a, b)", "time time", "truth")
def _earlier(a: Numbers, b: Numbers) -> Truth:
    """``a`` lies before ``b``; by the day where one of them is written without a time of day, or at midnight."""
    by_day = (a.values % DAY == 0) | (b.values % DAY == 0)
    before = np.where(by_day, np.floor(a.values / DAY) < np.floor(b.values / DAY), a.values < b.values)
    return truth(before, a.known & b.known)


@_row("date(x)", "time", "time")
def _date(x: Numbers) -> Numbers:
    """The day of a time."""
    return Numbers(np.floor(x.values / DAY) * DAY, x.known)


@_row('day("yyyy-MM-dd")', "words", "time")
def _day(text: str) -> Numbers:
    """A day as a constant."""
    return Numbers(*read_times(pa.array([text], pa.string())))


# Codes


@_row("category(x)", "code", "text")
def _category(x: Texts) -> Texts:
    """The category of a code: three characters of a diagnosis, the two digits before the point of a procedure."""
    return changed(x, pc.utf8_slice_codeunits(x.distinct, 0, _first_length(x, 3, 2)))


@_row("subcategory(x)", "code", "text")
def _subcategory(x: Texts) -> Texts:
    """The subcategory: ``I50.9`` of a diagnosis, ``51.2`` of a procedure; the category where the code is shorter."""
    return changed(x, pc.utf8_slice_codeunits(x.distinct, 0, _first_length(x, 5, 4)))


@_row("chapter(x)", "dx_code", "text")
def _chapter(x: Texts) -> Texts:
    """The number of the ICD-10 chapter, ``1`` to ``22``; unknown for a code in none."""
    return changed(x, pa.array([dictionary.chapter(code) for code in x.distinct.to_pylist()], pa.string()))


@_row("listed(x)", "code", "truth")
def _listed(x: Texts, listing: dictionary.Listing) -> Truth:
    """The code stands in the record's code dictionary; spelling is normalised."""
    return flagged(x, listing.listed(x.distinct))


@_row("has_children(x)", "code", "truth")
def _has_children(x: Texts, listing: dictionary.Listing) -> Truth:
    """The code is not in the dictionary itself, but codes of it begin so: a category that is not specific enough."""
    return flagged(x, listing.has_children(x.distinct))


@_row("listed_name(x)", "code", "text")
def _listed_name(x: Texts, listing: dictionary.Listing) -> Texts:
    """The name of the code in the record's code dictionary; unknown where it is not listed."""
    return changed(x, listing.names(x.distinct))


@_row("listed_code(x)", "text", "dx_code")
def _listed_code(x: Texts, listing: dictionary.Listing) -> Texts:
    """The diagnosis code with the name ``x`` in the record's code dictionary; unknown where none has it."""
    return changed(x, listing.codes_of(x.distinct))


@_row("mapped(x)", "code", "truth")
def _mapped(x: Texts, listing: dictionary.Listing) -> Truth:
    """The clinical code leads to a code that the NHSA edition has; unknown for other codes and dictionaries."""
    return flagged(x, listing.mapped(x.distinct))


@_row("gray(x)", "code", "truth")
def _gray(x: Texts, listing: dictionary.Listing) -> Truth:
    """The NHSA prints the code gray: not to be reported. Unknown in other dictionaries and for unlisted codes."""
    return flagged(x, listing.gray(x.distinct))


@_row("operation_class(x)", "proc_code", "text")
def _operation_class(x: Texts, listing: dictionary.Listing) -> Texts:
    """手术, 治疗性操作, 诊断性操作 or 介入治疗; unknown where the NHSA gives none."""
    return changed(x, listing.operation_classes(x.distinct))


@_row("asterisk(x)", "dx_code", "truth")
def _asterisk(x: Texts, listing: dictionary.Listing) -> Truth:
    """A manifestation code (``*``) that stands without its dagger code."""
    return flagged(x, listing.asterisk(x.distinct))


@_row("dagger(x)", "dx_code", "truth")
def _dagger(x: Texts, listing: dictionary.Listing) -> Truth:
    """The dagger half (``+``) of a code whose manifestation half is missing."""
    return flagged(x, listing.dagger(x.distinct))


TAKES_WORD_LIST = frozenset(("contains", "starts", "named"))
"""Functions whose words may be a named list of ``words.toml``: ``contains(x, words("name"))``."""

NEEDS_LISTING = frozenset(
    (
        "listed",
        "has_children",
        "listed_name",
        "listed_code",
        "mapped",
        "gray",
        "operation_class",
        "asterisk",
        "dagger",
    )
)
"""Functions that are given the code dictionary of the record as a last argument."""


# Groups


@_group("any(group, condition)", "truth", "truth")
def _any(rows: Rows, condition: Truth) -> Truth:
    """The condition holds in a row. Unknown where it holds in none but is unknown in one."""
    open_rows = np.flatnonzero(~condition.no)
    holds = condition.yes[open_rows]
    yes = rows.records_of(open_rows[holds])
    unknown = rows.records_of(open_rows[~holds & ~rows.blank[open_rows]])
    return Truth(yes, rows.carried & ~yes & ~unknown)


@_group("all(group, condition)", "truth", "truth")
def _all(rows: Rows, condition: Truth) -> Truth:
    """The condition holds in every row; true of a group without rows."""
    fails = _any(rows, Truth(condition.no, condition.yes))
    return Truth(fails.no, fails.yes)


@_group("count(group, condition)", "truth?", "number")
def _count(rows: Rows, condition: Truth | None = None) -> Numbers:
    """Number of rows in which the condition holds, without one that of the rows that are not blank."""
    if condition is None:
        return Numbers(rows.counts(np.flatnonzero(~rows.blank)), rows.carried)
    open_rows = np.flatnonzero(~condition.no)
    holds = condition.yes[open_rows]
    unknown = rows.records_of(open_rows[~holds & ~rows.blank[open_rows]])
    return Numbers(rows.counts(open_rows[holds]), rows.carried & ~unknown)


@_group("sum(group, x, condition)", "number truth?", "number")
def _sum(rows: Rows, x: Numbers, condition: Truth | None = None) -> Numbers:
    """The sum over the rows, or those in which the condition holds; unknown where ``x`` or the condition is in one."""
    if condition is None:
        condition = Truth(~rows.blank, rows.blank)
    added = x.known & condition.yes
    sums = np.bincount(rows.record_of, np.where(added, x.values, 0.0), minlength=rows.record_count).astype(
        np.float64
    )
    unknown = rows.records_of(np.flatnonzero(~added & ~condition.no & ~rows.blank))
    return rounded(sums, rows.carried & ~unknown)


@_group("distinct(group, x, condition)", "value truth?", "number")
def _distinct(rows: Rows, x: Value, condition: Truth | None = None) -> Numbers:
    """Number of different known values of ``x`` in the rows, or in those in which the condition holds."""
    numbers, known = numbering(x)
    chosen = np.flatnonzero(known if condition is None else known & condition.yes)
    pairs, _ = distinct_pairs(rows.record_of[chosen], numbers[chosen])
    return Numbers(np.bincount(pairs[:, 0], minlength=rows.record_count).astype(np.float64), rows.carried)


@_group("least(group, x, condition)", "value truth?", "same")
def _least_of(rows: Rows, x: Numbers, condition: Truth | None = None) -> Numbers:
    """The least known number or time in the rows, or those in which the condition holds; unknown where none is."""
    return _extreme_of(np.minimum, np.inf, rows, x, condition)


@_group("greatest(group, x, condition)", "value truth?", "same")
def _greatest_of(rows: Rows, x: Numbers, condition: Truth | None = None) -> Numbers:
    """The greatest known number or time in the rows, or those in which the condition holds; unknown where none is."""
    return _extreme_of(np.maximum, -np.inf, rows, x, condition)


def _first_rows(rows: Rows, x: Value) -> Mask:
    first: Mask = rows.position == 1
    return first


@_group("first(group, x)", "value", "same", blames=_first_rows)
def _first(rows: Rows, x: Value) -> Value:
    """``x`` in row 1: the principal diagnosis, the main procedure. Unknown without rows."""
    return take_or_unknown(x, rows.firsts)


@_group("overlapping(group, begin, end, by)", "time time value?", "truth")
def _overlapping(rows: Rows, begin: Numbers, end: Numbers, by: Value | None = None) -> Truth:
    """Two rows overlap in time by more than a moment, where given only among rows with the same value ``by``."""
    known = begin.known & end.known
    key = np.zeros(len(known), np.int64)
    if by is not None:
        key, given = numbering(by)
        known = known & given
    places = np.flatnonzero(known & (begin.values <= end.values))
    record, kind = rows.record_of[places], key[places]
    order = np.lexsort((begin.values[places], kind, record))
    places, record, kind = places[order], record[order], kind[order]
    same = (record[1:] == record[:-1]) & (kind[1:] == kind[:-1])
    meets = same & (begin.values[places[1:]] < end.values[places[:-1]])
    yes = rows.records_of(places[1:][meets])
    unknown = rows.records_of(np.flatnonzero(~known & ~rows.blank))
    return Truth(yes, rows.carried & ~yes & ~unknown)


@_group("crossing(group, begin, end, by)", "time time value?", "truth")
def _crossing(rows: Rows, begin: Numbers, end: Numbers, by: Value | None = None) -> Truth:
    """As ``overlapping``, but rows with the same begin and end are one event: procedures of one operation."""
    key = np.zeros(len(begin.known), np.int64) if by is None else numbering(by)[0]
    events = np.stack([rows.record_of, key, begin.values, end.values], axis=1)
    _, firsts = np.unique(events, axis=0, return_index=True)
    repeated = np.ones(len(events), np.bool_)
    repeated[firsts] = False
    once = Numbers(begin.values, begin.known & ~repeated)
    return _overlapping(replace(rows, blank=rows.blank | repeated), once, end, by)


def _paired(rows: Rows, x: Value, a: Truth, b: Truth) -> Mask:
    """The rows that make :func:`_same_in` hold."""
    numbers, known = numbering(x)
    chosen = np.flatnonzero(known & (a.yes | b.yes))
    pairs, pair_of = distinct_pairs(rows.record_of[chosen], numbers[chosen])
    in_a, in_b = a.yes[chosen], b.yes[chosen]
    count_a, count_b, count_both = (
        np.bincount(pair_of, mask, minlength=len(pairs)) for mask in (in_a, in_b, in_a & in_b)
    )
    found = (count_a > 0) & (count_b > 0) & ((count_a > 1) | (count_b > 1) | (count_both == 0))
    paired = np.zeros(len(known), np.bool_)
    paired[chosen] = found[pair_of]
    return paired


@_group("same_in(group, x, a, b)", "value truth truth", "truth", blames=_paired)
def _same_in(rows: Rows, x: Value, a: Truth, b: Truth) -> Truth:
    """Two different rows have the same ``x``, one with condition ``a``, the other with condition ``b``."""
    yes = rows.records_of(np.flatnonzero(_paired(rows, x, a, b)))
    open_rows = ~(a.no & b.no) & (a.unknown | b.unknown | ~numbering(x)[1]) & ~rows.blank
    return Truth(yes, rows.carried & ~yes & ~rows.records_of(np.flatnonzero(open_rows)))


# What the functions above share


def witnesses(function: Function, rows: Rows, values: list[Any]) -> Mask:
    """The rows that a group function went by: those that it blames, where its condition holds, or all not blank."""
    if function.blames is not None:
        return function.blames(rows, *values)
    conditions: list[Mask] = [value.yes for value in values if isinstance(value, Truth)]
    return conditions[-1] if conditions else ~rows.blank


def take_or_unknown(x: Value, places: npt.NDArray[np.int64]) -> Value:
    """The elements at ``places``; unknown where a place is -1."""
    there = places >= 0
    if isinstance(x, Texts):
        return Texts(np.append(x.indices, -1)[places], x.distinct)
    if isinstance(x, Numbers):
        return Numbers(np.append(x.values, 0.0)[places], np.append(x.known, False)[places])
    return Truth(np.append(x.yes, False)[places] & there, np.append(x.no, False)[places] & there)


def equal(left: Value, right: Value) -> Truth:
    """Where two texts, or two numbers, are the same."""
    if isinstance(left, Texts) and isinstance(right, Texts):
        mine, theirs = same_numbering(left, right)
        return truth(mine == theirs, left.known & right.known)
    assert isinstance(left, Numbers) and isinstance(right, Numbers)  # noqa: S101 - checked when the condition is read
    return truth(left.values == right.values, left.known & right.known)


_WHOLE_OR_DECIMAL = r"^[+-]?\d{1,12}(\.\d{0,10})?$"


def read_numbers(texts: pa.Array) -> tuple[npt.NDArray[np.float64], Mask]:
    """Texts as numbers, and which of them are numbers."""
    good = as_mask(pc.match_substring_regex(texts, _WHOLE_OR_DECIMAL))
    cleaned = pc.if_else(pa.array(good), texts, pa.scalar("0", pa.string())).fill_null("0")
    return pc.cast(cleaned, pa.float64()).to_numpy(zero_copy_only=False), good


def read_times(texts: pa.Array) -> tuple[npt.NDArray[np.float64], Mask]:
    """Texts as seconds since 1970, and which of them are times.

    A time before 1900 is a slip or a placeholder, so nothing is reckoned with it.
    """
    seconds, good = seconds_of(texts)
    good = good & (seconds >= EARLIEST)
    return np.where(good, seconds, 0).astype(np.float64), good


def each_is_in(texts: pa.Array, value_set: pa.Array) -> Mask:
    """Which texts are lists (as for ``items``) whose every part, without the blanks around it, is in ``value_set``."""
    parts = pc.split_pattern_regex(texts, LIST_SEPARATOR)
    wrong = pc.invert(pc.is_in(pc.utf8_trim_whitespace(pc.list_flatten(parts)), value_set=value_set))
    good = np.ones(len(texts), np.bool_)
    good[pc.list_parent_indices(parts).filter(wrong).to_numpy()] = False
    return good


def _first_length(codes: Texts, dx: int, proc: int) -> int:
    """How much of a code is meant: codes of one column are of one system, so the first tells which."""
    first = codes.distinct[0].as_py() if len(codes.distinct) else ""
    return proc if first[:1].isdigit() else dx


def _any_known(parts: tuple[Numbers, ...]) -> Mask:
    known = parts[0].known
    for part in parts[1:]:
        known = known | part.known
    return known


def _extreme(choose: Any, neutral: float, parts: tuple[Numbers, ...]) -> Numbers:
    values = np.where(parts[0].known, parts[0].values, neutral)
    for part in parts[1:]:
        values = choose(values, np.where(part.known, part.values, neutral))
    known = _any_known(parts)
    return Numbers(np.where(known, values, 0.0), known)


def _extreme_of(choose: Any, neutral: float, rows: Rows, x: Numbers, condition: Truth | None) -> Numbers:
    values = np.full(rows.record_count, neutral)
    places = np.flatnonzero(x.known if condition is None else x.known & condition.yes)
    choose.at(values, rows.record_of[places], x.values[places])
    known = np.isfinite(values)
    return Numbers(np.where(known, values, 0.0), known)


def numbering(x: Value) -> tuple[npt.NDArray[np.int64], Mask]:
    """Values as integers that are equal where the values are."""
    if isinstance(x, Texts):
        return x.indices, x.known
    assert isinstance(x, Numbers)  # noqa: S101 - checked when the condition is read
    values = np.where(x.known, x.values, 0.0)
    start = values.min(initial=0.0)
    if values.max(initial=0.0) - start < WIDEST_NUMBERING and (values == np.floor(values)).all():
        return (values - start).astype(np.int64), x.known
    return np.unique(values, return_inverse=True)[1].astype(np.int64), x.known


def distinct_pairs(
    left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The different pairs, int64[n, 2], and the place among them of each given pair."""
    width = int(right.max()) + 1 if len(right) else 1
    keys, key_of = np.unique(left.astype(np.int64) * width + right, return_inverse=True)
    return np.stack([keys // width, keys % width], axis=1), key_of


def _calendar(x: Numbers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    days = np.floor(x.values / DAY).astype(np.int64).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64)
    return month // 12, month % 12, (days - months.astype("datetime64[D]")).astype(np.int64)
