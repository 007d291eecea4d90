"""What the results come to, added up partition by partition: memory does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.nightly.manifest import Manifest, Output, read_output

COUNTED = {
    "groups": ("status",),
    "prices": ("outlier",),
    "findings": ("severity",),
    "scores": ("grade",),
    "hits": ("severity",),
    "risk": ("band",),
}
"""Columns whose values are counted, by table."""
SUMMED = {
    "cases": ("total_cost_fen",),
    "prices": ("standard_fen", "payment_fen", "profit_fen"),
    "risk": ("expected_fen",),
}
"""Columns that are added up, whole fen."""
FIRST = 20
NONE = "none"


def summary(out: Path, manifests: Iterable[Manifest]) -> dict[str, Any]:
    """``rows`` by table, ``counts`` by table/column and value, ``sums`` by table/column, ``first`` claims."""
    outputs = [one for found in manifests for done in found.steps.values() for one in done.outputs]
    rows: Counter[str] = Counter()
    for one in outputs:
        rows[one.table] += one.rows
    return {
        "rows": dict(sorted(rows.items())),
        "counts": {
            f"{table}/{name}": _counts(out, outputs, table, name) for table, name in _pairs(COUNTED, rows)
        },
        "sums": {f"{table}/{name}": _sum(out, outputs, table, name) for table, name in _pairs(SUMMED, rows)},
        "first": _first(out, [one for one in outputs if one.table == "risk"]),
    }


def size_of(out: Path, manifests: Iterable[Manifest]) -> int:
    """Bytes of all tables."""
    return sum((out / file).stat().st_size for found in manifests for file in found.files)


def _pairs(columns: Mapping[str, tuple[str, ...]], rows: Counter[str]) -> list[tuple[str, str]]:
    return [(table, name) for table, names in columns.items() if table in rows for name in names]


def _counts(out: Path, outputs: Sequence[Output], table: str, name: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in outputs:
        if one.table == table:
            for entry in pc.value_counts(read_output(out, one, [name]).column(name)).to_pylist():
                found[entry["values"] or NONE] += entry["counts"]
    return dict(sorted(found.items()))


def _sum(out: Path, outputs: Sequence[Output], table: str, name: str) -> int:
    sums = (
        pc.sum(read_output(out, one, [name]).column(name)).as_py() for one in outputs if one.table == table
    )
    return sum(one or 0 for one in sums)


def _first(out: Path, risk: Sequence[Output]) -> list[dict[str, Any]]:
    """The claims to look at first."""
    parts = [
        pq.read_table(out / one.file, filters=[("rank", "<=", FIRST)], partitioning=None) for one in risk
    ]
    if not parts:
        return []
    found: list[dict[str, Any]] = pa.concat_tables(parts).sort_by("rank").to_pylist()
    return found
