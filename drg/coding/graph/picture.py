"""A neighbourhood as a picture: Graphviz DOT text, or options for ECharts. Labels are data and are escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drg import messages
from drg.coding.graph.graph import KINDS

if TYPE_CHECKING:
    import networkx as nx  # type: ignore[import-untyped]

COLOURS = {
    "dx": "#0b6e99",
    "proc": "#c2571a",
    "drug": "#5b7f2b",
    "lab": "#7a4b94",
    "symptom": "#a06a00",
    "fee": "#6d6d6d",
    "level": "#a3243b",
    "mdc": "#2f4858",
    "adrg": "#33658a",
    "drg": "#55a0c4",
}
MAX_LABEL = 28
_MIDDLE_WIDTH = 3


def to_dot(graph: nx.MultiDiGraph, lang: str = "zh") -> str:
    """The graph in the DOT language."""
    lines = ["digraph neighbourhood {", "  rankdir=LR;", '  node [shape=box, style="rounded,filled"];']
    for id, node in graph.nodes(data=True):
        width = _MIDDLE_WIDTH if node["middle"] else 1
        lines.append(
            f"  {quoted(id)} [label={quoted(_label(node))}, fillcolor={quoted(COLOURS[node['kind']])}, "
            f'fontcolor="white", penwidth={width}];'
        )
    for source, target, edge in graph.edges(data=True):
        label = quoted(_edge_label(edge, lang))
        lines.append(f"  {quoted(source)} -> {quoted(target)} [label={label}];")
    return "\n".join([*lines, "}", ""])


def to_echarts(graph: nx.MultiDiGraph, lang: str = "zh") -> dict[str, Any]:
    """Options of an ECharts graph. Texts are drawn on the canvas; the tooltip too, so that none is read as HTML."""
    kinds = [kind for kind in KINDS if any(node["kind"] == kind for _, node in graph.nodes(data=True))]
    return {
        "tooltip": {"renderMode": "richText"},
        "legend": [{"data": [_kind(kind, lang) for kind in kinds]}],
        "series": [
            {
                "type": "graph",
                "layout": "force",
                "roam": True,
                "force": {"repulsion": 200, "edgeLength": 90},
                "edgeSymbol": ["none", "arrow"],
                "label": {"show": True, "position": "right"},
                "categories": [
                    {"name": _kind(kind, lang), "itemStyle": {"color": COLOURS[kind]}} for kind in kinds
                ],
                "data": [
                    {
                        "id": id,
                        "name": _label(node),
                        "category": kinds.index(node["kind"]),
                        "symbolSize": 34 if node["middle"] else 18,
                    }
                    for id, node in graph.nodes(data=True)
                ],
                "links": [
                    {"source": source, "target": target, "value": _edge_label(edge, lang)}
                    for source, target, edge in graph.edges(data=True)
                ],
            }
        ],
    }


def _kind(kind: str, lang: str) -> str:
    return messages.text(f"coding.kind_{kind}", lang)


def _label(node: dict[str, Any]) -> str:
    text = f"{node['code']} {node['name']}".strip()
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return shown if len(shown) <= MAX_LABEL else f"{shown[: MAX_LABEL - 1]}…"


def _edge_label(edge: dict[str, Any], lang: str) -> str:
    text = messages.text(f"coding.relation_{edge['relation']}", lang)
    return f"{text} ×{edge['lift']:.1f}" if "lift" in edge else text


def quoted(text: str) -> str:
    """A DOT string: only the quotation mark and the backslash mean anything in it."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
