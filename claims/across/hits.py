"""The rules over many visits, run one after the other in DuckDB; hits in a fixed order, whatever the threads.

A hit is dated by the last event that it needs (``as_of``): as a feature of a claim it counts from that day on. With
``Settings.until`` nothing is seen that was known later, so what a run then found can be found again.
"""

# ruff: noqa: S608 - the SQL is put together from files of this package and names that their models have checked

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from claims.across.database import HOME, opened
from claims.across.limits import limit_table
from claims.across.parameters import parameter_table
from claims.across.rule import AcrossRule, load_across_rules
from claims.across.sentence import evidence, sentence
from claims.across.visits import (
    MAX_VISITS_OF_PERSON,
    Parts,
    Sources,
    TableName,
    all_columns,
    load,
    results_sources,
)
from claims.knowledge.points import Knowledge, load_knowledge
from claims.parameters.settings import Parameters, load_parameters
from drg.analytics.database import literal
from drg.disk import new_file
from drg.messages import LANGUAGES

if TYPE_CHECKING:
    import duckdb

ROW_GROUP_ROWS = 65_536
REJECTED = "SELECT * REPLACE (parse_filename(source) AS source) FROM rejected ORDER BY ALL"
"""Rows that could not be read, with the name of their file."""
MAX_OTHER_CASES = 50
LIMITS = {"most_cases": MAX_OTHER_CASES}

HIT_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("severity", pa.string()),
        ("as_of", pa.date32()),
        ("case_id", pa.string()),
        ("person", pa.string()),
        ("hospital", pa.string()),
        ("doctor", pa.string()),
        ("other_cases", pa.list_(pa.string())),
        ("peer_group", pa.string()),
        ("peers", pa.int64()),
        ("figure", pa.float64()),
        ("threshold", pa.float64()),
        ("evidence", pa.string()),
        ("sentence_en", pa.string()),
        ("sentence_zh", pa.string()),
    ]
)
"""One row a hit, in the order of the rules and, within one, of all columns. ``case_id`` is null where a hospital or a
doctor is meant; ``other_cases``: at most 50; ``evidence``: the figures as JSON. ``as_of``: the day on which the last
event that the hit needs is known."""

_SQL_TYPES = {
    "as_of": "DATE",
    "other_cases": "VARCHAR[]",
    "peers": "BIGINT",
    "figure": "DOUBLE",
    "threshold": "DOUBLE",
}


@dataclass(frozen=True)
class Settings:
    """How to run. ``rules``: None for all; ``until``: see the module; ``memory``: of DuckDB; ``folder``: its disk."""

    rules: Sequence[AcrossRule] | None = None
    parameters: Parameters = field(default_factory=load_parameters)
    knowledge: Knowledge = field(default_factory=load_knowledge)
    until: dt.date | None = None
    memory: str = "2GB"
    threads: int = 2
    folder: Path | None = None

    @property
    def chosen(self) -> Sequence[AcrossRule]:
        return list(load_across_rules().values()) if self.rules is None else self.rules


@dataclass
class Outcome:
    """What became of a rule. ``missing``: columns without which it is not applicable; ``left_out``: visits that it
    could not judge, as a value is missing."""

    rule: str
    missing: tuple[str, ...] = ()
    hits: int = 0
    left_out: int = 0

    @property
    def applicable(self) -> bool:
        return not self.missing


@dataclass
class Summary:
    """What became of a run. ``crowded``: visits whose person has too many to be one; ``stays_assumed``: the source does
    not tell the kind of visit, so all are stays."""

    visits: int = 0
    rejected: int = 0
    crowded: int = 0
    stays_assumed: bool = False
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def hits(self) -> int:
        return sum(outcome.hits for outcome in self.outcomes)


