"""The examples of the rules, run as any other visits: their tables are read, rejected, judged alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from claims.across.hits import Settings, checking
from claims.across.rule import AcrossRule, Example
from claims.across.visits import Sources
from claims.errors import ClaimProblem

NOTHING = "-"
TIMES = "times"


def failures(rule: AcrossRule) -> list[ClaimProblem]:
    """What the examples of a rule do otherwise than they should."""
    return [problem for example in (*rule.bad, *rule.good) for problem in _failed(rule, example)]


def _failed(rule: AcrossRule, example: Example) -> Iterator[ClaimProblem]:
    found, missing = hits(rule, example)
    wanted = set(example.hits)
    if missing:
        yield ClaimProblem(
            "across.example_columns", rule.id, {"note": example.note, "columns": ", ".join(missing)}
        )
    for code, ids in (("across.example_extra", found - wanted), ("across.example_lost", wanted - found)):
        if ids:
            yield ClaimProblem(code, rule.id, {"note": example.note, "hits": ", ".join(sorted(ids))})


def hits(rule: AcrossRule, example: Example) -> tuple[set[str], tuple[str, ...]]:
    """The cases that are hit in an example (hospitals where no case is blamed), and the columns that it lacks."""
    with tempfile.TemporaryDirectory(prefix="drgbridge-") as folder:
        tables = {"visits": example.visits, "lines": example.lines, "network": example.network}
        files = {
            name: [[_written(Path(folder) / f"{name}.parquet", text)]]
            for name, text in tables.items()
            if text
        }
        sources = Sources(**files)
        with checking(sources, Settings(rules=[rule], folder=Path(folder), threads=1)) as checked:
            rows = [row for table in checked.hits() for row in table.to_pylist()]
    (outcome,) = checked.summary.outcomes
    return {row["case_id"] or row["hospital"] for row in rows}, outcome.missing


def _written(path: Path, text: str) -> Path:
    """A table with blanks between its cells (``-``: nothing) as texts in Parquet."""
    header, *lines = [line.split() for line in text.strip().splitlines()]
    rows = [row for line in lines for row in _repeated(dict(zip(header, line, strict=True)))]
    columns = [name for name in header if name != TIMES]
    cells = {name: [None if row[name] == NOTHING else row[name] for row in rows] for name in columns}
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in cells.items()}), path)
    return path


def _repeated(row: dict[str, str]) -> list[dict[str, str]]:
    """A row with ``times`` over 1 as that many, of other cases and persons."""
    times = int(row.pop(TIMES, "1"))
    if times == 1:
        return [row]
    return [
        {**row, **{name: f"{row[name]}-{n}" for name in ("case_id", "person") if name in row}}
        for n in range(1, times + 1)
    ]
