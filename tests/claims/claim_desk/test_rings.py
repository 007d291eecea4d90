"""The picture of a small network stands still, and no two nodes stand on each other."""

from __future__ import annotations

import datetime as dt
from math import dist

from hypothesis import given
from hypothesis import strategies as st

from claims.claim_desk.rings import LARGEST_RADIUS, rings
from claims.network.ego import Ego, EgoEdge, EgoNode

DAY = dt.date(2026, 1, 1)


def network(near: int, far: int) -> Ego:
    """A person with neighbours, whose neighbours are spread over them."""
    keys = [("person:P", 0), *((f"doctor:D{one}", 1) for one in range(near))]
    keys += [(f"person:F{one}", 2) for one in range(far)]
    nodes = tuple(EgoNode(key, key.split(":")[0], key, 1, 100, None, 1, hop, True) for key, hop in keys)
    ties = [("person:P", f"doctor:D{one}") for one in range(near)]
    ties += [(f"doctor:D{one % near}", f"person:F{one}") for one in range(far)]
    edges = tuple(EgoEdge(source, target, "doctor", 1, None, DAY, DAY) for source, target in ties)
    return Ego(nodes, edges, {}, ())


@given(st.integers(1, 60), st.integers(0, 80))
def test_nodes_stand_apart_within_the_picture(near: int, far: int) -> None:
    found = network(near, far)
    places = rings(found)
    assert places == rings(found)
    assert places[0] == (0.0, 0.0)
    assert all(dist((0, 0), place) <= LARGEST_RADIUS + 1e-9 for place in places)
    rounded = {(round(x, 6), round(y, 6)) for x, y in places}
    assert len(rounded) == len(places) == 1 + near + far


def test_an_outer_node_stands_near_what_ties_it() -> None:
    places = dict(zip([node.key for node in network(4, 8).nodes], rings(network(4, 8)), strict=True))
    for one in range(8):
        tie = places[f"doctor:D{one % 4}"]
        others = [places[f"doctor:D{other}"] for other in range(4) if other != one % 4]
        here = places[f"person:F{one}"]
        assert dist(here, tie) <= min(dist(here, other) for other in others) + 1e-9
