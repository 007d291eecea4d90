"""The graph as arrays, and the questions that it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.codes.normalise import normalise_code
from drg.coding.graph.levels import category_of, subcategory_of

if TYPE_CHECKING:
    import networkx as nx  # type: ignore[import-untyped]

Kind = Literal["dx", "proc", "drug", "lab", "symptom", "fee", "level", "mdc", "adrg", "drg"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Relation = Literal[
    "part_of", "complication", "gates", "enters", "within", "requires", "combines", "evidence", "together"
]
"""``part_of``: a code and its category; ``complication``: a diagnosis and its level; ``gates``: a principal diagnosis
and the MDC that it opens; ``enters``: a code and an ADRG that asks for it; ``within``: a group and the one above it;
``requires``: a rule wants the second beside the first; ``combines``: a rule wants one code for both; ``evidence``: a
finding and the diagnosis or procedure that it speaks for; ``together``: seen together in the hospital's own cases."""
RELATIONS: tuple[Relation, ...] = get_args(Relation)

NODE_SCHEMA = pa.schema([(name, pa.string()) for name in ("node", "kind", "code", "name")])
"""``node`` is ``kind:code`` and unique; a category is a node with the code that its members begin with."""

EDGE_SCHEMA = pa.schema(
    [
        ("source", pa.int32()),
        ("target", pa.int32()),
        ("relation", pa.dictionary(pa.int8(), pa.string())),
        ("origin", pa.dictionary(pa.int32(), pa.string())),
        ("cases", pa.int64()),
        ("confidence", pa.float32()),
        ("lift", pa.float32()),
    ]
)
"""Ordered by ``source``, a place in the nodes like ``target``. ``origin``: the catalogue edition, the scheme, the rule
or the line of a fact. ``cases``: how many cases have both; ``confidence``: the share of the source's cases that have
the target; ``lift``: how much more often than by chance; all three null but for ``together``."""

Places = npt.NDArray[np.int64]
MOST_NODES = 500
MOST_MINED = 50
"""Mined pairs that are told as evidence for one code."""
_SHOWN_PER_RELATION = 12
_UP: tuple[Relation, ...] = ("gates", "enters")


