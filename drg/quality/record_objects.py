"""Records that come as objects: settlement lists (4101, 4101A, 4103) and whole records, as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from drg.quality.columns import Cell, Position, positions
from drg.quality.layout import Field, fields, grouped
from drg.quality.record import Part, Rows
from drg.records import values
from drg.records.dialect import Dialect, load, not_recognised, recognise
from drg.records.findings import REJECTION_SCHEMA, Finding, capped
from drg.records.source import uncut_rows
from drg.records.source_json import Broken, JsonSource, Record

SETTLEMENT = "settlement"
WHOLE_RECORD = "whole-record"
CARRIED_BY_SETTLEMENT = ("diagnoses", "procedures", "icu_stays")
"""A settlement list without these nodes has none of them; without another node it does not say."""
WESTERN = "1"
PRINCIPAL = "1"
"""Values of ``diag_type`` and ``maindiag_flag`` (fields.md 1.5)."""
MAX_ID_LENGTH = 64

Entry = Mapping[str, Any]


@cache
def whole_record_dialect() -> Dialect:
    """The mapping file of whole records."""
    return load(Path(__file__).with_name("whole-record.toml"))


def json_rows(path: Path, dialect: Dialect | None, known: Mapping[str, Field]) -> ObjectRows | None:
    """The rows of a JSON file of settlement lists or whole records; None for flat records, which are a table."""
    source = JsonSource(path, dialect or whole_record_dialect())
    found = dialect or recognise(source.columns, source.file_type)
    if found is None:
        wanted = whole_record_dialect().detect[0]
        if not any(name in source.columns for name in wanted):
            raise not_recognised(str(path), source.columns, source.file_type)
        return ObjectRows(source, WHOLE_RECORD, whole_record_dialect().edition, known)
    return ObjectRows(source, SETTLEMENT, found.edition, known, found) if found.id == SETTLEMENT else None


class ObjectRows(Rows):
    """The records of a JSON file, read by the names of the settlement list or of the layout."""

    def __init__(
        self,
        source: JsonSource,
        layout: str,
        edition: str,
        known: Mapping[str, Field],
        dialect: Dialect | None = None,
    ):
        self._source = source
        self.known = known
        self.file_type, self.encoding, self.dialect, self.edition = "json", source.encoding, layout, edition
        self._reader = ObjectReader(layout, dialect, known)
        self.columns = [name for name in source.columns if name in self._reader.known]
        self.ignored_columns = [name for name in source.columns if name not in self._reader.known]

    def parts(self, wanted: set[str], batch_rows: int) -> Iterator[Part]:
        numbered = enumerate(self._source.records(), start=1)
        while group := list(itertools.islice(numbered, batch_rows)):
            broken = [(row, one) for row, one in group if isinstance(one, Broken)]
            good = [(row, one) for row, one in group if not isinstance(one, Broken)]
            messages = dict.fromkeys(one.message for _, one in broken)
            rejections = [
                uncut_rows(
                    message, [(row, capped(one.text)) for row, one in broken if one.message == message]
                )
                for message in messages
            ]
            yield self._reader.part(
                good, wanted, pa.concat_tables([REJECTION_SCHEMA.empty_table(), *rejections])
            )


@dataclass
class _Told:
    """What rejects records of a chunk: (message, path) -> positions and texts."""

    found: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)

    def reject(self, message: str, path: str, position: int, value: Any) -> None:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        self.found.setdefault((message, path), []).append((position, capped(text)))

    def problems(self) -> list[Finding]:
        return [
            Finding(
                message,
                path,
                np.array([position for position, _ in told], np.int64),
                pa.array([text for _, text in told], pa.string()),
            )
            for (message, path), told in self.found.items()
        ]


class ObjectReader:
    """Reads the fields of the record table from objects.

    ``layout``: ``settlement`` (names of its interface) or ``whole-record`` (names of the layout).
    """

    def __init__(self, layout: str, dialect: Dialect | None = None, known: Mapping[str, Field] | None = None):
        known = known or fields()
        self._id_names = dialect.fields["case_id"].parts[0] if dialect else ("case_id",)
        self._by_layout = layout == WHOLE_RECORD
        self._scalars = [(one, self._position(one)) for one in known.values() if not one.group]
        self._groups = {
            group: [(one, self._position(one)) for one in members]
            for group, members in grouped(known.values()).items()
        }
        self._nodes = {
            name.partition(".")[0]
            for _, position in itertools.chain(*self._groups.values())
            for cell in position
            for name in cell.columns
        }
        self.known = {
            name.partition(".")[0]
            for _, position in (*self._scalars, *itertools.chain(*self._groups.values()))
            for cell in position
            for name in cell.columns
        } | set(self._id_names)

    def _position(self, one: Field) -> Position:
        if self._by_layout:
            return (Cell((one.path,)),)
        return next(iter(positions(one.settlement)), ())

    def part(
        self, records: Sequence[tuple[int, Record]], wanted: set[str], rejections: pa.Table | None = None
    ) -> Part:
        """Records (row, object) as columns."""
        told = _Told()
        contents = [record for _, record in records]
        columns: dict[str, pa.Array] = {}
        for one, position in self._scalars:
            if position and one.path in wanted:
                columns[one.path] = _texts(
                    _scalar(record, position, one.path, place, told) for place, record in enumerate(contents)
                )
        for group, members in self._groups.items():
            if any(position and one.path in wanted for one, position in members):
                columns.update(self._group(group, members, contents, told))
        carried = self._carried(contents)
        case_ids = _texts(self._case_id(record, columns, place) for place, record in enumerate(contents))
        told_ids = _too_long_ids(case_ids)
        return Part(
            pa.array([row for row, _ in records], pa.int64()),
            case_ids,
            {path: column for path, column in columns.items() if path in carried},
            [*told.problems(), *told_ids],
            REJECTION_SCHEMA.empty_table() if rejections is None else rejections,
        )

    def _carried(self, records: Sequence[Record]) -> frozenset[str]:
        """The paths of which some record has the key."""
        keys = {key for record in records for key in record}
        inner = {
            (node, key)
            for record in records
            for node in keys & self._nodes
            for entry in _objects(record.get(node))
            for key in entry
        }
        return frozenset(
            one.path
            for one, position in (*self._scalars, *itertools.chain(*self._groups.values()))
            if any(
                (node, key) in inner if dot else node in keys
                for cell in position
                for node, dot, key in (name.partition(".") for name in cell.columns)
            )
        )

    def _case_id(self, record: Record, columns: Mapping[str, pa.Array], place: int) -> str | None:
        given = next((_plain(record.get(name)) for name in self._id_names if _plain(record.get(name))), None)
        if given or not self._by_layout:
            return given
        number, admission = (
            _plain(record.get(name)) for name in ("medical_record_number", "admission_number")
        )
        return f"{number}-{admission}" if number and admission else None

    def _group(
        self,
        group: str,
        members: Sequence[tuple[Field, Position]],
        records: Sequence[Record],
        told: _Told,
    ) -> dict[str, pa.Array]:
        entries = [self._entries(group, members, record, place, told) for place, record in enumerate(records)]
        columns = _lists(members, entries, told, self._by_layout)
        if group == "diagnoses" and not self._by_layout:
            return _principal_first(columns)
        return columns

    def _entries(
        self,
        group: str,
        members: Sequence[tuple[Field, Position]],
        record: Record,
        place: int,
        told: _Told,
    ) -> list[Entry] | None:
        """The rows of a group of one record; None where the record does not carry the group."""
        nodes = dict.fromkeys(
            cell.columns[0].partition(".")[0]
            for _, position in members
            for cell in position
            if "." in cell.columns[0]
        )
        for node in nodes:
            if (value := record.get(node)) is None:
                continue
            if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
                told.reject("recordtable.group_not_list", node, place, value)
                return None
            return value
        if group in CARRIED_BY_SETTLEMENT and not self._by_layout:
            return []
        flat = [(one, cell) for one, position in members for cell in position if "." not in cell.columns[0]]
        return _flat_entries(flat, record)


def _objects(node: Any) -> list[Entry]:
    return [entry for entry in node if isinstance(entry, dict)] if isinstance(node, list) else []


def _flat_entries(flat: Sequence[tuple[Field, Cell]], record: Record) -> list[Entry] | None:
    """Rows of a group whose fields stand in the record itself: one row, or one a part of a comma list."""
    for _, cell in flat:
        text = _plain(record.get(cell.columns[0]))
        if text and cell.glue == ",":
            return [{cell.columns[0]: part} for part in text.replace("，", ",").split(",")]
    names = [cell.columns[0] for _, cell in flat]
    if not any(name in record for name in names):
        return None
    row = {name: record.get(name) for name in names}
    return [row] if any(_plain(value) for value in row.values()) else []


def _plain(value: Any) -> str | None:
    """A JSON value as stripped text; null markers, lists and objects as None."""
    if value is None or isinstance(value, dict | list):
        return None
    text = (value if isinstance(value, str) else orjson.dumps(value).decode()).strip()
    return None if text in _markers() else text


@cache
def _markers() -> frozenset[str]:
    return frozenset(values.null_markers().to_pylist())


def _texts(texts: Iterable[str | None]) -> pa.Array:
    return pa.array(list(texts), pa.string())


def _scalar(record: Entry, position: Position, path: str, place: int, told: _Told) -> str | None:
    """The first alternative that has something; a list or an object rejects the record."""
    for cell in position:
        parts = []
        for name in cell.columns:
            value = record.get(name)
            if isinstance(value, dict | list):
                told.reject("recordtable.value_not_text", path, place, value)
                return None
            parts.append(_plain(value))
        if any(parts):
            return cell.glue.join(part or "" for part in parts)
    return None


def _lists(
    members: Sequence[tuple[Field, Position]],
    entries: Sequence[list[Entry] | None],
    told: _Told,
    by_layout: bool,
) -> dict[str, pa.Array]:
    """The fields of a group's rows as lists; blank rows at the end are cut."""
    read: dict[str, list[list[str | None] | None]] = {one.path: [] for one, _ in members}
    for place, rows in enumerate(entries):
        if rows is None:
            for lists in read.values():
                lists.append(None)
            continue
        table = [
            [_scalar(row, _within(position), one.path, place, told) for one, position in members]
            for row in rows
        ]
        while table and not any(table[-1]):
            table.pop()
        for at, lists in enumerate(read.values()):
            lists.append([row[at] for row in table])
    return {path: pa.array(lists, pa.list_(pa.string())) for path, lists in read.items()}


