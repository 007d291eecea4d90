"""The features of all claims of the results folder: history crosses partitions, so they are made over the whole set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.across.database import opened
from claims.intake import REJECTED_SCHEMA
from claims.nightly.manifest import Manifest, Output, read_output, write_table
from claims.nightly.work import Work
from claims.policies.join import with_policies
from claims.policies.tables import Policies, read_policies
from claims.pseudonyms import PERSON, load_key, pseudonyms
from claims.risk import features as risk_features
from claims.risk.features import as_claims, computable
from claims.risk.lines import with_lines
from drg.analytics.database import quoted
from drg.case import CASE_SCHEMA
from drg.quality.rule import SEVERITIES

if TYPE_CHECKING:
    import duckdb

NAME = "features"
SQL = Path(risk_features.__file__).with_name("features.sql")
ROW_ALIGNED = {"groups": ("drg",), "prices": ("weight", "standard_fen")}
"""Tables in the order of the cases, and what a claim takes from them."""
OF_CASES = ("claim_date", "policy", "external_cause")
OF_DOCUMENTS = ("document_findings", "document_score")
"""Of the scores of partitions with whole records; null for a record without notes."""
INVOICES = "invoices"
FETCHED_ROWS = 100_000
THREADS = 2


class NetworkRows:
    """``case_id`` and measures of the network, partition by partition.

    They are in the order of the cases, of which some have no row: so a case is looked for near its place only.
    """

    def __init__(self, table: pa.Table):
        self._table, self._next = table, 0

    def of(self, case_ids: pa.Array) -> dict[str, pa.Array]:
        """The measures of the cases of the next partition; null for one that is not in the network."""
        near = self._table.slice(self._next, len(case_ids))
        place = pc.index_in(case_ids, value_set=near.column("case_id").combine_chunks())
        last = pc.max(place).as_py()
        self._next += 0 if last is None else last + 1
        return {name: near.column(name).combine_chunks().take(place) for name in near.column_names[1:]}


@dataclass
class Features:
    """The claims of all partitions with what is known of them.

    ``network``: None where there is none; ``rejected``: rows of the tables of policies, with the name of their file.
    """

    work: Work
    network: NetworkRows | None
    rejected: pa.Table = field(default_factory=REJECTED_SCHEMA.empty_table)

    def __post_init__(self) -> None:
        self._policies = None if self.work.policies is None else self._read_policies(self.work.policies)

    def write(self, parts: Sequence[Manifest]) -> list[Output]:
        """``features``: one row a case in the order of ``cases``, a file a partition; columns of ``features.csv``."""
        out, held = self.work.out, [part for part in parts if part.output("cases") is not None]
        if not held:
            return []
        given: dict[str, None] = {}
        with opened(memory=f"{self.work.memory_gb:g}GB", threads=THREADS) as connection:
            rows = 0
            for part in held:
                claims = self.claims(part)
                given |= dict.fromkeys(claims.column_names)
                _insert(connection, claims, rows)
                rows += len(claims)
            names = ", ".join(quoted(entry.key) for entry in computable(list(given)))
            sql = f"SELECT {names} FROM ({SQL.read_text(encoding='utf-8')}) ORDER BY row"  # noqa: S608 - own names
            reader = connection.sql(sql).to_arrow_reader(FETCHED_ROWS)
            cut = _cut(reader, [_rows(part) for part in held])
            return [_write(out, part, table) for part, table in zip(held, cut, strict=True)]

    def claims(self, part: Manifest) -> pa.Table:
        """The claims of a partition as ``claims.risk.features`` wants them; the partitions are taken in their order."""
        tables = {
            name: read_output(self.work.out, one)
            for name in ("cases", *ROW_ALIGNED, "scores", "hits", "lines")
            if (one := part.output(name)) is not None
        }
        cases = tables["cases"]
        columns = {name: cases.column(name) for name in (*CASE_SCHEMA.names, *OF_CASES)}
        for name, wanted in ROW_ALIGNED.items():
            if name in tables:
                columns |= {column: tables[name].column(column) for column in wanted}
        if "scores" in tables:
            columns |= _of_scores(cases, tables["scores"])
        if "hits" in tables:
            columns["rule_hits"] = _counted(cases, tables["hits"])
        if self.network is not None:
            columns |= self.network.of(cases.column("case_id").combine_chunks())
        claims = with_bills(pa.table(columns), cases, tables.get("lines"))
        return claims if self._policies is None else with_policies(claims, self._policies)

    def _read_policies(self, path: Path) -> Policies:
        """The policies, their persons under the pseudonyms that the claims have."""
        found = read_policies(path, self.work.changes)
        names = [Path(one).name for one in found.rejected.column("source").to_pylist()]
        self.rejected = found.rejected.set_column(0, "source", pa.array(names, pa.string()))
        persons = found.states.column("person").combine_chunks()
        hidden = pseudonyms(persons, PERSON, load_key(self.work.key))
        place = found.states.column_names.index("person")
        return replace(found, states=found.states.set_column(place, "person", hidden))


def with_bills(claims: pa.Table, cases: pa.Table, lines: pa.Table | None) -> pa.Table:
    """The claims with the cost of examinations and the bills of their fee lines, else the bill of the claim itself."""
    bill = cases.column("invoice").combine_chunks()
    own = pa.ListArray.from_arrays(np.arange(len(bill) + 1, dtype=np.int32), bill)
    own = pc.if_else(bill.is_valid(), own, pa.scalar(None, own.type))
    if lines is None:
        return claims.append_column(INVOICES, own)
    found = with_lines(claims, lines)
    of_lines = found.column(INVOICES).combine_chunks()
    some = pc.fill_null(pc.greater(pc.list_value_length(of_lines), 0), False)
    return found.set_column(found.column_names.index(INVOICES), INVOICES, pc.if_else(some, of_lines, own))


def _of_scores(cases: pa.Table, scores: pa.Table) -> dict[str, pa.Array]:
    """What the quality check says of each case; null for a case without a record."""
    place = pc.index_in(
        cases.column("case_id"), value_set=scores.column("case_id").combine_chunks()
    ).combine_chunks()
    counts = [scores.column(severity).combine_chunks().take(place) for severity in SEVERITIES]
    findings = counts[0]
    for one in counts[1:]:
        findings = pc.add(findings, one)
    found = {"finding_count": findings, "blocking_count": counts[0]}
    named = {"quality_score": "score", **{name: name for name in OF_DOCUMENTS}}
    for name, column in named.items():
        if column in scores.column_names:
            found[name] = scores.column(column).combine_chunks().take(place)
    return found


def _counted(cases: pa.Table, hits: pa.Table) -> pa.Array:
    """Hits of each case, 0 where there are none."""
    place = pc.index_in(hits.column("case_id"), value_set=cases.column("case_id").combine_chunks())
    known = place.drop_null().combine_chunks().to_numpy()
    return pa.array(np.bincount(known, minlength=len(cases)))


def _insert(connection: duckdb.DuckDBPyConnection, claims: pa.Table, rows: int) -> None:
    """Add claims to the table ``claim``, which has ``rows`` rows; they are numbered here, so that no thread matters."""
    numbers = pa.array(np.arange(rows, rows + len(claims)))
    connection.register("part", as_claims(claims).add_column(0, "row", numbers))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS claim AS SELECT * FROM part LIMIT 0; INSERT INTO claim FROM part"
    )
    connection.unregister("part")


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
