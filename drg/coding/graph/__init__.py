"""Knowledge graph of diagnoses, procedures, drugs, tests, fee items and groups (``docs/coding-support.md``).

    from drg.coding.graph import load_graph
    graph = load_graph(scheme="chs-drg-1.1")
    graph.evidence("E87.600")

It is kept as Parquet files and arrays; only the neighbourhood of a node is ever made a networkx graph.
"""

from drg.coding.graph.graph import Edge, Graph, Node
from drg.coding.graph.store import build_graph, load_graph, save_graph

__all__ = ["Edge", "Graph", "Node", "build_graph", "load_graph", "save_graph"]
