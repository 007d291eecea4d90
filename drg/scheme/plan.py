"""The order in which a scheme is evaluated, with its switches written out as rules.

Both the kernel and the explainer follow the plan, so a switch such as "surgical cases skip medical groups"
exists in one place only: it becomes a part of the rule of each row that it concerns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal

from drg.scheme.language import Always, And, CodeTest, Not, Or, Rule, tests, tests_a_procedure
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
    """``rule`` is the row's rule with the switches added; ``outcome`` is set where no DRG row follows."""

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
    children = _children(pack)
    adrgs = tuple(_plan_adrg(row, mdc, children[row.code], pack) for row in children[mdc.code])
    tests_dx = any(
        isinstance(test, CodeTest) and test.fields[0] in ("ZYZD", "QTZD") for test in tests(mdc.rule)
    )
    return PlannedMdc(mdc, adrgs, tests_dx)


def _plan_adrg(adrg: Row, mdc: Row, drgs: list[Row], pack: Pack) -> PlannedAdrg:
    switches = pack.settings.evaluation
    surgical = CodeTest(("ZYSS",), (switches.surgical_set,)) if switches.surgical_set else None
    if fnmatchcase(adrg.code, switches.ambiguous_adrg):
        outcome = Outcome("ambiguous", "grouper.ambiguous", mdc.code, adrg.code, adrg.code, adrg.name)
        return PlannedAdrg(adrg, Or((adrg.rule, surgical)) if surgical else adrg.rule, (), outcome)
    if fnmatchcase(adrg.code, switches.fallback_adrg):
        code = drgs[0].code if drgs else adrg.code
        outcome = Outcome("ungrouped", "grouper.fallback", mdc.code, adrg.code, code, adrg.name)
        return PlannedAdrg(adrg, adrg.rule, (), outcome)
    rule = adrg.rule
    if surgical and not any(tests_a_procedure(row.rule) for row in (adrg, *drgs)):
        rule = And((Not(surgical), rule))
    planned = tuple(
        PlannedDrg(row, Outcome("grouped", "grouper.grouped", mdc.code, adrg.code, row.code, row.name))
        for row in drgs
    )
    return PlannedAdrg(adrg, rule, planned, None)


@cache
def _children(pack: Pack) -> defaultdict[str, list[Row]]:
    """MDC or ADRG code -> the rows under it, in order."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in (*pack.adrgs, *pack.drgs):
        found[row.parent].append(row)
    return found
