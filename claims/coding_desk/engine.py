"""What the product says of a case at every edit: group, payment, findings, coding review.

Measured on the sample (``docs/workbench.md``): group and payment take a few milliseconds, findings and the review
some hundredths of a second. So :class:`OpenCase` asks each only when it is wanted, once for the same codes, and after
an edit only the rules that read what it changed.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeVar

import pyarrow as pa

from claims.coding_desk.case_file import (
    CaseFile,
    document_texts,
    record_after,
    record_of_case,
    row_after,
)
from claims.coding_desk.findings import Finding, findings
from claims.coding_desk.version import Version
from drg.case import Case, to_table
from drg.coding.review.model import CaseReview, Standing
from drg.coding.review.reviewer import Reviewer
from drg.errors import input_error
from drg.grouper.explain import Explanation, explain
from drg.payment.contract import Contract
from drg.payment.explain import PriceExplanation, explain_price
from drg.quality import grouping
from drg.quality.dictionary import NHSA
from drg.quality.document.checks import ACROSS
from drg.quality.document.engine import DocumentChecker, document_rules
from drg.quality.document.record import whole_records
from drg.quality.document.rule import load_checks
from drg.quality.engine import Checker
from drg.quality.known_rules import known_rules
from drg.quality.registry import load_rules
from drg.quality.rule import Rule
from drg.scheme.pack import Pack

FOLLOW_CODES = frozenset(("diagnoses", "procedures", *grouping.COLUMNS))
"""Fields, and groups of fields, that an edit of the codes changes."""
MOST_VERSIONS = 40
"""Versions of one case that stay looked at, for going back and forth."""

Rows = list[dict[str, Any]]
Found = TypeVar("Found")
VersionKey = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[tuple[str, str], str], ...]]


@dataclass(frozen=True)
class Outcome:
    """Group and payment of a version of the codes; ``price`` is ``None`` without a contract."""

    explanation: Explanation
    price: PriceExplanation | None

    @property
    def weight(self) -> float | None:
        """The weight of the group; ``None`` where the contract gives none, or does not apply."""
        weight = self.price.weight if self.price else None
        return None if weight is None else float(weight)

    @property
    def payment_fen(self) -> int | None:
        return self.price.payment_fen if self.price else None


class Engine:
    """One scheme and contract with the rules, made ready once for all cases and persons.

    ``as_if`` prices every case by the contract, whatever its region and day; ``day`` is that by which rules check,
    today without it. Raises ``InputError`` for a contract of another scheme.
    """

    def __init__(
        self, pack: Pack, contract: Contract | None = None, as_if: bool = False, day: dt.date | None = None
    ):
        if contract is not None and contract.terms.scheme != pack.id:
            raise input_error(
                "coding.contract_of_other_scheme", contract.id, contract=contract.terms.scheme, scheme=pack.id
            )
        self.pack, self.contract, self.as_if = pack, contract, as_if
        rules = load_rules()
        run_date = day or dt.date.today()
        self._checker = Checker(list(rules.values()), run_date, NHSA)
        self._follows = {id: _depends_on(rule) & FOLLOW_CODES for id, rule in rules.items()}
        self._reviewer = Reviewer(pack, contract, as_if=as_if, day=day)
        across = {check.rule.id for check in load_checks() if check.function in ACROSS}
        self._own_documents = frozenset(document_rules()) - across
        self.runs = frozenset(rules) | self._own_documents

    @property
    def rules_version(self) -> str:
        """SHA-256 over the rules that findings come from, each with its version."""
        told = sorted(f"{rule.id} {rule.version}" for rule in known_rules().values())
        return sha256("\n".join(told).encode()).hexdigest()

    def warm_up(self) -> None:
        """Read the word lists and compile the kernels now, so that nobody waits for them at the first case."""
        case = Case.model_validate({"case_id": "-", "dx": ["I10.x00"]})
        note = {"documents.kind": ["other"], "documents.text": ["高血压。"]}
        file = CaseFile(case, record_of_case(case, note))
        OpenCase(self, file).findings(Version(case))
        self.review(file, Version(case))

    def outcome(self, case: Case) -> Outcome:
        """Group and payment, each with its trace."""
        explanation = explain(case, self.pack)
        if self.contract is None:
            return Outcome(explanation, None)
        return Outcome(
            explanation, explain_price(case, explanation.grouping, self.contract, as_if=self.as_if)
        )

    def with_groups(self, record: pa.Table, case: Case) -> pa.Table:
        """The record of a case with what its codes lead to, as rules read it."""
        columns = grouping.case_columns(to_table([case]), self.pack, self.contract)
        return grouping.with_groups(record, columns)

    def rule_findings(self, record: pa.Table, before: pa.Table | None) -> dict[str, Rows]:
        """The findings of each rule that reads what differs from the record ``before``; of every rule without it."""
        rules = self._checker.rules
        if before is not None:
            changed = _changed(before, record)
            rules = tuple(rule for rule in rules if self._follows[rule.id] & changed)
        found: dict[str, Rows] = {rule.id: [] for rule in rules}
        for row in self._checker.findings(record, rules).to_pylist():
            found[row["rule"]].append(row)
        return found

    def document_findings(self, record: pa.Table) -> Rows:
        """What the checks of whole records find."""
        # Notes of an earlier look must not count as those of another patient: each look has a checker of its own.
        documents = DocumentChecker(only=self._own_documents)
        return [row for whole in whole_records(record, NHSA) for row in documents.check(whole).findings()]

    def standings(self, file: CaseFile) -> tuple[Standing, ...]:
        """How the submitted codes stand in the record; a small part of their review."""
        return self._reviewer.standings(file.submitted, file.row)

    def review(self, file: CaseFile, version: Version) -> CaseReview:
        """What the record says of the codes, and what could be coded instead."""
        return self._reviewer.review([version.case], [row_after(file, version)])[0]


def _depends_on(rule: Rule) -> frozenset[str]:
    return frozenset(name for check in rule.checks for name in check.depends_on)


def _changed(before: pa.Table, now: pa.Table) -> frozenset[str]:
    """Which of ``FOLLOW_CODES`` differ between two records of a case."""
    names = frozenset((*before.column_names, *now.column_names))
    return frozenset(
        top
        for name in names
        if (top := name.partition(".")[0]) in FOLLOW_CODES and not _is_same(before, now, name)
    )


def _is_same(before: pa.Table, now: pa.Table, name: str) -> bool:
    places = [table.schema.get_field_index(name) for table in (before, now)]
    return min(places) >= 0 and bool(before.column(places[0]).equals(now.column(places[1])))


class OpenCase:
    """A case on a desk. Every version of its codes is looked at once, and only for what is asked.

    ``silenced``: rules that do not count for the case, as :func:`claims.coding_desk.silenced_rules` tells.
    """

    def __init__(self, engine: Engine, file: CaseFile, silenced: frozenset[str] = frozenset()):
        self.engine, self.file = engine, file
        self.submitted = Version(file.submitted)
        self._documents = document_texts(file)
        self._silenced = silenced
        self._of_the_run = [dict(row) for row in file.findings if row["rule"] not in engine.runs]
        self._checked: pa.Table | None = None
        self._by_rule: dict[str, Rows] = {}
        self._outcomes: OrderedDict[VersionKey, Outcome] = OrderedDict()
        self._findings: OrderedDict[VersionKey, list[Finding]] = OrderedDict()
        self._reviews: OrderedDict[VersionKey, CaseReview] = OrderedDict()

    def outcome(self, version: Version) -> Outcome:
        """Group and payment of a version."""
        return _once(self._outcomes, version, lambda: self.engine.outcome(version.case))

    def findings(self, version: Version) -> list[Finding]:
        """The open findings of a version, those that block first."""

        def look() -> list[Finding]:
            rows = [*self._of_the_run, *self._rows(version)]
            return [one for one in findings(rows, self._documents) if one.rule.id not in self._silenced]

        return _once(self._findings, version, look)

    def _rows(self, version: Version) -> Rows:
        """What rules and checks of the documents find; rules that read nothing new are not asked again."""
        record = record_after(self.file, version)
        grouped = self.engine.with_groups(record, version.case)
        self._by_rule |= self.engine.rule_findings(grouped, self._checked)
        self._checked = grouped
        of_rules = [row for rows in self._by_rule.values() for row in rows]
        return [*of_rules, *self.engine.document_findings(record)]

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """How the submitted codes stand in the record."""
        return self.engine.standings(self.file)

    def review(self, version: Version) -> CaseReview:
        """The coding review of a version."""
        return _once(self._reviews, version, lambda: self.engine.review(self.file, version))


def _once(kept: OrderedDict[VersionKey, Found], version: Version, look: Callable[[], Found]) -> Found:
    case = version.case
    key = (tuple(case.dx), tuple(case.proc), tuple(sorted(version.filled.items())))
    if key not in kept:
        kept[key] = look()
        if len(kept) > MOST_VERSIONS:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
