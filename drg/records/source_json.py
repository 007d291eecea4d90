"""JSON files: one record, a list of records, such in a wrapper, or one record a line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from drg.errors import input_error
from drg.records.dialect import Dialect, ListSource, built_in, not_recognised, recognise
from drg.records.findings import Finding, capped
from drg.records.source import Chunk, uncut_rows

MAX_JSON_BYTES = 256 * 1024 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
HEADER_RECORDS = 1_000
WRAPPERS = ("input", "output", "data")

Record = dict[str, Any]


@dataclass(frozen=True)
class Broken:
    """A record that is not an object, or a line that is not JSON."""

    message: str
    text: str


class JsonSource:
    """An open JSON file; records are numbered from 1. See :class:`drg.records.source.Source`."""

    file_type = "json"

    def __init__(self, path: Path, dialect: Dialect | None):
        self.path = path
        self.encoding = "utf-8"
        self._nodes = {one.json_record for one in (*built_in().values(), dialect) if one and one.json_record}
        self._content = None if self._is_one_a_line() else self._load()
        first = [one for one in itertools.islice(self.records(), HEADER_RECORDS) if isinstance(one, dict)]
        if not first:
            raise input_error("records.json_no_records", str(path))
        self.columns: Sequence[str] = list(dict.fromkeys(key for record in first for key in record))
        self.row_count: int | None = None if self._content is None else sum(1 for _ in self.records())
        found = dialect or recognise(self.columns, self.file_type)
        if found is None:
            raise not_recognised(str(path), self.columns, self.file_type)
        self.dialect = found

    def _is_one_a_line(self) -> bool:
        """Whether the first line is a whole object and another line follows."""
        with self.path.open("rb") as file:
            first = file.readline(MAX_LINE_BYTES).strip()
            while not first.removeprefix(b"\xef\xbb\xbf") and (line := file.readline(MAX_LINE_BYTES)):
                first = line.strip()
            more = any(line.strip() for line in iter(lambda: file.readline(4096), b""))
        try:
            return more and isinstance(orjson.loads(self._utf8(first)), dict)
        except orjson.JSONDecodeError:
            return False

    def _utf8(self, data: bytes) -> bytes:
        data = data.removeprefix(b"\xef\xbb\xbf")
        try:
            data.decode("utf-8")
            return data
        except UnicodeDecodeError as failed:
            try:
                converted = data.decode("gb18030").encode("utf-8")
            except UnicodeDecodeError:
                raise input_error(
                    "records.encoding_unknown", str(self.path), position=failed.start
                ) from failed
        self.encoding = "gb18030"
        return converted

    def _load(self) -> Any:
        if self.path.stat().st_size > MAX_JSON_BYTES:
            raise input_error("records.json_too_large", str(self.path), most=MAX_JSON_BYTES // 1024**2)
        try:
            return orjson.loads(self._utf8(self.path.read_bytes()))
        except orjson.JSONDecodeError as error:
            raise input_error("records.json_not_readable", str(self.path), detail=str(error)[:200]) from error

    def records(self) -> Iterator[Record | Broken]:
        """The records in order, keys in lower case; a broken one stands in its place."""
        if self._content is not None:
            for one in _unwrapped(self._content):
                yield self._flat(one)
            return
        for content in self._lines():
            if isinstance(content, Broken):
                yield content
                continue
            for one in _unwrapped(content):
                yield self._flat(one)

    def _lines(self) -> Iterator[Any]:
        with self.path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    most = MAX_LINE_BYTES // 1024**2
                    raise input_error("records.json_line_too_large", str(self.path), line=number, most=most)
                if not line.strip():
                    continue
                text = self._utf8(line)
                try:
                    yield orjson.loads(text)
                except orjson.JSONDecodeError:
                    yield Broken("records.record_not_json", text.decode("utf-8").strip())

    def _flat(self, content: Any) -> Record | Broken:
        """A record with the keys of its main node (``setlinfo``) beside those of its lists, in lower case."""
        if not isinstance(content, dict):
            return Broken("records.record_not_object", orjson.dumps(content).decode())
        flat: Record = {}
        for key, value in content.items():
            if key.casefold() in self._nodes and isinstance(value, dict):
                flat.update((inner.casefold(), one) for inner, one in value.items())
            else:
                flat.setdefault(key.casefold(), value)
        return flat

    def chunks(self, wanted: Sequence[str], batch_rows: int) -> Iterator[Chunk]:
        """Records in groups of ``batch_rows``."""
        numbered = enumerate(self.records(), start=1)
        while group := list(itertools.islice(numbered, batch_rows)):
            yield self._chunk(wanted, group)

    def _chunk(self, wanted: Sequence[str], group: list[tuple[int, Record | Broken]]) -> Chunk:
        records = [(row, one) for row, one in group if not isinstance(one, Broken)]
        broken = [(row, one) for row, one in group if isinstance(one, Broken)]
        rejections = [
            uncut_rows(message, [(row, capped(one.text)) for row, one in broken if one.message == message])
            for message in ("records.record_not_json", "records.record_not_object")
        ]
        told = _Told()
        contents = [record for _, record in records]
        code_columns = {
            key: (name, codes) for name, codes in self.dialect.lists.items() for key in _code_keys(codes)
        }
        longest = _longest(wanted, contents, told)
        columns = {
            name: _codes(*code_columns[name], contents, told)
            if name in code_columns
            else _cells(name, contents, longest, told)
            for name in wanted
        }
        rows = pa.array([row for row, _ in records], pa.int64())
        return Chunk(rows, columns, pa.concat_tables(rejections), told.problems(), told.notes())


def _code_keys(codes: ListSource) -> Sequence[str]:
    """The key under which the binding asks for a list of codes; columns are asked for one by one."""
    if codes.node is not None:
        return (codes.node,)
    return codes.column[:1] if codes.column else ()


def _unwrapped(content: Any) -> Iterator[Any]:
    """The records in a list or in wrappers such as ``{"input": {"data": [...]}}``."""
    if isinstance(content, list):
        for one in content:
            yield from _unwrapped(one)
        return
    if isinstance(content, dict):
        for key in WRAPPERS:
            if isinstance(content.get(key), dict | list):
                yield from _unwrapped(content[key])
                return
    yield content


@dataclass
class _Told:
    """What was found in the records of a chunk: (message, field) -> positions and texts."""

    rejected: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)
    noted: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)

    def reject(self, message: str, name: str, position: int, value: Any) -> None:
        self.rejected.setdefault((message, name), []).append((position, _shown(value)))

    def note(self, message: str, name: str, position: int, value: Any) -> None:
        self.noted.setdefault((message, name), []).append((position, _shown(value)))

    def problems(self) -> tuple[Finding, ...]:
        return tuple(_finding(key, found) for key, found in self.rejected.items())

    def notes(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(
                one.message, one.field, one.positions, one.values, pa.nulls(len(one.positions), pa.string())
            )
            for one in (_finding(key, found) for key, found in self.noted.items())
        )


def _finding(key: tuple[str, str], found: list[tuple[int, str]]) -> Finding:
    positions = np.array([position for position, _ in found], np.int64)
    return Finding(key[0], key[1], positions, pa.array([text for _, text in found], pa.string()))


def _shown(value: Any) -> str:
    return capped(value if isinstance(value, str) else orjson.dumps(value).decode())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _entry_name(name: str) -> tuple[str, int, str] | None:
    """``node[2].key`` as (node, 1, key): ``key`` of the second entry of list ``node``; None for other names."""
    node, bracket, rest = name.casefold().partition("[")
    number, _, key = rest.partition("].")
    return (node, int(number) - 1, key) if bracket else None


def _longest(wanted: Sequence[str], records: Sequence[Record], told: _Told) -> dict[str, int]:
    """How many entries the lists have of which single entries are wanted; longer ones reject their record."""
    most: dict[str, int] = {}
    for name in wanted:
        if entry := _entry_name(name):
            most[entry[0]] = max(most.get(entry[0], 0), entry[1] + 1)
    longest = dict.fromkeys(most, 0)
    for node, limit in most.items():
        for position, record in enumerate(records):
            entries = record.get(node) or []
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                told.reject("records.node_not_list", node, position, entries)
                record[node] = []
            elif len(entries) > limit:
                told.reject("records.node_too_long", node, position, entries)
            else:
                longest[node] = max(longest[node], len(entries))
    return longest


def _cells(name: str, records: Sequence[Record], longest: Mapping[str, int], told: _Told) -> pa.Array:
    """The values of a key, or of a key of one entry of a list, as texts."""
    entry = _entry_name(name)
    if entry is None:
        key = name.casefold()
        return _texts(name, [record.get(key) for record in records], told)
    node, place, key = entry
    if place >= longest[node]:
        return pa.nulls(len(records), pa.string())
    lists = (record.get(node) or [] for record in records)
    return _texts(
        name, [entries[place].get(key) if place < len(entries) else None for entries in lists], told
    )


def _texts(name: str, cells: Sequence[Any], told: _Told) -> pa.Array:
    """Cells as texts; lists and objects reject the record."""
    texts: list[str | None] = []
    for position, value in enumerate(cells):
        if _is_nested(value):
            told.reject("records.value_not_scalar", name, position, value)
            value = None
        texts.append(_text(value))
    return pa.array(texts, pa.string())


def _codes(name: str, source: ListSource, records: Sequence[Record], told: _Told) -> pa.Array:
    """The codes of field ``name`` of each record, the principal first."""
    lists: list[list[str | None]] = []
    for position, record in enumerate(records):
        if source.node is None:
            lists.append(_column_codes(name, record, source, position, told))
        else:
            lists.append(_node_codes(name, record.get(source.node.casefold()), source, position, told))
    return pa.array(lists, pa.list_(pa.string()))


def _column_codes(
    name: str, record: Record, source: ListSource, position: int, told: _Told
) -> list[str | None]:
    given = [record[key.casefold()] for key in source.column or () if record.get(key.casefold()) is not None]
    value = given[0] if given else None
    if isinstance(value, list) and not any(_is_nested(one) for one in value):
        return [_text(one) for one in value]
    if _is_nested(value):
        told.reject("records.value_not_scalar", name, position, value)
        return []
    text = _text(value)
    if text is None:
        return []
    return list(text.replace(source.wide_separator, source.separator).split(source.separator))


def _node_codes(name: str, node: Any, source: ListSource, position: int, told: _Told) -> list[str | None]:
    """The codes of a node's entries that count; the one marked as principal first.

    Where no entry has a mark, the order counts, with a note; where the diagnoses have marks but none is
    principal, the principal one is missing. Two principal diagnoses reject the record; of several main
    operations the first counts.
    """
    if not node:
        return []
    if not isinstance(node, list) or not all(isinstance(entry, dict) for entry in node):
        told.reject("records.node_not_list", name, position, node)
        return []
    kept: list[Mapping[str, Any]] = []
    for entry in node:
        if all(_value(entry, key) in (None, *allowed) for key, allowed in source.keep.items()):
            kept.append(entry)
        else:
            told.note("records.code_left_out", name, position, _code(entry, source))
    nested = [_code_value(entry, source) for entry in kept if _is_nested(_code_value(entry, source))]
    if nested:
        told.reject("records.value_not_scalar", name, position, nested[0])
        return []
    marked = [
        entry for entry in kept if any(_value(entry, key) in marks for key, marks in source.first.items())
    ]
    if name == "dx" and len({_code(entry, source) for entry in marked}) > 1:
        shown = "|".join(_code(entry, source) or "" for entry in marked)
        told.reject("records.two_principal_dx", name, position, shown)
    unmarked = [entry for entry in kept if not any(entry is one for one in marked)]
    codes = [_code(entry, source) for entry in (*marked, *unmarked)]
    if marked or not source.first or not kept:
        return codes
    if name == "dx" and any(_value(entry, key) is not None for entry in kept for key in source.first):
        return [None, *codes]
    if len(kept) > 1:
        told.note("records.principal_by_order", name, position, codes[0])
    return codes


def _value(entry: Mapping[str, Any], key: str) -> str | None:
    text = _text(entry.get(key))
    return text.strip() or None if text is not None else None


def _code(entry: Mapping[str, Any], source: ListSource) -> str | None:
    return _text(_code_value(entry, source))


def _code_value(entry: Mapping[str, Any], source: ListSource) -> Any:
    return next((entry[key] for key in source.code or () if entry.get(key) is not None), None)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)
