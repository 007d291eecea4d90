"""A part of the record table as conditions read it, and the evaluation of conditions over all its records at once.

Codes are normalised and numbered once, every shared part of a condition is computed once: a frame is made for a
chunk of records and thrown away with it.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.codes.normalise import normalise_code
from drg.errors import input_error
from drg.quality.condition import (
    All,
    Any_,
    Arithmetic,
    Call,
    Comparison,
    Constant,
    Field,
    InCodes,
    Node,
    Not,
    OneOf,
    Over,
    Position,
    RunDate,
    ValueCheck,
    Written,
    needs_listing,
)
from drg.quality.dictionary import NHSA, Edition, listing
from drg.quality.functions import (
    DAY,
    each_is_in,
    equal,
    read_numbers,
    read_times,
    take_or_unknown,
)
from drg.quality.rows import Rows
from drg.quality.values import (
    Mask,
    Numbers,
    Places,
    Texts,
    Truth,
    Value,
    changed,
    encoded,
    flagged,
    numbered,
    rounded,
    truth,
)
from drg.quality.vocabulary import Vocabulary, load_vocabulary
from drg.records.values import as_mask, read_durations

CACHE_BYTES = 1 << 27
Shared = Mapping[int, int]
"""Nodes, by their ``id``, that are in more than one place: equal ones have the same number. By ``id`` because hashing a
tree takes longer than computing most; who makes it keeps the nodes."""


class Column:
    """One field of a frame: a text (or null) a record, or a row of the field's group."""

    def __init__(self, kind: str, texts: pa.Array, carried: bool):
        self.kind = kind
        self.carried = carried
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def missing(self) -> Mask:
        """Where nothing stands."""
        if self.texts.null_count == 0:
            return np.zeros(len(self.texts), np.bool_)
        return np.asarray(self.texts.is_null().to_numpy(zero_copy_only=False))

    @cached_property
    def written(self) -> Texts:
        """The texts as they stand; codes normalised, their distinct texts in plain string order."""
        plain = encoded(self.texts)
        return _ordered_codes(plain) if self.kind in ("dx_code", "proc_code") else plain

    @cached_property
    def value(self) -> Value:
        """The texts read as the field's kind; unknown where that is not possible."""
        if self.kind in ("integer", "number", "money"):
            return _numbers(self.texts)
        if self.kind in ("date", "datetime"):
            return numbered(self.written, *read_times(self.written.distinct))
        if self.kind == "duration":
            return numbered(self.written, *_hours(self.written.distinct))
        return self.written

    def take(self, places: Places) -> Column:
        return _TakenColumn(self, places)

    def raw(self, places: Places) -> pa.Array:
        """The texts at ``places``; null where a place is -1."""
        return self.texts.take(pa.array(places, mask=places < 0))


class _TakenColumn(Column):
    """Some elements of another column, read from what that has read."""

    def __init__(self, whole: Column, places: Places):
        self.kind = whole.kind
        self.carried = whole.carried
        self._whole = whole
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @cached_property
    def missing(self) -> Mask:
        return self._whole.missing[self._places]

    @cached_property
    def written(self) -> Texts:
        return self._whole.written.take(self._places)

    @cached_property
    def value(self) -> Value:
        return self._whole.value.take(self._places)

    def raw(self, places: Places) -> pa.Array:
        return self._whole.raw(np.append(self._places, -1)[places])


