"""The network once more, by loops and networkx, as docs/network.md says it: what the fast form is compared with."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import networkx as nx  # type: ignore[import-untyped]

Row = Mapping[str, Any]


def shared_edges(rows: Sequence[Row]) -> Counter[tuple[str, str, str]]:
    """Person, kind, other: how many visits."""
    return Counter(
        (row["person"], kind, row[kind])
        for row in rows
        for kind in ("hospital", "doctor", "phone", "account", "agent")
        if row.get(kind) is not None
    )


def together(rows: Sequence[Row], limits: Mapping[str, float]) -> dict[tuple[str, str], dt.date]:
    """Pairs of persons admitted together again and again, and since which day that is known."""
    stays = _stays(rows)
    occasions: dict[tuple[str, str], dict[dt.date, tuple[dt.date, int, int]]] = defaultdict(dict)
    for one, other in combinations(stays, 2):
        if one["person"] == other["person"] or not _near(one, other, stays, limits):
            continue
        low, high = sorted([one["person"], other["person"]])
        pair = (low, high)
        met_on = max(one["admitted"], other["admitted"])
        known = max(one["day"], other["day"])
        so_far = max(_so_far(one, stays, "person"), _so_far(other, stays, "person"))
        fewest = min(_so_far(one, stays, "person"), _so_far(other, stays, "person"))
        before = occasions[pair].get(met_on, (known, so_far, fewest))
        occasions[pair][met_on] = (
            min(known, before[0]),
            min(so_far, before[1]),
            min(fewest, before[2]),
        )
    found = {}
    for pair, met in occasions.items():
        since = [
            known
            for known, so_far, fewest in met.values()
            if (times := sum(other <= known for other, *_ in met.values())) >= limits["occasions"]
            and fewest >= limits["occasions"]
            and times >= limits["share"] * so_far
        ]
        if since:
            found[pair] = min(since)
    return found


def _stays(rows: Sequence[Row]) -> list[dict[str, Any]]:
    grouped: dict[tuple[str, str, dt.date], list[Row]] = defaultdict(list)
    for row in rows:
        if row.get("hospital") is not None and row.get("admission_date") is not None:
            grouped[row["person"], row["hospital"], row["admission_date"]].append(row)
    stays = []
    for (person, hospital, admitted), same in grouped.items():
        first = min(
            same, key=lambda row: (row["day"], row.get("department") is None, row.get("department") or "")
        )
        stays.append(
            {
                "person": person,
                "hospital": hospital,
                "admitted": admitted,
                "day": first["day"],
                "department": first.get("department"),
            }
        )
    return stays


def _so_far(stay: Row, stays: Sequence[Row], *same: str) -> int:
    """Stays with the same values that were known on the day of this one."""
    return sum(all(one[name] == stay[name] for name in same) and one["day"] <= stay["day"] for one in stays)


def _near(one: Row, other: Row, stays: Sequence[Row], limits: Mapping[str, float]) -> bool:
    if one["hospital"] != other["hospital"]:
        return False
    if abs((one["admitted"] - other["admitted"]).days) > limits["window_days"]:
        return False
    most = limits["crowd"]
    if all(_so_far(stay, stays, "hospital", "admitted") <= most for stay in (one, other)):
        return True
    ward = ("hospital", "admitted", "department")
    return (
        one["department"] is not None
        and one["department"] == other["department"]
        and all(_so_far(stay, stays, *ward) <= most for stay in (one, other))
    )


def components(rows: Sequence[Row], limits: Mapping[str, float]) -> nx.Graph:
    """The ties of the whole set: phones and accounts that are no hubs, and joint admissions."""
    graph = nx.Graph()
    graph.add_nodes_from(("person", row["person"]) for row in rows)
    users = _users(rows)
    for node, persons in users.items():
        if len(persons) <= limits["shared_by_most"]:
            graph.add_edges_from((("person", person), node) for person in persons)
    graph.add_edges_from((("person", one), ("person", other)) for one, other in together(rows, limits))
    return graph


def _users(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, dt.date]]:
    """Of each phone and account its persons, and since which day."""
    users: dict[tuple[str, str], dict[str, dt.date]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row["day"]):
        for kind in ("phone", "account"):
            if row.get(kind) is not None:
                users[kind, row[kind]].setdefault(row["person"], row["day"])
    return users


def as_of(rows: Sequence[Row], asked: Row, limits: Mapping[str, float]) -> dict[str, int | None]:
    """The features of a visit, from the visits of earlier days alone."""
    earlier = [row for row in rows if row["day"] < asked["day"]]
    users = _users(earlier)
    graph = nx.Graph()
    graph.add_node(("person", asked["person"]))
    for node, persons in users.items():
        first = sorted(persons, key=lambda person: (persons[person], person))[: int(limits["shared_by_most"])]
        graph.add_edges_from((("person", person), node) for person in first)
    pairs = together(earlier, limits)
    graph.add_edges_from((("person", one), ("person", other)) for one, other in pairs)
    met: set[tuple[str, Any]] = {("person", asked["person"])}
    found: dict[str, int | None] = {}
    for kind in ("phone", "account"):
        node = (kind, str(asked.get(kind)))
        persons = users.get(node, {})
        known = asked.get(kind) is not None
        found[f"{kind}_persons"] = len(persons.keys() - {asked["person"]}) if known else None
        if known and node in graph and len(persons) <= limits["shared_by_most"]:
            met.add(node)
    reached = set().union(*(nx.node_connected_component(graph, node) for node in met))
    found["network_size"] = sum(kind == "person" for kind, _ in reached)
    found["together_persons"] = sum(asked["person"] in pair for pair in pairs)
    return found
