"""``drgbridge audit``: check, show and compare the signed logs of the parties."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli import exits
from ui.cli.common import JsonOption
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from privacy.audit import Problem

KEY_HEX_DIGITS = 64


def _say(key: str, **params: object) -> str:
    return text(f"audit.{key}", LANG, **params)


LogArgument = Annotated[
    Path, typer.Argument(metavar="LOG", help=_say("log_help"), exists=True, file_okay=False)
]
KeyOption = Annotated[str, typer.Option("--key", metavar="HEX|FILE", help=_say("key_help"))]

app = typer.Typer(help=_say("group_help"), no_args_is_help=True, rich_markup_mode=None)


@app.command(help=_say("verify_help"))
def verify(log: LogArgument, key: KeyOption, json: JsonOption = False) -> int:
    """See ``verify_help``. Exit code 4 where something is wrong."""
    from privacy import audit

    entries = sum(1 for _ in audit.entries(log))
    return _report(audit.verify(log, _public_key(key)), _say("log_good", entries=entries), json)


@app.command(help=_say("show_help"))
def show(
    log: LogArgument,
    job: Annotated[str | None, typer.Option(metavar="ID", help=_say("job_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``show_help``."""
    from privacy import audit
    from ui.cli.tables import print_table

    shown = [entry for entry in audit.entries(log) if job is None or entry.get("job") == job]
    if json:
        from ui.cli.output import print_json

        print_json(shown)
        return
    head = [_say(name) for name in ("index", "time", "event", "job", "details")]
    print_table(head, [_row(dict(entry)) for entry in shown], nothing=_say("no_entries"))


@app.command(help=_say("compare_help"))
def compare(
    log: LogArgument,
    peer_log: Annotated[
        Path, typer.Argument(metavar="PEER-LOG", help=_say("peer_log_help"), exists=True, file_okay=False)
    ],
    key: KeyOption,
    peer_key: Annotated[str, typer.Option("--peer-key", metavar="HEX|FILE", help=_say("peer_key_help"))],
    json: JsonOption = False,
) -> int:
    """See ``compare_help``. Exit code 4 where the logs disagree."""
    from privacy import audit

    problems = audit.compare(log, _public_key(key), peer_log, _public_key(peer_key))
    return _report(problems, _say("logs_agree"), json)


def sentence(problem: Problem, lang: str = LANG) -> str:
    """The sentence of a problem, also where it quotes another one."""
    return visible(text(problem.code, lang, **problem.params))


def _report(problems: Sequence[Problem], good: str, json: bool) -> int:
    if json:
        from ui.cli.output import print_json

        print_json(problems)
    else:
        print("\n".join(map(sentence, problems)) or good)
    return exits.INVALID if problems else exits.DONE


def _row(entry: dict[str, object]) -> list[str]:
    first = [str(entry.pop(name, "")) for name in ("index", "time", "event", "job")]
    return [visible(cell) for cell in (*first, " ".join(f"{name}={value}" for name, value in entry.items()))]


def _public_key(given: str) -> Ed25519PublicKey:
    """An Ed25519 public key in hex, or in a file that has it in hex."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        if len(given) != KEY_HEX_DIGITS:
            given = Path(given).read_text(encoding="ascii").strip()
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(given))
    except (OSError, ValueError):
        raise typer.BadParameter(_say("key_wrong")) from None