@cache
def _within(position: Position) -> Position:
    """A position with names as they stand in an entry of its node."""
    return tuple(Cell(tuple(name.rpartition(".")[2] for name in cell.columns)) for cell in position)


def _principal_first(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Diagnoses with the principal one as row 1; a blank row 1 where marks are given but none is principal.

    Principal is the first western diagnosis (``kind`` 1, or not given) with ``principal`` 1.
    """
    flags = columns["diagnoses.principal"].to_pylist()
    kinds = columns["diagnoses.kind"].to_pylist()
    orders = [_order(mine, kind) for mine, kind in zip(flags, kinds, strict=True)]
    if all(order is None for order in orders):
        return columns
    return {path: _reordered(column.to_pylist(), orders) for path, column in columns.items()}


def _order(flags: list[str | None] | None, kinds: list[str | None] | None) -> list[int] | None:
    """Which row comes when, -1 for a blank one; None where nothing changes."""
    if not flags or not kinds:
        return None
    western = [kind in (None, WESTERN) for kind in kinds]
    first = next((row for row, flag in enumerate(flags) if flag == PRINCIPAL and western[row]), None)
    if first is None:
        marked = any(flag is not None and western[row] for row, flag in enumerate(flags))
        return [-1, *range(len(flags))] if marked else None
    return None if first == 0 else [first, *(row for row in range(len(flags)) if row != first)]


def _reordered(lists: Sequence[list[str | None] | None], orders: Sequence[list[int] | None]) -> pa.Array:
    return pa.array(
        [
            mine if mine is None or order is None else [None if row < 0 else mine[row] for row in order]
            for mine, order in zip(lists, orders, strict=True)
        ],
        pa.list_(pa.string()),
    )


def _too_long_ids(case_ids: pa.Array) -> list[Finding]:
    column = values.read_scalar("case_id", case_ids, {}, values.null_markers())
    return list(column.problems)
