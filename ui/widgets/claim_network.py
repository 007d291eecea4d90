"""Who is tied to the person of a claim: a small graph; a node that is clicked shows its claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import streamlit as st

from claims.claim_desk.rings import LARGEST_RADIUS, rings
from claims.network.ego import Ego, EgoNode, ego
from drg.errors import InputError
from ui import access, home
from ui.claim_desk import say
from ui.widgets import claim_visits, markup
from ui.widgets.claim_words import BAND_COLORS, band_name, yuan
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.claim_desk.visits import Visits
    from claims.nightly.results import Results
    from ui.access import Person

FOLDER = Path("across") / "network"
"""Where the network stands in a results folder."""
HEIGHT = 420
TITLE_HEIGHT, BELOW = 48, 12
"""Pixels that the graph leaves free."""
MOST_NODES = 60
SIZES = (14, 46)
UNKNOWN_COLOR = "#c6d0d5"
SYMBOLS = {"person": "circle", "hospital": "roundRect", "doctor": "diamond"}
OTHER_SYMBOL = "triangle"
MOST_CLAIMS = 50


def show(person: Person, case_id: str, results: Results, visits: Visits) -> None:
    """The surroundings of the person of a case."""
    visit = visits.of_case(case_id)
    folder = results.folder / FOLDER
    if visit is None or visit["person"] is None or not folder.is_dir():
        home.show_empty("desk.no_network")
        return
    hops = st.segmented_control(say("network_hops"), [1, 2], default=1, required=True, key=f"hops {case_id}")
    try:
        found = _ego(folder, f"person:{visit['person']}", hops or 1)
    except InputError as error:
        home.show_error(error)
        return
    picked = _picked(person, case_id, found)
    _show_left_out(found)
    if picked is not None:
        _show_node(person, picked, case_id, visits)


def _ego(folder: Path, node: str, hops: int) -> Ego:
    return ego(folder, node, hops, MOST_NODES)


def _picked(person: Person, case_id: str, found: Ego) -> EgoNode | None:
    chart = st.echarts_chart(
        _spec(person, found),
        height=HEIGHT,
        key=f"network {case_id} {len(found.nodes)}",
        on_select="rerun",
        alt=say("network_title"),
    )
    markup.show(tag("div", say("network_source"), style="d-small"))
    groups = chart.selection.selected
    picked = [place for one in groups if one["data_type"] != "edge" for place in one["data_indices"]]
    return found.nodes[picked[0]] if picked and picked[0] < len(found.nodes) else None


def _spec(person: Person, found: Ego) -> dict[str, Any]:
    """The option object of ECharts: size by amount, color by risk, shape by kind."""
    largest = max((node.amount_fen or 0 for node in found.nodes), default=0) or 1
    places = {node.key: place for place, node in enumerate(found.nodes)}
    # The key of a node has what its name masks, so a node is known by its place.
    nodes: list[dict[str, Any]] = [
        {
            "x": x,
            "y": y,
            "id": str(places[node.key]),
            "name": name_of(person, node),
            "value": say(
                "network_value", claims=node.claims, amount=yuan(node.amount_fen), band=band_name(node.risk)
            ),
            "symbol": SYMBOLS.get(node.kind, OTHER_SYMBOL),
            "symbolSize": SIZES[0] + (SIZES[1] - SIZES[0]) * ((node.amount_fen or 0) / largest) ** 0.5,
            "itemStyle": {
                "color": BAND_COLORS.get(node.risk or "", UNKNOWN_COLOR),
                "borderColor": "#1d2b33",
                "borderWidth": 2 if node.hop == 0 else 0,
            },
            "label": {"show": node.hop < 2},
        }
        for node, (x, y) in zip(found.nodes, rings(found), strict=True)
    ]
    # Corners that are not seen keep the scale, and the person in the middle.
    corners = [
        {"id": f"corner {x}", "name": "", "x": x, "y": x, "symbolSize": 0, "label": {"show": False}}
        for x in (-LARGEST_RADIUS, LARGEST_RADIUS)
    ]
    edges = [
        {
            "source": places[edge.source],
            "target": places[edge.target],
            "value": say("network_edge", kind=say(f"edge_{edge.kind}"), count=edge.weight),
        }
        for edge in found.edges
    ]
    return {
        "title": {"text": say("network_title"), "textStyle": {"fontSize": 14}},
        "tooltip": {"formatter": "{b}: {c}"},
        "series": [
            {
                "type": "graph",
                "top": TITLE_HEIGHT,
                "bottom": BELOW,
                "layout": "none",
                "roam": True,
                "selectedMode": "single",
                "label": {"position": "right", "fontSize": 12},
                "lineStyle": {"color": "#9fb2bc", "width": 1.4, "curveness": 0.05},
                "emphasis": {"focus": "adjacency"},
                "select": {"itemStyle": {"borderColor": "#0b6e99", "borderWidth": 4}},
                "data": [*nodes, *corners],
                "links": edges,
            }
        ],
    }


def name_of(person: Person, node: EgoNode) -> str:
    """The name of a node: pseudonyms of persons, phones and accounts as this person may read them."""
    fields = {"person": "record_number", "doctor": "doctor", "phone": "phone"}
    shown = access.masked(person, fields[node.kind], node.id) if node.kind in fields else node.id
    return f"{say(f'node_{node.kind}')} {shown}"


def _show_left_out(found: Ego) -> None:
    told = [
        say("network_left_out", kind=say(f"node_{kind}"), count=count)
        for kind, count in found.left_out.items()
    ]
    if found.not_expanded:
        told.append(say("network_not_expanded", count=len(found.not_expanded)))
    if told:
        markup.show(tag("div", say("list_separator").join(told), style="d-note"))


def _show_node(person: Person, node: EgoNode, case_id: str, visits: Visits) -> None:
    markup.show(tag("b", say("network_claims", name=name_of(person, node))))
    if node.kind not in visits.table.column_names:
        markup.show(tag("p", say("network_no_claims"), style="d-small"))
        return
    chosen = visits.table.filter(pc.equal(visits.table.column(node.kind), node.id))
    rows = chosen.sort_by([("score", "descending")]).slice(0, MOST_CLAIMS).to_pylist()
    claim_visits.show_table(person, rows, case_id)
    if len(chosen) > MOST_CLAIMS:
        markup.show(tag("p", say("network_more", shown=MOST_CLAIMS, count=len(chosen)), style="d-small"))