class Checking:
    """Visits that are loaded, and the rules that run over them. ``summary`` is complete when ``hits`` is at its end."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sources: Sources, settings: Settings):
        self._connection = connection
        self._rules = settings.chosen
        self._held = load_tables(connection, sources, settings, _wanted(self._rules))
        counts = "count(*), count(*) FILTER (crowded)"
        ((visits, crowded),) = connection.sql(f"SELECT {counts} FROM visits").fetchall()
        self.rejected: pa.Table = connection.sql(REJECTED).to_arrow_table()
        self.summary = Summary(visits, len(self.rejected), crowded, "visit_kind" not in self._held["visits"])

    def hits(self) -> Iterator[pa.Table]:
        """The hits in ``HIT_SCHEMA``, table by table; each table but the last of a rule has ``ROW_GROUP_ROWS`` rows."""
        for rule in self._rules:
            outcome = Outcome(rule.id, self._missing(rule))
            self.summary.outcomes.append(outcome)
            if outcome.applicable:
                outcome.left_out = self._left_out(rule)
                for table in self._hits_of(rule):
                    outcome.hits += len(table)
                    yield table

    def _missing(self, rule: AcrossRule) -> tuple[str, ...]:
        wanted: dict[TableName, tuple[str, ...]] = {
            "visits": rule.columns,
            "lines": rule.lines,
            "network": rule.network,
        }
        return tuple(
            f"{table}.{name}"
            for table, names in wanted.items()
            for name in names
            if name not in self._held[table]
        )

    def _left_out(self, rule: AcrossRule) -> int:
        unknown = " OR ".join(f"{name} IS NULL" for name in rule.columns)
        ((count,),) = self._connection.sql(f"SELECT count(*) FROM {rule.about} WHERE {unknown}").fetchall()
        return int(count)

    def _hits_of(self, rule: AcrossRule) -> Iterator[pa.Table]:
        query = rule_query(rule)
        produced = {
            row[0] for row in self._connection.execute(f"DESCRIBE {query}", _given(rule, query)).fetchall()
        }
        statement = _statement(rule, query, produced)
        found = self._connection.sql(statement, params=_given(rule, statement))
        yield from _regrouped(found.to_arrow_reader(ROW_GROUP_ROWS))


def load_tables(
    connection: duckdb.DuckDBPyConnection, sources: Sources, settings: Settings, parameters: Sequence[str]
) -> Mapping[TableName, frozenset[str]]:
    """Make the tables of ``tables.sql``; returns the columns of each that hold a value. Raises ``InputError``."""
    given = parameter_table(settings.parameters, parameters)
    connection.register("given", given)
    days = "DATE '1970-01-01' + first_day AS first_day, DATE '1970-01-01' + last_day AS last_day"
    connection.execute(f"CREATE TABLE stretches AS SELECT period, region, {days} FROM given")
    connection.execute("CREATE TABLE parameters AS SELECT * EXCLUDE (region, first_day, last_day) FROM given")
    connection.unregister("given")
    connection.register("points", limit_table(settings.knowledge))
    connection.execute(f"CREATE TABLE limits AS SELECT * REPLACE ({days}) FROM points")
    connection.unregister("points")
    connection.execute("CREATE TABLE holidays AS SELECT unnest($days)::DATE AS day", {"days": _holidays()})
    connection.execute(
        "CREATE TABLE run AS SELECT $until::DATE AS until, $region AS region, $most AS most_visits",
        {"until": settings.until, "region": settings.parameters.region, "most": MAX_VISITS_OF_PERSON},
    )
    held = {}
    parts: dict[TableName, Parts] = {
        "visits": sources.visits,
        "lines": sources.lines,
        "network": sources.network,
    }
    for table, files in parts.items():
        held[table] = load(connection, table, files) if files else frozenset()
        all_columns(connection, table, held[table], {"visit_kind": "'inpatient'"})
    connection.execute((HOME / "tables.sql").read_text(encoding="utf-8"))
    return held


def _holidays() -> list[str]:
    """The days of ``holidays.tsv``."""
    return [
        line.split("\t")[0] for line in (HOME / "holidays.tsv").read_text(encoding="utf-8").splitlines()[1:]
    ]


def rule_query(rule: AcrossRule) -> str:
    """The SQL that finds the hits of a rule; that of a peer rule stands within ``peers.sql``."""
    if rule.peers is None:
        return rule.sql
    high = rule.peers.direction == "high"
    best, sign = ("greatest", "+") if high else ("least", "-")
    terms = [
        "edge",
        f"middle {sign} peer_robust_z * spread",
        *([rule.peers.least] if rule.peers.least else []),
    ]
    replaced = {
        "{figures}": f"SELECT * FROM ({rule.sql})",
        "{edge}": f"quantile_cont(figure, {rule.peers.quantile})",
        "{threshold}": f"{best}({', '.join(terms)})",
        "{beyond}": f"figure {'>' if high else '<'} threshold",
    }
    return re.sub(
        r"\{[a-z]+\}", lambda found: replaced[found[0]], (HOME / "peers.sql").read_text(encoding="utf-8")
    )


def _statement(rule: AcrossRule, query: str, produced: set[str]) -> str:
    """The hits of a rule with the columns of ``HIT_SCHEMA``, in order."""
    columns = []
    for name in HIT_SCHEMA.names[2:-3]:
        kind = _SQL_TYPES.get(name, "VARCHAR")
        value = f"{name}[1:$most_cases]" if name == "other_cases" else name
        columns.append(f"{value if name in produced else 'NULL'}::{kind} AS {name}")
    told = [f"{sentence(rule, lang)} AS sentence_{lang}" for lang in LANGUAGES]
    force = f"as_of >= {literal(rule.effective_from)}::DATE"
    if rule.effective_to is not None:
        force += f" AND as_of <= {literal(rule.effective_to)}::DATE"
    return (
        f"WITH hit AS ({query}) SELECT {literal(rule.id)} AS rule, {literal(rule.severity)} AS severity, "
        f"{', '.join(columns)}, {evidence(rule, produced)} AS evidence, {', '.join(told)} "
        f"FROM hit WHERE {force} ORDER BY ALL"
    )


def _given(rule: AcrossRule, statement: str) -> dict[str, Any]:
    """The values of the ``$names`` of a statement: code lists of the rule, and limits."""
    values: Mapping[str, Any] = {**LIMITS, **{name: list(codes) for name, codes in rule.codes.items()}}
    return {name: values[name] for name in sorted(set(re.findall(r"\$([a-z_]+)", statement)))}


def _wanted(rules: Sequence[AcrossRule]) -> list[str]:
    return sorted({name for rule in rules for name in rule.wanted_parameters})


def _regrouped(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Batches of any size as tables of ``ROW_GROUP_ROWS`` rows."""
    kept: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        kept.append(batch)
        rows += len(batch)
        while rows >= ROW_GROUP_ROWS:
            table = pa.Table.from_batches(kept).cast(HIT_SCHEMA)
            yield table.slice(0, ROW_GROUP_ROWS).combine_chunks()
            kept = table.slice(ROW_GROUP_ROWS).to_batches()
            rows -= ROW_GROUP_ROWS
    if rows:
        yield pa.Table.from_batches(kept).cast(HIT_SCHEMA).combine_chunks()


