"""``drgbridge report``: every indicator of the cases of a file, as a page or a workbook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.analysis import (
    DOCUMENT_ENDINGS,
    AsIfOption,
    ContractOption,
    ReferenceOption,
    cases_of,
    check_ending,
    end,
    reference_of,
    tell,
    write_document,
)
from ui.cli.common import EditionOption, ProfileOption, RecordArgument, SchemeOption
from ui.cli.language import LANG

if TYPE_CHECKING:
    import pyarrow as pa


def report(
    source: RecordArgument,
    out: Annotated[Path, typer.Option(metavar="OUT", help=tell("out_help"))],
    scheme: SchemeOption = None,
    contract: ContractOption = None,
    as_if: AsIfOption = False,
    reference: ReferenceOption = None,
    reference_out: Annotated[
        Path | None, typer.Option("--reference-out", metavar="FILE", help=tell("reference_out_help"))
    ] = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
) -> None:
    """See ``report_help`` in ``ui/texts/analytics.toml``."""
    from drg.analytics.report import document
    from drg.analytics.sources import grouped_and_priced

    check_ending(out, DOCUMENT_ENDINGS)
    if reference_out is not None and reference_out.suffix.lower() != ".csv":
        raise typer.BadParameter(tell("out_kind", known=".csv"), param_hint="'--reference-out'")
    peers = reference_of(reference)
    read = cases_of(source, profile, edition)
    grouped, terms = grouped_and_priced(read.cases, scheme, contract, as_if)
    if reference_out is not None:
        _write_reference(grouped, source, reference_out)
    title = None if terms is None else f"{terms.id}, {getattr(terms.title, LANG)}"
    write_document(document(grouped, peers, LANG, source.name, title), source, out)
    end(read.rejected)


def _write_reference(grouped: pa.Table, source: Path, out: Path) -> None:
    """What is usual in the groups of these cases, to compare later ones with."""
    from drg.analytics.reference import make_reference
    from ui.cli.files import NewFiles
    from ui.cli.output import csv_file

    with NewFiles(source) as files:
        writer = csv_file(files.begin(out, "--reference-out"))
        writer.write(make_reference(grouped))
        writer.close()
