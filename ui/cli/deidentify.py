"""``drgbridge deidentify``: a table for export, without who the persons are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.common import JsonOption
from ui.cli.language import LANG
from ui.text import text

if TYPE_CHECKING:
    from privacy.deidentify.table import Report


def _say(key: str, **params: object) -> str:
    return text(f"deidentify.{key}", LANG, **params)


HELP = _say("help")


def deidentify(
    table: Annotated[Path, typer.Argument(metavar="IN", help=_say("in_help"), exists=True, dir_okay=False)],
    policy: Annotated[Path, typer.Option(metavar="FILE", help=_say("policy_help"))],
    out: Annotated[Path, typer.Option(metavar="OUT", help=_say("out_help"))],
    json: JsonOption = False,
) -> None:
    """See ``HELP``. The report goes to stdout."""
    from privacy.deidentify.policy import load_policy
    from privacy.deidentify.table import deidentify as run
    from privacy.deidentify.table import read, read_key
    from ui.cli.files import NewFiles
    from ui.cli.output import FILE_WRITERS, print_json

    if out.suffix.lower() not in FILE_WRITERS:
        raise typer.BadParameter(_say("out_kind", kinds=" ".join(FILE_WRITERS)), param_hint="'--out'")
    rules = load_policy(policy)
    key = read_key(policy.parent / rules.key_file)
    with NewFiles(table) as files:
        writer = FILE_WRITERS[out.suffix.lower()](files.begin(out, "--out"))
        cleaned, report = run(read(table), rules, key)
        writer.write(cleaned)
        writer.close()
    if json:
        print_json(report)
    else:
        print("\n".join(report_lines(report)))


def report_lines(report: Report) -> list[str]:
    """The report in sentences."""
    before, after = report.before, report.after
    return [
        _say("rows", rows=report.rows, kept=after.rows, suppressed=report.rows_suppressed),
        _say("dropped", columns=" ".join(report.columns_dropped) or "-"),
        _say("levels", levels=_counts(report.levels)),
        _say("removed", texts=report.texts, counts=_counts(report.removed)),
        _say("anonymity", k_before=before.k, k_after=after.k, l_before=before.l, l_after=after.l),
        _say("highest", before=before.highest, after=after.highest),
        _say("mean", before=before.mean, after=after.mean),
        _say("uniques", before=before.uniques, after=after.uniques),
        _say("limits"),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return " ".join(f"{name}={count}" for name, count in counts.items()) or "-"