class Frame:
    """Records for evaluation. ``table``: a chunk of the record table; a column it lacks is not carried.

    ``vocabulary``: the fields and functions that its conditions know, by default those of the quality rules.
    """

    def __init__(
        self,
        table: pa.Table,
        run_date: dt.date,
        edition: Edition = NHSA,
        dialect: str = "front_page",
        vocabulary: Vocabulary | None = None,
    ):
        self.count = len(table)
        self.run_date = run_date
        self.edition = edition
        self.dialect = dialect
        self.vocabulary = vocabulary or load_vocabulary()
        self._table = table
        # Arrow makes the list of names anew each time it is asked.
        self._carried = frozenset(table.column_names)
        self._columns: dict[str, Column] = {}
        self._rows: dict[str, Rows] = {}

    def column(self, group: str | None, name: str) -> Column:
        """A field of the records or of a group's rows."""
        path = name if group is None else f"{group}.{name}"
        if path not in self._columns:
            self._columns[path] = self._made_column(path, group)
        return self._columns[path]

    def _made_column(self, path: str, group: str | None) -> Column:
        field = self.vocabulary.field(group, path.rpartition(".")[2])
        assert field is not None  # noqa: S101 - checked when the condition is read
        kind = field.kind
        length = self.count if group is None else int(self.rows(group).offsets[-1])
        if path not in self._carried:
            return Column(kind, pa.nulls(length, pa.string()), carried=False)
        values = _one_array(self._table.column(path))
        if group is not None:
            if not np.array_equal(_list_lengths(values), np.diff(self.rows(group).offsets)):
                raise input_error("quality.group_uneven", column=path)
            values = values.flatten()
        return Column(kind, values, carried=True)

    def rows(self, group: str) -> Rows:
        """Which rows of a group belong to which record."""
        if group not in self._rows:
            self._rows[group] = self._made_rows(group)
        return self._rows[group]

    def _made_rows(self, group: str) -> Rows:
        members = self.vocabulary.groups[group].values()
        paths = [field.path for field in members if field.path in self._carried]
        if not paths:
            nothing = np.zeros(self.count, np.bool_)
            return Rows(np.zeros(self.count + 1, np.int64), nothing, np.zeros(0, np.bool_))
        lists = [_one_array(self._table.column(path)) for path in paths]
        offsets = np.concatenate([[0], np.cumsum(_list_lengths(lists[0]), dtype=np.int64)])
        carried = np.asarray(lists[0].is_valid().to_numpy(zero_copy_only=False))
        return Rows(offsets, carried, _blank_rows(lists, int(offsets[-1])))

    def take(self, records: Places) -> Frame:
        """The frame of some records."""
        return _TakenFrame(self, records)


class _TakenFrame(Frame):
    def __init__(self, whole: Frame, records: Places):
        self.count = len(records)
        self.run_date, self.edition, self.dialect = whole.run_date, whole.edition, whole.dialect
        self.vocabulary = whole.vocabulary
        self._whole = whole
        self._records = records
        self._columns = {}
        self._taken: dict[str, tuple[Rows, Places]] = {}

    def _made_column(self, path: str, group: str | None) -> Column:
        name = path.rpartition(".")[2]
        places = self._records if group is None else self._taken_rows(group)[1]
        return self._whole.column(group, name).take(places)

    def rows(self, group: str) -> Rows:
        return self._taken_rows(group)[0]

    def _taken_rows(self, group: str) -> tuple[Rows, Places]:
        if group not in self._taken:
            self._taken[group] = self._whole.rows(group).take(self._records)
        return self._taken[group]


