"""The graph as files: ``nodes.parquet``, ``edges.parquet``, ``graph.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from drg.coding.graph.facts import load_facts
from drg.coding.graph.graph import EDGE_SCHEMA, NODE_SCHEMA, Graph
from drg.coding.graph.mining import Together
from drg.coding.graph.sources import (
    Block,
    Parts,
    add_catalogue,
    add_facts,
    add_rules,
    add_scheme,
    add_together,
)
from drg.disk import new_file
from drg.errors import input_error
from drg.quality.registry import load_rules
from drg.quality.rule import Rule
from drg.scheme.pack import Pack, find_pack, shipped_ids

FORMAT = 1
INFORMATION, NODES, EDGES = "graph.json", "nodes.parquet", "edges.parquet"
MAX_BYTES = 512 * 1024 * 1024


def build_graph(pack: Pack, rules: Iterable[Rule] | None = None, together: Together | None = None) -> Graph:
    """The graph of a scheme with catalogue, facts, rules (the shipped ones without ``rules``) and mined pairs."""
    parts = Parts()
    add_catalogue(parts)
    add_scheme(parts, pack)
    add_facts(parts, load_facts())
    add_rules(parts, load_rules().values() if rules is None else rules)
    information: dict[str, Any] = {"format": FORMAT, "scheme": pack.id, "cases": 0}
    if together is not None:
        add_together(parts, together)
        information.update(
            cases=together.cases,
            left_out=together.left_out,
            dropped_items=together.dropped_items,
            minimum=together.minimum,
        )
    return Graph(_node_table(parts), _edge_table(parts), information)


def _node_table(parts: Parts) -> pa.Table:
    columns = [list(column) for column in zip(*parts.rows, strict=True)]
    return pa.table(columns, schema=NODE_SCHEMA)


def _edge_table(parts: Parts) -> pa.Table:
    blocks = parts.blocks
    lengths = [len(block.sources) for block in blocks]
    sources = np.concatenate([block.sources for block in blocks]).astype(np.int32)
    columns = {
        "source": pa.array(sources),
        "target": pa.array(np.concatenate([block.targets for block in blocks]).astype(np.int32)),
        "relation": _repeated([block.relation for block in blocks], lengths),
        "origin": _repeated([block.origin for block in blocks], lengths),
        **{name: _counted(blocks, name) for name in ("cases", "confidence", "lift")},
    }
    types = (EDGE_SCHEMA.field(name).type for name in columns)
    arrays = [column.cast(kind) for column, kind in zip(columns.values(), types, strict=True)]
    table = pa.table(arrays, schema=EDGE_SCHEMA)
    return table.take(pa.array(np.argsort(sources, kind="stable")))


def _repeated(texts: Sequence[str], lengths: Sequence[int]) -> pa.Array:
    encoded = pa.array(texts).dictionary_encode()
    indices = np.repeat(encoded.indices.to_numpy(), lengths)
    return pa.DictionaryArray.from_arrays(pa.array(indices), encoded.dictionary)


def _counted(blocks: Sequence[Block], name: str) -> pa.Array:
    """A column of counts, null for the blocks that have none."""
    kind = EDGE_SCHEMA.field(name).type
    columns = [getattr(block, name) for block in blocks]
    return pa.concat_arrays(
        pa.nulls(len(block.sources), kind) if column is None else pa.array(column).cast(kind)
        for block, column in zip(blocks, columns, strict=True)
    )


def save_graph(folder: Path, graph: Graph) -> None:
    """Write the files of a graph; those of an earlier one are replaced one by one, ``graph.json`` last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in ((NODES, graph.nodes), (EDGES, graph.edges)):
        with new_file(folder / name) as part:
            pq.write_table(table, part, compression="zstd")
    with new_file(folder / INFORMATION) as part:
        part.write_bytes(orjson.dumps(graph.information, option=orjson.OPT_INDENT_2))


def load_graph(folder: Path | None = None, scheme: str | None = None) -> Graph:
    """The graph in a folder; without one that of a shipped scheme, without mined pairs, made in memory.

    Raises ``InputError`` where the folder holds no graph. Kept for the rest of the process.
    """
    if folder is not None:
        return _loaded(folder.resolve())
    return graph_of(find_pack(scheme or shipped_ids()[-1]))


@lru_cache(maxsize=4)
def graph_of(pack: Pack) -> Graph:
    """The graph of a scheme without mined pairs; kept for the rest of the process."""
    return build_graph(pack)


@lru_cache(maxsize=4)
def _loaded(folder: Path) -> Graph:
    try:
        information = orjson.loads((folder / INFORMATION).read_bytes())
        tables = [_read(folder / name) for name in (NODES, EDGES)]
    except (OSError, orjson.JSONDecodeError, pa.ArrowInvalid):
        raise input_error("coding.graph_unreadable", str(folder)) from None
    nodes, edges = tables
    if not isinstance(information, Mapping) or information.get("format") != FORMAT:
        raise input_error("coding.graph_unreadable", str(folder))
    if nodes.schema != NODE_SCHEMA or edges.schema.names != EDGE_SCHEMA.names or not _whole(nodes, edges):
        raise input_error("coding.graph_unreadable", str(folder))
    return Graph(nodes, edges, information)


def _read(path: Path) -> pa.Table:
    if path.stat().st_size > MAX_BYTES:
        raise input_error("coding.graph_unreadable", str(path))
    with pq.ParquetFile(path) as parquet:
        return parquet.read(use_threads=False)


def _whole(nodes: pa.Table, edges: pa.Table) -> bool:
    """Whether the edges are ordered and end at nodes of the file."""
    ends = [edges.column(name).combine_chunks().to_numpy() for name in ("source", "target")]
    if not len(edges):
        return True
    inside = all(one.min() >= 0 and one.max() < len(nodes) for one in ends)
    return bool(inside and (np.diff(ends[0]) >= 0).all())
