"""Clean records of three kinds, as Python values that can be changed, and back to record tables.

``front`` front pages and ``ward`` whole records (with notes, orders, laboratory results and fee lines) are in the
clinical code edition, ``settlement`` lists in that of the NHSA.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from data_samples.full_record import FullRecord, fee_columns, moment
from data_samples.generate_full import full_records
from data_samples.whole_records import WholeRecord, texts, whole_record
from data_samples.write_full import write_full_front_page, write_settlement
from drg.quality.dictionary import CLINICAL, NHSA, Edition
from drg.quality.layout import fields
from drg.quality.record import read_record_table

Kind = Literal["front", "settlement", "ward"]
KINDS: tuple[Kind, ...] = ("front", "settlement", "ward")
EDITIONS: dict[Kind, Edition] = {"front": CLINICAL, "settlement": NHSA, "ward": CLINICAL}
DERIVED = ("derived over the table", "result of grouping")
"""Sources (``layout.csv``) of fields that no record carries: where the engine has nothing to say they are null."""
MIN_DAYS_OF_NOTES = 4

Rows = list[dict[str, str | None]]


@dataclass
class Record:
    """A record: ``scalars`` by name, rows of ``groups`` by name of the group; None where nothing stands."""

    kind: Kind
    scalars: dict[str, str | None]
    groups: dict[str, Rows]

    def copy(self) -> Record:
        return copy.deepcopy(self)


@dataclass(frozen=True)
class Pool:
    """The clean records of a kind; ``columns`` are the paths that the source carries."""

    kind: Kind
    records: Sequence[Record]
    columns: tuple[str, ...]

    def table(self, records: Iterable[Record]) -> pa.Table:
        """Records as a record table: what the kind carries, and the derived fields."""
        listed = list(records)
        paths = [*self.columns, *(path for path in _derived() if path not in self.columns)]
        columns: dict[str, pa.Array] = {
            "row": pa.array(range(len(listed)), pa.int64()),
            "case_id": pa.array([f"P{number}" for number in range(len(listed))], pa.string()),
            "dialect": pa.array([DIALECTS[self.kind]] * len(listed), pa.string()),
        }
        for path in paths:
            group, _, name = path.rpartition(".")
            if group:
                values = [[row.get(name) for row in record.groups[group]] for record in listed]
                columns[path] = pa.array(values, pa.list_(pa.string()))
            else:
                columns[path] = pa.array([record.scalars.get(path) for record in listed], pa.string())
        return pa.table(columns)


DIALECTS: dict[Kind, str] = {"front": "front_page", "settlement": "settlement", "ward": "whole-record"}


def _derived() -> list[str]:
    return [path for path, field in fields().items() if field.source in DERIVED]


def pools(count: int, seed: int) -> dict[Kind, Pool]:
    """Clean records of each kind, made of ``count`` drawn cases; fewer whole records than that."""
    made = list(full_records(count, seed))
    # The notes take other diagnoses away, so they are made of records of their own.
    told = list(full_records(count, seed))
    return {
        "front": _read("front", lambda path: write_full_front_page(path, made), "front.csv"),
        "settlement": _read("settlement", lambda path: write_settlement(path, made), "list.json"),
        "ward": _ward(told),
    }


def _read(kind: Kind, write: Callable[[Path], None], name: str) -> Pool:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        table = pa.concat_tables([batch.records for batch in read_record_table(Path(folder) / name)])
    columns = tuple(name for name in table.column_names if name in fields())
    return Pool(kind, [_record(kind, row) for row in table.select(columns).to_pylist()], columns)


def _record(kind: Kind, row: dict[str, str | list[str | None] | None]) -> Record:
    scalars: dict[str, str | None] = {}
    groups: dict[str, Rows] = {}
    for path, value in row.items():
        group, _, name = path.rpartition(".")
        if not group:
            scalars[path] = value if isinstance(value, str) else None
            continue
        texts_of = value if isinstance(value, list) else []
        held = groups.setdefault(group, [{} for _ in texts_of])
        for one, text in zip(held, texts_of, strict=True):
            one[name] = text
    return Record(kind, scalars, groups)


def _ward(made: Iterable[FullRecord]) -> Pool:
    records = [_ward_record(whole) for record in made if (whole := _told(record)) is not None]
    carried = {*records[0].scalars, *(group for group in records[0].groups)}
    columns = tuple(
        path for path, field in fields().items() if (field.group or path) in carried and _front_or_ward(path)
    )
    return Pool("ward", records, columns)


def _front_or_ward(path: str) -> bool:
    field = fields()[path]
    return bool(field.front_page) or field.source.endswith("whole records")


def _told(record: FullRecord) -> WholeRecord | None:
    content = texts()["cases"].get(record.row.template.title)
    if content is None or record.row.los < MIN_DAYS_OF_NOTES or record.row.discharge_way != 1:
        return None
    if bool(record.proc) != ("operation" in content):
        return None
    return whole_record(record, content)


def _ward_record(whole: WholeRecord) -> Record:
    record = whole.record
    documents: Rows = [
        {
            "kind": one.kind,
            "title": one.title,
            "author": one.author,
            "written": moment(one.written),
            "signed": moment(one.written),
            "text": one.text,
        }
        for one in sorted(whole.documents, key=lambda one: one.written)
    ]
    own: dict[str, Rows] = {
        **{name: _filled(rows) for name, rows in record.groups.items()},
        "orders": _filled(whole.orders),
        "labs": _filled(whole.labs),
        "fee_lines": _fee_lines(record),
        "documents": documents,
    }
    scalars = {name: text or None for name, text in record.scalars.items()}
    return Record("ward", scalars, own)


def _filled(rows: Iterable[dict[str, str]]) -> Rows:
    return [{name: text or None for name, text in row.items()} for row in rows]


def _fee_lines(record: FullRecord) -> Rows:
    """One line a fee item; the ward's by bed day."""
    lines: Rows = []
    for name, column in fee_columns().items():
        if name in ("total_cost", "own_payment") or "x" in column or not record.fees.get(column):
            continue
        bed = name == "fee_general_medical"
        lines.append(
            {
                "code": column,
                "name": fields()[name].label_zh,
                "quantity": record.scalars["los_days"] if bed else "1",
                "unit": "日" if bed else "次",
                "amount": record.scalars[name],
                "date": record.scalars["discharge_time"][:10],
            }
        )
    return lines


def known(path: str) -> bool:
    """Whether the layout has this path."""
    return path in fields()
