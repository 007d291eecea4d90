"""Grouping of whole record files, batch by batch: memory does not grow with the file."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.case import Case, from_row
from drg.codes.crosswalk import REPORT_SCHEMA, convert_cases
from drg.grouper.table import GROUPING_SCHEMA, group
from drg.records import Batch, RecordFile
from drg.records.findings import REJECTION_SCHEMA
from drg.scheme.pack import find_pack

Edition = Literal["nhsa", "clinical"]
Item = TypeVar("Item")

RESULT_SCHEMA = pa.schema([pa.field("row", pa.int64()), *GROUPING_SCHEMA])
"""A grouping with the source row (as in ``drg.records.Batch``) in front; rejected rows are among the others."""

FIELD_OF_REASON = {
    "grouper.no_scheme": "discharge_date",
    "grouper.principal_dx_missing": "dx",
    "dip.reason_dx_missing": "dx",
}
"""The field that a case lacks which a grouper rejects."""

BATCHES_AHEAD = 1


class Sink(Protocol):
    """What takes the results of :func:`group_file`, batch by batch in the order of the file."""

    def write(self, results: pa.Table, rejections: pa.Table, notes: pa.Table) -> None:
        """Take a batch, each table ordered by row.

        ``results``: one row for every row of the file, in ``RESULT_SCHEMA``. ``rejections``: why rows were
        rejected, one line or more a rejected row, in ``REJECTION_SCHEMA``. ``notes``: what was repaired in rows,
        in ``NOTE_SCHEMA`` (both ``drg.records.findings``).
        """


@dataclass
class Summary:
    """What became of a file. The counters hold rows by status, and lines by message id.

    ``unknown_codes``: cases with a code that neither the catalogue nor the scheme knows.
    ``conversion``: the report of ``drg.codes.crosswalk.convert_cases`` over the whole file; empty where the
    codes were not converted.
    """

    edition: Edition
    rows: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    schemes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    unknown_codes: int = 0
    conversion: pa.Table = field(default_factory=REPORT_SCHEMA.empty_table)


@dataclass(frozen=True)
class FoundCase:
    """A case of a file, converted to the NHSA edition; ``case`` is None where its row was rejected."""

    row: int
    case: Case | None
    rejections: pa.Table
    conversion: pa.Table


def group_file(
    source: RecordFile,
    sink: Sink,
    scheme: str | Path | None = None,
    edition: Edition | None = None,
    progress: Callable[[int], None] | None = None,
) -> Summary:
    """Group every row of a record file into ``sink``.

    ``scheme`` as in ``drg.group``; ``edition`` is what the codes of the file are in, by default what its dialect
    declares; ``progress`` is told the number of rows done. Raises ``InputError`` for a scheme that does not load
    or a file that turns out to be unreadable; what went into the sink until then is to be thrown away.
    """
    pack = find_pack(scheme) if scheme is not None else None
    return group_file_by(lambda cases: group(cases, pack), source, sink, edition, progress)


def group_file_by(
    grouper: Callable[[pa.Table], pa.Table],
    source: RecordFile,
    sink: Sink,
    edition: Edition | None = None,
    progress: Callable[[int], None] | None = None,
) -> Summary:
    """As :func:`group_file`, by any function from a case table to a table with ``case_id``, ``status``, ``reason``.

    A row that ``grouper`` gives the status rejected counts among the rejections.
    """
    summary = Summary(edition or source.edition)
    with _Ahead(source.batches()) as batches:
        grouped = (_group_batch(batch, grouper, summary.edition) for batch in batches)
        with _Ahead(grouped) as done:
            for batch in done:
                sink.write(batch.results, batch.rejections, batch.notes)
                _count(summary, batch)
                if progress is not None:
                    progress(summary.rows)
    return summary


def find_case(source: RecordFile, case_id: str, edition: Edition | None = None) -> FoundCase | None:
    """The first row of a record file with a case id; ``None`` where there is none."""
    for batch in source.batches():
        place = pc.index(batch.cases.column("case_id"), case_id).as_py()
        rejections = batch.rejections.filter(pc.equal(batch.rejections.column("case_id"), case_id))
        if place >= 0:
            cases, conversion = in_nhsa_edition(batch.cases.slice(place, 1), edition or source.edition)
            case = from_row(cases.to_pylist()[0])
            return FoundCase(batch.case_rows[place].as_py(), case, rejections.slice(0, 0), conversion)
        if rejections.num_rows:
            return FoundCase(rejections["row"][0].as_py(), None, rejections, REPORT_SCHEMA.empty_table())
    return None


@dataclass(frozen=True)
class _Grouped:
    """What became of a batch: see ``Sink.write``, and ``Summary.conversion``."""

    results: pa.Table
    rejections: pa.Table
    notes: pa.Table
    conversion: pa.Table


def _group_batch(batch: Batch, grouper: Callable[[pa.Table], pa.Table], edition: Edition) -> _Grouped:
    cases, conversion = in_nhsa_edition(batch.cases, edition)
    grouped = grouper(cases).add_column(0, RESULT_SCHEMA.field("row"), batch.case_rows)
    rejections = pa.concat_tables([batch.rejections, _rejected_by_grouper(grouped)])
    if batch.rejections.num_rows:
        rejected = _rejected_rows(batch.rejections, grouped.schema)
        grouped = pa.concat_tables([grouped, rejected]).unify_dictionaries().sort_by("row")
    return _Grouped(grouped, rejections.sort_by("row"), batch.notes, conversion)


def in_nhsa_edition(cases: pa.Table, edition: Edition) -> tuple[pa.Table, pa.Table]:
    """The cases with their codes in the NHSA edition, and the report of the conversion (empty where none was made)."""
    return convert_cases(cases) if edition == "clinical" else (cases, REPORT_SCHEMA.empty_table())


def _rejected_by_grouper(grouped: pa.Table) -> pa.Table:
    """Cases that could be read but not be given to any scheme, as rejections."""
    rejected = grouped.filter(pc.equal(grouped.column("status"), "rejected"))
    reasons = rejected.column("reason").cast(pa.string())
    fields = pa.array([FIELD_OF_REASON[reason] for reason in reasons.to_pylist()], pa.string())
    nothing = pa.nulls(len(rejected), pa.string())
    return pa.table(
        [rejected.column("row"), rejected.column("case_id"), fields, nothing, reasons],
        schema=REJECTION_SCHEMA,
    )


def first_rejections(rejections: pa.Table) -> pa.Table:
    """The first line of each rejected row; ``rejections`` are ordered by row."""
    # Not by to_numpy or asarray: they import pandas, which costs a cold start 0.2 s.
    rows = np.from_dlpack(rejections.column("row").combine_chunks())
    return rejections.take(pa.array(np.unique(rows, return_index=True)[1]))


def _rejected_rows(rejections: pa.Table, schema: pa.Schema) -> pa.Table:
    """One result row for each rejected row; its reason is the first that was found."""
    chosen = first_rejections(rejections)
    columns = {field.name: pa.nulls(len(chosen), field.type) for field in schema}
    columns["row"] = chosen.column("row")
    columns["case_id"] = chosen.column("case_id")
    columns["status"] = pa.repeat(pa.scalar("rejected"), len(chosen)).dictionary_encode()
    columns["reason"] = chosen.column("reason").dictionary_encode()
    return pa.table(columns, schema=schema)


def _count(summary: Summary, batch: _Grouped) -> None:
    summary.rows += len(batch.results)
    summary.statuses.update(_counts(batch.results, "status"))
    if "scheme" in batch.results.column_names:
        summary.schemes.update(_counts(batch.results, "scheme"))
    if "unknown_codes" in batch.results.column_names:
        has_some = pc.greater(pc.list_value_length(batch.results.column("unknown_codes")), 0)
        summary.unknown_codes += pc.sum(has_some).as_py() or 0
    summary.reasons.update(_counts(batch.results, "reason"))
    summary.rejections.update(_counts(batch.rejections, "reason"))
    summary.notes.update(_counts(batch.notes, "note"))
    if batch.conversion.num_rows:
        keys = [name for name in REPORT_SCHEMA.names if name != "count"]
        both = pa.concat_tables([summary.conversion, batch.conversion])
        added = both.group_by(keys).aggregate([("count", "sum")]).rename_columns([*keys, "count"])
        order = [(name, "ascending") for name in ("system", "outcome", "clinical_code")]
        summary.conversion = added.select(REPORT_SCHEMA.names).sort_by(order)


def _counts(table: pa.Table, column: str) -> dict[str, int]:
    counted = (entry.as_py() for entry in pc.value_counts(table.column(column)))
    return {entry["values"]: entry["counts"] for entry in counted if entry["values"] is not None}


class _Ahead(Iterator[Item]):
    """The items of ``source``, made in a thread that runs at most ``BATCHES_AHEAD`` finished items ahead."""

    def __init__(self, source: Iterable[Item]):
        self._source = source
        self._made: queue.Queue[Item | BaseException | None] = queue.Queue(BATCHES_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Ahead[Item]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def __next__(self) -> Item:
        made = self._made.get()
        if made is None:
            raise StopIteration
        if isinstance(made, BaseException):
            raise made
        return made

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._put(item):
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, made: Item | BaseException | None) -> bool:
        """Hand over; false once nobody takes any more."""
        while not self._stopped.is_set():
            try:
                self._made.put(made, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
