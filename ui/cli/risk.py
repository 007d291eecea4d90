"""``drgbridge risk``: which claims a person should look at, and why."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli import joint_risk
from ui.cli.common import JsonOption
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    import pyarrow as pa

    from claims.risk.evaluation import Evaluation
    from claims.risk.frame import Schema


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/risk.toml`` in the language of this run."""
    return text(f"risk.{key}", LANG, **params)


app = typer.Typer(help=_say("help"), no_args_is_help=True, rich_markup_mode=None)
app.add_typer(joint_risk.app, name="joint")

TableArgument = Annotated[Path, typer.Argument(metavar="TABLE", help=_say("table_help"))]
ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help=_say("model_help"))]
AmountOption = Annotated[str | None, typer.Option(metavar="COL", help=_say("amount_help"))]
CapacityOption = Annotated[int | None, typer.Option(min=1, metavar="N", help=_say("capacity_help"))]
SubgroupOption = Annotated[list[str] | None, typer.Option(metavar="COL", help=_say("subgroup_help"))]
OutOption = Annotated[Path, typer.Option(metavar="FILE", help=_say("out_help"))]


@app.command("table", help=_say("claims_help"))
def claims(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help=_say("results_help"))],
    out: OutOption,
    labels: joint_risk.LabelsOption = None,
    store: joint_risk.StoreOption = None,
    columns: Annotated[
        list[str] | None, typer.Option("--with", metavar="COLS", help=_say("with_help"))
    ] = None,
    json: JsonOption = False,
) -> None:
    """See ``claims_help`` in ``ui/texts/risk.toml``."""
    from claims.nightly.results import open_results
    from claims.risk.labelled import LABEL, claim_table
    from ui.cli.output import print_json

    _check_ending(out)
    decided = None if labels is None and store is None else joint_risk.labels_of(labels, store)
    made = claim_table(open_results(results), _names(columns), decided)
    _write(made, results, out)
    positives = None if decided is None else int(sum(made.column(LABEL).to_pylist()))
    if json:
        print_json({"out": str(out), "claims": len(made), "positives": positives})
    elif positives is None:
        print(visible(_say("claims_written", claims=f"{len(made):,}", out=out)))
    else:
        told = {"claims": f"{len(made):,}", "positives": f"{positives:,}", "out": out}
        print(visible(_say("labelled_written", **told)))


