"""``drgbridge node``: a party's node, and the jobs that wait for a person."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli.common import JsonOption
from ui.cli.language import visible
from ui.cli.refusal import say_joint

if TYPE_CHECKING:
    from privacy.node.records import JobRecord
    from privacy.pair import Member

app = typer.Typer(help=say_joint("node_help"), no_args_is_help=True, rich_markup_mode=None)

ConfigOption = Annotated[Path, typer.Option("--config", metavar="PARTY.toml", help=say_joint("config_help"))]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help=say_joint("job_id_help"))]
ByOption = Annotated[str, typer.Option(metavar="NAME", help=say_joint("by_help"))]
ReasonOption = Annotated[str, typer.Option(metavar="WORD", help=say_joint("reason_help"))]
MemberOption = Annotated[str, typer.Option(metavar="NAME=HOST:PORT", help=say_joint("member_help"))]


@app.command(help=say_joint("node_init_help"))
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=say_joint("init_folder_help"))],
    initiator: MemberOption = "insurer=127.0.0.1:8444",
    responder: MemberOption = "hospital=127.0.0.1:8443",
) -> None:
    """See ``node_init_help``."""
    from privacy.pair import init_pair

    made = init_pair(folder, _member(initiator, "--initiator"), _member(responder, "--responder"))
    print("\n".join(str(path) for path in made))
    print(say_joint("init_done"), file=sys.stderr)


@app.command(help=say_joint("node_serve_help"))
def serve(config: ConfigOption) -> None:
    """See ``node_serve_help``."""
    from privacy.node.serve import serve
    from privacy.party import PartyConfig

    serve(PartyConfig.load(config))


@app.command(help=say_joint("node_jobs_help"))
def jobs(config: ConfigOption, json: JsonOption = False) -> None:
    """See ``node_jobs_help``."""
    from privacy.node.records import JobRecords
    from privacy.party import PartyConfig

    records = JobRecords(PartyConfig.load(config).state).all()
    if json:
        from ui.cli.output import print_json

        print_json(records)
        return
    for record in records:
        print(visible(_line(record)))
    if not records:
        print(say_joint("no_jobs"), file=sys.stderr)


@app.command(help=say_joint("node_approve_help"))
def approve(job: JobArgument, config: ConfigOption, by: ByOption, reason: ReasonOption = "") -> None:
    """See ``node_approve_help``."""
    _decide(config, job, "approve", by, reason)


@app.command(help=say_joint("node_refuse_help"))
def refuse(job: JobArgument, config: ConfigOption, by: ByOption, reason: ReasonOption = "") -> None:
    """See ``node_refuse_help``."""
    _decide(config, job, "refuse", by, reason)


@app.command("public-key", help=say_joint("node_public_key_help"))
def public_key(config: ConfigOption) -> None:
    """See ``node_public_key_help``."""
    from privacy.party import PartyConfig, write_public_key

    print(write_public_key(PartyConfig.load(config)))


@app.command("install-spu", help=say_joint("node_install_spu_help"))
def install_spu(
    config: ConfigOption,
    venv: Annotated[Path | None, typer.Option(metavar="DIR", help=say_joint("venv_help"))] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say_joint("install_dry_run_help"))] = False,
) -> None:
    """See ``node_install_spu_help``."""
    from privacy.party import PartyConfig
    from privacy.protocols.psi import spu_install

    state = PartyConfig.load(config).state
    folder = (venv or state / spu_install.FOLDER).absolute()
    if dry_run:
        print("\n".join(shlex.join(command) for command in spu_install.plan(folder)))
        return
    spu_install.install(
        state, folder, lambda command: print(shlex.join(command), file=sys.stderr, flush=True)
    )
    print(say_joint("spu_installed", path=folder), file=sys.stderr)


def _decide(config: Path, job: str, choice: Literal["approve", "refuse"], by: str, reason: str) -> None:
    from privacy.node.records import JobRecords
    from privacy.party import PartyConfig

    JobRecords(PartyConfig.load(config).state).decide(job, choice, by, reason)
    print(say_joint(f"decided_{choice}", job=job), file=sys.stderr)


def _line(record: JobRecord) -> str:
    import orjson

    return say_joint(
        "job_line",
        job=record.id,
        state=say_joint(f"state_{record.state}"),
        opened=record.opened_at,
        peer=record.peer,
        protocol=record.protocol,
        table=record.table,
        purpose=record.purpose,
        rows=f"{record.rows:,}",
        peer_rows=f"{record.peer_rows:,}",
        seconds=f"{record.estimate.seconds:,.0f}",
        megabytes=f"{record.estimate.bytes / 1e6:,.0f}",
        parameters=orjson.dumps(record.parameters).decode(),
    )


def _member(text: str, option: str) -> Member:
    from privacy.pair import Member

    name, _, address = text.partition("=")
    host, _, port = address.rpartition(":")
    if not (name and host and port.isascii() and port.isdigit()):
        raise typer.BadParameter(say_joint("member_form", value=text), param_hint=f"'{option}'")
    return Member(name, host.strip("[]"), int(port))
