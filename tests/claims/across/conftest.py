"""Visits as tables, and the hits of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.across.hits import Settings, Summary, check
from claims.across.visits import Sources

Written = Callable[..., Sources]
COUNTER = iter(range(10**9))


def write(
    folder: Path, visits: pa.Table | Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]] = ()
) -> Sources:
    """Sources of rows or a table, in new files of ``folder``."""
    made = []
    for rows in (visits, lines):
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
        path = folder / f"{next(COUNTER)}.parquet"
        if table.num_columns:
            pq.write_table(table, path)
            made.append(path)
    return Sources([made[:1]], [made[1:]] if made[1:] else [])


def found(folder: Path, sources: Sources, settings: Settings) -> tuple[list[dict[str, Any]], Summary]:
    """The hits of a run."""
    out = folder / f"{next(COUNTER)}.hits.parquet"
    summary = check(sources, out, settings)
    return pq.read_table(out).to_pylist(), summary


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
