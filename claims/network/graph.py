"""The nodes and edges of a table of visits, by SQL over numbers of nodes: ids of the input never come into a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.across.database import opened
from claims.network.settings import node_kinds, settings

TIE_KINDS = ("phone", "account", "together")
"""Edges that make a component. A hospital, doctor or agent has many persons who know nothing of each other."""
TOGETHER = "together"
MEMORY = "2GB"

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Nodes:
    """``ids``: by number, ordered by kind (``node_kinds``) and id. ``starts``: first number of each kind, the end."""

    ids: pa.Array
    starts: tuple[int, ...]

    def __len__(self) -> int:
        return self.starts[-1]

    def span(self, kind: str) -> tuple[int, int]:
        """The numbers of a kind: from, up to."""
        place = node_kinds().index(kind)
        return self.starts[place], self.starts[place + 1]

    def kinds(self) -> pa.Array:
        """The kind of each node."""
        places = np.repeat(np.arange(len(node_kinds()), dtype=np.int8), np.diff(self.starts))
        return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(node_kinds())).cast(pa.string())


@dataclass(frozen=True)
class Graph:
    """``visit``: the visits with numbers for ids. ``edges``: ``a``, ``b``, ``kind``, ``weight``, ``amount_fen``,
    ``first_day`` (of joint admissions: the day since which the pair is tied), ``last_day``; ``a`` is a person.
    ``is_hub``: phones and accounts that tie nobody, by node. ``crowded_stays``: stays that were not all paired.
    ``limits``: what it was built with, section ``ties`` of ``settings.toml``.
    """

    nodes: Nodes
    visit: pa.Table
    edges: pa.Table
    is_hub: Mask
    crowded_stays: int
    limits: Mapping[str, float]

    def ties(self) -> pa.Table:
        """The edges that make components: over phones and accounts that are no hubs, and being admitted together."""
        kind = self.edges.column("kind")
        hub = pa.array(self.is_hub[self.edges.column("b").to_numpy()])
        return self.edges.filter(pc.and_not(pc.is_in(kind, pa.array(TIE_KINDS)), hub))


def build_graph(visits: pa.Table, limits: Mapping[str, float] | None = None, memory: str = MEMORY) -> Graph:
    """The graph of visits (``claims.network.visits.VISIT_SCHEMA``). ``limits``: else those of ``settings.toml``;
    ``memory``: of the queries, which spill to the disk beyond it."""
    limits = settings()["ties"] if limits is None else limits
    nodes, visit = _numbered(visits)
    setting = pa.table({name: [value] for name, value in limits.items()})
    with opened(memory) as database:
        database.register("visit", visit)
        database.register("setting", setting)
        shared, together, left_out = (
            database.sql(sql_text(name)).to_arrow_table() for name in ("edges", "together", "left_out")
        )
    edges = pa.concat_tables([shared, together.cast(shared.schema)])
    return Graph(
        nodes, visit, edges, _hubs(nodes, shared, limits), left_out.column("stays")[0].as_py(), limits
    )


def sql_text(name: str) -> str:
    """A query of this package."""
    return Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")


def _numbered(visits: pa.Table) -> tuple[Nodes, pa.Table]:
    """The nodes, and the visits with their numbers."""
    ids, starts = [], [0]
    found: dict[str, pa.Array] = {}
    for kind in node_kinds():
        distinct, places = _places(visits, kind)
        found[kind] = pc.add(places, pa.scalar(starts[-1], pa.int32()))
        ids.append(distinct)
        starts.append(starts[-1] + len(distinct))
    visit = visits.select(["admission_date", "day", "total_cost_fen"])
    for kind, numbers in found.items():
        visit = visit.append_column(kind, numbers)
    visit = visit.append_column("department", _places(visits, "department")[1])
    bands = pa.array(settings()["risk"]["bands"])
    visit = visit.append_column("rank", pc.index_in(visits.column("band"), value_set=bands))
    visit = visit.append_column("case_row", pa.array(np.arange(len(visits))))
    return Nodes(pa.concat_arrays(ids), tuple(starts)), visit


def _places(visits: pa.Table, name: str) -> tuple[pa.Array, pa.Array]:
    """The distinct texts of a column in their order, and for each row its place among them."""
    given = visits.column(name).combine_chunks()
    distinct = given.unique().drop_null()
    distinct = distinct.take(pc.sort_indices(distinct))
    if not len(distinct):
        return distinct, pa.nulls(len(given), pa.int32())
    return distinct, pc.index_in(given, value_set=distinct)


def _hubs(nodes: Nodes, shared: pa.Table, limits: Mapping[str, float]) -> Mask:
    ties = shared.filter(pc.is_in(shared.column("kind"), pa.array(TIE_KINDS)))
    persons = np.bincount(ties.column("b").to_numpy(), minlength=len(nodes))
    found: Mask = persons > limits["shared_by_most"]
    return found
