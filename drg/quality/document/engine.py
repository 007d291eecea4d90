"""Whole records checked one by one: time limits, content checks, grade. Memory does not grow but for the notes that are
kept to find copies between patients (``copying.MAX_NOTES``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from drg.errors import input_error
from drg.quality.appeals import Appeals
from drg.quality.document.checks import ACROSS, CHECKS
from drg.quality.document.copying import NoteIndex
from drg.quality.document.found import Found, Outcome, finding_row
from drg.quality.document.grade import Grade, GradeSheet, grade, load_grade_sheet, proved
from drg.quality.document.limits import MISSING, load_limits
from drg.quality.document.record import WholeRecord
from drg.quality.document.rule import ContentCheck, DocumentRule, load_checks

Status = Literal["hit", "pass", "not_applicable", "silenced"]
NATIONAL = "CN"


@dataclass(frozen=True)
class RuleResult:
    """A rule over one record."""

    rule: DocumentRule
    status: Status
    found: tuple[Found, ...] = ()


@dataclass(frozen=True)
class CheckedRecord:
    """What became of a record: a result for every rule, in their order, and the grade."""

    record: WholeRecord
    results: tuple[RuleResult, ...]
    grade: Grade

    def status(self, rule: str) -> Status | None:
        """What a rule found; ``None`` where it did not run."""
        return next((one.status for one in self.results if one.rule.id == rule), None)

    def findings(self) -> list[dict[str, Any]]:
        """The findings, open and silenced, as rows of ``found.DOCUMENT_FINDING_SCHEMA``."""
        return [
            finding_row(self.record, one.rule, found, one.status == "silenced")
            for one in self.results
            for found in one.found
        ]

    @property
    def hits(self) -> tuple[RuleResult, ...]:
        """The results with open findings."""
        return tuple(one for one in self.results if one.status == "hit")


@cache
def document_rules() -> Mapping[str, DocumentRule]:
    """All checks of whole records by id: time limits, then content."""
    rules = [*(limit.rule for limit in load_limits()), *(one.rule for one in load_checks())]
    return {rule.id: rule for rule in rules}


@dataclass
class DocumentChecker:
    """The checks made ready to run over records in the order of their file.

    ``jurisdiction``: national rules always hold, those of one region only there. ``only``: ids of the rules to run,
    all without it.
    """

    appeals: Appeals = field(default_factory=Appeals)
    jurisdiction: str = NATIONAL
    only: frozenset[str] | None = None
    sheet: GradeSheet = field(default_factory=lambda: load_grade_sheet())

    def __post_init__(self) -> None:
        self._seen = NoteIndex()
        self._silenced = self.appeals.silenced
        self._asked: list[tuple[DocumentRule, Callable[[WholeRecord], Outcome]]] = [
            *((limit.rule, limit.outcome) for limit in load_limits()),
            *((one.rule, asked(one, self._seen)) for one in load_checks()),
        ]
        self._asked = [(rule, ask) for rule, ask in self._asked if self._runs(rule)]
        proved(self.sheet, document_rules())

    @property
    def rules(self) -> Sequence[DocumentRule]:
        """The rules that run."""
        return [rule for rule, _ in self._asked]

    def _runs(self, rule: DocumentRule) -> bool:
        wanted = self.only is None or rule.id in self.only
        return wanted and rule.jurisdiction in (NATIONAL, self.jurisdiction)

    def check(self, record: WholeRecord) -> CheckedRecord:
        """Every rule over one record."""
        results = tuple(self._result(rule, ask, record) for rule, ask in self._asked)
        hits = {one.rule.id: one.found for one in results if one.status == "hit"}
        counts = {rule: len(found) for rule, found in hits.items()}
        missing = {rule: any(one.check == MISSING for one in found) for rule, found in hits.items()}
        return CheckedRecord(record, results, grade(self.sheet, counts, missing, document_rules()))

    def _result(
        self, rule: DocumentRule, ask: Callable[[WholeRecord], Outcome], record: WholeRecord
    ) -> RuleResult:
        outcome = ask(record) if _in_force(rule, record.discharge) else None
        if outcome is None:
            return RuleResult(rule, "not_applicable")
        if not outcome:
            return RuleResult(rule, "pass")
        silenced = record.case_id in self._silenced.get(rule.id, ())
        return RuleResult(rule, "silenced" if silenced else "hit", outcome)


def asked(check: ContentCheck, seen: NoteIndex) -> Callable[[WholeRecord], Outcome]:
    """The function of a check with its settings. Raises ``InputError`` where there is none of that name."""
    if check.function in ACROSS:
        across = ACROSS[check.function]
        return lambda record: across(record, check.settings, seen)
    if check.function not in CHECKS:
        raise input_error("document.function_unknown", check.settings.where, name=check.function)
    function = CHECKS[check.function]
    return lambda record: function(record, check.settings)


def _in_force(rule: DocumentRule, discharge: dt.datetime | None) -> bool:
    """Whether a rule holds for a discharge; one without a readable time counts as of today."""
    day = (discharge or dt.datetime.now()).date()
    return rule.effective_from <= day and (rule.effective_to is None or day <= rule.effective_to)
