"""A network as a folder: nodes, edges, measures as Parquet, and a manifest with their hashes. It appears whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.errors import input_error
from claims.network.as_of import as_of_claims
from claims.network.graph import MEMORY, Graph, build_graph
from claims.network.measures import Measures, measure
from claims.network.settings import node_kinds, settings
from claims.network.visits import Visits, read_visits
from drg.disk import file_hash, new_folder

FORMAT = 1
MANIFEST = "manifest.json"
TABLES = ("nodes", "edges", "components", "measures", "as_of", "rejected")
ROW_GROUP = 50_000
MOST_MANIFEST = 2**20


@dataclass(frozen=True)
class Report:
    """What was built. ``nodes`` and ``edges``: counts by kind. ``missing``: kinds of nodes that no input had.

    ``hubs``: phones and accounts of too many persons to tie them. ``crowded_stays``: stays that were not all paired.
    """

    claims: int
    rejected: int
    nodes: dict[str, int]
    edges: dict[str, int]
    missing: tuple[str, ...]
    components: int
    largest: int
    hubs: int
    crowded_stays: int


def build_network(
    paths: Sequence[Path], folder: Path, key: bytes | None = None, memory: str = MEMORY
) -> Report:
    """Read tables of visits (see docs/network.md) and put their network at ``folder``, in place of an earlier one.

    ``key``: the secret (32 bytes or more) under which phones and accounts become pseudonyms; ``memory``: as of
    ``build_graph``. Raises ``InputError``.
    """
    check_place(folder)
    visits = read_visits(paths, key)
    if not len(visits.table):
        raise input_error("network.no_visits", str(paths[0]), rejected=f"{len(visits.rejected):,}")
    graph = build_graph(visits.table, memory=memory)
    measures = measure(graph)
    report = _report(visits, graph, measures)
    names = graph.nodes.ids
    tables = {
        "nodes": _nodes(graph, measures),
        "edges": _edges(graph),
        "components": measures.components,
        "measures": measures.persons.add_column(0, "person", names.take(measures.persons.column("node"))),
        "as_of": as_of_claims(graph).add_column(0, "case_id", visits.table.column("case_id")),
        "rejected": visits.rejected,
    }
    with new_folder(folder) as part:
        for name, table in tables.items():
            pq.write_table(table, part / f"{name}.parquet", compression="zstd", row_group_size=ROW_GROUP)
        hashes = {name: file_hash(part / f"{name}.parquet") for name in TABLES}
        told = {"format": FORMAT, "settings": settings(), "report": asdict(report), "files": hashes}
        text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (part / MANIFEST).write_text(text, encoding="utf-8")
    return report


def check_place(folder: Path) -> None:
    """Raises ``InputError`` where ``folder`` is something else than a network, or nothing yet."""
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    if found and not found <= {MANIFEST, *(f"{name}.parquet" for name in TABLES)}:
        raise input_error("network.not_replaced", str(folder))


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a network. Raises ``InputError`` where there is none, or one of another version."""
    path = folder / MANIFEST
    if not path.is_file():
        raise input_error("network.no_network", str(folder))
    try:
        found: dict[str, Any] = json.loads(path.read_bytes()[:MOST_MANIFEST])
        format_ = found["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise input_error("network.damaged", str(path)) from None
    if format_ != FORMAT:
        raise input_error("network.other_version", str(folder), found=str(format_)[:20], known=FORMAT)
    return found


def read(folder: Path, name: str, columns: list[str] | None = None, filters: Any = None) -> pa.Table:
    """Rows of a table of a network. Raises ``InputError`` where it cannot be read."""
    path = folder / f"{name}.parquet"
    try:
        return pq.read_table(path, columns=columns, filters=filters)
    except (OSError, pa.ArrowException):
        raise input_error("network.damaged", str(path)) from None


def _report(visits: Visits, graph: Graph, measures: Measures) -> Report:
    edges = {
        entry["values"]: entry["counts"] for entry in graph.edges.column("kind").value_counts().to_pylist()
    }
    sizes = measures.components.column("persons")
    return Report(
        claims=len(visits.table),
        rejected=len(visits.rejected),
        nodes={kind: graph.nodes.span(kind)[1] - graph.nodes.span(kind)[0] for kind in node_kinds()},
        edges=edges,
        missing=visits.missing,
        components=len(sizes),
        largest=pc.max(sizes).as_py() or 1,
        hubs=int(np.count_nonzero(graph.is_hub)),
        crowded_stays=graph.crowded_stays,
    )


def _nodes(graph: Graph, measures: Measures) -> pa.Table:
    """One row a node, by number: kind, id, what its claims add up to, worst band, neighbours, component."""
    from claims.network.graph import sql_text
    from drg.analytics.database import query

    found = query(sql_text("nodes"), visit=graph.visit)
    ends = np.concatenate([graph.edges.column(name).to_numpy() for name in ("a", "b")])
    bands = pa.array(settings()["risk"]["bands"])
    component = measures.component
    return pa.table(
        {
            "node": pa.array(np.arange(len(graph.nodes)), pa.int32()),
            "kind": graph.nodes.kinds(),
            "id": graph.nodes.ids,
            **{name: found.column(name) for name in ("claims", "amount_fen", "first_day", "last_day")},
            "risk": bands.take(found.column("rank").combine_chunks()),
            "degree": pa.array(np.bincount(ends, minlength=len(component)), pa.int32()),
            "is_hub": pa.array(graph.is_hub),
            "component": pa.array(component, mask=component < 0),
        }
    )


def _edges(graph: Graph) -> pa.Table:
    """Every edge twice, once from each end, ordered by source, so that few row groups have those of a node."""
    edges = graph.edges
    turned = edges.rename_columns(["target", "source", *edges.column_names[2:]]).select(
        ["source", "target", *edges.column_names[2:]]
    )
    both = pa.concat_tables([edges.rename_columns(turned.column_names), turned])
    return both.sort_by([("source", "ascending"), ("target", "ascending"), ("kind", "ascending")])
