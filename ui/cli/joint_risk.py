"""``drgbridge risk joint``: claims scored with the other party's columns, and what that is worth."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli import exits
from ui.cli.common import JsonOption
from ui.cli.language import LANG, visible
from ui.cli.refusal import sentence
from ui.text import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from claims.joint import Summary
    from claims.joint.trace import Learned


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/joint_risk.toml`` in the language of this run."""
    return text(f"joint_risk.{key}", LANG, **params)


app = typer.Typer(help=_say("help"), no_args_is_help=True, rich_markup_mode=None)

SettingsOption = Annotated[Path, typer.Option("--config", metavar="NIGHTLY.toml", help=_say("config_help"))]
ResultsOption = Annotated[Path, typer.Option("--results", metavar="DIR", help=_say("results_help"))]


LabelsOption = Annotated[Path | None, typer.Option("--labels", metavar="TABLE", help=_say("labels_help"))]
StoreOption = Annotated[str | None, typer.Option("--store", metavar="FILE|URL", help=_say("store_help"))]


@app.command("train", help=_say("train_help"))
def train(
    config: SettingsOption,
    results: ResultsOption,
    labels: LabelsOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """See ``train_help`` in ``ui/texts/joint_risk.toml``."""
    from claims.joint import load_settings
    from claims.joint import train as train_joint
    from claims.joint.jobs import Problem
    from privacy.errors import Refused

    told, settings = labels_of(labels, store), load_settings(config)
    try:
        trained = train_joint(results, settings, told, on_pending=_waits)
    except Refused as refused:
        problem = Problem.of(refused)
        print(sentence(refused), file=sys.stderr)
        raise typer.Exit(exits.RESUMABLE if problem.later else exits.INVALID) from None
    if json:
        from ui.cli.output import print_json

        print_json(trained.as_json())
        return
    print("\n".join(_count_lines(trained.counts)))
    record = trained.record
    print(_say("trained", rows=f"{record.rows:,}", rounds=record.rounds, loss=f"{trained.losses[-1]:.4f}"))
    print(_say("model", model=record.model_sha256, job=record.training_job))
    _print_learned(trained.learned)


@app.command("run", help=_say("run_help"))
def run(
    config: SettingsOption,
    results: ResultsOption,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help=_say("out_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``run_help`` in ``ui/texts/joint_risk.toml``."""
    from claims.joint import load_settings
    from claims.joint import run as run_joint
    from claims.nightly.results import open_results

    open_results(results)
    summary = run_joint(results, load_settings(config), out, on_pending=_waits)
    if json:
        from ui.cli.output import print_json

        print_json(summary.as_json())
    else:
        _print_summary(summary)
    raise typer.Exit(_exit_code(summary))


@app.command("trace", help=_say("trace_help"))
def trace(results: ResultsOption) -> None:
    """See ``trace_help`` in ``ui/texts/joint_risk.toml``."""
    from claims.joint.night import FOLDER, read_trace

    learned = read_trace(results / FOLDER)
    if not learned:
        print(_say("nothing_learned"), file=sys.stderr)
    _print_learned(learned)


@app.command("report", help=_say("report_help"))
def report(
    hospital: Annotated[Path, typer.Argument(metavar="HOSPITAL", help=_say("hospital_help"))],
    insurer: Annotated[Path, typer.Argument(metavar="INSURER", help=_say("insurer_help"))],
    label: Annotated[str, typer.Option(metavar="COL", help=_say("label_help"))],
    amount: Annotated[str, typer.Option(metavar="COL", help=_say("amount_help"))],
    out: Annotated[Path, typer.Option(metavar="DIR", help=_say("report_out_help"))],
    id_column: Annotated[str, typer.Option("--id", metavar="COL", help=_say("id_help"))] = "id",
    target: Annotated[str | None, typer.Option(metavar="COL", help=_say("target_help"))] = None,
    capacity: Annotated[int | None, typer.Option(min=1, metavar="N", help=_say("capacity_help"))] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=500, metavar="N", help=_say("rounds_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``report_help`` in ``ui/texts/joint_risk.toml``."""
    from claims.joint.report import check_place, markdown, write_report
    from claims.joint.simulation import Spec, compare
    from claims.risk.table import read_table

    check_place(out)
    spec = Spec(id_column, label, amount, target, capacity, rounds)
    with tempfile.TemporaryDirectory(prefix="drgbridge-joint-") as folder:
        found = compare(
            read_table(hospital), read_table(insurer), spec, Path(folder) / "pair", lambda name: _step(name)
        )
    told = write_report(found, out)
    if json:
        from ui.cli.output import print_json

        print_json(told)
        return
    print(visible(markdown(told, LANG)), end="")
    print(_say("report_written", folder=out), file=sys.stderr)


def summary_lines(told: Mapping[str, Any]) -> list[str]:
    """How a joint step ended (``Summary.as_json``) in words: state, claims, bands, and what went wrong."""
    lines = [_say(f"state_{told['state']}"), *_count_lines(told["counts"])]
    lines += [f"{_band(name)}\t{count:,}" for name, count in told["bands"].items()]
    if told["problem"] is not None:
        lines += problem_lines(told)
    return lines


def problem_lines(told: Mapping[str, Any]) -> list[str]:
    """Why a joint step stopped, and what to do."""
    from claims.joint.jobs import Problem

    lines = [sentence(Problem(**told["problem"]).refused())]
    if told["approve"] is not None:
        lines.append(_say("approve", hash=told["approve"]))
    if told["later"]:
        lines.append(_say("later"))
    return lines


def _band(name: str) -> str:
    return _say("band", band=name)


def labels_of(labels: Path | None, store: str | None) -> pa.Table:
    """The labels of a table, or those of the closed decisions of a store: one of the two must be given."""
    if (labels is None) == (store is None):
        raise typer.BadParameter(_say("labels_or_store"), param_hint="'--labels'")
    if labels is not None:
        from claims.risk.table import read_table

        return read_table(labels)
    from claims.store import find_address, open_store
    from claims.store import labels as store_labels

    with open_store(find_address(store)) as opened:
        return store_labels(opened, datetime.min.replace(tzinfo=UTC), datetime.now(UTC))


def _exit_code(summary: Summary) -> int:
    if summary.problem is not None:
        return exits.RESUMABLE if summary.later else exits.INVALID
    return exits.INVALID if summary.state == "no_model" else exits.DONE


def _print_summary(summary: Summary) -> None:
    """What was scored to stdout, what went wrong to stderr."""
    told = summary.as_json()
    print(visible("\n".join(summary_lines(told | {"problem": None}))))
    _print_learned(summary.learned)
    if summary.problem is not None:
        print(visible("\n".join(problem_lines(told))), file=sys.stderr)


def _count_lines(counts: Mapping[str, int]) -> list[str]:
    return [f"{_say(f'claims_{state}')}\t{count:,}" for state, count in counts.items()]


def _print_learned(learned: Iterable[Learned]) -> None:
    for one in learned:
        print(visible(_say("learned", party=one.party, protocol=one.protocol, what=one.sentence(LANG))))


def _waits(job: str) -> None:
    print(_say("waits", job=job), file=sys.stderr)


def _step(name: str) -> None:
    from claims.messages import text as claim_text

    print(_say("step", name=claim_text(f"joint.report_{name}", LANG).strip("*")), file=sys.stderr, flush=True)
