"""The parts of the graph that are not mined: code catalogue, scheme, quality rules, facts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drg.codes.catalogue import EDITION, System, load_catalogue
from drg.coding.graph.facts import Fact
from drg.coding.graph.graph import Relation
from drg.coding.graph.levels import CATEGORY_LENGTH, SUBCATEGORY_LENGTH, CodeKind, category_of, subcategory_of
from drg.coding.graph.mining import Together
from drg.quality.code_sets import CodeSet
from drg.quality.condition import All, Comparison, Field, InCodes, Node, Not, Over
from drg.quality.rule import Rule
from drg.scheme import language
from drg.scheme.pack import Pack
from drg.scheme.reach import positive_tests, principal_sets

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
SYSTEM_OF: dict[CodeKind, System] = {"dx": "icd10", "proc": "icd9cm3"}
KIND_OF_GROUP: dict[str, CodeKind] = {"diagnoses": "dx", "procedures": "proc"}
MOST_CODES_OF_A_RULE = 60
"""A rule about more codes than these says something about a chapter, not about codes."""


@dataclass(frozen=True)
class Block:
    """Edges of one relation and origin by places of nodes; the counts are those of mined pairs."""

    relation: Relation
    origin: str
    sources: Ints
    targets: Ints
    cases: Ints | None = None
    confidence: Floats | None = None
    lift: Floats | None = None


class Parts:
    """Nodes and edges while they are gathered."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.rows: list[tuple[str, str, str, str]] = []
        self.blocks: list[Block] = []

    def add_node(self, kind: str, code: str, name: str = "") -> int:
        """The place of a node, which is made where there is none."""
        id = f"{kind}:{code}"
        place = self.places.setdefault(id, len(self.rows))
        if place == len(self.rows):
            self.rows.append((id, kind, code, name))
        return place

    def add_edges(self, relation: Relation, origin: str, edges: Sequence[tuple[int, int]]) -> None:
        """Edges (source, target), each kept once."""
        if edges:
            ends = np.array(edges, np.int64)
            distinct = np.unique(ends[:, 0] << 32 | ends[:, 1])
            self.blocks.append(Block(relation, origin, distinct >> 32, distinct & 0xFFFFFFFF))


def add_catalogue(parts: Parts) -> None:
    """All codes, and the subcategories and categories above them."""
    for kind, system in SYSTEM_OF.items():
        catalogue = load_catalogue(system)
        names = catalogue.column("name").to_pylist()
        named = dict(zip(catalogue.codes, names, strict=True))
        edges = []
        for code, name in named.items():
            place = parts.add_node(kind, code, name)
            sub, category = subcategory_of(kind, code), category_of(kind, code)
            for lower, upper in ((code, sub), (sub, category)):
                if lower != upper:
                    above = parts.places.get(f"{kind}:{upper}")
                    above = parts.add_node(kind, upper, _name_of(upper, named)) if above is None else above
                    edges.append((place, above))
                    place = above
        parts.add_edges("part_of", EDITION, edges)


def _name_of(beginning: str, named: dict[str, str]) -> str:
    """A name for a level that the catalogue has none for: that of its unspecified member, or nothing."""
    tails = ("00", "0", "x00") if "." in beginning else (".x00", ".900")
    return next((named[beginning + tail] for tail in tails if beginning + tail in named), "")


def add_scheme(parts: Parts, pack: Pack) -> None:
    """Groups, what leads into them, and complications."""
    mdcs = {row.code: parts.add_node("mdc", row.code, row.name) for row in pack.mdcs}
    adrgs = {row.code: parts.add_node("adrg", row.code, row.name) for row in pack.adrgs}
    within = [(adrgs[row.code], mdcs[row.parent]) for row in pack.adrgs]
    within += [(parts.add_node("drg", row.code, row.name), adrgs[row.parent]) for row in pack.drgs]
    gates: list[tuple[int, int]] = []
    for row in pack.mdcs:
        for name in dict.fromkeys(principal_sets(row.rule)):
            gates += [(parts.add_node("dx", code), mdcs[row.code]) for code in sorted(pack.sets[name])]
    enters: list[tuple[int, int]] = []
    for row in pack.adrgs:
        for test in positive_tests(row.rule):
            kind: CodeKind = "dx" if test.fields[0] in language.DX_FIELDS else "proc"
            for name in (name for name in test.sets if name in pack.sets):
                enters += [(parts.add_node(kind, code), adrgs[row.code]) for code in sorted(pack.sets[name])]
    levels = [
        (parts.add_node("dx", code), parts.add_node("level", found.level, found.level))
        for code, found in pack.complications.items()
    ]
    parts.add_edges("within", pack.id, within)
    parts.add_edges("gates", pack.id, gates)
    parts.add_edges("enters", pack.id, enters)
    parts.add_edges("complication", pack.id, levels)


