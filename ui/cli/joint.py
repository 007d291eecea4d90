"""``drgbridge joint``: run a protocol together with the peer, as its initiator."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.common import JsonOption
from ui.cli.language import say, visible
from ui.cli.node import ConfigOption
from ui.cli.refusal import say_joint, sentence

if TYPE_CHECKING:
    from privacy.job_file import JobFile
    from privacy.job_status import StatusFile
    from privacy.party import PartyConfig
    from privacy.protocols import JobResult

SECONDS_BETWEEN_LINES = 60.0
PROTOCOLS = ("psi", "stats", "train", "score", "lookup")

app = typer.Typer(help=say_joint("joint_help"), no_args_is_help=True, rich_markup_mode=None)

JobOption = Annotated[Path, typer.Option("--job", metavar="JOB.toml", help=say_joint("job_file_help"))]
StatusOption = Annotated[
    Path | None, typer.Option("--status", metavar="FILE.json", help=say_joint("status_help"))
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help=say_joint("joint_dry_run_help"))]


def _command(protocol: str) -> Callable[[Path, Path, bool, Path | None, bool], None]:
    def command(
        config: ConfigOption,
        job: JobOption,
        json: JsonOption = False,
        status: StatusOption = None,
        dry_run: DryRunOption = False,
    ) -> None:
        """See ``joint_<protocol>_help``."""
        from privacy.job_status import StatusFile

        told = None if status is None else StatusFile(status, protocol)
        with nullcontext() if told is None else told.kept():
            (_plan if dry_run else _run)(protocol, config, job, json, told)

    return command


for _protocol in PROTOCOLS:
    app.command(_protocol, help=say_joint(f"joint_{_protocol}_help"))(_command(_protocol))


@app.command("register-model", help=say_joint("joint_register_model_help"))
def register_model(
    model: Annotated[Path, typer.Argument(metavar="MODEL.toml", help=say_joint("model_file_help"))],
    config: ConfigOption,
) -> None:
    """See ``joint_register_model_help``."""
    from privacy.party import PartyConfig
    from privacy.protocols.score.model import register

    print(register(PartyConfig.load(config).state, model))


@app.command(help=say_joint("joint_approval_help"))
def approval(job: JobOption) -> None:
    """See ``joint_approval_help``."""
    from privacy.job_file import JobFile
    from privacy.protocols import load
    from privacy.protocols.score.messages import ScoreParameters
    from privacy.session import parse_parameters

    parameters = parse_parameters(load("score"), JobFile.load(job).parameters)
    assert isinstance(parameters, ScoreParameters)  # noqa: S101 - those of the protocol
    print(parameters.approved_sha256)


def _plan(protocol: str, config_file: Path, job_file: Path, as_json: bool, told: StatusFile | None) -> None:
    from privacy.job_file import JobFile
    from privacy.party import PartyConfig
    from privacy.plan import plan
    from ui.cli import output

    planned = plan(PartyConfig.load(config_file), protocol, JobFile.load(job_file))
    if told is not None:
        told.set(state="planned", plan=planned)
    if as_json:
        output.print_json(planned)
        return
    expected = planned.estimate
    for key in ("rows", "invalid_ids", "without_consent"):
        print(f"{key}\t{getattr(planned, key)}")
    print(f"bytes\t{expected.bytes}\nseconds\t{expected.seconds}\nmemory_mb\t{expected.memory_mb}")
    if planned.foretold is not None:
        print(sentence(planned.foretold.refused()), file=sys.stderr)


def _run(protocol: str, config_file: Path, job_file: Path, as_json: bool, told: StatusFile | None) -> None:
    from privacy.files import OWNER_FILE
    from privacy.job_file import JobFile
    from privacy.party import PartyConfig
    from privacy.session import run
    from ui.cli import output
    from ui.cli.files import NewFiles

    job = JobFile.load(job_file)
    config = PartyConfig.load(config_file)
    if job.out is not None and job.out.suffix.lower() not in output.FILE_WRITERS:
        known = ", ".join(output.FILE_WRITERS)
        raise typer.BadParameter(say_joint("out_type", path=job.out, known=known), param_hint="'out'")
    if job.out is not None and job.out.exists() and _is_a_table_of(config, job.out):
        raise typer.BadParameter(say("out_is_input", path=job.out), param_hint="'out'")
    show_progress = _progress_lines()

    def on_progress(done: int, total: int, what: str) -> None:
        show_progress(done, total, what)
        if told is not None:
            told.progress(done, total, what)

    def on_pending(id: str) -> None:
        print(say_joint("waits", job=id, peer=config.peer.name), file=sys.stderr)
        if told is not None:
            told.pending(id)

    with NewFiles(job_file) as files:
        # A result that took an hour should not fail for want of a place: the file is begun first.
        part = files.begin(job.out, "out") if job.out is not None else None
        if part is not None:
            # Rows of persons.
            part.chmod(OWNER_FILE)
        result = run(
            config,
            protocol,
            job.parameters,
            table=job.table,
            peer_table=job.peer_table,
            purpose=job.purpose,
            on_progress=on_progress,
            on_pending=on_pending,
        )
        if part is not None and job.out is not None:
            _write(result, job.out, part)
            if result.table is None:
                files.drop(job.out)
    if told is not None:
        # Last: who reads it finds the result in its place.
        told.set(state="done", job=result.facts["job"], summary=result.summary, facts=dict(result.facts))
    _tell(result, job, as_json)


def _is_a_table_of(config: PartyConfig, out: Path) -> bool:
    tables = (source.path for source in config.tables.values())
    return any(path.exists() and path.samefile(out) for path in tables)


def _write(result: JobResult, out: Path, part: Path) -> None:
    from ui.cli import output

    if result.table is not None:
        writer = output.FILE_WRITERS[out.suffix.lower()](part)
        writer.write(result.table)
        writer.close()


def _tell(result: JobResult, job: JobFile, as_json: bool) -> None:
    from ui.cli import output

    if as_json:
        told = {"summary": result.summary, "out": job.out if result.table is not None else None}
        left_out = {"invalid_ids": result.invalid_ids, "without_consent": result.without_consent}
        output.print_json({**told, "left_out": left_out})
        return
    for name, value in result.summary.items():
        print(visible(f"{name}\t{value}"))
    if result.invalid_ids or result.without_consent:
        left_out = {"invalid": result.invalid_ids, "consent": result.without_consent}
        print(say_joint("rows_left_out", table=job.table, **left_out), file=sys.stderr)
    if job.out is not None and result.table is not None:
        print(say_joint("written", path=job.out, rows=f"{result.table.num_rows:,}"), file=sys.stderr)


def _progress_lines() -> Callable[[int, int, str], None]:
    last = time.monotonic()

    def show(done: int, total: int, what: str) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            line = say_joint("progress_line", done=f"{done:,}", total=f"{total:,}", what=what)
            print(line, file=sys.stderr, flush=True)

    return show
