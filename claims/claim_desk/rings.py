"""Where the nodes of a small network stand: the person in the middle, what is tied to him around, the rest outside.

The places follow from the network alone, so the picture stands still when it is drawn again.
"""

from __future__ import annotations

from math import cos, pi, sin

from claims.network.ego import Ego

RADII = (0.0, 1.0, 2.0)
"""The distance from the middle by hop."""
LARGEST_RADIUS = RADII[-1]
ONE_HOP = 1.6
"""The distance where there is but one hop, to use the room."""


def rings(found: Ego) -> list[tuple[float, float]]:
    """For each node its place, at most ``LARGEST_RADIUS`` from the middle; an outer one stands near its tie."""
    hops = {node.key: node.hop for node in found.nodes}
    near = {key: at / max(_count(found, 1), 1) for at, key in enumerate(_of_hop(found, 1))}
    outer = sorted(_of_hop(found, 2), key=lambda key: (_turn_of_tie(found, key, near), key))
    turns = near | {key: at / len(outer) for at, key in enumerate(outer)}
    radii = RADII if outer else (RADII[0], ONE_HOP, RADII[2])
    return [_place(radii[hops[node.key]], turns.get(node.key, 0.0)) for node in found.nodes]


def _of_hop(found: Ego, hop: int) -> list[str]:
    return [node.key for node in found.nodes if node.hop == hop]


def _count(found: Ego, hop: int) -> int:
    return len(_of_hop(found, hop))


def _turn_of_tie(found: Ego, key: str, near: dict[str, float]) -> float:
    ends = [{edge.source, edge.target} for edge in found.edges if key in (edge.source, edge.target)]
    return min((near[other] for pair in ends for other in pair if other in near), default=0.0)


def _place(radius: float, turn: float) -> tuple[float, float]:
    # A quarter of a step off, so that two nodes do not lie on one line of text.
    angle = 2 * pi * turn + pi / 7
    return radius * cos(angle), radius * sin(angle)
