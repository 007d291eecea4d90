"""A plan compiled to integer tables that the kernel walks.

Every test of every rule becomes one node of a graph with a ``yes`` and a ``no`` successor; *and*, *or* and
*not* are only a matter of which successor is which. A negative successor is an outcome: ``-1 - outcome``.
Every set, and every union of sets that a test names, is one bit of a code's membership row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drg.codes.index import CodeIndex, code_index
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

    ``kind``; ``is_proc`` whether it looks at procedures; ``who`` PRINCIPAL and OTHERS bits, or for
    COMPLICATION the CC_BIT levels that count; ``first`` a membership bit, a scalar's place, the start of a
    range of ``hit_bits`` or an MDC; ``last`` the end of that range; ``op`` place in ``language.OPERATORS``.
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
    """What the kernel knows of codes; rows as in ``CodeIndex``, 0 is "no or unknown code".

    ``dx`` and ``proc``: bit rows over sets. ``level`` and ``table``: CC_BIT of a diagnosis and the column of
    the exclusion table it refers to. ``excluded_by``: bit rows over the exclusion tables that list it.
    """

    dx: Bits
    proc: Bits
    level: npt.NDArray[np.int8]
    table: Integers
    excluded_by: Bits


@dataclass(frozen=True, eq=False)
class Compiled:
    """A scheme, ready for the kernel.

    ``dx_index`` and ``proc_index``: the rows of the codes that the catalogue or the scheme knows.
    ``principal_rows`` and ``other_rows``: membership row of a procedure as principal and as other (they differ
    where the scheme has procedures that do not group).
    """

    pack: Pack
    entry: int
    nodes: Nodes
    memberships: Memberships
    outcomes: tuple[Outcome, ...]
    no_adrg: int
    dx_index: CodeIndex
    proc_index: CodeIndex
    principal_rows: Integers
    other_rows: Integers


@cache
def compile_pack(pack: Pack) -> Compiled:
    """The integer tables of a pack."""
    plan = make_plan(pack)
    graph = _Graph()
    entry = graph.plan(plan)
    dx_index = code_index("icd10", pack.own_codes("icd10"))
    proc_index = code_index("icd9cm3", pack.own_codes("icd9cm3"))
    principal_rows, other_rows = _procedure_rows(pack, proc_index.rows)
    tables = sorted(pack.exclusions)
    memberships = Memberships(
        dx=_bit_rows(dx_index.rows, graph.unions(language.DX_FIELDS, pack.sets)),
        proc=_bit_rows(proc_index.rows, graph.unions(language.PROC_FIELDS, pack.sets)),
        level=_levels(pack, dx_index.rows),
        table=_tables(pack, dx_index.rows, tables),
        excluded_by=_bit_rows(dx_index.rows, [pack.exclusions[table] for table in tables]),
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
        dx_index,
        proc_index,
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
                node = _Node(
                    HITS, **_looks_at(fields), first=first, yes=yes, no=no, **_comparison(op, number)
                )
                node.last = len(self.hit_bits)
                return self.add(node)

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
        types: dict[str, Any] = {
            "kind": np.int8,
            "is_proc": np.bool_,
            "who": np.int8,
            "op": np.int8,
            "number": np.float64,
        }
        columns: dict[str, Any] = {
            name: np.array([getattr(node, name) for node in self.built], types.get(name, np.int32))
            for name in Nodes._fields[:-1]
        }
        return Nodes(**columns, hit_bits=np.array(self.hit_bits, np.int32))


def _side(fields: tuple[str, ...]) -> tuple[str, ...]:
    return language.PROC_FIELDS if fields[0] in language.PROC_FIELDS else language.DX_FIELDS


def _looks_at(fields: tuple[str, ...]) -> dict[str, Any]:
    side = _side(fields)
    who = sum(bit for name, bit in zip(side, (PRINCIPAL, OTHERS), strict=True) if name in fields)
    return {"is_proc": side == language.PROC_FIELDS, "who": who}


def _comparison(op: str, number: float) -> dict[str, Any]:
    return {"op": language.OPERATORS.index(op), "number": number}


def _bit_rows(rows: Mapping[str, int], unions: Sequence[Collection[str]]) -> Bits:
    bits = np.zeros((len(rows) + 1, max(1, -(-len(unions) // 64))), np.uint64)
    for bit, members in enumerate(unions):
        chosen = np.fromiter((rows[code] for code in members), np.int64, len(members))
        bits[chosen, bit // 64] |= np.uint64(1) << np.uint64(bit % 64)
    return bits


def _levels(pack: Pack, rows: Mapping[str, int]) -> npt.NDArray[np.int8]:
    levels = np.zeros(len(rows) + 1, np.int8)
    for code, complication in pack.complications.items():
        levels[rows[code]] = CC_BIT[complication.level]
    return levels


def _tables(pack: Pack, rows: Mapping[str, int], tables: Sequence[str]) -> Integers:
    columns = {table: column for column, table in enumerate(tables)}
    found = np.full(len(rows) + 1, NO_TABLE, np.int32)
    for code, complication in pack.complications.items():
        found[rows[code]] = columns.get(complication.exclusion_table, NO_TABLE)
    return found


def _procedure_rows(pack: Pack, rows: Mapping[str, int]) -> tuple[Integers, Integers]:
    """Membership rows of procedures as principal and as other; 0 where a procedure counts as none."""
    dropped, kept = pack.non_grouping_procedures
    principal = np.arange(len(rows) + 1, dtype=np.int32)
    other = principal.copy()
    principal[[rows[code] for code in dropped]] = 0
    other[[rows[code] for code in dropped - kept]] = 0
    return principal, other
