"""A dialect bound to the headers of one file, and the cells of a chunk as the fields of cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.errors import InputError, Problem
from drg.records import values
from drg.records.dialect import (
    LIST_FIELDS,
    SCALAR_FIELDS,
    Columns,
    Dialect,
    Headers,
    ListSource,
    expand_all,
    is_money,
    principal_columns,
)
from drg.records.source import Chunk


@dataclass(frozen=True)
class Binding:
    """Which headers of a file each field comes from.

    ``fields``: a list of parts to join or add up, each the headers to try in order; ``kinds``: the headers beside
    each part that say whether it counts; ``fen``: headers of amounts in whole fen. ``lists``: headers in order.
    ``times``: role -> headers (one, or one an ICU stay; None where a stay lacks it).
    """

    dialect: Dialect
    fields: Mapping[str, list[list[str]]]
    kinds: Mapping[str, list[list[str]]]
    fen: Mapping[str, list[str]]
    lists: Mapping[str, list[str]]
    times: Mapping[str, list[str | None]]
    missing: list[str]

    def headers(self) -> list[str]:
        """Every header that is used, each once."""
        return list(dict.fromkeys(self._mentioned()))

    def _mentioned(self) -> Iterator[str]:
        for parts in (*self.fields.values(), *self.kinds.values()):
            for part in parts:
                yield from part
        for headers in self.fen.values():
            yield from headers
        for headers in self.lists.values():
            yield from headers
        for moments in self.times.values():
            yield from (header for header in moments if header is not None)


def bind(dialect: Dialect, headers: Sequence[str], where: str, open_columns: bool) -> Binding:
    """Find the dialect's columns among ``headers``; raises ``InputError`` when a required one is not there.

    With ``open_columns`` (JSON, where a record may lack any key) all names are kept as they are and the first that
    has a value is taken; in a table the first column that exists is taken.
    """
    finder = _Finder(Headers.of(headers), where, open_columns)
    fields, kinds, fen = {}, {}, {}
    for name, source in dialect.fields.items():
        parts = [finder.columns(alternatives, source.by_row) for alternatives in source.parts]
        beside = [finder.columns(alternatives) for alternatives in source.kinds]
        if source.sum:
            there = [all(given) for given in zip(parts, *([beside] if beside else []), strict=True)]
            parts = [part for part, has in zip(parts, there, strict=True) if has]
            beside = [kind for kind, has in zip(beside, there, strict=False) if has]
        if parts and all(parts):
            fields[name] = parts
            kinds[name] = beside
        if source.fen and (found_fen := finder.columns(source.fen)):
            fen[name] = found_fen
    lists = {}
    for name, codes in dialect.lists.items():
        if codes.node:
            found = [codes.node]
        elif codes.column:
            found = finder.columns(codes.column)[:1]
        else:
            found = [one for column in expand_all(codes.columns or ()) for one in finder.columns((column,))]
        if found:
            lists[name] = found
    times: dict[str, list[str | None]] = {}
    for role in ("born", "admitted", "discharged"):
        moments = getattr(dialect.times, role)
        if moments and (found := finder.columns(moments)):
            times[role] = list(found)
    for role in ("icu_in", "icu_out", "icu_duration"):
        stays = expand_all(getattr(dialect.times, role) or ())
        found_stays = [next(iter(finder.columns((name,))), None) for name in stays]
        if any(found_stays):
            times[role] = found_stays
    _check_required(dialect, finder, where)
    missing = [
        " + ".join(" / ".join(one) for one in source.join or source.sum)
        for source in dialect.fields.values()
        if not finder.has_field(source)
    ]
    missing += [name for name, codes in dialect.lists.items() if not finder.has_list(codes)]
    return Binding(dialect, fields, kinds, fen, lists, times, missing)


class _Finder:
    def __init__(self, headers: Headers, where: str, open_columns: bool):
        self.headers = headers
        self.where = where
        self.open_columns = open_columns
        self.problems: list[Problem] = []

    def columns(self, alternatives: Sequence[str], every: bool = False) -> list[str]:
        """The headers that stand for one value: the first there is, or ``every`` one."""
        if self.open_columns:
            return list(alternatives)
        found = []
        for name in alternatives:
            places = self.headers.places(name)
            if len(places) > 1:
                shown = ", ".join(self.headers.names[place] for place in places)
                self.problems.append(
                    Problem("records.column_twice", self.where, {"column": name, "found": shown})
                )
            if places:
                found.append(self.headers.names[places[0]])
        return found if every else found[:1]

    def has_field(self, source: Columns) -> bool:
        """Whether the file has the columns of a field: all parts of a text, some part of an amount."""
        if source.join:
            return all(self.headers.has(one) for one in source.join)
        nodes = {name.partition("[")[0] for part in source.parts for name in part}
        return self.headers.has((*nodes, *(source.fen or ())))

    def has_list(self, codes: ListSource) -> bool:
        """Whether the file has the column or node of the principal code."""
        return self.headers.has(principal_columns(codes))


def _check_required(dialect: Dialect, finder: _Finder, where: str) -> None:
    problems = list(finder.problems)
    parts = dialect.fields["case_id"].join
    if not all(finder.headers.has(one) for one in parts):
        names = " + ".join(" / ".join(one) for one in parts)
        problems.append(Problem("records.column_missing", where, {"field": "case_id", "column": names}))
    codes = dialect.lists["dx"]
    if not finder.has_list(codes):
        names = " / ".join(principal_columns(codes))
        problems.append(Problem("records.column_missing", where, {"field": "dx", "column": names}))
    if problems:
        raise InputError(problems)


class Mapper:
    """Reads the fields of cases from chunks, as a binding says."""

    def __init__(self, binding: Binding):
        self.binding = binding
        dialect = binding.dialect
        own = pa.array(dialect.null_markers, pa.string())
        self.markers = pa.concat_arrays([values.null_markers(), own])

    def columns(self, chunk: Chunk) -> dict[str, values.Column]:
        """Field name -> its column, for the fields that the file has."""
        read: dict[str, values.Column] = {}
        for name in SCALAR_FIELDS:
            if name in self.binding.dialect.fields and is_money(name):
                read.update(self._money(name, chunk))
            elif name in self.binding.fields:
                read[name] = self._scalar(name, chunk)
        for name in LIST_FIELDS:
            if name in self.binding.lists:
                read[name] = self._codes(name, chunk)
        return read

    def _scalar(self, name: str, chunk: Chunk) -> values.Column:
        source = self.binding.dialect.fields[name]
        parts = [self._cells(part, chunk) for part in self.binding.fields[name]]
        cells = parts[0]
        if len(parts) > 1:
            stripped = [values.without_markers(values.as_text(part), self.markers) for part in parts]
            cells = pc.binary_join_element_wise(*stripped, source.glue)
        return values.read_scalar(name, cells, self.binding.dialect.values.get(name, {}), self.markers)

    def _money(self, name: str, chunk: Chunk) -> dict[str, values.Column]:
        """The field ``name`` in fen, if the chunk has it; from amounts in yuan first."""
        words = self.binding.dialect.values.get(name, {})
        only = self.binding.dialect.fields[name].only
        parts = []
        for place, headers in enumerate(self.binding.fields.get(name, [])):
            if all(chunk.columns[header].null_count == len(chunk.rows) for header in headers):
                continue
            part = values.read_scalar(name, self._cells(headers, chunk), words, self.markers)
            if only is not None:
                kind = self._cells(self.binding.kinds[name][place], chunk)
                part = values.counted(part, values.as_text(kind), only.values)
            parts.append(part)
        read = [values.total(name, parts)] if len(parts) > 1 else parts
        if name in self.binding.fen:
            cells = self._cells(self.binding.fen[name], chunk)
            read.append(values.read_fen(name, cells, self.markers))
        return {name: values.first_given(read)} if read else {}

    def _cells(self, headers: Sequence[str], chunk: Chunk) -> pa.Array:
        """Of each row the first cell under ``headers`` that has something."""
        cells = [chunk.columns[header] for header in headers]
        if len(cells) == 1:
            return cells[0]
        return pc.coalesce(*[values.without_markers(values.as_text(one), self.markers) for one in cells])

    def _codes(self, name: str, chunk: Chunk) -> values.Column:
        source = self.binding.dialect.lists[name]
        cells = [chunk.columns[header] for header in self.binding.lists[name]]
        if source.columns:
            return values.read_codes(name, self._interleaved(cells), self.markers, name == "dx")
        if pa.types.is_list(cells[0].type):
            return values.read_codes(name, cells[0], self.markers, name == "dx")
        text, oversized = values.without_oversized(name, values.as_text(cells[0]))
        separated = pc.replace_substring(pc.fill_null(text, ""), source.wide_separator, source.separator)
        items = pc.split_pattern(separated, source.separator)
        codes = values.read_codes(name, items, self.markers, name == "dx")
        told_already = [problem.positions for problem in oversized]
        others = [problem.only(~np.isin(problem.positions, told_already)) for problem in codes.problems]
        return replace(codes, problems=(*oversized, *others))

    def _interleaved(self, cells: list[pa.Array]) -> pa.Array:
        """Several columns as one list a row; the first stays in place even where it is empty."""
        count = len(cells[0])
        texts = [values.without_markers(values.as_text(one), self.markers) for one in cells]
        given = np.stack([values.as_mask(pc.is_valid(one)) for one in texts], axis=1)
        given[:, 0] = True
        rows, places = np.nonzero(given)
        flat = pa.concat_arrays(texts).take(pa.array(places * count + rows))
        offsets = np.concatenate(([0], np.cumsum(given.sum(axis=1)))).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), flat)

    def moments(self, role: str, chunk: Chunk) -> list[values.Moments | None]:
        """The points in time of a role, one entry a stay; None where the chunk has nothing."""
        return [
            None if header is None else values.read_moments(header, chunk.columns[header], self.markers)
            for header in self._filled(role, chunk)
        ]

    def moment(self, role: str, chunk: Chunk) -> values.Moments | None:
        """The point in time of a role that a case has once."""
        return next(iter(self.moments(role, chunk)), None)

    def durations(self, chunk: Chunk) -> list[tuple[npt.NDArray[np.float64], values.Mask] | None]:
        """Hours of each ICU stay that the record gives as a duration, and where they are known."""
        return [
            None if header is None else values.read_durations(chunk.columns[header], self.markers)
            for header in self._filled("icu_duration", chunk)
        ]

    def _filled(self, role: str, chunk: Chunk) -> list[str | None]:
        """The headers of a role; None where the whole column is null."""
        return [
            None if header is None or chunk.columns[header].null_count == len(chunk.rows) else header
            for header in self.binding.times.get(role, [])
        ]
