"""What a review says of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from drg.case import Case
from drg.coding.graph.levels import CodeKind
from drg.grouper.whatif import change_facts

Kind = Literal[
    "unsupported_dx",
    "unsupported_proc",
    "missed_dx",
    "missed_proc",
    "principal",
    "combination",
    "gray",
    "unexplained_proc",
    "look_for",
]
"""``unsupported_*`` looks at coding too much, ``missed_*`` at coding too little. ``unexplained_proc``: no diagnosis
explains the procedure; ``look_for``: what the hospital's similar cases have; neither can be applied."""
KINDS: tuple[Kind, ...] = get_args(Kind)

EvidenceKind = Literal[
    "diagnosis",
    "mention",
    "finding",
    "history",
    "uncertain",
    "negated",
    "absence",
    "lab",
    "normal_lab",
    "order",
    "symptom",
    "fee",
    "rule",
    "scheme",
    "catalogue",
    "cases",
]
"""``diagnosis``: stated under a heading of diagnoses; ``mention``: stated elsewhere; ``finding``: reported by a test or
examination. ``absence``: every document was read and none speaks of it. ``cases``: other patients of the hospital,
which says nothing about this one."""

Judgement = Literal["supported", "unsupported", "contradicted", "not_judged", "cannot_be_judged"]
"""``not_judged``: codes such as histories; ``cannot_be_judged``: there are no documents to judge by."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for a proposal.

    ``source``: kind of document, or the group of the record (labs, orders, fee_lines); ``row``: its row in the group,
    from 1; ``start`` and ``end``: characters of the document; ``text``: what stands there; ``basis``: the line of the
    facts, the rule or the scheme that makes it evidence.
    """

    kind: EvidenceKind
    source: str = ""
    row: int | None = None
    start: int | None = None
    end: int | None = None
    text: str = ""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Codes taken away (places from 0), then one added (at the end without ``at``)."""

    codes: CodeKind
    removed: tuple[int, ...] = ()
    added: str | None = None
    at: int | None = None

    def codes_after(self, listed: Sequence[str]) -> list[str]:
        """The list of codes after the change. ``IndexError`` where there is no such place."""
        for place in self.removed:
            listed[place]
        kept = [code for place, code in enumerate(listed) if place not in self.removed]
        if self.added is not None:
            kept.insert(len(kept) if self.at is None else self.at, self.added)
        return kept

    def case_after(self, case: Case) -> Case:
        """The case after the change; ``ValidationError`` where no diagnosis would be left."""
        return change_facts(case, **{self.codes: self.codes_after(getattr(case, self.codes))})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the quality rules say of a change: (rule, severity) that it mends, and that it hits anew."""

    mended: tuple[tuple[str, str], ...] = ()
    broken: tuple[tuple[str, str], ...] = ()

    @property
    def rank(self) -> int:
        """From 0 (mends a rule that blocks, breaks none) over 3 (neither) to 6 (breaks a rule that blocks)."""
        weight = {"block": 3, "warn": 2, "hint": 1}
        worst = max((weight[severity] for _, severity in self.broken), default=0)
        if worst:
            return 3 + worst
        return 3 - max((weight[severity] for _, severity in self.mended), default=0)


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal before anything is known of groups and money: all that the order may look at.

    ``strength``: 4 stated and shown by tests or treatment (or a fact of the catalogue), 3 stated, 2 mentioned or shown
    twice, 1 one indication, 0 no evidence about this patient. ``options``: the changes to choose among; none where a
    person must decide. ``level``: complication level of the code in the scheme.
    """

    kind: Kind
    codes: CodeKind
    code: str
    place: int | None
    strength: int
    evidence: tuple[Evidence, ...]
    options: tuple[Change, ...] = ()
    verdict: Verdict = Verdict()
    level: str = ""
    rule: str = ""

    @property
    def order(self) -> tuple[int, int, int, str, int]:
        """What proposals are sorted by."""
        return -self.strength, self.verdict.rank, KINDS.index(self.kind), self.code, self.place or 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Group, weight and payment of a case. Without a contract weight and payment are ``None``; payment in fen."""

    status: str
    drg: str | None
    drg_name: str | None
    cc_level: str | None
    weight: float | None = None
    payment_fen: int | None = None
    payment_reason: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A change, what the rules say of it and where it leads."""

    change: Change
    verdict: Verdict
    after: Outcome


@dataclass(frozen=True, slots=True)
class Proposal:
    """A draft with its outcomes. ``name`` of the code; ``before`` is the case as it is coded."""

    draft: Draft
    name: str
    before: Outcome
    options: tuple[Option, ...]

    @property
    def kind(self) -> Kind:
        return self.draft.kind

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return self.draft.evidence

    @property
    def strength(self) -> int:
        return self.draft.strength

    @property
    def applicable(self) -> bool:
        """Whether there is evidence about this patient and a change to apply."""
        return self.draft.strength > 0 and bool(self.options)

    @property
    def after(self) -> Outcome | None:
        """Where the change leads; ``None`` where the options lead to different groups, or there is none."""
        groups = {option.after.drg for option in self.options}
        return self.options[0].after if len(groups) == 1 else None


@dataclass(frozen=True, slots=True)
class Available:
    """What there was to judge by: numbers of rows; ``None`` where the source does not carry the group."""

    documents: int | None = None
    orders: int | None = None
    labs: int | None = None
    fee_lines: int | None = None

    @property
    def can_judge(self) -> bool:
        """Without documents nothing is known of what was written, so no code can be called unsupported."""
        return bool(self.documents)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a code of the case stands: the judgement, its strength and what speaks for (or against) it."""

    codes: CodeKind
    place: int
    code: str
    name: str
    level: str
    judgement: Judgement
    strength: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class CaseReview:
    """The review of one case. ``rules``: rules of the review that the case hits as coded (rule, severity)."""

    case: Case
    scheme: str
    contract: str | None
    before: Outcome
    available: Available
    standings: tuple[Standing, ...]
    rules: tuple[tuple[str, str], ...]
    proposals: tuple[Proposal, ...]
