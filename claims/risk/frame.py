"""From the columns of a table to the numbers that a model reads: one row a claim, or one a group of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from claims.errors import ClaimProblem, input_error
from claims.risk.columns import Column
from claims.risk.settings import settings
from claims.risk.values import Floats, Ints, codes, days, groups, numbers
from drg.errors import InputError

Unit = Literal["row", "group"]
How = Literal[
    "value",
    "level",
    "days",
    "rows",
    "mean",
    "std",
    "min",
    "max",
    "sum",
    "present",
    "share",
    "distinct",
    "span",
]


@dataclass(frozen=True)
class Feature:
    """A number that the model reads. ``how`` it comes from ``column`` (and ``other``, the later date, or a level).

    ``levels``: of a categorical one, whose numbers are places among them.
    """

    column: str
    how: How
    other: str = ""
    levels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        if self.how in ("value", "level"):
            return self.column
        if self.how == "rows":
            return "rows"
        inner = f"{self.column} → {self.other}" if self.other and self.how != "share" else self.column
        return f"{self.how}({inner})" if self.how != "share" else f"share({inner} = {self.other})"


@dataclass(frozen=True)
class Schema:
    """What a model reads of a table: the columns, and whether a row or a group of rows is scored.

    ``group`` and ``time`` name columns.
    """

    unit: Unit
    columns: tuple[Column, ...]
    group: str | None = None
    time: str | None = None

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that give features, in the order of the table."""
        return tuple(
            column
            for column in self.columns
            if not column.refused or (self.unit == "group" and column.kind == "identifier")
        )


@dataclass(frozen=True)
class Frame:
    """``values``: (units, features) float64, NaN where not known. ``names``: of the groups; None where a row is a unit.

    ``unit_of_row``: (rows,) the unit of each row.
    """

    features: tuple[Feature, ...]
    values: Floats
    unit_of_row: Ints
    names: list[str] | None

    @property
    def categorical(self) -> list[int]:
        return [place for place, feature in enumerate(self.features) if feature.levels]


def check_columns(table: pa.Table, schema: Schema) -> None:
    """Raises ``InputError`` with every column that the model reads and the table lacks."""
    wanted = [column.name for column in schema.used]
    wanted += [name for name in (schema.group if schema.unit == "group" else None,) if name is not None]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise InputError([ClaimProblem("risk.column_missing", params={"column": name}) for name in missing])


def frame(table: pa.Table, schema: Schema) -> Frame:
    """The features of a table. Raises ``InputError`` where columns are missing."""
    check_columns(table, schema)
    rows = len(table)
    if schema.unit == "row" or schema.group is None:
        made = list(_row_features(table, schema))
        if not made:
            raise input_error("risk.no_features")
        return Frame(
            tuple(one for one, _ in made), np.column_stack([v for _, v in made]), np.arange(rows), None
        )
    unit, names = groups(table.column(schema.group))
    made = list(_group_features(table, schema, _Grouped(unit, len(names))))
    return Frame(tuple(one for one, _ in made), np.column_stack([v for _, v in made]), unit, names)


def unreadable(table: pa.Table, schema: Schema) -> dict[str, int]:
    """Values that are there, but are no number, date or known level: they count as missing."""
    found = {}
    for column in schema.used:
        if column.kind == "identifier":
            continue
        values = table.column(column.name)
        lost = int(np.isnan(_values(column, values)).sum()) - values.null_count
        if lost > 0:
            found[column.name] = lost
    return found


def _values(column: Column, values: pa.ChunkedArray) -> Floats:
    if column.kind == "number":
        return numbers(values)
    return days(values) if column.kind == "date" else codes(values, column.levels)


def _dates(schema: Schema) -> list[str]:
    """The date columns that are compared: that of the claim first."""
    names = [column.name for column in schema.used if column.kind == "date" and column.name != schema.time]
    return ([schema.time] if schema.time is not None else []) + names[: settings("columns")["most_dates"]]


def _intervals(table: pa.Table, schema: Schema) -> Iterator[tuple[str, str, Floats]]:
    """Each pair of dates and the days from the one to the other; with a time only those up to it."""
    read = {name: days(table.column(name)) for name in _dates(schema) if name in table.column_names}
    names = list(read)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            yield (
                (second, first, read[first] - read[second])
                if first == schema.time
                else (
                    first,
                    second,
                    read[second] - read[first],
                )
            )


def _row_features(table: pa.Table, schema: Schema) -> Iterator[tuple[Feature, Floats]]:
    for column in schema.used:
        if column.kind == "number":
            yield Feature(column.name, "value"), numbers(table.column(column.name))
        elif column.kind == "category":
            yield (
                Feature(column.name, "level", levels=column.levels),
                codes(table.column(column.name), column.levels),
            )
    for first, second, between in _intervals(table, schema):
        yield Feature(first, "days", second), between


