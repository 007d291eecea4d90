"""Reviews of cases: proposals, the verdict of the rules, and only then groups and money."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from drg.case import Case
from drg.coding.graph.graph import Graph
from drg.coding.graph.store import graph_of
from drg.coding.review import finders
from drg.coding.review.finders import Subject
from drg.coding.review.model import CaseReview, Change, Draft, Option, Outcome, Proposal, Standing, Verdict
from drg.coding.review.reading import Reading
from drg.coding.review.settings import Settings, load_settings
from drg.coding.review.variants import Row, base_row, changed_row, outcomes, record_table
from drg.errors import input_error
from drg.payment.contract import Contract, find_contract
from drg.quality.condition import Over, Position, walk
from drg.quality.dictionary import NHSA
from drg.quality.engine import Checker
from drg.quality.registry import load_rules
from drg.quality.rule import Rule
from drg.quality.values import Mask
from drg.scheme.pack import Pack, choose_id, find_pack

Hits = Mapping[str, str]
"""Rule -> severity."""
COMBINATION = "combination"
DIAGNOSES = "diagnoses"
READ_COLUMNS = frozenset(
    (
        *(
            "case_id",
            "diagnoses.code",
            "diagnoses.name",
            "procedures.code",
            "documents.kind",
            "documents.text",
        ),
        *("orders.name", "labs.name", "labs.value", "labs.unit", "fee_lines.name"),
    )
)
"""Columns that the review reads beside those of the rules."""


@dataclass
class _Open:
    """A case while it is reviewed."""

    subject: Subject
    row: Row
    standings: list[Standing]
    drafts: list[Draft]
    hits: Hits
    judged: list[_Judged] = field(default_factory=list)


@dataclass(frozen=True)
class _Judged:
    """A draft with the verdict of the rules on each of its options."""

    draft: Draft
    verdicts: tuple[Verdict, ...]


class Reviewer:
    """Reviews cases by one scheme and, for weights and payments, one contract.

    ``as_if`` prices as ``drg.payment.price`` does; ``day`` is the day by which rules check. Raises ``InputError`` for a
    contract of another scheme.
    """

    def __init__(
        self,
        pack: Pack,
        contract: Contract | None = None,
        graph: Graph | None = None,
        rules: Iterable[Rule] | None = None,
        *,
        as_if: bool = False,
        day: dt.date | None = None,
        settings: Settings | None = None,
    ):
        if contract is not None and contract.terms.scheme != pack.id:
            raise input_error(
                "coding.contract_of_other_scheme", contract.id, contract=contract.terms.scheme, scheme=pack.id
            )
        self.pack, self.contract, self.as_if = pack, contract, as_if
        self.settings = settings or load_settings()
        self.graph = graph_of(pack) if graph is None else graph
        given = load_rules().values() if rules is None else rules
        self.rules = [rule for rule in given if rule.category in self.settings.rule_categories]
        run_date = day or dt.date.today()
        self._checker = Checker(self.rules, run_date, NHSA)
        self._columns = list(
            dict.fromkeys(name for rule in self.rules for one in rule.checks for name in one.fields)
        )
        self._principal_rules = frozenset(rule.id for rule in self.rules if _looks_at_principal(rule))
        self._combination_rules = frozenset(rule.id for rule in self.rules if rule.category == COMBINATION)
        watched = self._principal_rules | self._combination_rules
        self._doubting = Checker([rule for rule in self.rules if rule.id in watched], run_date, NHSA)

    def review(
        self, cases: Sequence[Case], rows: Sequence[Mapping[str, Any] | None], only_doubtful: bool = False
    ) -> list[CaseReview]:
        """Reviews of cases with their rows of the record table (``None``: no record), in order.

        With ``only_doubtful`` other principal diagnoses are looked at only where a rule or the group doubts the coded
        one, and proposals without evidence are left out.
        """
        before = outcomes(cases, self.pack, self.contract, self.as_if)
        found = self._opened(cases, rows, before, only_doubtful)
        self._judge(found)
        for one in found:
            one.judged = self._chosen(one.judged, only_doubtful)
        return self._priced(found, before)

    def standings(self, case: Case, row: Mapping[str, Any] | None) -> tuple[Standing, ...]:
        """How the codes of a case stand in its record, as its review tells, without rules and proposals."""
        return tuple(finders.standings(self._subject(case, base_row(case, row))))

    def _subject(self, case: Case, row: Row) -> Subject:
        names = {number: name for number, name in enumerate(row.get("diagnoses.name") or []) if name}
        return Subject(case, Reading(row, self.settings), names, self.pack, self.graph, self.settings)

    def doubted(self, records: pa.Table) -> Mask:
        """Which records a rule about the principal diagnosis or combination codes hits; no text is read."""
        place = records.schema.get_field_index("row")
        numbered = records.set_column(place, "row", pa.array(range(len(records)), pa.int64()))
        found = np.zeros(len(records), np.bool_)
        found[self._doubting.findings(numbered).column("row").to_numpy()] = True
        return found

    def reads(self, column: str) -> bool:
        """Whether the review looks at a column of the record table."""
        return column in self._columns or column in READ_COLUMNS

    def _opened(
        self,
        cases: Sequence[Case],
        rows: Sequence[Mapping[str, Any] | None],
        before: Sequence[Outcome],
        only_doubtful: bool,
    ) -> list[_Open]:
        """The cases with their drafts, not yet judged by the rules."""
        bases = [base_row(case, row) for case, row in zip(cases, rows, strict=True)]
        hits, combined = self._checked(bases)
        found = []
        for place, (case, row) in enumerate(zip(cases, bases, strict=True)):
            subject = self._subject(case, row)
            standings = finders.standings(subject)
            drafts = [
                *finders.unsupported(subject, standings),
                *finders.missed(subject),
                *finders.combinations(subject, combined[place]),
                *finders.gray(subject),
                *finders.unexplained(subject),
            ]
            doubted = before[place].status != "grouped" or bool(self._principal_rules & hits[place].keys())
            if not only_doubtful or doubted or subject.reading.available.can_judge:
                drafts += finders.principals(subject)
            if not only_doubtful:
                drafts += finders.companions(subject)
            found.append(_Open(subject, row, standings, drafts, hits[place]))
        return found

    def _checked(self, rows: Sequence[Row]) -> tuple[list[dict[str, str]], dict[int, list[dict[str, Any]]]]:
        """The rules that each row hits, and the findings of combination rules by row."""
        hits: list[dict[str, str]] = [{} for _ in rows]
        combined: dict[int, list[dict[str, Any]]] = defaultdict(list)
        if not rows:
            return hits, combined
        findings = self._checker.findings(record_table(rows, self._columns))
        places = findings.column("row").to_pylist()
        rules, severities = (findings.column(name).to_pylist() for name in ("rule", "severity"))
        for number, (place, rule, severity) in enumerate(zip(places, rules, severities, strict=True)):
            hits[place][rule] = severity
            if rule in self._combination_rules:
                combined[place] += findings.slice(number, 1).to_pylist()
        return hits, combined

    def _judge(self, found: Sequence[_Open]) -> None:
        """Gives every draft the verdict of the rules: the worst of those on its options."""
        rows = [
            changed_row(one.row, change) for one in found for draft in one.drafts for change in draft.options
        ]
        after = iter(self._checked(rows)[0])
        for one in found:
            told = [tuple(_verdict(one.hits, next(after)) for _ in draft.options) for draft in one.drafts]
            worst = [max(verdicts, key=lambda one: one.rank, default=Verdict()) for verdicts in told]
            mending = sum(
                draft.kind == "principal" and bool(verdict.mended) and not verdict.broken
                for draft, verdict in zip(one.drafts, worst, strict=True)
            )
            one.judged = [
                _Judged(finders.with_verdict(draft, verdict, mending == 1), verdicts)
                for draft, verdict, verdicts in zip(one.drafts, worst, told, strict=True)
            ]

    def _chosen(self, judged: Sequence[_Judged], only_doubtful: bool) -> list[_Judged]:
        """In their order, which knows nothing of money."""
        kept = [one for one in judged if one.draft.strength or not only_doubtful]
        shown = sorted(kept, key=lambda one: one.draft.order)[: self.settings.most_proposals]
        return [
            replace(one, draft=replace(one.draft, evidence=one.draft.evidence[: self.settings.most_evidence]))
            for one in shown
        ]

    def _priced(self, found: Sequence[_Open], before: Sequence[Outcome]) -> list[CaseReview]:
        changed: list[Case] = []
        for one in found:
            for judged in one.judged:
                changed += [change.case_after(one.subject.case) for change in judged.draft.options]
        after = iter(outcomes(changed, self.pack, self.contract, self.as_if))
        return [
            CaseReview(
                case=one.subject.case,
                scheme=self.pack.id,
                contract=self.contract.id if self.contract else None,
                before=outcome,
                available=one.subject.reading.available,
                standings=tuple(one.standings),
                rules=tuple(sorted(one.hits.items())),
                proposals=tuple(
                    Proposal(
                        judged.draft,
                        one.subject.name(judged.draft.codes, judged.draft.code),
                        outcome,
                        tuple(
                            Option(change, verdict, next(after))
                            for change, verdict in zip(judged.draft.options, judged.verdicts, strict=True)
                        ),
                    )
                    for judged in one.judged
                ),
            )
            for one, outcome in zip(found, before, strict=True)
        ]


def _looks_at_principal(rule: Rule) -> bool:
    """Whether another principal diagnosis could change what a rule says: it reads the first row, or places."""
    nodes = (node for check in rule.checks for top in check.nodes for node in walk(top))
    return any(
        (isinstance(node, Over) and node.name == "first" and node.group == DIAGNOSES)
        or (isinstance(node, Position) and node.level == DIAGNOSES)
        for node in nodes
    )


def _verdict(before: Hits, after: Hits) -> Verdict:
    return Verdict(
        tuple((rule, severity) for rule, severity in sorted(before.items()) if rule not in after),
        tuple((rule, severity) for rule, severity in sorted(after.items()) if rule not in before),
    )


def review_case(
    case: Case,
    record: Mapping[str, Any] | None = None,
    *,
    scheme: str | Path | Pack | None = None,
    contract: str | Path | Contract | None = None,
    graph: Graph | None = None,
    as_if: bool = False,
) -> CaseReview:
    """The review of one case with NHSA codes.

    ``record``: its row of the record table (``read_record_table``) as Python values; without documents in it no code is
    called unsupported. Raises ``InputError`` where no scheme applies or the contract is of another.
    """
    pack = scheme if isinstance(scheme, Pack) else find_pack(scheme or _applicable(case))
    agreed = contract if contract is None or isinstance(contract, Contract) else find_contract(contract)
    return Reviewer(pack, agreed, graph, as_if=as_if).review([case], [record])[0]


def _applicable(case: Case) -> str:
    chosen = choose_id(case.region, case.discharge_date)
    if chosen is None:
        raise input_error("grouper.no_scheme", case.case_id)
    return chosen


def shown_change(change: Change, case: Case) -> str:
    """A change as codes: ``-E11.900 +E11.200``."""
    removed = [f"-{getattr(case, change.codes)[place]}" for place in change.removed]
    return " ".join([*removed, *([f"+{change.added}"] if change.added else [])])
