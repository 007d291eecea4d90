"""``drgbridge impact``: the cases of a file under two schemes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.cli.analysis import DOCUMENT_ENDINGS, cases_of, check_ending, end, tell, write_document
from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument
from ui.cli.language import LANG


def impact(
    source: RecordArgument,
    before: Annotated[str, typer.Option("--from", metavar="ID|DIR", help=tell("from_help"))],
    after: Annotated[str, typer.Option("--to", metavar="ID|DIR", help=tell("to_help"))],
    contract_a: Annotated[
        str | None, typer.Option("--contract-a", metavar="ID|FILE", help=tell("contract_a_help"))
    ] = None,
    contract_b: Annotated[
        str | None, typer.Option("--contract-b", metavar="ID|FILE", help=tell("contract_b_help"))
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT", help=tell("out_help"))] = None,
    json: JsonOption = False,
    profile: ProfileOption = None,
    edition: EditionOption = None,
) -> None:
    """See ``impact_help`` in ``ui/texts/analytics.toml``."""
    from drg.analytics.document import heading, shown
    from drg.analytics.impact import compare_sides, document
    from drg.analytics.sources import side_of
    from ui.cli.output import print_json

    if out is not None:
        check_ending(out, DOCUMENT_ENDINGS)
    read = cases_of(source, profile, edition)
    cases = read.cases
    found = compare_sides(cases, side_of(cases, before, contract_a), side_of(cases, after, contract_b))
    if out is not None:
        write_document(document(cases, found, LANG, source.name), source, out)
    if json:
        names = (
            "totals",
            "flow",
            "statuses",
            "by_department",
            "by_group",
            "newly_left_out",
            "losers",
            "codes",
        )
        print_json({name: getattr(found, name) for name in names})
    elif out is None:
        row = found.totals.to_pylist()[0]
        for name in ("cases", "grouped_a", "grouped_b", "moved", "newly_left_out"):
            print(f"{heading(name, LANG)}\t{shown(row[name], 'count')}")
        print(f"{heading('weight_change', LANG)}\t{shown(row['weight_change'], 'weight')}")
        print(f"{heading('payment_fen_change', LANG)}\t{shown(row['payment_fen_change'], 'money')}")
    end(read.rejected)
