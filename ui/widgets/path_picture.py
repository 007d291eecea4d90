"""The grouping path as a picture: the rows that the case met, from MDC to DRG, and how many were tried before each."""

from __future__ import annotations

import streamlit as st

from drg import Explanation
from drg.coding.graph.picture import quoted
from drg.grouper.explain import Step
from ui.text import text

COLOURS = {"mdc": "#2f4858", "adrg": "#0b6e99", "drg": "#0a5c80"}
MOST_SIGNS = 20


def show(explanation: Explanation, lang: str) -> None:
    """The picture, drawn in the browser."""
    if any(step.held for step in explanation.steps):
        st.graphviz_chart(dot(explanation, lang), width="content", alt=explanation.sentence(lang))


def dot(explanation: Explanation, lang: str) -> str:
    """The path in the DOT language, labels escaped."""
    principal = explanation.codes[0]
    nodes = [f"  start [label={quoted(f'{principal.written} {_short(principal.name)}')}, shape=oval];"]
    edges: list[str] = []
    last, failed = "start", 0
    for number, step in enumerate(explanation.steps):
        if not step.held:
            failed += 1
            continue
        nodes.append(f"  s{number} [label={quoted(_label(step))}, {_style(step)}];")
        tried = text("workbench.tried", lang, count=failed) if failed else ""
        edges.append(f"  {last} -> s{number} [label={quoted(tried)}];")
        last, failed = f"s{number}", 0
    head = [
        "digraph path {",
        "  rankdir=TB; bgcolor=transparent; nodesep=0.1; ranksep=0.22;",
        '  node [shape=box, style="rounded", fontsize=10, height=0.3, color="#9fb2bc"];',
        '  edge [fontsize=8, color="#51636d", arrowsize=0.6];',
    ]
    return "\n".join([*head, *nodes, *edges, "}"])


def _style(step: Step) -> str:
    return f'style="rounded,filled", fillcolor="{COLOURS[step.level]}", fontcolor="white"'


def _label(step: Step) -> str:
    return f"{step.code} {_short(step.name)}"


def _short(name: str | None) -> str:
    shown = name or ""
    return shown if len(shown) <= MOST_SIGNS else f"{shown[: MOST_SIGNS - 1]}…"