@dataclass(frozen=True, slots=True)
class Node:
    """A node: ``kind``, ``code`` and Chinese name."""

    kind: Kind
    code: str
    name: str

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.code}"


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge with its two nodes; see ``EDGE_SCHEMA``."""

    source: Node
    target: Node
    relation: Relation
    origin: str
    cases: int | None = None
    confidence: float | None = None
    lift: float | None = None


class Graph:
    """Nodes in ``NODE_SCHEMA`` and edges in ``EDGE_SCHEMA``. Queries touch only what they return."""

    def __init__(self, nodes: pa.Table, edges: pa.Table, information: Mapping[str, object] | None = None):
        self.nodes = nodes.combine_chunks()
        self.edges = edges.combine_chunks()
        self.information = dict(information or {})
        self._sources = _numbers(self.edges, "source")
        self._targets = _numbers(self.edges, "target")
        self._starts = np.searchsorted(self._sources, np.arange(len(nodes) + 1))
        relation = self.edges.column("relation").combine_chunks()
        names = relation.dictionary.to_pylist() if len(edges) else []
        self._relation = np.asarray(relation.indices.to_numpy()) if len(edges) else np.zeros(0, np.int8)
        self._relation_number = {name: number for number, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {id: place for place, id in enumerate(self.nodes.column("node").to_pylist())}

    @cached_property
    def _by_target(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The edges ordered by target, and where those of each node begin."""
        order = np.argsort(self._targets, kind="stable")
        return order, np.searchsorted(self._targets[order], np.arange(len(self.nodes) + 1))

    def node(self, id: str) -> Node | None:
        """The node ``kind:code``."""
        place = self._place.get(id)
        return None if place is None else self._node(place)

    def find(self, text: str) -> Node | None:
        """The node that a text names: its id, or its code however it is written; the first kind that has it."""
        for code in dict.fromkeys((text, normalise_code(text))):
            for id in (code, *(f"{kind}:{code}" for kind in KINDS)):
                if found := self.node(id):
                    return found
        return None

    def edges_from(self, node: Node, *relations: Relation) -> list[Edge]:
        """Edges that begin at a node, of these relations (of any without one)."""
        return self._edges(self._places(node, False, relations))

    def edges_to(self, node: Node, *relations: Relation) -> list[Edge]:
        """Edges that end at a node, of these relations (of any without one)."""
        return self._edges(self._places(node, True, relations))

    def _places(self, node: Node, incoming: bool, relations: Sequence[str]) -> Places:
        """The places of the edges from or to a node."""
        place = self._place.get(node.id, -1)
        if place < 0:
            return np.zeros(0, np.int64)
        if incoming:
            order, starts = self._by_target
            found = order[starts[place] : starts[place + 1]]
        else:
            found = np.arange(self._starts[place], self._starts[place + 1])
        if relations:
            numbers = [self._relation_number[name] for name in relations if name in self._relation_number]
            found = found[np.isin(self._relation[found], numbers)]
        return found

    def _node(self, place: int) -> Node:
        return self._nodes(np.array([place]))[0]

    def _nodes(self, places: Places) -> list[Node]:
        rows = self.nodes.select(["kind", "code", "name"]).take(pa.array(places))
        columns = (column.to_pylist() for column in rows.columns)
        return [Node(cast(Kind, kind), code, name) for kind, code, name in zip(*columns, strict=True)]

    def _edges(self, places: Places) -> list[Edge]:
        """The edges at places: decoded together, for single values cost as much as a table."""
        if not len(places):
            return []
        ends = np.concatenate([self._sources[places], self._targets[places]])
        distinct, which = np.unique(ends, return_inverse=True)
        nodes = self._nodes(distinct)
        rows = self.edges.select(EDGE_SCHEMA.names[2:]).take(pa.array(places))
        columns = [column.to_pylist() for column in rows.columns]
        count = len(places)
        return [
            Edge(nodes[which[number]], nodes[which[count + number]], *values)
            for number, values in enumerate(zip(*columns, strict=True))
        ]

    @cached_property
    def _lift(self) -> npt.NDArray[np.float64]:
        return _floats(self.edges, "lift")

    @cached_property
    def _confidence(self) -> npt.NDArray[np.float64]:
        return _floats(self.edges, "confidence")

    def family(self, node: Node) -> list[Node]:
        """The node, its subcategory and its category, as far as they are nodes."""
        return [one for one in self._family(node) if one is not None]

    def _family(self, node: Node) -> Iterator[Node | None]:
        yield node
        if node.kind in ("dx", "proc"):
            for code in (subcategory_of(node.kind, node.code), category_of(node.kind, node.code)):
                if code != node.code:
                    yield self.node(f"{node.kind}:{code}")

    def evidence(self, text: str) -> list[Edge]:
        """What speaks for a code: facts, and what the hospital's cases have it with, strongest first.

        What is known of its subcategory and category counts for it too.
        """
        node = self.find(text)
        if node is None:
            return []
        family = self.family(node)
        facts = self._edges(np.concatenate([self._places(one, True, ("evidence",)) for one in family]))
        mined = np.concatenate([self._places(one, True, ("together",)) for one in family])
        strongest = mined[np.argsort(-self._lift[mined], kind="stable")][:MOST_MINED]
        return facts + self._edges(strongest)

    def companions(self, codes: Iterable[str], confidence: float) -> list[Edge]:
        """Diagnoses that at least this share of the cases with one of ``codes`` has too, and none of ``codes`` is.

        They say where to look, and nothing about this patient.
        """
        own = self._families(codes)
        places = np.concatenate(
            [np.zeros(0, np.int64), *(self._places(one, False, ("together",)) for one in own.values())]
        )
        found: dict[str, Edge] = {}
        for edge in sorted(self._edges(places[self._confidence[places] >= confidence]), key=_strength):
            if edge.target.kind == "dx" and edge.target.id not in own:
                found.setdefault(edge.target.id, edge)
        return list(found.values())

    def _families(self, codes: Iterable[str]) -> dict[str, Node]:
        """The nodes of codes and of the levels above them, by id."""
        nodes = (node for code in codes if (node := self.find(code)))
        return {one.id: one for node in nodes for one in self.family(node)}

    def explains(self, procedure: str, diagnoses: Iterable[str]) -> Edge | None:
        """Why one of ``diagnoses`` explains a procedure: the group that asks for the procedure lies in an MDC that the
        diagnosis opens, or a fact or the hospital's own cases tie them. ``None`` where nothing does."""
        node = self.node(f"proc:{normalise_code(procedure)}") or self.find(procedure)
        if node is None:
            return None
        ours = self._families(diagnoses)
        wanted = [self._place[id] for id in ours]
        for one in self.family(node):
            places = self._places(one, False, ("together", "requires"))
            tied = places[np.isin(self._targets[places], wanted)]
            if len(tied):
                return self._edges(tied[:1])[0]
        opened = np.concatenate(
            [np.zeros(0, np.int64), *(self._places(one, False, _UP) for one in ours.values())]
        )
        groups = self._targets[self._places(node, False, _UP)]
        reached = {*groups.tolist(), *(above for group in groups.tolist() for above in self._above(group))}
        fitting = opened[np.isin(self._targets[opened], list(reached))]
        return self._edges(fitting[:1])[0] if len(fitting) else None

    def _above(self, place: int) -> list[int]:
        """The places of the groups above a group."""
        edges = np.arange(self._starts[place], self._starts[place + 1])
        within = self._relation[edges] == self._relation_number.get("within", -1)
        return [int(target) for target in self._targets[edges[within]]]

    def groups_of(self, node: Node) -> list[Edge]:
        """The ADRGs and MDCs that a code leads to."""
        return self.edges_from(node, *_UP)

    def path(self, text: str, group: str) -> list[Edge] | None:
        """The shortest way from a code to an MDC, ADRG or DRG; ``None`` where the scheme has none.

        The last edges are ``within``, read from the larger group down.
        """
        node = self.find(text)
        above = self._groups_above(group)
        if node is None or not above:
            return None
        for length, target in enumerate(above):
            for edge in self.groups_of(node):
                if edge.target.id == target.id:
                    return [edge, *self._down(above[: length + 1])]
        return None

    def _groups_above(self, group: str) -> list[Node]:
        """A group, the one above it, and so on."""
        found = next(
            (node for kind in ("drg", "adrg", "mdc") if (node := self.node(f"{kind}:{group}"))), None
        )
        chain: list[Node] = []
        while found is not None:
            chain.append(found)
            found = next((edge.target for edge in self.edges_from(found, "within")), None)
        return chain

    def _down(self, chain: Sequence[Node]) -> list[Edge]:
        return [self.edges_from(lower, "within")[0] for lower in reversed(chain[:-1])]

    def neighbourhood(self, text: str, most: int = 40) -> nx.MultiDiGraph:
        """The surroundings of a code as a networkx graph of at most ``most`` nodes; empty where there is no such node.

        Node keys are node ids with ``kind``, ``code``, ``name``; the middle has ``middle`` true. Of each relation the
        first edges are taken, of ``together`` those with the highest lift.
        """
        import networkx

        graph = networkx.MultiDiGraph()
        middle = self.find(text)
        if middle is None:
            return graph
        _add_node(graph, middle, True)
        waiting = self.family(middle)[:most]
        for above in waiting[1:]:
            _add_node(graph, above, False)
        seen: set[tuple[str, str, str, str]] = set()
        while waiting and len(graph) < most:
            node = waiting.pop(0)
            for edge in self._surroundings(node, node == middle):
                ends = (edge.source, edge.target)
                new = [one for one in ends if one.id not in graph]
                if len(graph) + len(new) > min(most, MOST_NODES):
                    continue
                for one in new:
                    _add_node(graph, one, False)
                    if one.kind in ("adrg", "drg"):
                        waiting.append(one)
                key = (edge.source.id, edge.target.id, edge.relation, edge.origin)
                if key not in seen:
                    seen.add(key)
                    graph.add_edge(edge.source.id, edge.target.id, **_attributes(edge))
        return graph

    def _surroundings(self, node: Node, is_middle: bool) -> list[Edge]:
        if node.kind in ("mdc", "adrg", "drg") and not is_middle:
            return self.edges_from(node, "within")
        places = []
        for relation in RELATIONS:
            both = [self._places(node, incoming, (relation,)) for incoming in (False, True)]
            found = np.concatenate(both)
            if relation == "together":
                found = found[np.argsort(-self._lift[found], kind="stable")]
            places.append(found[:_SHOWN_PER_RELATION])
        return self._edges(np.concatenate(places))


def _strength(edge: Edge) -> tuple[float, float, str, str]:
    return -(edge.lift or 0), -(edge.confidence or 0), edge.target.id, edge.source.id


def _add_node(graph: nx.MultiDiGraph, node: Node, middle: bool) -> None:
    graph.add_node(node.id, kind=node.kind, code=node.code, name=node.name, middle=middle)


def _attributes(edge: Edge) -> dict[str, object]:
    known = {name: getattr(edge, name) for name in ("cases", "confidence", "lift")}
    return {
        "relation": edge.relation,
        "origin": edge.origin,
        **{name: value for name, value in known.items() if value is not None},
    }


def _floats(table: pa.Table, column: str) -> npt.NDArray[np.float64]:
    """A column of numbers; 0 where there is none."""
    filled = pc.fill_null(table.column(column), 0).cast(pa.float64()).combine_chunks()
    return np.asarray(filled.to_numpy())


def _numbers(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    if not table.num_rows:
        return np.zeros(0, np.int64)
    return np.asarray(pc.cast(table.column(column), pa.int64()).combine_chunks().to_numpy())
