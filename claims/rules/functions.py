"""What the condition language knows beside the functions of :mod:`drg.quality.functions`: knowledge points, parameters,
and sums over fee lines. The reference in ``docs/claims.md`` is made from the docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.knowledge.points import FAR_AHEAD, Knowledge, Limits, Pairs, limit_kinds, prefixes
from claims.parameters.settings import Parameters
from drg.quality.functions import DAY, Function, declared, distinct_pairs, numbering
from drg.quality.rows import Rows
from drg.quality.values import Mask, Numbers, Places, Texts, Truth, encoded, spread, truth

BETWEEN = " "
WIDEST_PAIR = 1 << 36

Keyed = Texts | Numbers
"""What rows can be compared by."""


def row_functions(knowledge: Knowledge, parameters: Parameters) -> dict[str, Function]:
    """The functions of values."""
    known = _Lookup(knowledge, parameters)
    day = ("discharge_time",)
    kinds = frozenset(limit_kinds())
    code_kinds = frozenset(name for name, kind in limit_kinds().items() if kind.value == "codes")
    found = (
        declared('limited(code, "kind")', "text words", "truth", known.limited, implied=day, choices=kinds),
        declared('limit(code, "kind")', "text words", "text", known.limit, implied=day, choices=kinds),
        declared(
            'covers(code, codes, "kind")',
            "text text words",
            "truth",
            known.covers,
            implied=day,
            choices=code_kinds,
        ),
        declared(
            'param("name")',
            "words",
            "number",
            known.parameter,
            implied=("region", "discharge_time"),
            choices=parameters.names,
        ),
        declared("pair(x, y)", "value value", "number", pair),
    )
    return {function.name: function for function in found}


def group_functions(knowledge: Knowledge) -> dict[str, Function]:
    """The functions over the rows of a group."""
    pairs = knowledge.pairs
    found = (
        declared("texts(group, x)", "text", "text", texts),
        declared(
            "exceeds(group, x, by, limit, condition)",
            "number value number truth?",
            "truth",
            exceeds,
            blames=_exceeding,
        ),
        declared(
            "several(group, x, by, condition)", "value value truth?", "truth", several, blames=_several_rows
        ),
        declared(
            "unaccompanied(group, by, a, b)", "value truth truth", "truth", unaccompanied, blames=_lonely_rows
        ),
        declared(
            "again_within(group, x, time, days, condition)",
            "value time number truth?",
            "truth",
            again_within,
            blames=_repeated_rows,
        ),
        _together(
            "includes(group, code, by)",
            pairs["includes"],
            "An item is charged that another one of the same ``by`` includes.",
        ),
        _together(
            "interacts(group, code, by)",
            pairs["interacts"],
            "Two drugs of the same ``by`` must not be given together.",
        ),
        _lacking(
            "lacks_first_line(group, code)",
            pairs["first_line"],
            "A drug is charged without any of the drugs that come before it.",
        ),
        _lacking(
            "lacks_gene_test(group, code)",
            pairs["gene_test"],
            "A drug is charged without any of the tests that it needs.",
        ),
        _outnumbering("outnumbers(group, x, code)", pairs["counted_by"]),
    )
    return {function.name: function for function in found}


@dataclass(frozen=True)
class _Lookup:
    knowledge: Knowledge
    parameters: Parameters

    def limited(self, day: Numbers, code: Texts, kind: str) -> Truth:
        """There is a knowledge point of this kind for the code on the day of discharge."""
        return truth(self._points(day, code, kind) >= 0, code.known)

    def limit(self, day: Numbers, code: Texts, kind: str) -> Texts:
        """What the knowledge point of this kind says; unknown where there is none."""
        values = self.knowledge.limits[kind].values.dictionary_encode()
        points = self._points(day, code, kind)
        indices = np.append(values.indices.to_numpy(), -1).astype(np.int64)
        return Texts(indices[points], values.dictionary)

    def covers(self, day: Numbers, code: Texts, codes: Texts, kind: str) -> Truth:
        """One of the codes (with blanks between) is among those of the knowledge point; unknown where there is none."""
        points = self._points(day, code, kind)
        known = (points >= 0) & codes.known
        chosen = np.flatnonzero(known)
        pairs, pair_of = distinct_pairs(points[chosen], np.broadcast_to(codes.indices, known.shape)[chosen])
        holds = np.zeros(len(pairs), np.bool_)
        found_points, starts = np.unique(pairs[:, 0], return_index=True)
        ends = [*starts[1:].tolist(), len(pairs)]
        for point, start, end in zip(found_points.tolist(), starts.tolist(), ends, strict=True):
            pattern = _beginning_with(self.knowledge.limits[kind], point)
            asked = codes.distinct.take(pa.array(pairs[start:end, 1]))
            holds[start:end] = pc.match_substring_regex(asked, pattern).to_numpy(zero_copy_only=False)
        yes = np.zeros(len(known), np.bool_)
        yes[chosen] = holds[pair_of]
        return truth(yes, known)

    def parameter(self, region: Texts, day: Numbers, name: str) -> Numbers:
        """The parameter of the record's region on the day of discharge; unknown where no value holds."""
        days = _days(day)
        values, known = np.zeros(len(days)), np.zeros(len(days), np.bool_)
        names = [*region.distinct.to_pylist(), None]
        for place in np.unique(region.indices).tolist():
            mine = region.indices == place
            for span in self.parameters.spans(name, names[place]):
                first, last = span.days
                holds = mine & (first <= days) & (days <= last)
                values[holds], known[holds] = span.value, True
        return Numbers(values, known)

    def _points(self, day: Numbers, code: Texts, kind: str) -> Places:
        return self.knowledge.limits[kind].found(code, _days(day))


