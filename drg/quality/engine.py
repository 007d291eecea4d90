"""Rules run over record tables, chunk by chunk, and over one record with what each rule saw."""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.quality.appeals import Appeals
from drg.quality.condition import Constant, Field, Node, Position, RunDate, children, walk
from drg.quality.dictionary import NHSA, Edition
from drg.quality.finding import FINDING_SCHEMA, findings_of
from drg.quality.frame import Evaluation, Frame, Shared
from drg.quality.functions import DAY, ROW_FUNCTIONS
from drg.quality.rule import SEVERITIES, Check, Rule
from drg.quality.score import Scorer, ScoreSheet, load_score_sheet, named
from drg.quality.trace import missing_fields
from drg.quality.values import Mask, Numbers, Truth
from drg.quality.vocabulary import Vocabulary

CHUNK_ROWS = 1 << 15
WORKERS = 2
"""Chunks that are worked on at a time: NumPy and Arrow let two threads run."""

Status = Literal["hit", "pass", "not_applicable", "silenced"]

COUNT_SCHEMA = pa.schema(
    [("rule", pa.string()), *((name, pa.int64()) for name in ("hit", "pass", "not_applicable", "silenced"))]
)
"""One row a rule: how many records it hits, how many pass, to how many it does not apply, in how many an appeal
silences it; together all records."""

SUMMARY_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("row", pa.int64()),
        ("department", pa.string()),
        ("doctor", pa.string()),
        ("month", pa.string()),
        *((severity, pa.int32()) for severity in SEVERITIES),
        ("silenced", pa.int32()),
        ("score", pa.float64()),
        ("grade", pa.string()),
        ("band", pa.string()),
    ]
)
"""One row a record: open findings by severity, silenced ones, score and grade. ``month`` of discharge: yyyy-MM."""


@dataclass(frozen=True)
class Checked:
    """What became of records: ``findings`` (``FINDING_SCHEMA``), ``counts`` (``COUNT_SCHEMA``), ``records``
    (``SUMMARY_SCHEMA``)."""

    findings: pa.Table
    counts: pa.Table
    records: pa.Table


@dataclass(frozen=True)
class RuleOutcome:
    """A rule over one record. ``missing``: the fields that left it open where it is not applicable; ``findings``:
    rows of ``FINDING_SCHEMA``."""

    rule: Rule
    status: Status
    missing: tuple[str, ...]
    findings: tuple[dict[str, Any], ...]


def check_truth(evaluation: Evaluation, check: Check) -> Truth:
    """Where a check is hit: its condition holds and no exception does. An unknown exception leaves it open."""
    found = evaluation.truth(check.condition)
    if check.exceptions is None:
        return found
    spared = evaluation.truth(check.exceptions)
    return Truth(found.yes & spared.no, found.no | spared.yes)