class Evaluation:
    """Conditions evaluated over one frame. Nodes in ``shared`` are computed once, as far as memory goes."""

    def __init__(self, frame: Frame, shared: Shared | None = None):
        self.frame = frame
        self._shared = shared or {}
        self._done: OrderedDict[int, Value] = OrderedDict()
        self._bytes = 0

    def truth(self, condition: Node) -> Truth:
        """Where a condition of the record holds and where not, one element a record."""
        found = self.at(condition, condition.level)
        assert isinstance(found, Truth)  # noqa: S101 - checked when the condition is read
        if len(found.yes) == self.frame.count:
            return found
        return Truth(*(np.broadcast_to(mask, self.frame.count) for mask in (found.yes, found.no)))

    def at(self, node: Node, level: str | None) -> Value:
        """The value of a node for each row of group ``level`` (``None``: each record); constants stay one element."""
        value = self.value(node)
        if level is None or node.level is not None or _is_constant(node):
            return value
        return value.take(self.frame.rows(level).record_of)

    def value(self, node: Node) -> Value:
        """The value of a node at its own level."""
        number = self._shared.get(id(node))
        if number is None:
            return self._computed(node)
        if number in self._done:
            self._done.move_to_end(number)
            return self._done[number]
        value = self._computed(node)
        self._done[number] = value
        self._bytes += value.size
        while self._bytes > CACHE_BYTES:
            self._bytes -= self._done.popitem(last=False)[1].size
        return value

    def _computed(self, node: Node) -> Value:
        match node:
            case Field(name=name, level=level):
                return self.frame.column(level, name).value
            case Constant(value=value):
                return _constant(value)
            case RunDate():
                days = (self.frame.run_date - dt.date(1970, 1, 1)).days
                return Numbers(np.array([days * float(DAY)]), np.array([True]))
            case Position(level=level):
                position = self.frame.rows(cast(str, level)).position
                return Numbers(position, np.ones(len(position), np.bool_))
            case All(parts=parts):
                return self._all(parts, node.level)
            case Any_(parts=parts):
                return self._any(parts, node.level)
            case Not(part=part):
                found = self._truth(part, node.level)
                return Truth(found.no, found.yes)
            case Comparison():
                return self._compared(node)
            case OneOf(value=value, choices=choices):
                return self._one_of(value, choices)
            case InCodes(value=value, codes=codes):
                texts = cast(Texts, self.value(value))
                return flagged(texts, codes.members(texts.distinct.to_pylist()))
            case Arithmetic():
                return self._arithmetic(node)
            case Call():
                return self._called(node)
            case ValueCheck():
                return self._checked(node)
            case Written(value=value):
                return self._written(value)
            case Over(name=name, group=group):
                function = self.frame.vocabulary.group_functions[name]
                return function.apply(self.frame.rows(group), *self.arguments_in_rows(node))
        raise TypeError(type(node).__name__)

    def _truth(self, node: Node, level: str | None) -> Truth:
        return cast(Truth, self.at(node, level))

    def _all(self, parts: Iterable[Node], level: str | None) -> Truth:
        first, *others = parts
        found = self._truth(first, level)
        for part in others:
            if found.no.all():
                break
            next_found = self._truth(part, level)
            found = Truth(found.yes & next_found.yes, found.no | next_found.no)
        return found

    def _any(self, parts: Iterable[Node], level: str | None) -> Truth:
        first, *others = parts
        found = self._truth(first, level)
        for part in others:
            if found.yes.all():
                break
            next_found = self._truth(part, level)
            found = Truth(found.yes | next_found.yes, found.no & next_found.no)
        return found

    def arguments_in_rows(self, node: Over) -> list[Value]:
        """The arguments of a group function, one element a row of the group."""
        return [self._in_rows(argument, node.group) for argument in node.arguments]

    def _in_rows(self, node: Node, group: str) -> Value:
        """An argument of a group function, one element a row even where it is a constant."""
        value = self.at(node, group)
        if node.level is None and _is_constant(node):
            return value.take(np.zeros(int(self.frame.rows(group).offsets[-1]), np.int64))
        return value

    def _compared(self, node: Comparison) -> Truth:
        left, right = self.at(node.left, node.level), self.at(node.right, node.level)
        if isinstance(left, Texts) or node.operator == "==":
            found = equal(left, right)
            return found if node.operator == "==" else Truth(found.no, found.yes)
        one, other = cast(Numbers, left), cast(Numbers, right)
        return truth(_OPERATORS[node.operator](one.values, other.values), one.known & other.known)

    def _one_of(self, node: Node, choices: tuple[Any, ...]) -> Truth:
        value = self.value(node)
        if isinstance(value, Texts):
            return flagged(value, pc.is_in(value.distinct, value_set=pa.array(choices, pa.string())))
        numbers = cast(Numbers, value)
        return truth(np.isin(numbers.values, choices), numbers.known)

    def _arithmetic(self, node: Arithmetic) -> Numbers:
        left = cast(Numbers, self.at(node.left, node.level))
        right = cast(Numbers, self.at(node.right, node.level))
        with np.errstate(divide="ignore", invalid="ignore"):
            return rounded(_OPERATORS[node.operator](left.values, right.values), left.known & right.known)

    def _called(self, node: Call) -> Value:
        arguments: list[Any] = [self.at(argument, node.level) for argument in node.arguments]
        if node.words is not None:
            arguments.append(node.words)
        if needs_listing(node):
            system = "icd9cm3" if node.arguments[0].kind == "proc_code" else "icd10"
            arguments.append(listing(self.frame.edition, system))
        return self.frame.vocabulary.row_functions[node.name].apply(*arguments)

    def _checked(self, node: ValueCheck) -> Truth:
        """``empty`` and its like: what stands in a field, whether it can be read or not."""
        carried = self._carried(node.value)
        if node.name in ("empty", "filled"):
            missing = self._missing(node.value)
            found = Truth(missing & carried, ~missing & carried)
            return found if node.name == "empty" else Truth(found.no, found.yes)
        known = ~self._missing(node.value) & carried
        if node.name == "unreadable":
            return truth(~_known(self.value(node.value)), known)
        column, places = self._looked_at(node.value)
        allowed = self._allowed(node.value)
        if allowed is None:
            return truth(known, np.zeros_like(known))
        holds = each_is_in if node.name == "each_in_value_set" else pc.is_in
        found = flagged(column.written, holds(column.written.distinct, value_set=allowed))
        return found if places is None else cast(Truth, take_or_unknown(found, places))

    def _written(self, node: Node) -> Value:
        column, places = self._looked_at(node)
        return column.written if places is None else take_or_unknown(column.written, places)

    def _looked_at(self, node: Node) -> tuple[Column, Places | None]:
        """The column of a field, or of the first row's field and where its elements are."""
        if isinstance(node, Over):
            column = self._looked_at(node.arguments[0])[0]
            return column, self.frame.rows(node.group).firsts
        field = cast(Field, node)
        return self.frame.column(field.level, field.name), None

    def _allowed(self, node: Node) -> pa.Array | None:
        """The values that a field may have in the dialect of the frame; ``None`` where there is no such set."""
        field = cast(Field, node.arguments[0] if isinstance(node, Over) else node)
        entry = self.frame.vocabulary.field(field.level, field.name)
        found = (
            None if entry is None else self.frame.vocabulary.value_sets.get(entry.values(self.frame.dialect))
        )
        return None if found is None else pa.array(sorted(found.values), pa.string())

    def _missing(self, node: Node) -> Mask:
        if isinstance(node, Field):
            return self.frame.column(node.level, node.name).missing
        if isinstance(node, Over) and node.name == "first":
            missing = self._missing(node.arguments[0])
            return np.append(missing, True)[self.frame.rows(node.group).firsts]
        return ~_known(self.value(node))

    def _carried(self, node: Node) -> Mask:
        """Where the source has the fields and groups that a node reads."""
        if isinstance(node, Field):
            column = self.frame.column(node.level, node.name)
            return np.full(len(column), column.carried)
        if isinstance(node, Over):
            fields = [argument for argument in node.arguments if isinstance(argument, Field)]
            columns = [self.frame.column(field.level, field.name) for field in fields]
            return self.frame.rows(node.group).carried & all(column.carried for column in columns)
        return np.ones(len(_known(self.value(node))), np.bool_)


