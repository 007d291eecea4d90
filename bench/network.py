"""``python -m bench.network [--edges N]``: a network of synthetic visits with its features; beside plain networkx.

The visits are drawn at random (households share phones, some rings are admitted together): what is measured is time and
memory, not whether anything is found.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import networkx as nx  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.measure import MILLION, run_command, tell_command
from claims.network.ego import ego
from claims.network.graph import Graph, build_graph
from claims.network.measures import connected
from claims.network.settings import settings
from claims.network.store import manifest, read
from claims.network.visits import read_visits

EDGES_A_VISIT = 2.3
"""Of the visits drawn here, about."""
PLAIN_VISITS = 100_000
MOST_SECONDS, MOST_MEGABYTES = 60.0, 4096.0
START = dt.date(2025, 1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=MILLION)
    parser.add_argument("--cases", type=int, default=None, help="visits, in place of --edges")
    parser.add_argument("--large", action="store_true", help="no more than without it")
    options = parser.parse_args()
    visits = options.cases or int(options.edges / EDGES_A_VISIT)
    with tempfile.TemporaryDirectory() as folder:
        ratio_to_networkx(Path(folder))
        measure_build(visits, Path(folder))


def draw(count: int, seed: int) -> pa.Table:
    """Visits of a year: 1.7 a person on average (some have many), hospitals of very different size, shared phones."""
    random = np.random.default_rng(seed)
    persons = max(int(count / 1.7), 10)
    person = np.minimum((random.beta(0.9, 1.6, count) * persons).astype(np.int64), persons - 1)
    hospitals = max(count // 4000, 3)
    home = (random.beta(0.7, 2.5, persons) * hospitals).astype(np.int64)
    hospital = np.where(random.random(count) < 0.85, home[person], random.integers(0, hospitals, count))
    day = random.integers(0, 365, count)
    stay = random.integers(1, 15, count)
    ring = random.integers(0, max(count // 360, 1), count // 20)
    places = random.choice(count, len(ring), replace=False)
    person[places] = persons + ring * 6 + random.integers(0, 6, len(ring))
    hospital[places], day[places] = ring % hospitals, (ring * 7 + random.integers(0, 4, len(ring)) * 60) % 365
    admitted = np.datetime64(START) + day
    household = np.where(person % 7 == 0, person + persons * 2, person // 3)
    return pa.table(
        {
            "case_id": _named("C", np.arange(count)),
            "person": _named("P", person),
            "hospital": _named("H", hospital),
            "doctor": _named("D", hospital * 100 + random.integers(0, 100, count)),
            "department": _named("W", random.integers(0, 20, count)),
            "phone": _named("F", household),
            "account": pa.array([f"A{one}" if one % 3 else None for one in person.tolist()], pa.string()),
            "admission_date": admitted,
            "discharge_date": admitted + stay,
            "total_cost_fen": random.integers(10_000, 5_000_000, count),
        }
    )


def _named(kind: str, numbers: np.ndarray) -> pa.Array:
    return pa.compute.binary_join_element_wise(kind, pa.array(numbers).cast(pa.string()), "")


def measure_build(visits: int, folder: Path) -> None:
    source, out = folder / "visits.parquet", folder / "network"
    pq.write_table(draw(visits, 1), source)
    measured = run_command("claims", "network", "build", str(source), "--out", str(out))
    report = manifest(out)["report"]
    edges = sum(report["edges"].values())
    tell_command(f"network of {visits:,} visits, {edges:,} edges", measured)
    print(f"  {report['edges']}; components {report['components']:,}, largest {report['largest']:,} persons")
    kept = measured[0] <= MOST_SECONDS and measured[1] <= MOST_MEGABYTES
    verdict = ("kept" if kept else "NOT KEPT") if edges >= MILLION else "no verdict for fewer edges"
    print(f"  limit {MOST_SECONDS:g} s and {MOST_MEGABYTES:,.0f} MB for a million edges: {verdict}")
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    busiest = read(out, "nodes").sort_by([("degree", "descending")]).slice(0, 1).to_pylist()[0]
    for node, hops in ((f"{busiest['kind']}:{busiest['id']}", 1), ("person:P0", 2)):
        start = time.perf_counter()
        found = ego(out, node, hops)
        took = time.perf_counter() - start
        print(f"  ego graph of {node}, {hops} hops: {len(found.nodes)} nodes in {took * 1000:.0f} ms")
    print(f"  folder: {size:.0f} MB")


def ratio_to_networkx(folder: Path) -> None:
    """Edges and components, by this package and by a loop with networkx; the run ends where they disagree."""
    source = folder / "small.parquet"
    pq.write_table(draw(PLAIN_VISITS, 2), source)
    start = time.perf_counter()
    graph = build_graph(read_visits([source]).table)
    components = connected(len(graph.nodes), graph.ties())[: graph.nodes.span("person")[1]]
    ours = time.perf_counter() - start
    start = time.perf_counter()
    shared = plain_graph(source)
    sizes = plain_components(shared, graph)
    took = time.perf_counter() - start
    counts = {entry["values"]: entry["counts"] for entry in graph.edges["kind"].value_counts().to_pylist()}
    counts.pop("together", None)
    if counts != Counter(kind for _, _, kind in shared.edges(data="kind")) or sizes != Counter(
        np.unique(components, return_counts=True)[1].tolist()
    ):
        sys.exit("the network and plain networkx disagree: no figure means anything")
    print(
        f"{PLAIN_VISITS:,} visits, edges and components: {ours:.2f} s with the pairs admitted together, "
        f"plain networkx without them {took:.2f} s; ratio {took / ours:.1f}"
    )


def plain_graph(source: Path) -> nx.Graph:
    """Persons and what they share."""
    graph: nx.Graph = nx.Graph()
    for row in pq.read_table(source).to_pylist():
        for kind in ("hospital", "doctor", "phone", "account"):
            if row[kind] is not None:
                graph.add_edge(f"person:{row['person']}", f"{kind}:{row[kind]}", kind=kind)
    return graph


def plain_components(shared: nx.Graph, graph: Graph) -> Counter[int]:
    """How many components there are of each number of persons; the pairs admitted together are given."""
    ties: nx.Graph = nx.Graph()
    ties.add_nodes_from(node for node in shared if node.startswith("person:"))
    ties.add_edges_from(
        (one, other)
        for one, other, kind in shared.edges(data="kind")
        if kind in ("phone", "account") and not _is_hub(shared, one, other)
    )
    names = graph.nodes.ids.to_pylist()
    for row in graph.edges.filter(pc.equal(graph.edges["kind"], "together")).to_pylist():
        ties.add_edge(f"person:{names[row['a']]}", f"person:{names[row['b']]}")
    return Counter(sum(node.startswith("person:") for node in part) for part in nx.connected_components(ties))


def _is_hub(graph: nx.Graph, one: str, other: str) -> bool:
    return bool(
        graph.degree[one if not one.startswith("person:") else other] > settings()["ties"]["shared_by_most"]
    )


if __name__ == "__main__":
    main()
