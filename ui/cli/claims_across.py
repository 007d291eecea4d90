"""``drgbridge claims across`` and ``drgbridge claims indicators``: many visits at once."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli.common import JsonOption
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, say, visible
from ui.text import text

if TYPE_CHECKING:
    import pyarrow as pa

    from claims.across.hits import Outcome, Settings, Summary
    from claims.across.indicators import Figures
    from claims.across.rule import AcrossRule, Example
    from claims.across.visits import Sources

TOLD = 15
TOLD_REJECTIONS = 20


def word(key: str, **params: object) -> str:
    """A text of ``ui/texts/across.toml`` in the language of this run."""
    return text(f"across.{key}", LANG, **params)


VisitsArgument = Annotated[list[Path], typer.Argument(metavar="IN...", help=word("in_help"))]
OutOption = Annotated[Path, typer.Option("--out", metavar="OUT", help=word("out_help"))]
RegionOption = Annotated[str, typer.Option("--region", metavar="CODE", help=text("claims.region_help", LANG))]
ParametersOption = Annotated[
    list[Path] | None,
    typer.Option("--parameters", metavar="FILE", help=text("claims.parameters_help", LANG)),
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="DATE", help=word("until_help"))]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, max=64, help=word("threads_help"))]
MemoryOption = Annotated[int, typer.Option("--memory", min=1, max=1024, help=word("memory_help"))]


def across(
    visits: VisitsArgument,
    out: OutOption,
    lines: Annotated[
        list[Path] | None, typer.Option("--lines", metavar="FILE", help=word("lines_help"))
    ] = None,
    network: Annotated[
        Path | None, typer.Option("--network", metavar="DIR", help=word("network_help"))
    ] = None,
    region: RegionOption = "CN",
    parameters: ParametersOption = None,
    knowledge: Annotated[
        Path | None, typer.Option("--knowledge", metavar="FOLDER", help=text("claims.knowledge_help", LANG))
    ] = None,
    until: UntilOption = None,
    threads: ThreadsOption = 2,
    memory: MemoryOption = 2,
    json: JsonOption = False,
) -> None:
    """See ``across_help`` in ``ui/texts/across.toml``."""
    from claims.across.hits import HIT_SCHEMA, checking
    from claims.knowledge.points import load_knowledge
    from ui.cli.files import NewFiles
    from ui.cli.output import FILE_WRITERS

    ending = _ending(out)
    if lines and any(path.is_dir() for path in visits):
        raise typer.BadParameter(word("lines_twice"), param_hint="'--lines'")
    with _read(visits, lines or [], network) as (sources, folder), NewFiles(visits[0]) as files:
        settings = _settings(folder, region, parameters, until, threads, memory)
        settings = replace(settings, knowledge=load_knowledge(knowledge))
        with checking(sources, settings) as found:
            writer = FILE_WRITERS[ending](files.begin(out, "--out"))
            writer.write(_for(ending, HIT_SCHEMA.empty_table()))
            for table in found.hits():
                writer.write(_for(ending, table))
            writer.close()
            summary, rejected = found.summary, found.rejected
        _write_rejected(files, out, rejected)
    if json:
        _print_summary(summary)
    else:
        print(visible("\n".join(_lines(summary))))
    _end(out, rejected)


def indicators(
    visits: VisitsArgument,
    out: OutOption,
    region: RegionOption = "CN",
    parameters: ParametersOption = None,
    until: UntilOption = None,
    threads: ThreadsOption = 2,
    memory: MemoryOption = 2,
) -> None:
    """See ``indicators_help`` in ``ui/texts/across.toml``."""
    from claims.across.indicators import figures
    from ui.cli.files import NewFiles
    from ui.cli.output import FILE_WRITERS

    ending = _ending(out)
    with _read(visits, [], None) as (sources, folder), NewFiles(visits[0]) as files:
        found = figures(sources, _settings(folder, region, parameters, until, threads, memory))
        writer = FILE_WRITERS[ending](files.begin(out, "--out"))
        writer.write(_for(ending, _named(found.table)))
        writer.close()
        _write_rejected(files, out, found.rejected)
    print(visible("\n".join(_figure_lines(found))))
    _end(out, found.rejected)


def add_to(app: typer.Typer) -> None:
    """Make the commands part of ``drgbridge claims``."""
    for name, command in (("across", across), ("indicators", indicators)):
        app.command(name, help=word(f"{name}_help"), epilog=say("epilog"))(command)


def described(rule: AcrossRule) -> list[str]:
    """Everything that a rule over many visits says, as lines."""

    def claim(key: str) -> str:
        return text(f"claims.{key}", LANG)

    columns = [
        *rule.columns,
        *(f"lines.{name}" for name in rule.lines),
        *(f"network.{name}" for name in rule.network),
    ]
    examples = [
        line
        for kind, of_kind in (("bad", rule.bad), ("good", rule.good))
        for example in of_kind
        for line in (f"{claim(kind)}: {example.note}", *_tables(example))
    ]
    return [
        f"{rule.id}  {rule.title.text(LANG)}",
        f"{claim(f'severity_{rule.severity}')} · {claim(f'category_{rule.category}')} · "
        f"{rule.effective_from} – {rule.effective_to or '…'}",
        f"{claim('needs')}: {', '.join(claim(f'need_{need}') for need in rule.needs)} ({', '.join(columns)})",
        *([f"{word('parameters')}: {', '.join(rule.wanted_parameters)}"] if rule.wanted_parameters else []),
        "",
        f"{claim('why')}: {rule.why.text(LANG)}",
        f"{claim('message')}: {rule.message.text(LANG)}",
        f"{claim('analyst')}: {rule.analyst.text(LANG)}",
        f"{claim('hospital')}: {rule.hospital.text(LANG)}",
        *examples,
        f"{claim('condition')}:",
        *(f"    {line}" for line in rule.sql.splitlines()),
        f"{claim('basis')}: {rule.basis.text(LANG)}",
    ]


def _tables(example: Example) -> list[str]:
    tables = (example.visits, example.lines, example.network)
    return [f"    {line}" for table in tables for line in table.strip().splitlines()]


def _ending(out: Path) -> str:
    from ui.cli.output import FILE_WRITERS

    ending = out.suffix.lower()
    if ending not in FILE_WRITERS:
        known = ", ".join(FILE_WRITERS)
        raise typer.BadParameter(text("claims.out_kind", LANG, known=known), param_hint="'--out'")
    return ending


def _for(ending: str, table: pa.Table) -> pa.Table:
    """The table with its days and truths as texts, where the file is for people."""
    import pyarrow as pa

    if ending == ".parquet":
        return table
    plain = [
        field.with_type(pa.string()) if field.type in (pa.date32(), pa.bool_()) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(plain))


@contextmanager
def _read(
    visits: Sequence[Path], lines: Sequence[Path], network: Path | None
) -> Iterator[tuple[Sources, Path]]:
    """The sources, and a folder for what a run needs on the disk."""
    from claims.across.tables import sources_of

    with tempfile.TemporaryDirectory(prefix="drgbridge-") as folder:
        yield sources_of(visits, lines, network, Path(folder)), Path(folder)


def _settings(
    folder: Path, region: str, parameters: list[Path] | None, until: str | None, threads: int, memory: int
) -> Settings:
    from claims.across.hits import Settings
    from claims.parameters.settings import load_parameters
    from ui.cli.check import day_of

    return Settings(
        parameters=load_parameters(parameters or (), region),
        until=None if until is None else day_of(until, "--until"),
        memory=f"{memory}GB",
        threads=threads,
        folder=folder,
    )


def _write_rejected(files: Any, out: Path, rejected: pa.Table) -> None:
    """The rows that were not read, beside the results; what an earlier run left there goes."""
    from ui.cli.output import csv_file

    path = _rejected_path(out)
    writer = csv_file(files.begin(path, "--out"))
    writer.write(rejected)
    writer.close()
    if not len(rejected):
        files.drop(path)


def _rejected_path(out: Path) -> Path:
    return out.with_suffix(".rejections.csv")


def _end(out: Path, rejected: pa.Table) -> None:
    """Say where the results are, and what was not read."""
    from claims.messages import text as claim_text

    told = [word("written", path=out)]
    if len(rejected):
        told.append(word("rejected", count=f"{len(rejected):,}", path=_rejected_path(out)))
    for row in rejected.slice(0, TOLD_REJECTIONS).to_pylist():
        field = f" {row['field']}" if row["field"] else ""
        reason = claim_text(row["reason"], LANG)
        told.append(word("rejected_row", source=row["source"], row=row["row"], field=field, reason=reason))
    print(visible("\n".join(told)), file=sys.stderr)
    if len(rejected):
        raise typer.Exit(DONE_WITH_REJECTIONS)


def _lines(summary: Summary) -> list[str]:
    from claims.across.rule import load_across_rules

    rules = load_across_rules()
    applicable = [one for one in summary.outcomes if one.applicable]
    lines = [
        word("checked", visits=f"{summary.visits:,}", rules=len(applicable), hits=f"{summary.hits:,}"),
        *_about_visits(summary),
    ]
    most = sorted((one for one in applicable if one.hits), key=lambda one: (-one.hits, one.rule))
    lines += [
        _hit_line(one, rules[one.rule].title.text(LANG), rules[one.rule].severity) for one in most[:TOLD]
    ]
    left_out = [one for one in applicable if one.left_out]
    if left_out:
        told = ", ".join(f"{one.rule} {one.left_out:,}" for one in left_out)
        lines.append(word("left_out", rules=told))
    for one in summary.outcomes:
        if not one.applicable:
            lines.append(word("not_applicable", rule=one.rule, columns=", ".join(one.missing)))
    return lines


def _about_visits(summary: Summary) -> list[str]:
    lines = [word("stays_assumed")] if summary.stays_assumed else []
    return [*lines, word("crowded", count=f"{summary.crowded:,}")] if summary.crowded else lines


def _hit_line(outcome: Outcome, title: str, severity: str) -> str:
    level = text(f"claims.severity_{severity}", LANG)
    return word("line", rule=outcome.rule, severity=level, count=f"{outcome.hits:,}", title=title)


def _print_summary(summary: Summary) -> None:
    from dataclasses import asdict

    from ui.cli.output import print_json

    print_json({**asdict(summary), "hits": summary.hits})


def _named(table: pa.Table) -> pa.Table:
    """The figures with the name and the unit of the indicator."""
    import pyarrow as pa

    from claims.across.indicators import definitions

    by_id = {one.id: one for one in definitions()}
    ids = table.column("indicator").to_pylist()
    names = pa.array([by_id[id].name.text(LANG) for id in ids], pa.string())
    units = pa.array([by_id[id].unit for id in ids], pa.string())
    return table.add_column(1, "name", names).add_column(2, "unit", units)


def _figure_lines(found: Figures) -> list[str]:
    suppressed = sum(found.table.column("suppressed").to_pylist())
    lines = [word("figures", figures=f"{len(found.table):,}", suppressed=f"{suppressed:,}")]
    return lines + [
        word("indicator_not_applicable", indicator=id, columns=", ".join(columns))
        for id, columns in found.missing.items()
    ]