_OPERATORS: dict[str, Any] = {
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}


def _is_constant(node: Node) -> bool:
    """Whether a node has one element for all records: no field and no group is in it."""
    match node:
        case Constant() | RunDate():
            return True
        case Field() | Position() | Over():
            return False
    from drg.quality.condition import children

    return all(_is_constant(child) for child in children(node))


def _constant(value: str | float | bool) -> Value:
    if isinstance(value, bool):
        return Truth(np.array([value]), np.array([not value]))
    if isinstance(value, str):
        return Texts(np.zeros(1, np.int64), pa.array([value], pa.string()))
    return Numbers(np.array([float(value)]), np.array([True]))


def _known(value: Value) -> Mask:
    return value.yes | value.no if isinstance(value, Truth) else value.known


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
    )


def _list_lengths(lists: pa.Array) -> npt.NDArray[np.int32]:
    """Rows of each record; none where the group is not carried."""
    return np.asarray(pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False))


def _blank_rows(lists: list[pa.Array], count: int) -> Mask:
    """Rows in which no field of the group is filled."""
    blank = np.ones(count, np.bool_)
    for values in lists:
        texts = values.flatten()
        if len(texts) != count:
            continue
        if texts.null_count == 0:
            return np.zeros(count, np.bool_)
        blank &= as_mask(texts.is_null())
    return blank


def _ordered_codes(texts: Texts) -> Texts:
    """Codes normalised, and their distinct texts in plain string order."""
    normalised = pa.array([normalise_code(text) for text in texts.distinct.to_pylist()], pa.string())
    clean = changed(texts, normalised)
    order = pc.sort_indices(clean.distinct).to_numpy(zero_copy_only=False)
    place = np.empty(len(order) + 1, np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1
    return Texts(place[clean.indices], clean.distinct.take(pa.array(order)))


def _numbers(texts: pa.Array) -> Numbers:
    return Numbers(*read_numbers(texts))


def _hours(texts: pa.Array) -> tuple[npt.NDArray[np.float64], Mask]:
    """Durations as hours: ``days/hours/minutes``, or a number of hours."""
    parts, known = read_durations(texts, pa.nulls(0, pa.string()))
    hours, plain = read_numbers(texts)
    return np.where(plain, hours, parts), known | plain
