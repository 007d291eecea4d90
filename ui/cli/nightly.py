"""``drgbridge nightly``: everything new, every night."""

from __future__ import annotations

import datetime as dt
import getpass
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli import exits
from ui.cli.common import JsonOption
from ui.cli.joint_risk import summary_lines
from ui.cli.language import LANG, visible
from ui.nightly_words import lack_lines, plan_lines
from ui.text import TEXTS, text

if TYPE_CHECKING:
    from claims.nightly.config import Config
    from claims.nightly.run import Options
    from claims.nightly.runners import Stop

FIRST_TOLD = 5
REASONS_TOLD = 3
FEN = 100
BANDS = ("high", "medium", "low")
"""Of risk, the worst first."""


def word(key: str, **params: object) -> str:
    """A text of ``ui/texts/nightly.toml`` in the language of this run."""
    return text(f"nightly.{key}", LANG, **params)


app = typer.Typer(help=word("help"), epilog=word("epilog"), no_args_is_help=True, rich_markup_mode=None)

ConfigOption = Annotated[Path, typer.Option("--config", metavar="FILE", help=word("config_help"))]
DateOption = Annotated[str | None, typer.Option("--date", metavar="DAY", help=word("date_help"))]
LimitOption = Annotated[int | None, typer.Option(min=1, metavar="N", help=word("limit_help"))]
WorkersOption = Annotated[int | None, typer.Option(min=1, max=1024, metavar="N", help=word("workers_help"))]
DaskOption = Annotated[str | None, typer.Option("--dask", metavar="ADDRESS", help=word("dask_help"))]
TlsOption = Annotated[Path | None, typer.Option("--tls", metavar="FILE", help=word("tls_help"))]


@app.command("run", help=word("run_help"), epilog=word("epilog"))
def run(
    config: ConfigOption = Path("nightly.toml"),
    date: DateOption = None,
    limit: LimitOption = None,
    workers: WorkersOption = None,
    dask: DaskOption = None,
    tls: TlsOption = None,
    json: JsonOption = False,
) -> None:
    """See ``run_help``."""
    from claims.nightly.config import load_config

    checked = load_config(config)
    _run(checked, _options(checked, _day(date), limit, workers, dask, tls), json)


@app.command("resume", help=word("resume_help"), epilog=word("epilog"))
def resume(
    config: ConfigOption = Path("nightly.toml"),
    workers: WorkersOption = None,
    dask: DaskOption = None,
    tls: TlsOption = None,
    json: JsonOption = False,
) -> None:
    """See ``resume_help``."""
    from claims.nightly.config import load_config
    from claims.nightly.run import day_to_resume

    checked = load_config(config)
    _run(checked, _options(checked, day_to_resume(checked.out), None, workers, dask, tls), json)


