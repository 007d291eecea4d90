"""``drgbridge feedback``: the payer's settlement against our own result."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.analysis import ContractOption, cases_of, check_ending, end, tell
from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument
from ui.cli.language import LANG, visible

if TYPE_CHECKING:
    import pyarrow as pa

    from drg.analytics.feedback import Feedback

TABLE_ENDINGS = (".parquet", ".csv", ".xlsx")


def feedback(
    source: RecordArgument,
    payer: Annotated[Path, typer.Option("--payer", metavar="FILE", help=tell("payer_help"))],
    out: Annotated[Path, typer.Option(metavar="OUT", help=tell("differences_out_help"))],
    scheme: Annotated[str, typer.Option("--scheme", metavar="ID|DIR", help=tell("our_scheme_help"))],
    mapping: Annotated[Path | None, typer.Option(metavar="FILE", help=tell("mapping_help"))] = None,
    contract: ContractOption = None,
    other_scheme: Annotated[
        list[str] | None, typer.Option("--other-scheme", metavar="ID|DIR", help=tell("other_scheme_help"))
    ] = None,
    previous: Annotated[Path | None, typer.Option(metavar="FILE", help=tell("previous_help"))] = None,
    set_status: Annotated[
        list[str] | None, typer.Option("--set", metavar="CASE=STATUS", help=tell("set_help"))
    ] = None,
    json: JsonOption = False,
    profile: ProfileOption = None,
    edition: EditionOption = None,
) -> None:
    """See ``feedback_help`` in ``ui/texts/analytics.toml``."""
    from drg.analytics.feedback import carry_over, explain_differences, no_longer, read_statuses, with_texts
    from drg.analytics.feedback import set_status as with_status
    from drg.analytics.payer_file import load_mapping, read_payer
    from drg.analytics.sources import side_of
    from drg.scheme.pack import shipped_ids
    from ui.cli.files import NewFiles
    from ui.cli.output import FILE_WRITERS, print_json

    check_ending(out, TABLE_ENDINGS)
    steps = [_step(one) for one in set_status or ()]
    lines = read_payer(payer, load_mapping(mapping) if mapping is not None else None)
    read = cases_of(source, profile, edition)
    cases = read.cases
    ours = side_of(cases, scheme, contract)
    found = explain_differences(cases, ours, lines.rows, [*shipped_ids(), *(other_scheme or ())], lang=LANG)
    differences = found.differences
    if previous is not None:
        earlier = read_statuses(previous)
        differences = carry_over(differences, earlier)
        if gone := len(no_longer(differences, earlier)):
            print(tell("feedback_gone", count=f"{gone:,}"), file=sys.stderr)
    for case_id, status in steps:
        differences = with_status(differences, case_id, status)
    with NewFiles(source) as files:
        writer = FILE_WRITERS[out.suffix.lower()](files.begin(out, "--out"))
        writer.write(with_texts(differences, LANG))
        writer.close()
    if json:
        print_json(_as_json(found, lines.unreadable))
    else:
        _tell(found, lines.unreadable, out)
    end(read.rejected + len(lines.unreadable))


def _step(text: str) -> tuple[str, str]:
    case_id, sign, status = text.rpartition("=")
    if not sign or not case_id:
        raise typer.BadParameter(tell("set_form"), param_hint="'--set'")
    return case_id, status


def _as_json(found: Feedback, unreadable: pa.Table) -> dict[str, object]:
    from drg.analytics.feedback import summary

    return {
        "agreed": found.agreed,
        "differences": len(found.differences),
        "explained_share": found.explained_share,
        "summary": summary(found),
        "unreadable": unreadable,
    }


def _tell(found: Feedback, unreadable: pa.Table, out: Path) -> None:
    from drg import messages
    from drg.analytics.document import shown
    from drg.analytics.feedback import summary

    print(tell("feedback_done", agreed=f"{found.agreed:,}", differences=f"{len(found.differences):,}"))
    for row in summary(found).to_pylist():
        cause, proposal = (
            messages.text(f"analytics.{one}_{row[one]}", LANG) for one in ("cause", "proposal")
        )
        money = shown(row["payment_fen_change"], "money")
        print(tell("feedback_cause", cause=cause, proposal=proposal, cases=f"{row['cases']:,}", money=money))
    print(tell("feedback_share", share=shown(found.explained_share, "share")))
    if len(unreadable):
        print(tell("feedback_unreadable", count=f"{len(unreadable):,}"), file=sys.stderr)
        for row in unreadable.slice(0, 20).to_pylist():
            print(visible(f"  {row['payer_row']}: {row['field']} {row['value'] or '–'}"), file=sys.stderr)
    print(visible(tell("written", path=out)), file=sys.stderr)