def add_facts(parts: Parts, facts: Iterable[Fact]) -> None:
    """What speaks for codes; nodes are the beginnings of codes that the facts name."""
    for fact in facts:
        kind, _, code = fact.node.partition(":")
        source = parts.add_node(kind, code, "、".join(fact.words) if fact.evidence != "lab" else "")
        targets = [parts.add_node(fact.kind, beginning) for beginning in fact.codes]
        parts.add_edges("evidence", f"indications:{fact.line}", [(source, target) for target in targets])


def add_rules(parts: Parts, rules: Iterable[Rule]) -> None:
    """Required and combined pairs, as far as a condition is nothing but tests for codes."""
    levels = _Levels(parts)
    for rule in rules:
        for check in rule.checks:
            relation = _relation(check.condition, rule.category)
            if relation is None or check.exceptions is not None:
                continue
            name, first, second = relation
            sources, targets = (levels.places(kind, codes) for kind, codes in (first, second))
            if len(sources) <= MOST_CODES_OF_A_RULE and len(targets) <= MOST_CODES_OF_A_RULE:
                parts.add_edges(name, rule.id, [(a, b) for a in sources for b in targets if a != b])


Codes = tuple[CodeKind, CodeSet]


def _relation(condition: Node, category: str) -> tuple[Relation, Codes, Codes] | None:
    """``A and not B`` requires B beside A; ``A and B`` of a combination rule wants one code for both."""
    if not isinstance(condition, All) or len(condition.parts) != 2:
        return None
    first, second = condition.parts
    have = _codes(first)
    if have is None:
        return None
    if isinstance(second, Not):
        lacks = _codes(second.part)
        return None if lacks is None else ("requires", have, lacks)
    also = _codes(second)
    return None if also is None or category != "combination" else ("combines", have, also)


def _codes(node: Node) -> Codes | None:
    """The codes that a part asks for: ``dx("...")``, ``proc("...")``, ``principal_dx in "..."``."""
    if isinstance(node, InCodes) and isinstance(node.value, Over) and node.value.name == "first":
        return KIND_OF_GROUP[node.value.group], node.codes
    if not isinstance(node, Over) or node.name != "any" or node.group not in KIND_OF_GROUP:
        return None
    tests = node.arguments[0].parts if isinstance(node.arguments[0], All) else node.arguments
    members = [part for part in tests if isinstance(part, InCodes) and isinstance(part.value, Field)]
    others = [part for part in tests if not isinstance(part, (InCodes, Comparison))]
    return (KIND_OF_GROUP[node.group], members[0].codes) if len(members) == 1 and not others else None


class _Levels:
    """Finds the nodes that a set of codes means, at the level at which it is written."""

    def __init__(self, parts: Parts):
        self._place = parts.places
        self._sorted: dict[tuple[CodeKind, str], list[str]] = {}
        for kind in SYSTEM_OF:
            codes = sorted(code for _, one, code, _ in parts.rows if one == kind)
            short = CATEGORY_LENGTH[kind]
            self._sorted[kind, "category"] = [code for code in codes if len(code) == short]
            self._sorted[kind, "subcategory"] = [code for code in codes if len(code) == SUBCATEGORY_LENGTH]
            self._sorted[kind, "code"] = [code for code in codes if len(code) > SUBCATEGORY_LENGTH]

    def places(self, kind: CodeKind, codes: CodeSet) -> list[int]:
        found = [code for start, end in codes.ranges for code in self._within(kind, start, end)]
        return [self._place[f"{kind}:{code}"] for code in dict.fromkeys(found)]

    def _within(self, kind: CodeKind, start: str, end: str) -> Iterator[str]:
        length = len(end.rstrip("."))
        level = "code" if length > SUBCATEGORY_LENGTH else "subcategory"
        if length <= CATEGORY_LENGTH[kind]:
            level = "category"
        listed: Sequence[str] = self._sorted[kind, level]
        for place in range(bisect_left(listed, start), len(listed)):
            if listed[place][: len(end)] > end:
                return
            yield listed[place]


def add_together(parts: Parts, found: Together) -> None:
    """What the hospital's own cases have together, in both directions."""
    places = []
    for id, name in found.names.items():
        kind, _, code = id.partition(":")
        places.append(parts.add_node(kind, code, name))
    node = np.array(places, np.int64)
    lift = found.lift
    for first, second in ((found.first, found.second), (found.second, found.first)):
        confidence = found.both / found.counts[first]
        parts.blocks.append(
            Block("together", found.origin, node[first], node[second], found.both, confidence, lift)
        )
