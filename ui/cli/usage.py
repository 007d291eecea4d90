"""What is wrong with a command line, in the language of the run; Typer says it in English only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer
from typer.main import get_command

from drg import messages
from ui.cli.language import LANG
from ui.text import TEXTS


def problem(error: typer.TyperException) -> str:
    """The sentence about a command line that Typer, or one of the commands, refused."""
    if option := getattr(error, "option_name", None):
        return _about_option(option, error)
    if not isinstance(error, typer.BadParameter):
        return translated(error.format_message())
    hint = error.param_hint or (error.param.get_error_hint() if error.param is not None else "")
    if not error.message:
        return _say("missing", hint=hint)
    told = translated(error.message)
    return _say("bad_value", hint=hint, problem=told) if hint else told


def translated(sentence: str) -> str:
    """What Typer, or pydantic for it, says, in the language of the run; a sentence of ours as it is."""
    return messages.TEXTS.retold(TEXTS.retold(sentence, LANG), LANG)


def command_of(arguments: Sequence[str], app: typer.Typer) -> str:
    """The command that a line is about, with its groups; where Typer does not say it."""
    names, command = ["drgbridge"], get_command(app)
    for argument in arguments:
        below: Mapping[str, Any] = getattr(command, "commands", {})
        if argument in below:
            names.append(argument)
            command = below[argument]
    return " ".join(names)


def _about_option(option: str, error: typer.TyperException) -> str:
    if not hasattr(error, "possibilities"):
        return translated(error.format_message())
    if nearest := error.possibilities:
        return _say("no_such_option_but", option=option, known=tuple(sorted(nearest)))
    return _say("no_such_option", option=option)


def _say(key: str, **params: Any) -> str:
    return TEXTS.text(f"usage.{key}", LANG, **params)
