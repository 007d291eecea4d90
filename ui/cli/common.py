"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ui.cli.language import say

RecordArgument = Annotated[Path, typer.Argument(metavar="IN", help=say("in_help"))]
SchemeOption = Annotated[str | None, typer.Option("--scheme", metavar="ID|DIR", help=say("scheme_help"))]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", metavar="NAME|FILE", help=say("profile_help"))
]
EditionOption = Annotated[
    Literal["nhsa", "clinical"] | None, typer.Option("--edition", help=say("edition_help"))
]
JsonOption = Annotated[bool, typer.Option("--json", help=say("json_help"))]
