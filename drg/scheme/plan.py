"""The order in which a scheme is evaluated, with its switches written out as rules.

Both the kernel and the explainer follow the plan, so a switch such as "surgical cases skip medical groups"
exists in one place only: it becomes a part of the rule of each row that it concerns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal

from drg.scheme.language import (
    DX_FIELDS,
    Always,
    And,
    CodeTest,
    Not,
    Or,
    Rule,
    tests,
    tests_a_procedure,
)
from drg.scheme.pack import Pack, Row

Status = Literal["grouped", "ambiguous", "ungrouped", "rejected"]


@dataclass(frozen=True)
class Outcome:
    """What a case gets that reaches an end of the evaluation. ``reason`` is a message id of ``grouper``."""

    status: Status
    reason: str
    mdc: str | None = None
    adrg: str | None = None
    drg: str | None = None
    drg_name: str | None = None


@dataclass(frozen=True)
class PlannedDrg:
    row: Row
    outcome: Outcome


@dataclass(frozen=True)
class PlannedAdrg:
    """A row to try. ``rule`` is its rule with the switches added; ``outcome`` is set where no DRG row follows.

    A row for ambiguous cases may be planned twice: in its place with its own rule, and after every group that takes
    surgical cases with the rule "is surgical".
    """

    row: Row
    rule: Rule
    drgs: tuple[PlannedDrg, ...]
    outcome: Outcome | None


@dataclass(frozen=True)
class PlannedMdc:
    """``tests_dx`` tells whether the gate looks at a diagnosis (a pre-MDC for operations does not)."""

    row: Row
    adrgs: tuple[PlannedAdrg, ...]
    tests_dx: bool


@dataclass(frozen=True)
class Plan:
    """MDCs in the order they are tried, what bars a case beforehand, and what is left at the end."""

    barred: Rule
    barred_outcome: Outcome
    mdcs: tuple[PlannedMdc, ...]
    no_mdc: Outcome
    no_adrg: Outcome


@cache
def make_plan(pack: Pack) -> Plan:
    """The plan of a pack."""
    switches = pack.settings.evaluation
    ungrouped = switches.ungrouped
    not_principal = switches.not_principal_dx
    return Plan(
        barred=CodeTest(("ZYZD",), (not_principal,)) if not_principal else Always(False),
        barred_outcome=Outcome("ungrouped", "grouper.principal_dx_barred", drg=ungrouped),
        mdcs=tuple(
            _plan_mdc(row, pack) for row in pack.mdcs if not fnmatchcase(row.code, switches.fallback_mdc)
        ),
        no_mdc=Outcome("ungrouped", "grouper.no_mdc", drg=ungrouped),
        no_adrg=Outcome("ungrouped", "grouper.no_adrg", drg=ungrouped),
    )


def _plan_mdc(mdc: Row, pack: Pack) -> PlannedMdc:
    adrgs = [_plan_adrg(row, mdc, pack) for row in pack.adrgs_of.get(mdc.code, ())]
    tests_dx = any(isinstance(test, CodeTest) and test.fields[0] in DX_FIELDS for test in tests(mdc.rule))
    return PlannedMdc(mdc, tuple(_with_left_over_surgery(adrgs, pack)), tests_dx)


def _with_left_over_surgery(adrgs: list[PlannedAdrg], pack: Pack) -> list[PlannedAdrg]:
    """Surgical cases that no group of the MDC takes are ambiguous, where the MDC has a row for these."""
    surgical = _surgical(pack)
    place = next((place for place, adrg in enumerate(adrgs) if _is_ambiguous(adrg.row, pack)), None)
    if surgical is None or place is None:
        return adrgs
    ambiguous = adrgs[place]
    takers = [other for other, adrg in enumerate(adrgs) if adrg.drgs and _takes_surgery(adrg.row, pack)]
    last_taker = max(takers, default=-1)
    if last_taker < place:
        adrgs[place] = replace(ambiguous, rule=Or((ambiguous.rule, surgical)))
    else:
        adrgs.insert(last_taker + 1, replace(ambiguous, rule=surgical))
    return adrgs


def _plan_adrg(adrg: Row, mdc: Row, pack: Pack) -> PlannedAdrg:
    drgs = pack.drgs_of.get(adrg.code, ())
    if _is_ambiguous(adrg, pack):
        outcome = Outcome("ambiguous", "grouper.ambiguous", mdc.code, adrg.code, adrg.code, adrg.name)
        return PlannedAdrg(adrg, adrg.rule, (), outcome)
    if fnmatchcase(adrg.code, pack.settings.evaluation.fallback_adrg):
        code = drgs[0].code if drgs else adrg.code
        outcome = Outcome("ungrouped", "grouper.fallback", mdc.code, adrg.code, code, adrg.name)
        return PlannedAdrg(adrg, adrg.rule, (), outcome)
    rule = adrg.rule
    if (surgical := _surgical(pack)) and not _takes_surgery(adrg, pack):
        rule = And((Not(surgical), rule))
    planned = tuple(
        PlannedDrg(row, Outcome("grouped", "grouper.grouped", mdc.code, adrg.code, row.code, row.name))
        for row in drgs
    )
    return PlannedAdrg(adrg, rule, planned, None)


def _surgical(pack: Pack) -> CodeTest | None:
    """The test for surgical cases, where the scheme treats them apart."""
    surgical_set = pack.settings.evaluation.surgical_set
    return CodeTest(("ZYSS",), (surgical_set,)) if surgical_set else None


def _takes_surgery(adrg: Row, pack: Pack) -> bool:
    """Whether surgical cases may fall into an ADRG: one of its rules tests a procedure."""
    return any(tests_a_procedure(row.rule) for row in (adrg, *pack.drgs_of.get(adrg.code, ())))


def _is_ambiguous(adrg: Row, pack: Pack) -> bool:
    return fnmatchcase(adrg.code, pack.settings.evaluation.ambiguous_adrg)
