"""Claims checked by the rules, batch by batch: memory does not grow with the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.lines import ClaimSource, open_claims, read_claims
from claims.rules.library import SEVERITIES, sample_vocabulary
from drg.quality import grouping
from drg.quality.dictionary import CLINICAL, NHSA, Edition
from drg.quality.engine import COUNT_SCHEMA, Checked, Checker, Chunk, added, check_chunks
from drg.quality.files import Sink
from drg.quality.finding import texts_of
from drg.quality.rule import Rule
from drg.quality.score import ScoreSheet
from drg.quality.vocabulary import Vocabulary

NOT_SCORED = ScoreSheet(severities=(), points={}, bands=(), grades=(), blocks=())
SUMMARY_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("row", pa.int64()),
        ("hospital", pa.string()),
        ("month", pa.string()),
        ("total_cost", pa.string()),
        *((severity, pa.int32()) for severity in SEVERITIES),
        ("silenced", pa.int32()),
    ]
)
"""One row a claim: open findings by severity. ``month`` of discharge: yyyy-MM; ``total_cost`` in yuan as written."""


class ClaimChecker(Checker):
    """Rules made ready to run over chunks of the claim record table.

    ``vocabulary``: that of :func:`claims.rules.library.vocabulary`, by default with the sample of knowledge points.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        run_date: dt.date,
        edition: Edition = NHSA,
        vocabulary: Vocabulary | None = None,
    ):
        super().__init__(
            rules,
            run_date,
            edition,
            sheet=NOT_SCORED,
            vocabulary=vocabulary or sample_vocabulary(),
            severities=SEVERITIES,
        )

    def summary(self, chunk: Chunk, scores: npt.NDArray[np.float64]) -> pa.Table:
        """The claims of a chunk, in ``SUMMARY_SCHEMA``."""
        return pa.table(
            [
                chunk.case_ids,
                chunk.rows,
                chunk.texts("hospital"),
                pc.utf8_slice_codeunits(chunk.texts("discharge_time"), 0, 7),
                chunk.texts("total_cost"),
                *(pa.array(counts) for counts in chunk.open.values()),
                pa.array(chunk.silenced),
            ],
            schema=SUMMARY_SCHEMA,
        )


@dataclass(frozen=True)
class Request:
    """Which claims to check by which rules. ``scheme`` and ``contract`` add group and payment ratio."""

    source: ClaimSource
    rules: Sequence[Rule]
    run_date: dt.date
    vocabulary: Vocabulary = field(default_factory=sample_vocabulary)
    edition: Edition | None = None
    scheme: str | Path | None = None
    contract: str | Path | None = None


@dataclass
class Summary:
    """What became of a file. ``suspected`` claims have a suspicion; ``counts`` is a table in ``COUNT_SCHEMA``."""

    claims: int = 0
    rejected: int = 0
    suspected: int = 0
    findings: int = 0
    counts: pa.Table = field(default_factory=COUNT_SCHEMA.empty_table)


def check_claims(request: Request, sink: Sink, progress: Callable[[int], None] | None = None) -> Summary:
    """Check every claim into ``sink``; ``progress`` is told the number of claims done. Raises ``InputError``."""
    summary = Summary()
    opened = open_claims(request.source)
    edition = request.edition or (CLINICAL if opened.edition == "clinical" else NHSA)
    checker = ClaimChecker(request.rules, request.run_date, edition, request.vocabulary)
    groups = None
    if request.scheme is not None:
        groups = grouping.grouping_columns(
            request.source.path, request.source.profile, edition, request.scheme, request.contract
        )

    def tables() -> Iterator[pa.Table]:
        for batch in read_claims(request.source):
            if batch.rejections.num_rows:
                sink.reject(batch.rejections)
                summary.rejected += pc.count_distinct(batch.rejections.column("row")).as_py()
            if batch.records.num_rows:
                yield batch.records if groups is None else grouping.with_groups(batch.records, groups)

    for checked in check_chunks(tables(), checker):
        sink.write(checked)
        _add(summary, checked)
        if progress is not None:
            progress(summary.claims)
    return summary


def _add(summary: Summary, checked: Checked) -> None:
    summary.claims += len(checked.records)
    summary.findings += len(checked.findings)
    summary.suspected += pc.sum(pc.greater(checked.records.column(SEVERITIES[0]), 0)).as_py() or 0
    summary.counts = added([summary.counts, checked.counts])


def in_words(findings: pa.Table, rules: Sequence[Rule], lang: str, vocabulary: Vocabulary) -> pa.Table:
    """The findings with title, message, what the analyst does, how the hospital may answer, basis and evidence."""
    named = texts_of(findings, {rule.id: rule for rule in rules}, lang, vocabulary)
    names = {"remedy": "analyst", "payer": "hospital"}
    return named.rename_columns([names.get(name, name) for name in named.column_names])
