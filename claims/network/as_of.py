"""What the network knew of a claim on the day before it.

The ties are replayed in the order of their days; before those of a day are made, the claims of that day are answered.
So a claim sees ties of strictly earlier days, and its own facts: its person, phone and account. A later claim changes
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.network.graph import MEMORY, TIE_KINDS, TOGETHER, Graph, build_graph, sql_text
from claims.network.visits import read_visits
from drg.analytics.database import query

FEATURES = ("network_size", "phone_persons", "account_persons", "together_persons")


def network_features(paths: Sequence[Path], key: bytes | None = None, memory: str = MEMORY) -> pa.Table:
    """``case_id`` and ``FEATURES`` of the visits of files or a results folder, without building anything on the disk.

    For risk models, which must not see the measures of the whole set. ``memory``: as of ``build_graph``. Raises as
    ``read_visits``.
    """
    visits = read_visits(paths, key).table
    return as_of_claims(build_graph(visits, memory=memory)).add_column(0, "case_id", visits.column("case_id"))


def as_of_claims(graph: Graph) -> pa.Table:
    """``FEATURES`` of each visit, in order: see ``claims/risk/features.csv``. No phone, no number of its persons.

    A phone or account of more persons than ``shared_by_most`` ties only those who used it first.
    """
    asked = query(sql_text("as_of"), visit=graph.visit)
    made = _events(graph)
    nodes = np.column_stack([_numbers(asked, name) for name in ("person", "phone", "account")])
    seen = np.column_stack([np.asarray(asked.column(f"{name}_seen")) for name in ("phone", "account")])
    answers = np.zeros((len(asked), len(FEATURES)), np.int32)
    _replay(
        made.column("day").to_numpy(),
        made.column("a").to_numpy(),
        made.column("b").to_numpy(),
        np.asarray(made.column("is_together")),
        asked.column("day").to_numpy(),
        nodes,
        seen,
        np.arange(len(graph.nodes)),
        graph.nodes.span("person")[1],
        graph.limits["shared_by_most"],
        answers,
    )
    in_order = answers[np.argsort(asked.column("case_row").to_numpy())]
    columns = {name: pa.array(in_order[:, place]) for place, name in enumerate(FEATURES)}
    for name in ("phone", "account"):
        known = graph.visit.column(name).is_valid().combine_chunks()
        columns[f"{name}_persons"] = pc.if_else(
            known, columns[f"{name}_persons"], pa.scalar(None, pa.int32())
        )
    return pa.table(columns)


def _events(graph: Graph) -> pa.Table:
    """The ties by day; those of one day in a fixed order."""
    ties = graph.edges.filter(pc.is_in(graph.edges.column("kind"), pa.array(TIE_KINDS)))
    days = ties.column("first_day").cast(pa.int32()).cast(pa.int64())
    made = pa.table(
        {
            "day": days,
            "a": ties.column("a").cast(pa.int64()),
            "b": ties.column("b").cast(pa.int64()),
            "is_together": pc.equal(ties.column("kind"), TOGETHER),
        }
    )
    return made.sort_by([("day", "ascending"), ("b", "ascending"), ("a", "ascending")])


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = pc.fill_null(table.column(name).cast(pa.int64()), -1).to_numpy()
    return found


@numba.njit(cache=True)
def _root(parent, node):  # type: ignore[no-untyped-def]
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True)
def _tie(parent, size, one, other):  # type: ignore[no-untyped-def]
    """Make one component of two; its root knows how many persons it has."""
    one, other = _root(parent, one), _root(parent, other)
    if one != other:
        if size[one] < size[other]:
            one, other = other, one
        parent[other] = one
        size[one] += size[other]


@numba.njit(cache=True)
def _persons_with(parent, size, nodes):  # type: ignore[no-untyped-def]
    """Persons of the components of a few nodes together; -1 is no node."""
    roots = [_root(parent, node) for node in nodes if node >= 0]
    return sum([size[root] for place, root in enumerate(roots) if root not in roots[:place]])


@numba.njit(cache=True)
def _replay(days, a, b, is_together, asked_days, nodes, seen, parent, persons, most, answers):  # type: ignore[no-untyped-def]
    """``tied``: of a person how many it was admitted together with, of a phone or account how many persons used it."""
    size = np.zeros(len(parent), np.int32)
    size[:persons] = 1
    tied = np.zeros(len(parent), np.int32)
    event = 0
    for i in range(len(asked_days)):
        while event < len(days) and days[event] < asked_days[i]:
            tied[b[event]] += 1
            tied[a[event]] += is_together[event]
            if is_together[event] or tied[b[event]] <= most:
                _tie(parent, size, a[event], b[event])
            event += 1
        for k in range(1, 3):
            if nodes[i, k] >= 0:
                answers[i, k] = tied[nodes[i, k]] - seen[i, k - 1]
                if tied[nodes[i, k]] > most:
                    nodes[i, k] = -1
        answers[i, 0] = _persons_with(parent, size, nodes[i])
        answers[i, 3] = tied[nodes[i, 0]]