@app.command("plan", help=word("plan_help"), epilog=word("epilog"))
def plan(
    config: ConfigOption = Path("nightly.toml"),
    date: DateOption = None,
    limit: LimitOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """See ``plan_help``."""
    from claims.nightly.config import load_config
    from claims.nightly.inputs import find_sources
    from claims.nightly.plan import plan as plan_of
    from ui.cli.output import print_json

    checked = load_config(config)
    count = workers or checked.settings.workers
    found = plan_of(checked, find_sources(checked, _day(date)), count, limit)
    if json:
        print_json(found)
    else:
        print(visible("\n".join(plan_lines(found, count, LANG))))


@app.command("status", help=word("status_help"), epilog=word("epilog"))
def status(config: ConfigOption = Path("nightly.toml"), json: JsonOption = False) -> None:
    """See ``status_help``."""
    from claims.nightly.config import load_config
    from claims.nightly.run import last_run
    from ui.cli.output import print_json

    found = last_run(load_config(config).out)
    if json:
        print_json(found)
    elif found is None:
        print(word("no_run"))
    else:
        print(visible("\n".join(run_lines(found))))


def _options(
    config: Config, day: dt.date, limit: int | None, workers: int | None, dask: str | None, tls: Path | None
) -> Options:
    from claims.nightly.run import Options

    if tls is not None and dask is None:
        raise typer.BadParameter(word("tls_alone"), param_hint="'--tls'")
    return Options(day, workers or config.settings.workers, getpass.getuser(), limit, dask, tls)


def _run(config: Config, options: Options, json: bool) -> None:
    """Run, tell, and end with the exit code of the run."""
    from claims.nightly.lock import Locked
    from claims.nightly.run import run as run_night
    from ui.cli import progress
    from ui.cli.output import print_json

    with _stopping() as stop, progress.shown(None) as update:
        try:
            night = run_night(config, options, stop, update)
        except Locked as error:
            print(visible(error.render(LANG)), file=sys.stderr)
            raise typer.Exit(exits.LOCKED) from None
    told = vars(night)
    if json:
        print_json(told)
    else:
        print(visible("\n".join(run_lines(told))))
    if night.problem is not None:
        print(visible(_problem(night.problem)), file=sys.stderr)
    if night.exit_code:
        raise typer.Exit(night.exit_code)


@contextmanager
def _stopping() -> Iterator[Stop]:
    """While it lasts, SIGTERM and Ctrl-C let what is running be finished; a second one ends at once."""
    from claims.nightly.runners import Stop

    stop = Stop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, frame: object) -> None:
        stop.set()
        for known, handler in before.items():
            signal.signal(known, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _problem(problem: Mapping[str, Any]) -> str:
    from claims.errors import ClaimProblem

    return ClaimProblem(problem["code"], problem["where"], problem["params"]).render(LANG)


def run_lines(run: Mapping[str, Any]) -> list[str]:
    """A run (``_run.json``) in words."""
    lines = [word(f"ended_{run['state']}", id=run["id"], day=run["day"]), word("parts", **run["parts"])]
    if run["sources"].get("same"):
        lines.append(word("same_files", count=run["sources"]["same"]))
    lines += _result_lines(run["rows"], run["counts"], run["sums"])
    if run["first"]:
        lines += _first_lines(run["first"])
    lines += lack_lines(run["refused"], LANG)
    if run["joint"] is not None:
        lines += [word("joint"), *(f"  {line}" for line in summary_lines(run["joint"]))]
    if run["items_new"] is not None:
        lines.append(word("items", count=f"{run['items_new']:,}"))
    return lines


def _result_lines(
    rows: Mapping[str, int], counts: Mapping[str, Mapping[str, int]], sums: Mapping[str, int]
) -> Iterator[str]:
    if rows:
        shown = {name: f"{rows.get(name, 0):,}" for name in ("cases", "records", "rejected")}
        yield word("cases", **shown)
    for key, column in (
        ("groups", "groups/status"),
        ("findings", "findings/severity"),
        ("hits", "hits/severity"),
    ):
        if column in counts:
            yield word(key, counts=_counted(counts[column], column.partition("/")[2]))
        if key == "groups" and "prices/payment_fen" in sums:
            yield word(
                "money",
                cost=_yuan(sums["cases/total_cost_fen"]),
                payment=_yuan(sums["prices/payment_fen"]),
                profit=_yuan(sums["prices/profit_fen"]),
            )
    if "hits_across" in rows:
        yield word("hits_across", rows=f"{rows['hits_across']:,}")
    if "risk/band" in counts:
        found = counts["risk/band"]
        bands = ", ".join(f"{_band(name)} {found[name]:,}" for name in sorted(found, key=_place_of_band))
        if sums["risk/expected_fen"]:
            yield word("risk", counts=bands, expected=_yuan(sums["risk/expected_fen"]))
        else:
            yield word("ranked", counts=bands)


def _first_lines(first: list[dict[str, Any]]) -> Iterator[str]:
    yield word("first_title")
    for one in first[:FIRST_TOLD]:
        yield _first_line(one)
        for reason in (one["reasons"] or ())[:REASONS_TOLD]:
            yield f"   - {reason[f'text_{LANG}']}"


def _first_line(one: Mapping[str, Any]) -> str:
    """A claim with the worth that it was ranked by."""
    told = {"rank": one["rank"], "case": one["case_id"], "band": _band(one["band"])}
    if one["score"] is None:
        return word("first_ranked", **told, points=f"{one['points']:.1f}")
    return word("first_line", **told, score=f"{one['score']:.0%}", expected=_yuan(one["expected_fen"]))


def _counted(counts: Mapping[str, int], kind: str) -> str:
    return ", ".join(f"{_named(f'{kind}_{name}', name)} {count:,}" for name, count in counts.items())


def _named(key: str, name: str) -> str:
    return word(key) if f"nightly.{key}" in TEXTS.catalogue else name


def _band(name: str) -> str:
    from claims.messages import TEXTS as CLAIM_TEXTS
    from claims.messages import text as claim_text

    key = f"risk.band_{name}"
    return claim_text(key, LANG) if key in CLAIM_TEXTS.catalogue else name


def _place_of_band(name: str) -> tuple[int, str]:
    """The worst band first; a band with a name of its own after the known ones."""
    return (BANDS.index(name) if name in BANDS else len(BANDS), name)


def _yuan(fen: int) -> str:
    return f"{fen / FEN:,.2f}"


def _day(value: str | None) -> dt.date:
    if value is None:
        return dt.date.today()
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(word("date_bad", value=value), param_hint="'--date'") from None