class _Grouped:
    """Figures of groups of rows: ``unit``, (rows,) the group of each row, of ``count`` groups."""

    def __init__(self, unit: Ints, count: int):
        self.unit, self.count = unit, count
        self._order = np.argsort(unit, kind="stable")
        self._starts = np.searchsorted(unit[self._order], np.arange(count))
        self.rows = np.bincount(unit, minlength=count).astype(np.float64)

    def _reduce(self, how: np.ufunc, values: Floats) -> Floats:
        return np.asarray(how.reduceat(values[self._order], self._starts), np.float64)

    def known(self, values: Floats) -> Floats:
        return self._reduce(np.add, np.isfinite(values).astype(np.float64))

    def sum(self, values: Floats) -> Floats:
        """NaN where a group has no known value."""
        found = self._reduce(np.add, np.nan_to_num(values))
        found[self.known(values) == 0] = np.nan
        return found

    def mean(self, values: Floats) -> Floats:
        known = self.known(values)
        return self.sum(values) / np.where(known > 0, known, np.nan)

    def std(self, values: Floats) -> Floats:
        away = values - self.mean(values)[self.unit]
        return np.asarray(np.sqrt(self.mean(away**2)), np.float64)

    def extreme(self, values: Floats, how: np.ufunc) -> Floats:
        empty = np.inf if how is np.minimum else -np.inf
        found = self._reduce(how, np.where(np.isfinite(values), values, empty))
        return np.where(np.isfinite(found), found, np.nan)

    def distinct(self, values: Ints) -> Floats:
        """How many different values of 0 and up; below 0 is missing."""
        known = values >= 0
        pairs = np.unique(self.unit[known] * (values.max(initial=0) + 1) + values[known])
        return np.bincount(pairs // (values.max(initial=0) + 1), minlength=self.count).astype(np.float64)

    def first(self, values: Floats) -> Floats:
        """The first known value."""
        found = np.full(self.count, np.nan)
        known = np.flatnonzero(np.isfinite(values))[::-1]
        found[self.unit[known]] = values[known]
        return found


def is_steady(table: pa.Table, column: Column, unit: Ints) -> bool:
    """Whether no group has two different values."""
    if column.kind not in ("number", "category", "date"):
        return False
    values = _values(column, table.column(column.name))
    present, place = np.unique(unit, return_inverse=True)
    grouped = _Grouped(place, len(present))
    low, high = grouped.extreme(values, np.minimum), grouped.extreme(values, np.maximum)
    return bool(np.all((low == high) | np.isnan(low)))


def _group_features(table: pa.Table, schema: Schema, grouped: _Grouped) -> Iterator[tuple[Feature, Floats]]:
    yield Feature(schema.group or "", "rows"), grouped.rows
    for column in schema.used:
        name, values = column.name, table.column(column.name)
        if name == schema.group:
            continue
        if column.kind == "number":
            yield from _number_features(Feature(name, "mean"), numbers(values), grouped, column)
        elif column.kind == "category":
            yield from _level_features(column, codes(values, column.levels), grouped)
        elif column.kind == "identifier":
            encoded, _ = groups(values)
            encoded[np.asarray(values.is_null().to_numpy())] = -1
            yield Feature(name, "distinct"), grouped.distinct(encoded)
        elif column.kind == "date":
            day = days(values)
            spread = grouped.extreme(day, np.maximum) - grouped.extreme(day, np.minimum)
            yield Feature(name, "span"), spread
            yield Feature(name, "present"), grouped.known(day) / grouped.rows
    for first, second, between in _intervals(table, schema):
        yield from _number_features(Feature(first, "mean", second), between, grouped, None)


def _number_features(
    of: Feature, values: Floats, grouped: _Grouped, column: Column | None
) -> Iterator[tuple[Feature, Floats]]:
    yield of, grouped.mean(values)
    if column is not None and column.steady:
        return
    yield Feature(of.column, "std", of.other), grouped.std(values)
    yield Feature(of.column, "min", of.other), grouped.extreme(values, np.minimum)
    yield Feature(of.column, "max", of.other), grouped.extreme(values, np.maximum)
    if column is not None:
        yield Feature(of.column, "sum"), grouped.sum(values)
        if column.gaps:
            yield Feature(of.column, "present"), grouped.known(values) / grouped.rows


def _level_features(column: Column, places: Floats, grouped: _Grouped) -> Iterator[tuple[Feature, Floats]]:
    if column.steady:
        yield Feature(column.name, "level", levels=column.levels), grouped.first(places)
        return
    yield Feature(column.name, "distinct"), grouped.distinct(np.nan_to_num(places, nan=-1).astype(np.int64))
    for place, level in enumerate(column.levels[: settings("columns")["most_level_shares"]]):
        yield Feature(column.name, "share", level), grouped.mean((places == place).astype(np.float64))