def _days(day: Numbers) -> Places:
    """Days since 1970; where it is not known, points without an end hold."""
    return np.where(day.known, np.floor(day.values / DAY), FAR_AHEAD).astype(np.int64)


def _beginning_with(limits: Limits, point: int) -> str:
    choices = "|".join(prefix.replace(".", r"\.") for prefix in prefixes(limits.values[point].as_py()))
    return f"(?:^|{BETWEEN})(?:{choices})"


def pair(x: Keyed, y: Keyed) -> Numbers:
    """A number that is the same where both values are; to compare two things at a time."""
    (one, one_known), (other, other_known) = numbering(x), numbering(y)
    known = one_known & other_known
    width = int(other.max(initial=0)) + 1
    if (int(one.max(initial=0)) + 1) * width < WIDEST_PAIR:
        return Numbers(np.where(known, one * width + other, 0).astype(np.float64), known)
    numbers = np.zeros(len(known))
    places = np.flatnonzero(known)
    numbers[places] = distinct_pairs(
        np.broadcast_to(one, known.shape)[places], np.broadcast_to(other, known.shape)[places]
    )[1]
    return Numbers(numbers, known)


def texts(rows: Rows, x: Texts) -> Texts:
    """The texts of the rows as one, with blanks between."""
    chosen = np.flatnonzero(x.known)
    counts = np.bincount(rows.record_of[chosen], minlength=rows.record_count)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), x.distinct.take(pa.array(x.indices[chosen])))
    joined = pc.binary_join(lists, BETWEEN)
    return encoded(pc.if_else(pa.array(rows.carried), joined, pa.scalar(None, pa.string())))


def exceeds(rows: Rows, x: Numbers, by: Keyed, limit: Numbers, condition: Truth | None = None) -> Truth:
    """The sum of ``x`` over the rows with the same ``by`` is over their ``limit``; rows without one do not count."""
    asked = limit.known if condition is None else limit.known & ~condition.no
    sure = x.known & by.known & (asked if condition is None else condition.yes)
    return _answer(rows, _exceeding(rows, x, by, limit, condition), asked & ~sure)


def _exceeding(rows: Rows, x: Numbers, by: Keyed, limit: Numbers, condition: Truth | None = None) -> Mask:
    numbers, known = numbering(by)
    known = known & x.known & limit.known
    chosen = np.flatnonzero(known if condition is None else known & condition.yes)
    pairs, pair_of = distinct_pairs(rows.record_of[chosen], numbers[chosen])
    sums = np.bincount(pair_of, x.values[chosen], minlength=len(pairs))
    least = np.full(len(pairs), np.inf)
    np.minimum.at(least, pair_of, limit.values[chosen])
    return _marked(len(known), chosen, (np.round(sums, 6) > least)[pair_of])


