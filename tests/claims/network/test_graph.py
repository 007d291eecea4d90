"""Edges, components, measures and features: readable rings, and random tables against loops with networkx."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import networkx as nx  # type: ignore[import-untyped]
import numpy as np
import pyarrow.compute as pc
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.network.as_of import FEATURES, as_of_claims
from claims.network.communities import label_propagation, louvain
from claims.network.graph import Graph, build_graph
from claims.network.measures import connected, measure
from claims.network.settings import settings as limits_of
from tests.claims.network import plain
from tests.claims.network.tables import row_of, table_of

RINGS = yaml.safe_load(Path(__file__).with_name("rings.yaml").read_text(encoding="utf-8"))
LOW = {"window_days": 1, "occasions": 2, "share": 0.5, "crowd": 3, "shared_by_most": 2}
"""Limits that small tables reach."""


@pytest.mark.parametrize("ring", RINGS, ids=[ring["note"] for ring in RINGS])
def test_rings(ring: dict[str, Any]) -> None:
    graph = build_graph(table_of(map(row_of, ring["visits"])))
    persons = measure(graph).persons
    names = graph.nodes.ids.take(persons.column("node")).to_pylist()
    assert dict(zip(names, persons.column("network_size").to_pylist(), strict=True)) == ring["sizes"]
    assert sorted(" ".join(pair) for pair in pairs_of(graph)) == ring["together"]
    dense = persons.column("is_dense").to_pylist()
    assert [name for name, is_dense in zip(names, dense, strict=True) if is_dense] == ring["dense"]


def pairs_of(graph: Graph) -> dict[tuple[str, str], dt.date]:
    """Pairs admitted together, and since when."""
    names = graph.nodes.ids.to_pylist()
    rows = graph.edges.filter(pc.equal(graph.edges.column("kind"), "together")).to_pylist()
    return {(names[row["a"]], names[row["b"]]): row["first_day"] for row in rows}


def ids(letters: str) -> st.SearchStrategy[str]:
    return st.sampled_from(letters)


DAYS = st.integers(0, 12).map(lambda day: dt.date(2025, 3, 1) + dt.timedelta(days=day))
VISIT = st.fixed_dictionaries(
    {"person": ids("abcdef"), "hospital": ids("GH"), "admission_date": st.none() | DAYS, "claim_date": DAYS},
    optional={
        "phone": ids("12"),
        "account": ids("12"),
        "doctor": ids("xy"),
        "agent": ids("z"),
        "department": ids("pq"),
    },
)
TABLES = st.lists(VISIT, min_size=1, max_size=40)


@given(TABLES)
@settings(max_examples=20, deadline=None)
def test_edges_and_components_are_those_of_plain_networkx(rows: list[dict[str, Any]]) -> None:
    table = table_of(rows)
    rows = table.to_pylist()
    graph = build_graph(table, LOW)
    names = graph.nodes.ids.to_pylist()
    shared = {
        (names[edge["a"]], edge["kind"], names[edge["b"]]): edge["weight"]
        for edge in graph.edges.to_pylist()
        if edge["kind"] != "together"
    }
    assert shared == plain.shared_edges(rows)
    assert pairs_of(graph) == plain.together(rows, LOW)
    of_node = connected(len(graph.nodes), graph.ties())[: graph.nodes.span("person")[1]]
    expected = [
        sorted(id for kind, id in part if kind == "person")
        for part in nx.connected_components(plain.components(rows, LOW))
    ]
    found: dict[int, list[str]] = {}
    for name, component in zip(names, of_node.tolist(), strict=False):
        found.setdefault(component, []).append(name)
    assert sorted(found.values()) == sorted(part for part in expected if part)


@given(TABLES)
@settings(max_examples=20, deadline=None)
def test_features_see_earlier_days_only(rows: list[dict[str, Any]]) -> None:
    """Each row is compared with the features made from the visits of earlier days alone."""
    table = table_of(rows)
    rows = table.to_pylist()
    found = as_of_claims(build_graph(table, LOW)).to_pylist()
    assert found == [{name: plain.as_of(rows, row, LOW)[name] for name in FEATURES} for row in rows]


@given(TABLES)
@settings(max_examples=15, deadline=None)
def test_density_counts_tied_pairs(rows: list[dict[str, Any]]) -> None:
    table = table_of(rows)
    found = measure(build_graph(table, LOW))
    graph = plain.components(table.to_pylist(), LOW)
    expected: Counter[tuple[int, float]] = Counter()
    for part in nx.connected_components(graph):
        persons = [node for node in part if node[0] == "person"]
        tied = sum(
            graph.has_edge(one, other)
            or any(node[0] != "person" and graph.has_edge(node, other) for node in graph[one])
            for place, one in enumerate(persons)
            for other in persons[:place]
        )
        if len(persons) > 1:
            expected[len(persons), round(tied / (len(persons) * (len(persons) - 1) / 2), 9)] += 1
    rows = found.components.to_pylist()
    assert Counter((row["persons"], round(row["density"], 9)) for row in rows) == expected


def test_a_hospital_ties_nobody() -> None:
    rows = [row_of(f"p{number} H1 2025-01-{number % 28 + 1:02} doctor=d agent=s") for number in range(100)]
    assert len(measure(build_graph(table_of(rows))).components) == 0


def test_a_phone_of_an_office_ties_nobody() -> None:
    most = int(limits_of()["ties"]["shared_by_most"])
    for persons, components in ((most, 1), (most + 1, 0)):
        rows = [row_of(f"p{number} H1 2025-01-01 phone=1") for number in range(persons)]
        graph = build_graph(table_of(rows))
        assert len(measure(graph).components) == components
        assert graph.is_hub.sum() == (persons > most)


def test_a_crowd_is_not_paired_and_is_counted() -> None:
    """300 persons of one ward, three times on the same day: at most 60 of them are paired, the rest is told."""
    rows = [
        row_of(f"p{number} H1 {day} department=w")
        for day in ("2025-01-01", "2025-02-01", "2025-03-01")
        for number in range(300)
    ]
    graph = build_graph(table_of(rows))
    assert graph.crowded_stays == 900
    assert pairs_of(graph) == {}


def test_two_wards_of_a_crowded_day_are_paired_apart() -> None:
    days = ("2025-01-01", "2025-02-01", "2025-03-01")
    rows = [row_of(f"q{number} H1 {day}") for day in days for number in range(70)]
    rows += [row_of(f"r{number} H1 {day} department=w{number % 2}") for day in days for number in range(4)]
    assert set(pairs_of(build_graph(table_of(rows)))) == {("r0", "r2"), ("r1", "r3")}


def test_communities_divide_two_groups_with_one_bridge() -> None:
    graph = nx.disjoint_union(nx.complete_graph(6), nx.complete_graph(6))
    graph.add_edge(0, 6)
    expected = [0] * 6 + [6] * 6
    assert louvain(graph, 7).tolist() == expected
    a, b = zip(*graph.edges, strict=True)
    ends = np.array(a), np.array(b)
    assert label_propagation(*ends, np.ones(len(a), np.int64), 20).tolist() == expected


def test_the_person_in_the_middle_has_the_largest_betweenness() -> None:
    """Two groups of three with a phone each; one person uses both."""
    visits = [
        f"{person} H1 2025-01-01 phone={phone}" for person, phone in zip("abcdef", "111222", strict=True)
    ]
    graph = build_graph(
        table_of(map(row_of, [*visits, "a H1 2025-02-01 phone=2", "g H1 2025-02-01 phone=2"]))
    )
    persons = measure(graph).persons.to_pylist()
    assert max(persons, key=lambda row: row["betweenness"])["node"] == 0