class Checker:
    """Rules made ready to run over chunks of records.

    ``edition``: the dictionary that the codes are in. Rules run in the order in which they are given. ``vocabulary``:
    what they were read with; ``severities``: those that they may have.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        run_date: dt.date,
        edition: Edition = NHSA,
        appeals: Appeals | None = None,
        sheet: ScoreSheet | None = None,
        lang: str = "zh",
        vocabulary: Vocabulary | None = None,
        severities: Sequence[str] = SEVERITIES,
    ):
        self.rules = tuple(rules)
        self.run_date = run_date
        self.edition = edition
        self.vocabulary = vocabulary
        self.severities = tuple(severities)
        self._silenced = {
            rule: pa.array(sorted(cases), pa.string())
            for rule, cases in (appeals or Appeals()).silenced.items()
        }
        self._sheet = sheet or load_score_sheet()
        self._shared = shared_nodes([node for rule in rules for check in rule.checks for node in check.nodes])
        self._lang = lang

    def check(self, records: pa.Table) -> Checked:
        """Every rule over a chunk of the record table; a column that it lacks counts as not carried."""
        chunk = Chunk(records, self)
        scorer = Scorer(self._sheet, self.rules)
        scorer.begin(chunk.count)
        findings: list[pa.Table] = []
        counts: list[dict[str, str | int]] = []
        for rule in self.rules:
            outcome = self._outcome(rule, chunk)
            silenced = outcome.hit & self._silent(rule, chunk)
            findings += _findings(chunk, rule, outcome, silenced)
            for check, found in zip(rule.checks, outcome.checks, strict=True):
                scorer.lose(rule, check.field, found & ~silenced)
            chunk.add(rule.severity, outcome.hit & ~silenced, silenced)
            counts.append(_counted(rule, outcome, silenced))
        return Checked(
            pa.concat_tables([FINDING_SCHEMA.empty_table(), *findings]),
            pa.Table.from_pylist(counts, schema=COUNT_SCHEMA),
            self.summary(chunk, scorer.scores()),
        )

    def findings(self, records: pa.Table, rules: Iterable[Rule] | None = None) -> pa.Table:
        """The findings that :meth:`check` tells, without counting and scoring; ``rules``: only these of the rules."""
        chunk = Chunk(records, self)
        found = [FINDING_SCHEMA.empty_table()]
        for rule in self.rules if rules is None else rules:
            outcome = self._outcome(rule, chunk)
            found += _findings(chunk, rule, outcome, outcome.hit & self._silent(rule, chunk))
        return pa.concat_tables(found)

    def summary(self, chunk: Chunk, scores: npt.NDArray[np.float64]) -> pa.Table:
        """The records of a chunk with their counts and scores, in ``SUMMARY_SCHEMA``."""
        return chunk.summary(scores, self._sheet, self._lang)

    def _outcome(self, rule: Rule, chunk: Chunk) -> Outcome:
        if rule.dictionary in ("any", self.edition):
            return chunk.outcome(rule)
        nowhere = np.zeros(chunk.count, np.bool_)
        return Outcome(nowhere, nowhere, tuple(nowhere for _ in rule.checks))

    def _silent(self, rule: Rule, chunk: Chunk) -> Mask:
        """The records in which an accepted appeal silences a rule."""
        if rule.id not in self._silenced:
            return np.zeros(chunk.count, np.bool_)
        found = pc.is_in(chunk.case_ids, value_set=self._silenced[rule.id])
        return np.asarray(found.to_numpy(zero_copy_only=False))

    def check_one(self, record: pa.Table) -> list[RuleOutcome]:
        """Every rule over a table of one record, traced."""
        chunk = Chunk(record, self)
        return [self._traced(rule, chunk) for rule in self.rules]

    def _traced(self, rule: Rule, chunk: Chunk) -> RuleOutcome:
        outcome = self._outcome(rule, chunk)
        silenced = self._silent(rule, chunk)
        found = [line for table in _findings(chunk, rule, outcome, silenced) for line in table.to_pylist()]
        if found:
            return RuleOutcome(rule, "silenced" if silenced[0] else "hit", (), tuple(found))
        if outcome.passed[0]:
            return RuleOutcome(rule, "pass", (), ())
        if rule.dictionary not in ("any", self.edition):
            return RuleOutcome(rule, "not_applicable", ("dictionary",), ())
        missing = [name for check in rule.checks for name in missing_fields(chunk.evaluation, check)]
        return RuleOutcome(rule, "not_applicable", tuple(dict.fromkeys(missing)), ())

    def evaluation(self, frame: Frame) -> Evaluation:
        return Evaluation(frame, self._shared)


@dataclass(frozen=True)
class Outcome:
    """Where a rule and each of its checks is hit, and where the rule passes; it is not applicable elsewhere."""

    hit: Mask
    passed: Mask
    checks: tuple[Mask, ...]


class Chunk:
    """The records of one chunk and what is added up over them."""

    def __init__(self, records: pa.Table, checker: Checker):
        self.count = len(records)
        dialect = (
            records.column("dialect")[0].as_py() if self.count and "dialect" in records.column_names else ""
        )
        self.frame = Frame(records, checker.run_date, checker.edition, dialect, checker.vocabulary)
        self.evaluation = checker.evaluation(self.frame)
        self.case_ids = _column(records, "case_id", pa.string())
        self.rows = _column(records, "row", pa.int64())
        self.open = {severity: np.zeros(self.count, np.int32) for severity in checker.severities}
        self.silenced = np.zeros(self.count, np.int32)
        self._in_force: dict[tuple[dt.date, dt.date | None], Mask] = {}

    def outcome(self, rule: Rule) -> Outcome:
        """A rule is hit where one of its checks is, and passes where none is and one passes."""
        checks = [check_truth(self.evaluation, check) for check in rule.checks]
        force = self._force(rule)
        hits = tuple(found.yes & force for found in checks)
        # Most rules have one check: nothing to reduce then, which costs more than the rest for a single record.
        hit: Mask = reduce(np.logical_or, hits)
        passed: Mask = reduce(np.logical_or, [found.no for found in checks]) & ~hit & force
        return Outcome(hit, passed, hits)

    def add(self, severity: str, hit: Mask, silenced: Mask) -> None:
        """Count the open and the silenced hits of a rule."""
        self.open[severity] += hit
        self.silenced += silenced

    def _force(self, rule: Rule) -> Mask:
        """The records discharged while the rule is in force; one without a readable discharge counts as of the run."""
        span = (rule.effective_from, rule.effective_to)
        if span not in self._in_force:
            days = self._discharge_days
            last = rule.effective_to or dt.date.max
            self._in_force[span] = (days >= _day_number(rule.effective_from)) & (days <= _day_number(last))
        return self._in_force[span]

    @property
    def _discharge_days(self) -> npt.NDArray[np.float64]:
        """The later of admission and discharge: a wrong year in one of them must not put a rule out of force."""
        times = ROW_FUNCTIONS["greatest"].apply(
            *(self.frame.column(None, name).value for name in ("admission_time", "discharge_time"))
        )
        assert isinstance(times, Numbers)  # noqa: S101 - the layout says so
        return np.where(times.known, np.floor(times.values / DAY), _day_number(self.frame.run_date))

    def texts(self, name: str) -> pa.Array:
        """A scalar field as it stands, one a record."""
        return self.frame.column(None, name).raw(np.arange(self.count))

    def summary(self, scores: npt.NDArray[np.float64], sheet: ScoreSheet, lang: str) -> pa.Table:
        return pa.table(
            [
                self.case_ids,
                self.rows,
                self.texts("department"),
                self.texts("attending_physician"),
                pc.utf8_slice_codeunits(self.texts("discharge_time"), 0, 7),
                *(pa.array(counts) for counts in self.open.values()),
                pa.array(self.silenced),
                pa.array(scores),
                named(scores, sheet.grades, lang),
                named(scores, sheet.bands, lang),
            ],
            schema=SUMMARY_SCHEMA,
        )


def _findings(chunk: Chunk, rule: Rule, outcome: Outcome, silenced: Mask) -> list[pa.Table]:
    """The findings of a rule, a table a check that is hit."""
    return [
        findings_of(chunk.frame, rule, number, hit, chunk.case_ids, chunk.rows, silenced)
        for number, hit in enumerate(outcome.checks)
        if hit.any()
    ]


def _counted(rule: Rule, outcome: Outcome, silenced: Mask) -> dict[str, str | int]:
    """A row of ``COUNT_SCHEMA``."""
    hit, passed, quiet = (int(mask.sum()) for mask in (outcome.hit, outcome.passed, silenced))
    return {
        "rule": rule.id,
        "hit": hit - quiet,
        "pass": passed,
        "not_applicable": len(silenced) - hit - passed,
        "silenced": quiet,
    }


def shared_nodes(roots: Sequence[Node]) -> Shared:
    """The parts that occur in two different places of conditions, and are worth keeping once computed."""
    uses: Counter[Node] = Counter()
    seen: set[Node] = set()
    for root in roots:
        uses[root] += 1
        for node in walk(root):
            if node not in seen:
                seen.add(node)
                uses.update(children(node))
    cheap = (Field, Constant, Position, RunDate)
    kept = [node for node, count in uses.items() if count > 1 and not isinstance(node, cheap)]
    numbers = {node: number for number, node in enumerate(kept)}
    return {id(node): numbers[node] for root in roots for node in walk(root) if node in numbers}


def check(
    records: pa.Table,
    rules: Sequence[Rule],
    run_date: dt.date,
    edition: Edition = NHSA,
    appeals: Appeals | None = None,
) -> Checked:
    """Rules over a whole record table in memory; see :func:`check_chunks` for larger ones."""
    checker = Checker(rules, run_date, edition, appeals)
    parts = list(check_chunks([records], checker))
    return Checked(
        pa.concat_tables([part.findings for part in parts]),
        added([part.counts for part in parts]),
        pa.concat_tables([part.records for part in parts]),
    )


def check_chunks(tables: Iterable[pa.Table], checker: Checker, workers: int = WORKERS) -> Iterator[Checked]:
    """Record tables checked chunk by chunk, in order; memory does not grow with their number."""
    pending: deque[Future[Checked]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for chunk in _chunks(tables):
                pending.append(pool.submit(checker.check, chunk))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for waiting in pending:
                waiting.cancel()


def _chunks(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    for table in tables:
        for start in range(0, max(len(table), 1), CHUNK_ROWS):
            yield table.slice(start, CHUNK_ROWS)


def added(counts: Sequence[pa.Table]) -> pa.Table:
    """Count tables of parts as the counts of the whole, rules in their order."""
    names = COUNT_SCHEMA.names[1:]
    whole = (
        pa.concat_tables(counts)
        .group_by("rule", use_threads=False)
        .aggregate([(name, "sum") for name in names])
    )
    return whole.rename_columns(COUNT_SCHEMA.names)


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), kind)
    column = table.column(name)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, kind)


def _day_number(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days