def several(rows: Rows, x: Keyed, by: Keyed, condition: Truth | None = None) -> Truth:
    """Two rows with the same ``by`` have a different ``x``."""
    known = x.known & by.known
    unknown = np.zeros(len(known), np.bool_) if condition is None else condition.unknown & known
    return _answer(rows, _several_rows(rows, x, by, condition), unknown)


def _several_rows(rows: Rows, x: Keyed, by: Keyed, condition: Truth | None = None) -> Mask:
    (values, known), (numbers, given) = numbering(x), numbering(by)
    known = known & given
    chosen = np.flatnonzero(known if condition is None else known & condition.yes)
    groups, group_of = distinct_pairs(rows.record_of[chosen], numbers[chosen])
    different, _ = distinct_pairs(group_of, values[chosen])
    counts = np.bincount(different[:, 0], minlength=len(groups))
    return _marked(len(known), chosen, (counts > 1)[group_of])


def unaccompanied(rows: Rows, by: Keyed, a: Truth, b: Truth) -> Truth:
    """A row in which ``a`` holds has no row with the same ``by`` in which ``b`` holds."""
    open_rows = ~(a.no & b.no) & (a.unknown | b.unknown | ~by.known) & ~rows.blank
    return _answer(rows, _lonely_rows(rows, by, a, b), open_rows)


def _lonely_rows(rows: Rows, by: Keyed, a: Truth, b: Truth) -> Mask:
    numbers, known = numbering(by)
    chosen = np.flatnonzero(known & (a.yes | b.yes))
    groups, group_of = distinct_pairs(rows.record_of[chosen], numbers[chosen])
    accompanied = np.bincount(group_of, b.yes[chosen], minlength=len(groups)) > 0
    return _marked(len(known), chosen, a.yes[chosen] & ~accompanied[group_of])


def again_within(rows: Rows, x: Keyed, time: Numbers, days: Numbers, condition: Truth | None = None) -> Truth:
    """Two rows with the same ``x`` lie on different days, at most ``days`` apart."""
    asked = x.known if condition is None else x.known & ~condition.no
    sure = time.known if condition is None else time.known & condition.yes
    return _answer(rows, _repeated_rows(rows, x, time, days, condition), asked & ~sure)


def _repeated_rows(
    rows: Rows, x: Keyed, time: Numbers, days: Numbers, condition: Truth | None = None
) -> Mask:
    numbers, known = numbering(x)
    known = known & time.known & days.known
    chosen = np.flatnonzero(known if condition is None else known & condition.yes)
    day = np.floor(time.values[chosen] / DAY)
    record, number = rows.record_of[chosen], numbers[chosen]
    order = np.lexsort((day, number, record))
    same = (np.diff(record[order]) == 0) & (np.diff(number[order]) == 0)
    apart = np.diff(day[order])
    near = same & (apart > 0) & (apart <= days.values[chosen][order][1:])
    found = np.zeros(len(chosen), np.bool_)
    found[order[1:][near]] = True
    found[order[:-1][near]] = True
    return _marked(len(known), chosen, found)


@dataclass(frozen=True)
class _Items:
    """The rows whose code is in a table of pairs: ``rows``, the number of their code, the set that they are in."""

    rows: Places
    codes: Places
    sets: Places

    def keys(self, codes: Places, width: int) -> Places:
        return self.sets * width + codes


def _items(rows: Rows, pairs: Pairs, code: Texts, by: Keyed | None) -> _Items:
    numbers = spread(pc.index_in(code.distinct, value_set=pairs.codes).fill_null(-1), code, -1)
    if by is None:
        chosen = np.flatnonzero(numbers >= 0)
        return _Items(chosen, numbers[chosen], rows.record_of[chosen])
    keys, known = numbering(by)
    chosen = np.flatnonzero((numbers >= 0) & known)
    sets = distinct_pairs(rows.record_of[chosen], keys[chosen])[1]
    return _Items(chosen, numbers[chosen], sets)