@contextmanager
def checking(sources: Sources, settings: Settings) -> Iterator[Checking]:
    """Visits loaded for the rules. Raises ``InputError`` where a source cannot be used."""
    with opened(settings.memory, settings.threads, settings.folder) as connection:
        yield Checking(connection, sources, settings)


def check(sources: Sources, out: Path, settings: Settings | None = None) -> Summary:
    """The hits of the rules, written to ``out`` (Parquet, ``HIT_SCHEMA``), whole or not at all. Raises ``InputError``.

    What could not be read goes to ``<out>_rejected.parquet`` beside it; without such rows there is no such file.
    """
    rejected = out.with_name(f"{out.stem}_rejected.parquet")
    with checking(sources, settings or Settings()) as found:
        _written(out, HIT_SCHEMA, found.hits())
        if len(found.rejected):
            _written(rejected, found.rejected.schema, iter([found.rejected]))
        else:
            rejected.unlink(missing_ok=True)
        return found.summary


def _written(path: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
    with new_file(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def run(results: Path, out: Path, settings: Settings | None = None) -> Summary:
    """Check the results folder of a nightly run: ``OUT/across/hits_across.parquet``. Raises ``InputError``."""
    folder = out / "across"
    folder.mkdir(parents=True, exist_ok=True)
    return check(results_sources(results), folder / "hits_across.parquet", settings)
