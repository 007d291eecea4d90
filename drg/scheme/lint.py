"""Finds what is odd in a scheme: codes and groups that no case can reach, overlaps, gaps.

Nothing here stops a scheme from being used. National schemes have such oddities; a person decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, reduce
from itertools import combinations
from typing import Any, Literal

import numpy as np

from drg import messages
from drg.codes.catalogue import load_catalogue
from drg.scheme import language
from drg.scheme.pack import LIST_CATALOGUES, Pack, Row
from drg.scheme.plan import Plan, make_plan
from drg.scheme.reach import Mask, Reacher

MAX_EXAMPLES = 5
REACHED = "reached"

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class LintFinding:
    """One oddity.

    ``kind`` is the message ``lint.<kind>``; ``code`` the group, set or table it is about; ``count`` how many
    codes or rows, of which ``examples`` shows a few; ``where`` the place in the pack.
    """

    kind: str
    severity: Severity
    where: str
    code: str
    count: int = 1
    examples: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)

    def render(self, lang: str = "en") -> str:
        """The finding as one line of text."""
        text = messages.text(f"lint.{self.kind}", lang, code=self.code, count=self.count, **self.params)
        severity = messages.text(f"lint.severity_{self.severity}", lang)
        more = " ..." if self.count > len(self.examples) else ""
        shown = f": {' '.join(self.examples)}{more}" if self.examples else ""
        return f"{self.where} {severity} {text}{shown}"


def lint(pack: Pack) -> list[LintFinding]:
    """All findings of a scheme, by kind of check and in the order of the pack."""
    scheme = _Scheme(pack)
    checks = (
        _unknown_codes,
        _names_missing,
        _rules_twice,
        _empty_and_unused_sets,
        _exclusion_tables,
        _rows_not_last,
        _without_children,
        _unreachable,
        _dx_outside_mdc,
        _dx_needs_procedure,
        _gates_overlap,
    )
    return [finding for check in checks for finding in check(scheme)]


def render(findings: Iterable[LintFinding], lang: str = "en") -> str:
    """All findings as text, one a line, and a last line with their number by severity."""
    findings = list(findings)
    counts = {
        severity: sum(finding.severity == severity for finding in findings)
        for severity in ("error", "warning", "note")
    }
    lines = [finding.render(lang) for finding in findings]
    return "\n".join([*lines, messages.text("lint.summary", lang, **counts)]) + "\n"


class _Scheme:
    """A pack with what the checks ask of it."""

    def __init__(self, pack: Pack):
        self.pack = pack
        self.rows = (*pack.mdcs, *pack.adrgs, *pack.drgs)
        self.evaluation = pack.settings.evaluation

    @cached_property
    def reacher(self) -> Reacher:
        return Reacher(self.pack.sets, [row.rule for row in self.rows])

    def is_fallback(self, row: Row) -> bool:
        pattern = self.evaluation.fallback_adrg if row.parent else self.evaluation.fallback_mdc
        return fnmatchcase(row.code, pattern)

    def is_ambiguous(self, row: Row) -> bool:
        return fnmatchcase(row.code, self.evaluation.ambiguous_adrg)

    def is_group(self, adrg: Row) -> bool:
        return not self.is_fallback(adrg) and not self.is_ambiguous(adrg)


def _examples(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(codes)[:MAX_EXAMPLES])


def _unknown_codes(scheme: _Scheme) -> Iterator[LintFinding]:
    pack = scheme.pack
    blocks: dict[str, dict[str, Collection[str]]] = {
        "sets.txt": dict(pack.sets),
        "cc.txt": {"": pack.complications.keys()},
        "exclusions.txt": dict(pack.exclusions),
    }
    for file, systems in LIST_CATALOGUES.items():
        for name, codes in blocks[file].items():
            system = next((system for start, system in systems.items() if name.startswith(start)), None)
            known = load_catalogue(system) if system else ()
            unknown = [code for code in codes if code not in known]
            if unknown:
                yield LintFinding(
                    "code_unknown", "warning", file, name or file, len(unknown), _examples(unknown)
                )


def _names_missing(scheme: _Scheme) -> Iterator[LintFinding]:
    for row in scheme.rows:
        if not row.name.strip():
            yield LintFinding("name_missing", "warning", row.where, row.code)


def _rules_twice(scheme: _Scheme) -> Iterator[LintFinding]:
    first: dict[tuple[str, str, language.Rule], Row] = {}
    for row in scheme.rows:
        key = row.where.partition(":")[0], row.parent, row.rule
        earlier = first.setdefault(key, row)
        if earlier is not row:
            yield LintFinding("rule_twice", "warning", row.where, row.code, params={"other": earlier.code})


def _empty_and_unused_sets(scheme: _Scheme) -> Iterator[LintFinding]:
    evaluation = scheme.evaluation
    used = {name for row in scheme.rows for name in language.set_names(row.rule)}
    used.update(str(value) for value in evaluation.model_dump().values())
    for name, codes in scheme.pack.sets.items():
        if not codes:
            yield LintFinding("set_empty", "warning", "sets.txt", name)
        if name not in used:
            yield LintFinding("set_unused", "note", "sets.txt", name, len(codes), _examples(codes))


def _exclusion_tables(scheme: _Scheme) -> Iterator[LintFinding]:
    referring: dict[str, list[str]] = {}
    for code, complication in scheme.pack.complications.items():
        referring.setdefault(complication.exclusion_table, []).append(code)
    for table, codes in referring.items():
        if table and table not in scheme.pack.exclusions:
            yield LintFinding("exclusion_missing", "note", "cc.txt", table, len(codes), _examples(codes))
    for table, listed in scheme.pack.exclusions.items():
        if table not in referring:
            yield LintFinding(
                "exclusion_unused", "note", "exclusions.txt", table, len(listed), _examples(listed)
            )


def _rows_not_last(scheme: _Scheme) -> Iterator[LintFinding]:
    """Rows that take what is left, before rows that then get nothing."""
    for rows in (scheme.pack.mdcs, *scheme.pack.adrgs_of.values()):
        for position, row in enumerate(rows):
            later = [other for other in rows[position + 1 :] if not scheme.is_fallback(other)]
            if later and scheme.is_fallback(row):
                yield _not_last("fallback_not_last", "warning", row, later)
            elif later and row.parent and scheme.is_ambiguous(row):
                yield _not_last("ambiguous_not_last", "note", row, later)


def _not_last(kind: str, severity: Severity, row: Row, later: Sequence[Row]) -> LintFinding:
    examples = tuple(other.code for other in later[:MAX_EXAMPLES])
    return LintFinding(kind, severity, row.where, row.code, len(later), examples)


def _without_children(scheme: _Scheme) -> Iterator[LintFinding]:
    for mdc in scheme.pack.mdcs:
        if mdc.code not in scheme.pack.adrgs_of and not scheme.is_fallback(mdc):
            yield LintFinding("mdc_without_adrg", "error", mdc.where, mdc.code)
    for adrg in scheme.pack.adrgs:
        if adrg.code not in scheme.pack.drgs_of and scheme.is_group(adrg):
            yield LintFinding("adrg_without_drg", "error", adrg.where, adrg.code)


def _unreachable(scheme: _Scheme) -> Iterator[LintFinding]:
    """Rows that no principal diagnosis can reach: the rule never holds, or earlier rows take all it could."""
    views = [_fates(make_plan(scheme.pack), view) for view in _views(scheme)]
    reported: set[str] = set()
    for row in scheme.rows:
        fates = {view[row.parent, row.code] for view in views if (row.parent, row.code) in view}
        if row.parent in reported:
            reported.add(row.code)
        elif fates and REACHED not in fates:
            reported.add(row.code)
            kind = "row_shadowed" if "row_shadowed" in fates else "rule_never_holds"
            yield LintFinding(kind, "warning", row.where, row.code)


def _views(scheme: _Scheme) -> Iterator[Reacher]:
    """All cases; where a scheme treats surgical cases apart, these and the others for themselves."""
    surgical_set = scheme.evaluation.surgical_set
    if surgical_set is None:
        yield scheme.reacher
        return
    surgical = language.CodeTest(language.PROC_FIELDS[:1], (surgical_set,))
    yield scheme.reacher.assuming(surgical, True)
    yield scheme.reacher.assuming(surgical, False)


def _fates(plan: Plan, reacher: Reacher) -> dict[tuple[str, str], str]:
    """(Parent, code) -> what becomes of the row; rows that take what is left are left out."""
    fates: dict[tuple[str, str], str] = {}
    taken = reacher.of(plan.barred).certain
    for mdc in plan.mdcs:
        gate = reacher.of(mdc.row.rule)
        fates["", mdc.row.code] = _fate(gate.possible, gate.possible & ~taken)
        for adrg in mdc.adrgs:
            inside = gate & reacher.of(adrg.rule)
            free = inside.possible & ~taken
            took = inside.certain
            if adrg.outcome is None:
                fates[mdc.row.code, adrg.row.code] = _fate(inside.possible, free)
                decided = reacher.nowhere()
                for drg in adrg.drgs:
                    own = reacher.of(drg.row.rule)
                    possible = own.possible & inside.possible
                    fates[adrg.row.code, drg.row.code] = _fate(possible, possible & free & ~decided)
                    decided = decided | own.certain
                took = took & decided
            taken = taken | took
    return fates


def _fate(possible: Mask, free: Mask) -> str:
    if free.any():
        return REACHED
    return "row_shadowed" if possible.any() else "rule_never_holds"


def _dx_outside_mdc(scheme: _Scheme) -> Iterator[LintFinding]:
    """Principal diagnoses that an ADRG lists, but that its MDC does not let in."""
    for mdc in scheme.pack.mdcs:
        gate = scheme.reacher.of(mdc.rule)
        for adrg in scheme.pack.adrgs_of.get(mdc.code, ()):
            outside = scheme.reacher.codes_in(scheme.reacher.listed(adrg.rule) & ~gate.possible)
            if outside:
                params = {"mdc": mdc.code}
                yield LintFinding(
                    "dx_outside_mdc",
                    "warning",
                    adrg.where,
                    adrg.code,
                    len(outside),
                    _examples(outside),
                    params,
                )


def _dx_needs_procedure(scheme: _Scheme) -> Iterator[LintFinding]:
    """Principal diagnoses of an MDC that no ADRG of it takes without a procedure."""
    medical = scheme.reacher.emptied(*language.PROC_FIELDS)
    for mdc in scheme.pack.mdcs:
        groups = [adrg for adrg in scheme.pack.adrgs_of.get(mdc.code, ()) if scheme.is_group(adrg)]
        grouped = reduce(
            np.logical_or, (medical.of(adrg.rule).possible for adrg in groups), medical.nowhere()
        )
        left = medical.codes_in(medical.listed(mdc.rule) & medical.of(mdc.rule).possible & ~grouped)
        if left:
            yield LintFinding("dx_needs_procedure", "note", mdc.where, mdc.code, len(left), _examples(left))


def _gates_overlap(scheme: _Scheme) -> Iterator[LintFinding]:
    """Principal diagnoses that, in a case without any other code, open the gates of two MDCs."""
    alone = scheme.reacher.emptied(*language.CODE_FIELDS[1:])
    gates = [(mdc, alone.listed(mdc.rule) & alone.of(mdc.rule).possible) for mdc in scheme.pack.mdcs]
    for (first, one), (second, other) in combinations(gates, 2):
        both = alone.codes_in(one & other)
        if both:
            params = {"other": first.code}
            yield LintFinding(
                "gates_overlap", "note", second.where, second.code, len(both), _examples(both), params
            )