def _joined(items: _Items, of: Places) -> tuple[Places, Places]:
    """For each item the pairs whose code in the sorted column ``of`` is its own: places of item and pair."""
    first, last = np.searchsorted(of, items.codes), np.searchsorted(of, items.codes, "right")
    counts = last - first
    item = np.repeat(np.arange(len(items.codes)), counts)
    within = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
    return item, first[item] + within


def _together(signature: str, pairs: Pairs, summary: str) -> Function:
    width = len(pairs.codes)
    order = np.argsort(pairs.b, kind="stable")

    def rows_of(rows: Rows, code: Texts, by: Keyed) -> Mask:
        items = _items(rows, pairs, code, by)
        present = items.keys(items.codes, width)
        found = np.zeros(len(items.rows), np.bool_)
        for of, others in ((pairs.a, pairs.b), (pairs.b[order], pairs.a[order])):
            item, place = _joined(items, of)
            wanted = items.sets[item] * width + others[place]
            found[item[np.isin(wanted, present)]] = True
        return _marked(len(code.indices), items.rows, found)

    def apply(rows: Rows, code: Texts, by: Keyed) -> Truth:
        in_pairs = spread(pc.index_in(code.distinct, value_set=pairs.codes).fill_null(-1), code, -1) >= 0
        return _answer(rows, rows_of(rows, code, by), in_pairs & ~by.known)

    apply.__doc__ = summary
    return declared(signature, "text value", "truth", apply, blames=rows_of)


def _lacking(signature: str, pairs: Pairs, summary: str) -> Function:
    width = len(pairs.codes)

    def rows_of(rows: Rows, code: Texts) -> Mask:
        items = _items(rows, pairs, code, None)
        item, place = _joined(items, pairs.a)
        there = np.isin(items.sets[item] * width + pairs.b[place], items.keys(items.codes, width))
        found = np.zeros(len(items.rows), np.bool_)
        found[item] = True
        found[item[there]] = False
        return _marked(len(code.indices), items.rows, found)

    def apply(rows: Rows, code: Texts) -> Truth:
        return _answer(rows, rows_of(rows, code), np.zeros(len(code.indices), np.bool_))

    apply.__doc__ = summary
    return declared(signature, "text", "truth", apply, blames=rows_of)


def _outnumbering(signature: str, pairs: Pairs) -> Function:
    width = len(pairs.codes)

    def rows_of(rows: Rows, x: Numbers, code: Texts) -> Mask:
        items = _items(rows, pairs, code, None)
        keys, key_of = np.unique(items.keys(items.codes, width), return_inverse=True)
        sums = np.bincount(key_of, np.where(x.known, x.values, 0.0)[items.rows], minlength=len(keys))
        item, place = _joined(items, pairs.a)
        wanted = items.sets[item] * width + pairs.b[place]
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        others = np.where(keys[at] == wanted, sums[at], 0.0) if len(keys) else np.zeros(0)
        allowed = np.bincount(item, others, minlength=len(items.rows))
        found = np.zeros(len(items.rows), np.bool_)
        found[item] = np.round(sums[key_of[item]] - allowed[item], 6) > 0
        return _marked(len(code.indices), items.rows, found)

    def apply(rows: Rows, x: Numbers, code: Texts) -> Truth:
        """An item is charged more often than all those together by which it is counted."""
        in_pairs = spread(pc.index_in(code.distinct, value_set=pairs.codes).fill_null(-1), code, -1) >= 0
        return _answer(rows, rows_of(rows, x, code), in_pairs & ~x.known)

    return declared(signature, "number text", "truth", apply, blames=rows_of)


def _answer(rows: Rows, found: Mask, unknown: Mask) -> Truth:
    """Yes for records with a row that was found, unknown for the others that have an unknown one."""
    yes = rows.records_of(np.flatnonzero(found))
    open_records = rows.records_of(np.flatnonzero(unknown & ~rows.blank))
    return Truth(yes, rows.carried & ~yes & ~open_records)


def _marked(count: int, places: Places, marks: npt.NDArray[np.bool_]) -> Mask:
    mask = np.zeros(count, np.bool_)
    mask[places[marks]] = True
    return mask
