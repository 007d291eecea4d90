"""What time limits count from: admission, operations, orders, critical values. Unknown anchors are none."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from drg.quality.document.codes import members
from drg.quality.document.found import Value, cell, scalar
from drg.quality.document.labs import LabLimit, beyond
from drg.quality.document.record import Row, WholeRecord, moment
from drg.quality.document.words import pattern
from drg.scheme.pack import read_toml

MONTH = dt.timedelta(days=31)
_RESCUE_END = re.compile(
    r"(?:抢救|复苏)(?:结束|终止|停止)(?:时间)?[:：]?\s*(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?)"
)


class CriticalValue(LabLimit):
    """Limits of a critical value; ``answers``: words of a note that acts on it, beside the names of the test."""

    answers: tuple[str, ...] = ()


class AnchorData(BaseModel):
    """``anchors.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    invasive_procedures: str
    critical_values: tuple[CriticalValue, ...]


@cache
def anchor_data() -> AnchorData:
    """The shipped data of the anchors."""
    return read_toml(Path(__file__).with_name("anchors.toml"), AnchorData)


@dataclass(frozen=True)
class Anchor:
    """A moment that a limit counts from. ``since``: the earliest time of a document that can belong to it (the begin of
    an operation whose end is the anchor); ``until``: where a period ends. ``seen``: what the record says of it."""

    time: dt.datetime
    seen: tuple[Value, ...]
    since: dt.datetime | None = None
    until: dt.datetime | None = None


def _admission(record: WholeRecord) -> Iterator[Anchor]:
    if record.admission is not None:
        yield Anchor(record.admission, (scalar(record, "admission_time"),))


def _discharge(record: WholeRecord) -> Iterator[Anchor]:
    if record.discharge is not None:
        yield Anchor(record.discharge, (scalar(record, "discharge_time"),), since=record.admission)


def _death(record: WholeRecord) -> Iterator[Anchor]:
    if record.died:
        yield from _discharge(record)


def _stay(record: WholeRecord) -> Iterator[Anchor]:
    if record.admission is not None and record.discharge is not None:
        seen = (scalar(record, "admission_time"), scalar(record, "discharge_time"))
        yield Anchor(record.admission, seen, until=record.discharge)


def _long_stay(record: WholeRecord) -> Iterator[Anchor]:
    for anchor in _stay(record):
        if anchor.until is not None and anchor.until - anchor.time > MONTH:
            yield anchor


def _operation_start(record: WholeRecord) -> Iterator[Anchor]:
    for operation in record.operations:
        if operation.begin is not None:
            seen = (cell(operation, "procedures", "code"), cell(operation, "procedures", "date"))
            yield Anchor(operation.begin, seen, since=record.admission)


def _operation_end(record: WholeRecord) -> Iterator[Anchor]:
    for operation in record.operations:
        if operation.end is not None:
            seen = (cell(operation, "procedures", "code"), cell(operation, "procedures", "date"))
            yield Anchor(operation.end, seen, since=operation.begin)


def _anaesthetised_operation(record: WholeRecord) -> Iterator[Anchor]:
    with_anaesthetist = {one.begin for one in record.operations if one.text("anaesthetist")}
    return (anchor for anchor in _operation_start(record) if anchor.time in with_anaesthetist)


def _invasive_procedure(record: WholeRecord) -> Iterator[Anchor]:
    rows = record.rows("procedures")
    invasive = members((row.text("code") for row in rows), anchor_data().invasive_procedures)
    for row in rows:
        begin = row.time("begin") or row.time("date")
        if row.text("code") in invasive and begin is not None:
            yield Anchor(begin, (cell(row, "procedures", "code"), cell(row, "procedures", "date")))


def orders(record: WholeRecord, name: str) -> Iterator[Row]:
    """The orders that contain a word of a list of ``words.toml``."""
    found = pattern(name)
    return (row for row in record.rows("orders") if found.search(row.text("name")))


def _orders(name: str) -> Callable[[WholeRecord], Iterator[Anchor]]:
    def anchors(record: WholeRecord) -> Iterator[Anchor]:
        for row in orders(record, name):
            begin = row.time("start")
            if begin is not None:
                stop = row.time("stop") or record.discharge
                yield Anchor(begin, (cell(row, "orders", "name"), cell(row, "orders", "start")), until=stop)

    return anchors


def _illness_order(record: WholeRecord) -> Iterator[Anchor]:
    for name in ("critical_order", "serious_order"):
        yield from _orders(name)(record)


def _consultation_order(record: WholeRecord) -> Iterator[Anchor]:
    """Ordinary consultations: what is urgent has a limit of minutes."""
    for anchor in _orders("consultation_order")(record):
        if not pattern("urgent").search(anchor.seen[0].text):
            yield anchor


def _transfusion(record: WholeRecord) -> Iterator[Anchor]:
    """The first order of blood: one consent covers the stay."""
    first = min(_orders("transfusion_order")(record), key=lambda anchor: anchor.time, default=None)
    if first is not None:
        yield first


def _rescue_end(record: WholeRecord) -> Iterator[Anchor]:
    """The end that a rescue note tells, or else the end of the order; without an end nothing is timed."""
    told = [
        Anchor(time, (cell(note, "documents", "kind"), Value("rescue_end", found[1])), since=record.admission)
        for note in record.of_kind("rescue_note")
        for found in _RESCUE_END.finditer(note.body)
        if (time := moment(found[1])) is not None
    ]
    if told:
        yield from told
        return
    for row in orders(record, "rescue_order"):
        end = row.time("stop")
        if end is not None:
            yield Anchor(
                end, (cell(row, "orders", "name"), cell(row, "orders", "stop")), since=row.time("start")
            )


def _critical_value(record: WholeRecord) -> Iterator[Anchor]:
    for row in beyond(record, anchor_data().critical_values):
        reported = row.time("time")
        if reported is not None:
            seen = tuple(cell(row, "labs", name) for name in ("name", "value", "time"))
            yield Anchor(reported, seen)


ANCHORS: dict[str, Callable[[WholeRecord], Iterator[Anchor]]] = {
    "admission": _admission,
    "discharge": _discharge,
    "death": _death,
    "stay": _stay,
    "long_stay": _long_stay,
    "operation_start": _operation_start,
    "operation_end": _operation_end,
    "anaesthetised_operation": _anaesthetised_operation,
    "invasive_procedure": _invasive_procedure,
    "critical_order": _orders("critical_order"),
    "serious_order": _orders("serious_order"),
    "illness_order": _illness_order,
    "transfer": _orders("transfer_order"),
    "consultation_order": _consultation_order,
    "transfusion": _transfusion,
    "rescue_end": _rescue_end,
    "critical_value": _critical_value,
}
"""The anchors by name, as ``limits.toml`` names them."""
