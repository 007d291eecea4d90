"""Components, communities and measures of the whole network: for looking at, not for features (see ``as_of``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.network.communities import label_propagation, louvain
from claims.network.graph import TOGETHER, Graph, Ints, sql_text
from claims.network.settings import settings
from drg.analytics.database import query


@dataclass(frozen=True)
class Measures:
    """``component``: of each node its component, the least number of its nodes; -1 where it has none.

    ``components``: one row a component of two persons or more. ``persons``: one row a person.
    """

    component: Ints
    components: pa.Table
    persons: pa.Table


def measure(graph: Graph) -> Measures:
    """The measures of a graph; the same graph has the same ones."""
    ties = graph.ties()
    component = connected(len(graph.nodes), ties)
    no_part = graph.is_hub.copy()
    for kind in ("hospital", "doctor", "agent"):
        start, end = graph.nodes.span(kind)
        no_part[start:end] = True
    component[no_part] = -1
    member = pa.table(
        {"node": np.arange(len(component)), "component": component, "kind": graph.nodes.kinds()}
    ).filter(pa.array(component >= 0))
    setting = pa.table({name: [value] for name, value in settings()["groups"].items()})
    found = query(sql_text("components"), member=member, tie=ties, visit=graph.visit, setting=setting)
    kind = graph.edges.column("kind")
    persons = query(
        sql_text("persons"),
        member=member,
        component=found,
        placed=_placed(component, found, ties),
        shared=graph.edges.filter(pc.is_in(kind, pa.array(["phone", "account"]))),
        together=graph.edges.filter(pc.equal(kind, TOGETHER)),
    )
    return Measures(component, found, persons)


def connected(nodes: int, ties: pa.Table) -> Ints:
    """The component of each node: the least number of a node in it."""
    from scipy.sparse import coo_array  # type: ignore[import-untyped]
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

    a, b = ties.column("a").to_numpy(), ties.column("b").to_numpy()
    matrix = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(nodes, nodes))
    _, labels = connected_components(matrix, directed=False)
    least = np.full(nodes, nodes, np.int64)
    np.minimum.at(least, labels, np.arange(nodes))
    found: Ints = least[labels]
    return found


def _placed(component: Ints, components: pa.Table, ties: pa.Table) -> pa.Table:
    """Community and betweenness of the nodes of components that are larger than a household."""
    large = components.filter(pc.greater(components.column("persons"), settings()["groups"]["household"]))
    parts = [_placed_in(a, b, weight) for a, b, weight in _divided(component, large, _shared(ties))]
    if not parts:
        return pa.table({"node": pa.array([], pa.int64()), "community": pa.array([], pa.int64()),
                         "betweenness": pa.array([], pa.float64())})  # fmt: skip
    return pa.concat_tables(parts)


def _shared(ties: pa.Table) -> pa.Table:
    """Without the phones and accounts of one person only: they hold nobody together."""
    ends = ties.column("b").to_numpy()
    alone = np.bincount(ends)[ends] == 1 if len(ends) else np.zeros(0, np.bool_)
    together = pc.equal(ties.column("kind"), TOGETHER)
    return ties.filter(pc.or_(together, pa.array(~alone)))


def _divided(component: Ints, large: pa.Table, ties: pa.Table) -> Iterator[tuple[Ints, Ints, Ints]]:
    """The ties of each of these components: ``a``, ``b``, ``weight``."""
    of_tie = component[ties.column("a").to_numpy()]
    order = np.argsort(of_tie, kind="stable")
    columns = [ties.column(name).to_numpy()[order].astype(np.int64) for name in ("a", "b", "weight")]
    wanted = large.column("component").to_numpy()
    starts, ends = (np.searchsorted(of_tie[order], wanted, side) for side in ("left", "right"))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        a, b, weight = (column[start:end] for column in columns)
        yield a, b, weight


def _placed_in(a: Ints, b: Ints, weight: Ints) -> pa.Table:
    """Community and betweenness of the nodes of one component; betweenness only where it is small."""
    import networkx as nx  # type: ignore[import-untyped]

    limits = settings()["groups"]
    nodes, ends = np.unique(np.concatenate([a, b]), return_inverse=True)
    between = np.full(len(nodes), np.nan)
    if len(nodes) > limits["most_louvain_nodes"]:
        community = label_propagation(ends[: len(a)], ends[len(a) :], weight, limits["rounds"])
        return _table(nodes, nodes[community], between)
    graph = nx.Graph()
    graph.add_nodes_from(nodes.tolist())
    graph.add_weighted_edges_from(zip(a.tolist(), b.tolist(), weight.tolist(), strict=True))
    community = louvain(graph, limits["seed"])
    if len(nodes) <= limits["most_betweenness_nodes"]:
        found = nx.betweenness_centrality(graph)
        between = np.round([found[node] for node in nodes.tolist()], 6)
    return _table(nodes, community, between)


def _table(nodes: Ints, community: Ints, between: npt.NDArray[np.float64]) -> pa.Table:
    return pa.table(
        {
            "node": nodes.astype(np.int64),
            "community": community.astype(np.int64),
            "betweenness": pa.array(between, from_pandas=True),
        }
    )
