"""The surroundings of one node, small enough to be looked at; what was left out is counted."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.intake import MOST_ID_LENGTH
from claims.network.graph import TIE_KINDS
from claims.network.settings import node_kinds, settings
from claims.network.store import manifest, read


@dataclass(frozen=True)
class EgoNode:
    """``key``: kind and id, ``person:P1``. ``risk``: the worst band of its claims; None where none is known.

    ``hop``: 0 the node itself. ``is_expanded``: its own neighbours were looked at. ``degree``: neighbours in all.
    """

    key: str
    kind: str
    id: str
    claims: int
    amount_fen: int | None
    risk: str | None
    degree: int
    hop: int
    is_expanded: bool


@dataclass(frozen=True)
class EgoEdge:
    """``weight``: claims, or occasions of admission together. ``kind``: what ties them."""

    source: str
    target: str
    kind: str
    weight: int
    amount_fen: int | None
    first_day: dt.date
    last_day: dt.date


@dataclass(frozen=True)
class Ego:
    """``nodes``: the node first, then by hop and importance. ``left_out``: neighbours not shown, by kind.

    ``not_expanded``: shown nodes with too many neighbours to draw them in (their number is ``degree``).
    """

    nodes: tuple[EgoNode, ...]
    edges: tuple[EgoEdge, ...]
    left_out: dict[str, int]
    not_expanded: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values; days as ``yyyy-MM-dd``."""
        edges = [
            asdict(edge) | {"first_day": str(edge.first_day), "last_day": str(edge.last_day)}
            for edge in self.edges
        ]
        nodes = [asdict(node) for node in self.nodes]
        return {
            "nodes": nodes,
            "edges": edges,
            "left_out": self.left_out,
            "not_expanded": list(self.not_expanded),
        }


def ego(folder: Path, node: str, hops: int = 1, most: int | None = None) -> Ego:
    """The node, its neighbours, and with ``hops=2`` theirs: at most ``most`` nodes (150 without it, never more).

    ``node``: kind and id (``hospital:H1``), or the id of a person. Nearer nodes come first; of one hop those tied by
    phone, account or joint admission, then the worse band, the larger amount, the id. Raises ``InputError``.
    """
    limits = settings()["ego"]
    most = limits["most_nodes"] if most is None else most
    if hops not in (1, 2) or not 1 <= most <= limits["most_nodes"]:
        raise input_error("network.ego_size", most=limits["most_nodes"])
    manifest(folder)
    start = _number_of(folder, node)
    hop = {start: 0}
    met: set[int] = {start}
    expanded: list[int] = []
    frontier = [start]
    for distance in range(1, hops + 1):
        reached, opened = _neighbours(folder, frontier, hop)
        expanded += opened
        met.update(reached)
        frontier = reached[: most - len(hop)]
        hop.update(dict.fromkeys(frontier, distance))
    return _ego(folder, hop, met, set(expanded))


def _number_of(folder: Path, node: str) -> int:
    kind, _, id = node.partition(":")
    if kind not in node_kinds():
        kind, id = "person", node
    found = read(folder, "nodes", ["node"], [("kind", "=", kind), ("id", "=", id)])
    if not len(found):
        raise input_error("network.no_node", str(folder), node=node[:MOST_ID_LENGTH])
    number: int = found.column("node")[0].as_py()
    return number


def _neighbours(folder: Path, frontier: list[int], shown: dict[int, int]) -> tuple[list[int], list[int]]:
    """The neighbours of these nodes that are not shown yet, the most important first; and the nodes looked at.

    Of nodes with too many neighbours none are drawn in, but for the node in the middle.
    """
    nodes = _rows(folder, frontier)
    few = pc.less_equal(nodes.column("degree"), settings()["ego"]["most_expanded"])
    opened = frontier if len(shown) == 1 else nodes.filter(few).column("node").to_pylist()
    edges = (
        read(folder, "edges", ["source", "target", "kind"], [("source", "in", opened)]) if opened else None
    )
    if edges is None or not len(edges):
        return [], opened
    is_new = pc.invert(pc.is_in(edges.column("target"), pa.array(list(shown), edges.column("target").type)))
    edges = edges.filter(is_new)
    tied = edges.filter(pc.is_in(edges.column("kind"), pa.array(TIE_KINDS))).column("target").unique()
    found = _rows(folder, edges.column("target").unique().to_pylist())
    ranks = pc.fill_null(
        pc.index_in(found.column("risk"), value_set=pa.array(settings()["risk"]["bands"])),
        len(settings()["risk"]["bands"]),
    )
    ordered = found.append_column("tied", pc.is_in(found.column("node"), tied).cast(pa.int8()))
    ordered = ordered.append_column("rank", ranks).sort_by(
        [("tied", "descending"), ("rank", "ascending"), ("amount_fen", "descending"), ("node", "ascending")]
    )
    return ordered.column("node").to_pylist(), opened


def _rows(folder: Path, numbers: Iterable[int]) -> pa.Table:
    wanted = sorted(numbers)
    if not wanted:
        return read(folder, "nodes").slice(0, 0)
    return read(folder, "nodes", filters=[("node", "in", wanted)])


def _ego(folder: Path, hop: dict[int, int], met: set[int], expanded: set[int]) -> Ego:
    rows = {row["node"]: row for row in _rows(folder, hop).to_pylist()}
    nodes = [_node(rows[number], distance, number in expanded) for number, distance in hop.items()]
    keys = {number: node.key for number, node in zip(hop, nodes, strict=True)}
    left_out = Counter(_rows(folder, met - set(hop)).column("kind").to_pylist())
    return Ego(
        nodes=tuple(nodes),
        edges=tuple(
            _edges_among(folder, keys, [number for number in hop if rows[number]["kind"] == "person"])
        ),
        left_out=dict(sorted(left_out.items())),
        not_expanded=tuple(
            node.key
            for node in nodes
            if not node.is_expanded and node.degree > settings()["ego"]["most_expanded"]
        ),
    )


def _node(row: dict[str, Any], hop: int, is_expanded: bool) -> EgoNode:
    return EgoNode(
        key=f"{row['kind']}:{row['id']}",
        hop=hop,
        is_expanded=is_expanded,
        **{name: row[name] for name in ("kind", "id", "claims", "amount_fen", "risk", "degree")},
    )


def _edges_among(folder: Path, keys: dict[int, str], persons: list[int]) -> Iterable[EgoEdge]:
    """The edges between shown nodes, each once: every edge has a person at one end, so those of persons are all."""
    if not persons:
        return
    among = [("source", "in", persons), ("target", "in", list(keys))]
    for row in read(folder, "edges", filters=among).to_pylist():
        if row["kind"] != "together" or row["source"] < row["target"]:
            yield EgoEdge(**row | {"source": keys[row["source"]], "target": keys[row["target"]]})
