"""``drgbridge records``: what a record file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ui.cli.common import JsonOption, ProfileOption, RecordArgument
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, say, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drg.records import Inspection

app = typer.Typer(help=say("records_group_help"), no_args_is_help=True, rich_markup_mode=None)


COLUMNS_SHOWN = 20


@app.callback()
def records() -> None:
    """Keeps ``inspect`` a subcommand while it is the only one."""


@app.command(help=say("records_inspect_help"))
def inspect(source: RecordArgument, profile: ProfileOption = None, json: JsonOption = False) -> None:
    """See ``records_inspect_help``."""
    from drg.records import inspect

    found = inspect(source, profile)
    if json:
        from ui.cli.output import print_json

        print_json(found)
    else:
        print(visible("\n".join(_lines(found))))
    if found.rejected_rows:
        raise typer.Exit(DONE_WITH_REJECTIONS)


def _lines(found: Inspection) -> Iterator[str]:
    from ui.cli import told

    yield say("inspect_file", path=found.path, type=found.file_type, encoding=found.encoding or "-")
    by_name = found.dialect_reason == "profile"
    reason = say("inspect_by_profile") if by_name else say("inspect_by_columns", columns=found.dialect_reason)
    yield say("inspect_dialect", title=found.dialect_title[LANG], dialect=found.dialect, reason=reason)
    yield say("inspect_edition", edition=found.edition)
    yield say(
        "inspect_rows", rows=f"{found.rows:,}", cases=f"{found.cases:,}", rejected=f"{found.rejected_rows:,}"
    )
    for key in ("columns", "ignored_columns", "missing_columns"):
        if names := getattr(found, key):
            yield say(f"inspect_{key}", count=len(names), names=_shortened(names))
    yield from told.lines(found.rejections, found.examples, "reason")
    yield from told.lines(found.notes, found.note_examples, "note")


def _shortened(names: Sequence[str]) -> str:
    """The first names; a front page has hundreds of columns."""
    shown = ", ".join(names[:COLUMNS_SHOWN])
    more = len(names) - COLUMNS_SHOWN
    return say("inspect_more", shown=shown, count=more) if more > 0 else shown
