"""The features of all claims of the results folder: history crosses partitions, so they are made over the whole set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.across.database import opened
from claims.nightly.manifest import Manifest, Output, read_output, write_table
from claims.risk import features as risk_features
from claims.risk.features import MORE_COLUMNS, computable
from drg.analytics.database import quoted, with_columns
from drg.case import CASE_SCHEMA
from drg.quality.rule import SEVERITIES

if TYPE_CHECKING:
    import duckdb

NAME = "features"
SQL = Path(risk_features.__file__).with_name("features.sql")
ROW_ALIGNED = {"groups": ("drg",), "prices": ("weight", "standard_fen")}
"""Tables in the order of the cases, and what a claim takes from them."""
FETCHED_ROWS = 100_000
THREADS = 2


def write_features(out: Path, parts: Sequence[Manifest], memory_gb: float) -> list[Output]:
    """``features``: one row a case in the order of ``cases``, a file a partition; columns as in ``features.csv``."""
    held = [part for part in parts if part.output("cases") is not None]
    if not held:
        return []
    with opened(memory=f"{memory_gb:g}GB", threads=THREADS) as connection:
        rows = 0
        for part in held:
            claims = claim_table(out, part)
            _insert(connection, claims, rows)
            rows += len(claims)
        names = ", ".join(quoted(entry.key) for entry in computable(_given(out, held)))
        sql = f"SELECT {names} FROM ({SQL.read_text(encoding='utf-8')}) ORDER BY row"  # noqa: S608 - own names
        reader = connection.sql(sql).to_arrow_reader(FETCHED_ROWS)
        cut = _cut(reader, [_rows(part) for part in held])
        return [_write(out, part, table) for part, table in zip(held, cut, strict=True)]


def claim_table(out: Path, part: Manifest) -> pa.Table:
    """The claims of a partition as ``claims.risk.features`` wants them: the case, its group, price, findings, hits."""
    tables = {
        name: read_output(out, one)
        for name in ("cases", *ROW_ALIGNED, "scores", "hits")
        if (one := part.output(name)) is not None
    }
    cases = tables["cases"]
    columns = {name: cases.column(name) for name in CASE_SCHEMA.names}
    for name, wanted in ROW_ALIGNED.items():
        if name in tables:
            columns |= {column: tables[name].column(column) for column in wanted}
    if "scores" in tables:
        columns |= _of_scores(cases, tables["scores"])
    if "hits" in tables:
        columns["rule_hits"] = _counted(cases, tables["hits"])
    return pa.table(columns)


def _of_scores(cases: pa.Table, scores: pa.Table) -> dict[str, pa.Array]:
    """What the quality check says of each case; null for a case without a record."""
    place = pc.index_in(
        cases.column("case_id"), value_set=scores.column("case_id").combine_chunks()
    ).combine_chunks()
    counts = [scores.column(severity).combine_chunks().take(place) for severity in SEVERITIES]
    findings = counts[0]
    for one in counts[1:]:
        findings = pc.add(findings, one)
    score = scores.column("score").combine_chunks().take(place)
    return {"finding_count": findings, "blocking_count": counts[0], "quality_score": score}


def _counted(cases: pa.Table, hits: pa.Table) -> pa.Array:
    """Hits of each case, 0 where there are none."""
    place = pc.index_in(hits.column("case_id"), value_set=cases.column("case_id").combine_chunks())
    known = place.drop_null().combine_chunks().to_numpy()
    return pa.array(np.bincount(known, minlength=len(cases)))


def _insert(connection: duckdb.DuckDBPyConnection, claims: pa.Table, rows: int) -> None:
    """Add claims to the table ``claim``, which has ``rows`` rows; they are numbered here, so that no thread matters."""
    kinds = {one.name: one.type for one in CASE_SCHEMA} | MORE_COLUMNS
    numbers = pa.array(np.arange(rows, rows + len(claims)))
    connection.register("part", with_columns(claims, kinds).add_column(0, "row", numbers))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS claim AS SELECT * FROM part LIMIT 0; INSERT INTO claim FROM part"
    )
    connection.unregister("part")


def _given(out: Path, parts: Sequence[Manifest]) -> list[str]:
    """The columns of claims that some partition has."""
    return list(dict.fromkeys(name for part in parts for name in claim_columns(part)))


def claim_columns(part: Manifest) -> list[str]:
    """The columns that :func:`claim_table` gives."""
    found = list(CASE_SCHEMA.names)
    for name, wanted in ROW_ALIGNED.items():
        found += wanted if part.output(name) is not None else ()
    found += ("finding_count", "blocking_count", "quality_score") if part.output("scores") is not None else ()
    return [*found, "rule_hits"] if part.output("hits") is not None else found


def _rows(part: Manifest) -> int:
    cases = part.output("cases")
    return 0 if cases is None else cases.rows


def _cut(batches: Iterator[pa.RecordBatch], sizes: Sequence[int]) -> Iterator[pa.Table]:
    """Rows one after the other as tables of these sizes."""
    held: list[pa.RecordBatch] = []
    for size in sizes:
        while sum(map(len, held)) < size:
            held.append(next(batches))
        whole = pa.Table.from_batches(held) if held else pa.table({})
        yield whole.slice(0, size)
        held = whole.slice(size).to_batches()


def _write(out: Path, part: Manifest, table: pa.Table) -> Output:
    cases = part.output("cases")
    assert cases is not None  # noqa: S101 - the caller looked
    ids = read_output(out, cases, ["case_id"]).column("case_id")
    return write_table(table.add_column(0, "case_id", ids), out, f"{NAME}/{part.name}.parquet", NAME)
