"""Whole files checked, batch by batch: memory does not grow with the file."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from drg.quality import grouping
from drg.quality.appeals import Appeals
from drg.quality.dictionary import CLINICAL, NHSA, Edition
from drg.quality.engine import COUNT_SCHEMA, Checked, Checker, RuleOutcome, added, check_chunks
from drg.quality.record import RecordBatch, Records, open_records, read_record_table
from drg.quality.rule import Rule

PREVIOUS = "previous_"
"""Beginning of the names of fields that are taken from the earlier record of the same person."""


class Sink(Protocol):
    """What takes the results of :func:`check_file`, in the order of the file."""

    def write(self, checked: Checked) -> None:
        """Take the findings and the record summaries of a chunk."""

    def reject(self, rejections: pa.Table) -> None:
        """Take rows that are no record, in ``drg.records.findings.REJECTION_SCHEMA``."""


@dataclass
class Summary:
    """What became of a file. ``grades`` counts records, ``counts`` is a table in ``COUNT_SCHEMA``."""

    records: int = 0
    rejected: int = 0
    blocked: int = 0
    findings: int = 0
    silenced: int = 0
    score_sum: float = 0.0
    grades: Counter[str] = field(default_factory=Counter)
    counts: pa.Table = field(default_factory=COUNT_SCHEMA.empty_table)


@dataclass(frozen=True)
class Request:
    """What to check: ``rules`` in the order in which they run, by ``run_date``.

    ``edition`` of the codes, by default what the dialect declares. ``scheme`` adds the grouping
    results, ``contract`` weight and payment ratio to them.
    """

    path: Path
    rules: Sequence[Rule]
    run_date: dt.date
    profile: str | None = None
    edition: Edition | None = None
    scheme: str | None = None
    contract: str | None = None
    appeals: Appeals = field(default_factory=Appeals)
    lang: str = "zh"


@dataclass(frozen=True)
class FoundRecord:
    """A record of a file: its outcomes by rule and its summary; or why its row is no record."""

    outcomes: list[RuleOutcome]
    summary: dict[str, object]
    rejections: pa.Table


def check_file(request: Request, sink: Sink, progress: Callable[[int], None] | None = None) -> Summary:
    """Check every record of a file or folder into ``sink``; ``progress`` is told the number of records done.

    Raises ``InputError`` where the file or the scheme cannot be used.
    """
    summary = Summary()
    checker, batches = _opened(request)

    def tables() -> Iterator[pa.Table]:
        for records, rejections in batches:
            if rejections.num_rows:
                sink.reject(rejections)
                summary.rejected += pc.count_distinct(rejections.column("row")).as_py()
            yield records

    for checked in check_chunks(tables(), checker):
        sink.write(checked)
        _add(summary, checked)
        if progress is not None:
            progress(summary.records)
    return summary


def check_case(request: Request, case_id: str) -> FoundRecord | None:
    """The first record of a file with a case id, checked with its trace; ``None`` where there is none."""
    checker, batches = _opened(request)
    for records, rejections in batches:
        place = pc.index(records.column("case_id"), case_id).as_py()
        rejected = rejections.filter(pc.equal(rejections.column("case_id"), case_id))
        if place >= 0:
            record = records.slice(place, 1)
            summary = checker.check(record).records.to_pylist()[0]
            return FoundRecord(checker.check_one(record), summary, rejected.slice(0, 0))
        if rejected.num_rows:
            return FoundRecord([], {}, rejected)
    return None


def _opened(request: Request) -> tuple[Checker, Iterator[tuple[pa.Table, pa.Table]]]:
    """The rules made ready, and the records with the rejections, batch by batch."""
    source = open_records(request.path, request.profile)
    edition = request.edition or _edition(source)
    checker = Checker(request.rules, request.run_date, edition, request.appeals, lang=request.lang)
    groups = None
    if request.scheme is not None:
        groups = grouping.grouping_columns(
            request.path, request.profile, edition, request.scheme, request.contract
        )
    wanted = {name for rule in request.rules for check in rule.checks for name in check.fields}
    before = any(name.startswith(PREVIOUS) for name in wanted)
    batches = read_record_table(request.path, profile=request.profile, with_previous=before)
    return checker, _prepared(batches, groups)


def _prepared(batches: Iterator[RecordBatch], groups: pa.Table | None) -> Iterator[tuple[pa.Table, pa.Table]]:
    for batch in batches:
        records = batch.records
        if groups is not None:
            records = grouping.with_groups(records, groups)
        yield records, batch.rejections


def _edition(source: Records) -> Edition:
    return CLINICAL if source.edition == "clinical" else NHSA


def _add(summary: Summary, checked: Checked) -> None:
    records = checked.records
    summary.records += len(records)
    summary.blocked += pc.sum(pc.greater(records.column("block"), 0)).as_py() or 0
    summary.silenced += pc.sum(records.column("silenced")).as_py() or 0
    summary.findings += len(checked.findings)
    summary.score_sum += pc.sum(records.column("score")).as_py() or 0.0
    for entry in pc.value_counts(records.column("grade")).to_pylist():
        summary.grades[entry["values"]] += entry["counts"]
    summary.counts = added([summary.counts, checked.counts])