@app.command("train", help=_say("train_help"))
def train(
    table: TableArgument,
    label: Annotated[str, typer.Option(metavar="COL", help=_say("label_help"))],
    out: Annotated[Path, typer.Option(metavar="MODEL", help=_say("model_out_help"))],
    positive: Annotated[str | None, typer.Option(metavar="VALUE", help=_say("positive_help"))] = None,
    group: Annotated[str | None, typer.Option(metavar="COL", help=_say("group_help"))] = None,
    time: Annotated[str | None, typer.Option(metavar="COL", help=_say("time_help"))] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COL", help=_say("id_help"))] = None,
    amount: AmountOption = None,
    capacity: CapacityOption = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="COLS", help=_say("exclude_help"))] = None,
    keep: Annotated[list[str] | None, typer.Option(metavar="COLS", help=_say("keep_help"))] = None,
    subgroup: SubgroupOption = None,
    unit: Annotated[Literal["row", "group"] | None, typer.Option(help=_say("unit_help"))] = None,
    split: Annotated[
        Literal["rows", "group", "time", "group-time"] | None, typer.Option(help=_say("split_help"))
    ] = None,
    date: Annotated[str | None, typer.Option(metavar="DAY", help=_say("date_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``train_help`` in ``ui/texts/risk.toml``."""
    from claims.risk import store
    from claims.risk.card import cards
    from claims.risk.table import read_table
    from claims.risk.training import Task
    from claims.risk.training import train as train_model
    from drg.disk import file_hash
    from ui.cli.check import day_of
    from ui.cli.output import print_json

    store.check_place(out)
    task = Task(
        label=label,
        positive=positive,
        group=group,
        time=time,
        id_column=id_column,
        amount=amount,
        exclude=_names(exclude),
        keep=_names(keep),
        subgroups=_names(subgroup),
        unit=unit,
        how=split,
        capacity=capacity,
        date=_source_date() if date is None else day_of(date).isoformat(),
    )
    result = train_model(read_table(table), task, file_hash(table))
    model = result.model
    told = cards(model, result.test, result.baseline)
    name = store.save(out, model, result.split, result.cases, told)
    if json:
        print_json(
            {
                "model": str(out),
                "sha256": name,
                "unit": model.schema.unit,
                "columns": [column.as_json() for column in model.schema.columns],
                "training": model.manifest,
                "test": result.test.as_json(),
                "logistic_regression": result.baseline.as_json(),
            }
        )
        return
    _print_columns(model.schema)
    _print_split(model.manifest["split"], model.schema)
    _print_evaluation(result.test, result.baseline)
    print(visible(_say("trained", model=out, chosen=model.manifest["chosen"], sha256=name)), file=sys.stderr)


@app.command("evaluate", help=_say("evaluate_help"))
def evaluate(
    model: ModelArgument,
    table: TableArgument,
    amount: AmountOption = None,
    capacity: CapacityOption = None,
    subgroup: SubgroupOption = None,
    json: JsonOption = False,
) -> None:
    """See ``evaluate_help`` in ``ui/texts/risk.toml``."""
    from claims.risk.api import evaluate_table
    from claims.risk.store import load
    from claims.risk.table import read_table
    from ui.cli.output import print_json

    found = evaluate_table(load(model), read_table(table), amount, capacity, _names(subgroup))
    if json:
        print_json(found.as_json())
    else:
        _print_evaluation(found, None)


@app.command("score", help=_say("score_help"))
def score(
    model: ModelArgument,
    table: TableArgument,
    out: OutOption,
    amount: AmountOption = None,
    capacity: CapacityOption = None,
    json: JsonOption = False,
) -> None:
    """See ``score_help`` in ``ui/texts/risk.toml``."""
    from claims.risk.frame import unreadable
    from claims.risk.scoring import score as score_table
    from claims.risk.store import load
    from claims.risk.table import read_table
    from ui.cli.output import print_json

    _check_ending(out)
    stored, read = load(model), read_table(table)
    scored = score_table(read, stored.model, amount, capacity, LANG)
    lost = unreadable(read, stored.model.schema)
    _write(scored, table, out)
    for name, count in lost.items():
        print(visible(_say("lost_values", column=name, count=f"{count:,}")), file=sys.stderr)
    bands = {band["values"]: band["counts"] for band in scored.column("band").value_counts().to_pylist()}
    if json:
        print_json({"out": str(out), "units": len(scored), "bands": bands, "values_not_read": lost})
        return
    for band in stored.model.band_names:
        print(f"{text_of_band(band)}\t{bands.get(band, 0):,}")


def text_of_band(band: str) -> str:
    """The name of a band in the language of this run."""
    from claims.messages import text as claim_text

    return claim_text(f"risk.band_{band}", LANG)


def _names(given: list[str] | None) -> tuple[str, ...]:
    """The columns of an option that may be repeated, or hold several names divided by commas."""
    return tuple(name.strip() for one in given or () for name in one.split(",") if name.strip())


def _source_date() -> str | None:
    import datetime as dt

    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is None or not told.isdecimal():
        return None
    return dt.datetime.fromtimestamp(int(told), dt.UTC).date().isoformat()


def _check_ending(out: Path) -> None:
    from ui.cli.output import FILE_WRITERS

    if out.suffix.lower() not in FILE_WRITERS:
        raise typer.BadParameter(_say("out_kind", kinds=" ".join(FILE_WRITERS)), param_hint="'--out'")


def _write(table: pa.Table, source: Path, out: Path) -> None:
    from ui.cli.files import NewFiles
    from ui.cli.output import FILE_WRITERS

    with NewFiles(source) as files:
        writer = FILE_WRITERS[out.suffix.lower()](files.begin(out, "--out"))
        writer.write(table)
        writer.close()


def _print_columns(schema: Schema) -> None:
    from claims.risk.card import column_text

    for column in schema.columns:
        state = "refused" if column.refused else "warned" if column.warnings else "used"
        print(visible(f"{_say(f'column_{state}')}\t{column.name}\t{column_text(column, LANG)}"))


def _print_split(split: dict[str, object], schema: Schema) -> None:
    from claims.messages import text as claim_text

    how = str(split["how"]).replace("-", "_")
    print(visible(claim_text(f"card.unit_{schema.unit}", LANG, group=schema.group or "–")))
    print(visible(claim_text(f"card.split_{how}", LANG, group=split["group"], time=split["time"])))


def _print_evaluation(found: Evaluation, baseline: Evaluation | None) -> None:
    from claims.risk.card import evaluation_lines

    print(
        _say("test_units", units=f"{found.units:,}", positives=f"{found.positives:,}", seen=f"{found.seen:,}")
    )
    print(visible("\n".join(evaluation_lines(found, baseline, LANG))))


@app.command("drift", help=_say("drift_help"))
def drift(model: ModelArgument, table: TableArgument, json: JsonOption = False) -> None:
    """See ``drift_help`` in ``ui/texts/risk.toml``."""
    from claims.risk.api import drift_of
    from claims.risk.store import load
    from claims.risk.table import read_table
    from ui.cli.output import print_json
    from ui.cli.tables import print_table

    found = drift_of(load(model), read_table(table))
    if json:
        print_json(found)
        return
    rows = [
        [
            visible(one.name),
            f"{one.psi:.4f}",
            f"{one.missing_then:.1%}",
            f"{one.missing_now:.1%}",
            _say(f"state_{one.state}"),
        ]
        for one in found
    ]
    names = ("name", "psi", "then", "now", "state")
    print_table([_say(f"drift_column_{name}") for name in names], rows, nothing="")


@app.command("explain", help=_say("explain_help"))
def explain(
    model: ModelArgument,
    table: TableArgument,
    unit: Annotated[str, typer.Option(metavar="ID", help=_say("row_help"))],
    fixed: Annotated[list[str] | None, typer.Option(metavar="COLS", help=_say("fixed_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``explain_help`` in ``ui/texts/risk.toml``."""
    from claims.risk.api import explain as explain_unit
    from claims.risk.store import load
    from claims.risk.table import read_table
    from ui.cli.output import print_json

    found = explain_unit(load(model), read_table(table), unit, _names(fixed))
    told = {
        "id": found.id,
        "score": found.score,
        "band": found.band,
        "reasons": [one.sentence(LANG) for one in found.reasons],
        "similar": [{"case": case, "label": label} for case, label in found.similar],
        "sensitivity": [one.sentence(LANG) for one in found.sensitivities],
    }
    if json:
        print_json(told)
        return
    lines = [_say("explained", id=found.id, score=f"{found.score:.4f}", band=text_of_band(found.band))]
    lines += [f"- {one.sentence(LANG)}" for one in found.reasons]
    for case, label in found.similar:
        how = _say("similar_positive" if label else "similar_negative")
        lines.append(f"{_say('similar_case', case=case)} ({how})")
    if found.sensitivities:
        lines += [_say("sensitivity_note"), *(f"- {one.sentence(LANG)}" for one in found.sensitivities)]
    print(visible("\n".join(lines)))


@app.command("rank", help=_say("rank_help"))
def rank(
    table: TableArgument,
    out: OutOption,
    value: Annotated[list[str] | None, typer.Option(metavar="COLS", help=_say("value_help"))] = None,
    peer: Annotated[list[str] | None, typer.Option(metavar="COL", help=_say("peer_help"))] = None,
    rule: Annotated[list[str] | None, typer.Option(metavar="COLS", help=_say("rule_help"))] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COL", help=_say("id_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``rank_help`` in ``ui/texts/risk.toml``."""
    from claims.risk.ranking import rank as rank_table
    from claims.risk.table import read_table
    from ui.cli.output import print_json

    _check_ending(out)
    ranked = rank_table(read_table(table), _names(peer), _names(value), _names(rule), id_column, LANG)
    _write(ranked, table, out)
    flagged = sum(points > 0 for points in ranked.column("points").to_pylist())
    if json:
        print_json({"out": str(out), "rows": len(ranked), "flagged": flagged})
    else:
        print(visible(_say("ranked", rows=f"{len(ranked):,}", flagged=f"{flagged:,}", out=out)))
