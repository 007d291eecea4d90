"""Parts of a component whose nodes are tied more to each other than to the rest. The name of one is its least node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims.network.graph import Ints

if TYPE_CHECKING:
    import networkx as nx  # type: ignore[import-untyped]


def louvain(graph: nx.Graph, seed: int) -> Ints:
    """The community of each node, in the order of the nodes; the same graph and seed give the same one."""
    import networkx as nx

    found = nx.community.louvain_communities(graph, seed=seed)
    name = {node: min(community) for community in found for node in community}
    return np.array([name[node] for node in graph], np.int64)


def label_propagation(a: Ints, b: Ints, weight: Ints, rounds: int) -> Ints:
    """The community of each of the nodes 0 to n - 1 of a component too large for :func:`louvain`.

    In each round every other node, by turns those of even and odd number, takes the label with most weight among its
    neighbours (its own counts as one more tie; the least label where several have most).
    """
    source, target = np.concatenate([a, b]), np.concatenate([b, a])
    weights = np.concatenate([weight, weight])
    labels = np.arange(int(source.max()) + 1, dtype=np.int64)
    for turn in range(2 * rounds):
        wanted = _strongest(source, labels[target], weights, labels)
        mine = np.arange(len(labels)) % 2 == turn % 2
        new = np.where(mine, wanted, labels)
        if np.array_equal(wanted, labels):
            break
        labels = new
    return _least_member(labels)


def _strongest(source: Ints, label: Ints, weight: Ints, own: Ints) -> Ints:
    """For each node the label with most weight around it."""
    count = len(own)
    keys = np.concatenate([source * count + label, np.arange(count) * count + own])
    weights = np.concatenate([weight, np.ones(count, np.int64)])
    distinct, places = np.unique(keys, return_inverse=True)
    votes = np.bincount(places, weights=weights)
    order = np.lexsort((distinct % count, -votes, distinct // count))
    first = np.unique(distinct[order] // count, return_index=True)[1]
    found: Ints = (distinct % count)[order][first]
    return found


def _least_member(labels: Ints) -> Ints:
    """Each label replaced by the least node that has it."""
    _, first, places = np.unique(labels, return_index=True, return_inverse=True)
    found: Ints = first[places]
    return found
