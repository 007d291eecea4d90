"""A plan compiled to integer tables that the kernel walks.

Every test of every rule becomes one node of a graph with a ``yes`` and a ``no`` successor; *and*, *or* and
*not* are only a matter of which successor is which. A negative successor is an outcome: ``-1 - outcome``.
Every set, and every union of sets that a test names, is one bit of a code's membership row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drg.codes.catalogue import System, load_catalogue
from drg.scheme import language
from drg.scheme.language import Always, And, CodeTest, HitsTest, LengthTest, Not, Or, Rule, ScalarTest
from drg.scheme.pack import Pack
from drg.scheme.plan import Outcome, Plan, PlannedMdc, make_plan

# Kinds of nodes. The kernel has one branch for each.
CODES, COMPLICATION, SCALAR, LENGTH, HITS, ENTER = range(6)
# Which of a case's codes a test looks at, as bits.
PRINCIPAL, OTHERS = 1, 2
# Levels of complications, as bits.
CC_BIT = {"CC": 1, "MCC": 2}
NO_TABLE = -1

Bits = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int32]


class Nodes(NamedTuple):
    """The graph, one entry a node in each array.

    ``kind``; ``is_proc`` whether it looks at procedures; ``who`` PRINCIPAL and OTHERS bits, or for COMPLICATION
    the CC_BIT levels that count; ``first`` a membership bit, a scalar's place, the start of a range of
    ``hit_bits`` or an MDC; ``last`` the end of that range; ``op`` place in ``language.OPERATORS``; ``number``.
    """

    kind: npt.NDArray[np.int8]
    is_proc: npt.NDArray[np.bool_]
    who: npt.NDArray[np.int8]
    first: Integers
    last: Integers
    op: npt.NDArray[np.int8]
    number: npt.NDArray[np.float64]
    yes: Integers
    no: Integers
    hit_bits: Integers


class Memberships(NamedTuple):
    """What the kernel knows of codes; row 0 is "no or unknown code", row ``i`` code ``i - 1`` of the index.

    ``dx`` and ``proc``: bit rows over sets. ``level`` and ``table``: CC_BIT of a diagnosis and the column of the
    exclusion table it refers to. ``excluded_by``: bit rows over exclusion tables that list the diagnosis.
    """

    dx: Bits
    proc: Bits
    level: npt.NDArray[np.int8]
    table: Integers
    excluded_by: Bits


@dataclass(frozen=True, eq=False)
class Compiled:
    """A scheme, ready for the kernel.

    ``dx_codes`` and ``proc_codes``: the codes that the scheme or the catalogue knows, sorted.
    ``principal_rows`` and ``other_rows``: membership row of a procedure by its place among the case's procedures
    (they differ where the scheme has procedures that do not group).
    """

    pack: Pack
    entry: int
    nodes: Nodes
    memberships: Memberships
    outcomes: tuple[Outcome, ...]
    no_adrg: int
    dx_codes: tuple[str, ...]
    proc_codes: tuple[str, ...]
    principal_rows: Integers
    other_rows: Integers


@cache
def compile_pack(pack: Pack) -> Compiled:
    """The integer tables of a pack."""
    plan = make_plan(pack)
    graph = _Graph()
    entry = graph.plan(plan)
    dx_codes = _known_codes("icd10", pack)
    proc_codes = _known_codes("icd9cm3", pack)
    principal_rows, other_rows = _procedure_rows(pack, proc_codes)
    tables = sorted(pack.exclusions)
    memberships = Memberships(
        dx=_bit_rows(dx_codes, graph.unions(language.DX_FIELDS, pack.sets)),
        proc=_bit_rows(proc_codes, graph.unions(language.PROC_FIELDS, pack.sets)),
        level=_levels(pack, dx_codes),
        table=_tables(pack, dx_codes, tables),
        excluded_by=_bit_rows(dx_codes, [pack.exclusions[table] for table in tables]),
    )
    outcomes = tuple(graph.outcomes)
    no_adrg = graph.outcomes[plan.no_adrg]
    return Compiled(
        pack,
        entry,
        graph.nodes(),
        memberships,
        outcomes,
        no_adrg,
        dx_codes,
        proc_codes,
        principal_rows,
        other_rows,
    )


@dataclass
class _Node:
    kind: int
    is_proc: bool = False
    who: int = 0
    first: int = 0
    last: int = 0
    op: int = 0
    number: float = 0.0
    yes: int = 0
    no: int = 0


@dataclass
class _Graph:
    """Builds the graph from its end to its start, so that every successor exists before it is named."""

    built: list[_Node] = field(default_factory=list)
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    bits: dict[tuple[str, ...], dict[frozenset[str], int]] = field(default_factory=dict)
    hit_bits: list[int] = field(default_factory=list)

    def plan(self, plan: Plan) -> int:
        self.end(plan.no_adrg)
        following = self.end(plan.no_mdc)
        for place, mdc in reversed(list(enumerate(plan.mdcs))):
            following = self.mdc(mdc, place, following)
        return self.rule(plan.barred, self.end(plan.barred_outcome), following)

    def mdc(self, mdc: PlannedMdc, place: int, following: int) -> int:
        inside = following
        for adrg in reversed(mdc.adrgs):
            if adrg.outcome is not None:
                group = self.end(adrg.outcome)
            else:
                group = inside
                for drg in reversed(adrg.drgs):
                    group = self.rule(drg.row.rule, self.end(drg.outcome), group)
            inside = self.rule(adrg.rule, group, inside)
        if mdc.tests_dx:
            inside = self.add(_Node(ENTER, first=place, yes=inside, no=inside))
        return self.rule(mdc.row.rule, inside, following)

    def end(self, outcome: Outcome) -> int:
        return -1 - self.outcomes.setdefault(outcome, len(self.outcomes))

    def add(self, node: _Node) -> int:
        self.built.append(node)
        return len(self.built) - 1

    def rule(self, rule: Rule, yes: int, no: int) -> int:
        """The node (or outcome) where the evaluation of ``rule`` begins."""
        match rule:
            case Always(value):
                return yes if value else no
            case Not(inner):
                return self.rule(inner, no, yes)
            case And(parts):
                for part in reversed(parts):
                    yes = self.rule(part, yes, no)
                return yes
            case Or(parts):
                for part in reversed(parts):
                    no = self.rule(part, yes, no)
                return no
            case CodeTest(fields, sets):
                return self.code_test(fields, sets, yes, no)
            case ScalarTest(scalar, op, number):
                place = language.SCALARS.index(scalar)
                return self.add(_Node(SCALAR, first=place, yes=yes, no=no, **_comparison(op, number)))
            case LengthTest(set_name, fields, op, number):
                bit = self.bit(fields, (set_name,))
                compared = _comparison(op, number)
                return self.add(_Node(LENGTH, **_looks_at(fields), first=bit, yes=yes, no=no, **compared))
            case HitsTest(fields, sets, op, number):
                first = len(self.hit_bits)
                self.hit_bits += [self.bit(fields, (name,)) for name in sets]
                range_ = {"first": first, "last": len(self.hit_bits)}
                compared = _comparison(op, number)
                return self.add(_Node(HITS, **_looks_at(fields), **range_, yes=yes, no=no, **compared))

    def code_test(self, fields: tuple[str, ...], sets: tuple[str, ...], yes: int, no: int) -> int:
        """One node for the union of the real sets, one before it for MCC and CC where they are named."""
        real = tuple(name for name in sets if name not in language.CC_LEVELS)
        levels = sum(CC_BIT[name] for name in sets if name in language.CC_LEVELS)
        if real:
            no = self.add(_Node(CODES, **_looks_at(fields), first=self.bit(fields, real), yes=yes, no=no))
        return self.add(_Node(COMPLICATION, who=levels, yes=yes, no=no)) if levels else no

    def bit(self, fields: tuple[str, ...], sets: tuple[str, ...]) -> int:
        """The membership bit of a union of sets."""
        bits = self.bits.setdefault(_side(fields), {})
        return bits.setdefault(frozenset(sets), len(bits))

    def unions(self, side: tuple[str, ...], sets: Mapping[str, frozenset[str]]) -> list[frozenset[str]]:
        """The codes of each membership bit."""
        return [frozenset[str]().union(*(sets[name] for name in names)) for names in self.bits.get(side, {})]

    def nodes(self) -> Nodes:
        def column(name: str, dtype: type) -> npt.NDArray[np.generic]:
            return np.array([getattr(node, name) for node in self.built], dtype)

        types = {"kind": np.int8, "is_proc": np.bool_, "who": np.int8, "op": np.int8, "number": np.float64}
        columns = [column(name, types.get(name, np.int32)) for name in Nodes._fields[:-1]]
        return Nodes(*columns, np.array(self.hit_bits, np.int32))  # type: ignore[arg-type]


def _side(fields: tuple[str, ...]) -> tuple[str, ...]:
    return language.PROC_FIELDS if fields[0] in language.PROC_FIELDS else language.DX_FIELDS


def _looks_at(fields: tuple[str, ...]) -> dict[str, int]:
    side = _side(fields)
    who = sum(bit for name, bit in zip(side, (PRINCIPAL, OTHERS), strict=True) if name in fields)
    return {"is_proc": side == language.PROC_FIELDS, "who": who}


def _comparison(op: str, number: float) -> dict[str, float]:
    return {"op": language.OPERATORS.index(op), "number": number}


def _known_codes(system: System, pack: Pack) -> tuple[str, ...]:
    """Codes of the catalogue, and those that only the scheme knows."""
    known = set(load_catalogue(system).codes)
    if system == "icd10":
        known.update(pack.complications, *pack.exclusions.values())
    tested = {
        name
        for row in (*pack.mdcs, *pack.adrgs, *pack.drgs)
        for test in language.tests(row.rule)
        if not isinstance(test, ScalarTest) and (test.fields[0] in language.DX_FIELDS) == (system == "icd10")
        for name in language.set_names(test)
    }
    known.update(*(pack.sets[name] for name in tested))
    return tuple(sorted(known))


def _bit_rows(codes: Sequence[str], unions: Sequence[Collection[str]]) -> Bits:
    places = {code: row for row, code in enumerate(codes, start=1)}
    rows = np.zeros((len(codes) + 1, max(1, -(-len(unions) // 64))), np.uint64)
    for bit, members in enumerate(unions):
        chosen = np.fromiter((places[code] for code in members if code in places), np.int64)
        rows[chosen, bit // 64] |= np.uint64(1) << np.uint64(bit % 64)
    return rows


def _levels(pack: Pack, codes: Iterable[str]) -> npt.NDArray[np.int8]:
    found = (pack.complications.get(code) for code in codes)
    return np.array([0, *(CC_BIT[entry.level] if entry else 0 for entry in found)], np.int8)


def _tables(pack: Pack, codes: Iterable[str], tables: Sequence[str]) -> Integers:
    columns = {table: column for column, table in enumerate(tables)}
    found = (pack.complications.get(code) for code in codes)
    places = (columns.get(entry.exclusion_table, NO_TABLE) if entry else NO_TABLE for entry in found)
    return np.array([NO_TABLE, *places], np.int32)


def _procedure_rows(pack: Pack, codes: Sequence[str]) -> tuple[Integers, Integers]:
    """Membership rows of procedures as principal and as other; 0 where a procedure counts as none."""
    switches = pack.settings.evaluation
    dropped = pack.sets[switches.non_grouping_proc] if switches.non_grouping_proc else frozenset[str]()
    kept = pack.sets[switches.non_grouping_kept] if switches.non_grouping_kept else frozenset[str]()
    principal = [0, *(0 if code in dropped else row for row, code in enumerate(codes, start=1))]
    other = [0, *(0 if code in dropped - kept else row for row, code in enumerate(codes, start=1))]
    return np.array(principal, np.int32), np.array(other, np.int32)
