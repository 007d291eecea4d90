"""The commands put together, and what ends a run: exit codes, signals, errors."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import traceback
from typing import Annotated

import typer

from drg.errors import InputError
from privacy.errors import Refused
from ui.cli import (
    account,
    audit,
    check,
    claims,
    claims_across,
    coding,
    coding_review,
    consent,
    deidentify,
    dip,
    exits,
    explain,
    feedback,
    group,
    impact,
    installation,
    joint,
    network,
    nightly,
    node,
    payment,
    policy,
    records,
    report,
    risk,
    rules,
    running,
    scheme,
    search,
    store,
)
from ui.cli.analysis import tell
from ui.cli.language import LANG, option_first, say, visible
from ui.cli.refusal import sentence

DEBUG = "DRGBRIDGE_DEBUG"
PATH_ERRORS = frozenset(
    (errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR)
)
"""Errors of the system that another path, or other permissions of it, would mend."""


class Terminated(BaseException):
    """The process was asked to end (SIGTERM)."""


app = typer.Typer(
    help=say("help"),
    epilog=say("epilog"),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("group", help=say("group_help"), epilog=say("epilog"))(group.group)
app.command("explain", help=say("explain_help"), epilog=say("epilog"))(explain.explain)
app.command("search", help=say("search_help"), epilog=say("epilog"))(search.search)
for _name, _command in (
    ("report", report.report),
    ("running", running.running),
    ("impact", impact.impact),
    ("feedback", feedback.feedback),
):
    app.command(_name, help=tell(f"{_name}_help"), epilog=say("epilog"))(_command)
app.command("price", help=payment.PRICE_HELP, epilog=say("epilog"))(payment.price)
app.command("settle", help=payment.SETTLE_HELP, epilog=say("epilog"))(payment.settle)
app.command("simulate", help=payment.SIMULATE_HELP, epilog=say("epilog"))(payment.simulate)
app.add_typer(payment.app, name="contract")
app.command("check", help=check.HELP, epilog=say("epilog"))(check.check)
app.add_typer(rules.app, name="rules")
claims.app.add_typer(network.app, name="network")
claims_across.add_to(claims.app)
app.add_typer(claims.app, name="claims")
app.add_typer(scheme.app, name="scheme")
app.add_typer(records.app, name="records")
app.add_typer(dip.app, name="dip")
coding_review.add_to(coding.app)
app.add_typer(coding.app, name="coding")
app.command("suggest", help=coding_review.SUGGEST_HELP, epilog=say("epilog"))(coding_review.suggest)
app.add_typer(risk.app, name="risk")
app.add_typer(node.app, name="node")
app.add_typer(joint.app, name="joint")
app.add_typer(policy.app, name="policy")
app.add_typer(consent.app, name="consent")
app.add_typer(audit.app, name="audit")
app.add_typer(store.app, name="store")
app.add_typer(nightly.app, name="nightly")
app.add_typer(account.app, name="account")
app.command("deidentify", help=deidentify.HELP, epilog=say("epilog"))(deidentify.deidentify)


def _say_in_one_line(group: typer.Typer) -> None:
    """Let a list of commands show first sentences: Typer cuts after so many words, and Chinese has no blanks."""
    for command in group.registered_commands:
        command.short_help = _first_sentence(command.help)
    for below in group.registered_groups:
        assert below.typer_instance is not None  # noqa: S101 (for mypy: add_typer sets it)
        below.short_help = _first_sentence(below.typer_instance.info.help)
        _say_in_one_line(below.typer_instance)


def _first_sentence(help_text: str | None) -> str:
    return re.split(r"[。；]|[.;](?:\s|$)", help_text or "", maxsplit=1)[0]


_say_in_one_line(app)


def _print_version(asked: bool) -> None:
    if asked:
        print("\n".join(installation.version_lines()))
        raise typer.Exit()


def _check_language(value: str | None) -> str | None:
    if value is not None and value not in ("zh", "en"):
        raise typer.BadParameter(say("lang_unknown", value=value))
    return value


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help=say("version_help"), callback=_print_version, is_eager=True)
    ] = False,
    lang: Annotated[
        str | None, typer.Option("--lang", help=say("lang_help"), metavar="zh|en", callback=_check_language)
    ] = None,
) -> None:
    """Options of every command. ``lang`` took effect already, when the texts were chosen."""


def run(arguments: list[str]) -> int:
    """Run a command line; the exit code. Says on stderr why it ended when it did not end well."""
    try:
        code: int | None = app(args=option_first(arguments), prog_name="drgbridge", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _refuse(error, arguments)
    except InputError as error:
        print(visible(error.render(LANG)), file=sys.stderr)
        return exits.INVALID
    except Refused as error:
        print(sentence(error), file=sys.stderr)
        return exits.INVALID
    except (KeyboardInterrupt, Terminated) as error:
        code = exits.TERMINATED if isinstance(error, Terminated) else exits.INTERRUPTED
    except (SystemExit, BrokenPipeError):
        # Typer makes a SystemExit of a broken pipe. Python would complain when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.READER_GONE
    except OSError as error:
        _print_trace_when_asked()
        return _fail_of_system(error)
    except Exception as error:
        return _fail(error)
    if code in (exits.INTERRUPTED, exits.TERMINATED):
        print(say("interrupted"), file=sys.stderr)
    return code or exits.DONE


def end_on_sigterm() -> None:
    """Let SIGTERM end a run the way Ctrl-C does, so that unfinished files are removed."""

    def terminate(*_: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)


def _refuse(error: typer.TyperException, arguments: list[str]) -> int:
    """A command line that cannot be carried out."""
    from ui.cli import usage

    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message(), file=sys.stderr)
        return exits.USAGE
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else usage.command_of(arguments, app)
    print(say("usage_error", problem=visible(usage.problem(error)), command=command), file=sys.stderr)
    return exits.USAGE


def _fail_of_system(error: OSError) -> int:
    """What the operating system refused: a path that was given, or anything else."""
    # Of a file that could not be put in place, the name that was wanted: the other one is temporary.
    name = error.filename2 or error.filename
    is_path = name is not None and error.errno in PATH_ERRORS
    file = visible(os.fsdecode(name)) if isinstance(name, str | bytes) else "-"
    detail = error.strerror or str(error)
    print(say("path_error" if is_path else "system_error", detail=detail, file=file), file=sys.stderr)
    return exits.INVALID if is_path else exits.UNEXPECTED


def _fail(error: Exception) -> int:
    _print_trace_when_asked()
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename}:{place.lineno}"
    print(say("unexpected", kind=type(error).__name__, where=where, debug=DEBUG), file=sys.stderr)
    return exits.UNEXPECTED


def _print_trace_when_asked() -> None:
    if os.environ.get(DEBUG) == "1":
        traceback.print_exc()
