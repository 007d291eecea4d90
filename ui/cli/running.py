"""``drgbridge running``: the stays of a file that are not discharged yet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.analysis import (
    DOCUMENT_ENDINGS,
    ContractOption,
    ReferenceOption,
    cases_of,
    check_ending,
    end,
    reference_of,
    tell,
    write_document,
)
from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument, SchemeOption
from ui.cli.language import LANG, visible

if TYPE_CHECKING:
    import pyarrow as pa


def running(
    source: RecordArgument,
    today: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help=tell("today_help"))
    ] = None,
    scheme: SchemeOption = None,
    contract: ContractOption = None,
    reference: ReferenceOption = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT", help=tell("out_help"))] = None,
    json: JsonOption = False,
    profile: ProfileOption = None,
    edition: EditionOption = None,
) -> None:
    """See ``running_help`` in ``ui/texts/analytics.toml``."""
    from drg.analytics.running import document, running, table
    from drg.analytics.sources import standards
    from ui.cli.output import print_json

    if out is not None:
        check_ending(out, DOCUMENT_ENDINGS)
    day = today.date() if today is not None else dt.date.today()
    standard_of = standards(contract, day) if contract is not None else None
    read = cases_of(source, profile, edition)
    stays = running(read.cases, day, scheme, reference_of(reference), standard_of)
    if out is not None:
        write_document(document(stays, day, LANG, source.name), source, out)
    elif json:
        print_json(table(stays, LANG))
    else:
        _print(table(stays, LANG))
    end(read.rejected)


def _print(rows: pa.Table) -> None:
    from drg.analytics.document import shown
    from ui.cli.tables import print_table

    lines = [
        [
            *(visible(row[name] or "–") for name in ("case_id", "drg", "drg_name")),
            shown(row["days"], "count"),
            shown(row["cost_so_far_fen"], "money"),
            shown(row["standard_fen"], "money"),
            visible(row["alerts"] or ""),
        ]
        for row in rows.to_pylist()
    ]
    headings = ("case", "drg", "drg_name", "days", "cost", "standard", "alerts")
    print_table([tell(f"column_{name}") for name in headings], lines, nothing=tell("no_stays"))
