"""What the commands report, running, impact and feedback have in common: options, reading, writing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    import pyarrow as pa

    from drg.analytics.document import Document
    from drg.analytics.sources import ReadCases
    from drg.grouper.files import Edition

DOCUMENT_ENDINGS = (".html", ".xlsx")


def tell(key: str, **params: object) -> str:
    """A text of ``ui/texts/analytics.toml`` in the language of this run."""
    return text(f"analytics.{key}", LANG, **params)


ContractOption = Annotated[
    str | None, typer.Option("--contract", metavar="ID|FILE", help=tell("contract_help"))
]
AsIfOption = Annotated[bool, typer.Option("--as-if", help=tell("as_if_help"))]
ReferenceOption = Annotated[
    Path | None, typer.Option("--reference", metavar="FILE", help=tell("reference_help"))
]


def check_ending(out: Path, endings: tuple[str, ...]) -> None:
    """Raises ``typer.BadParameter`` where ``out`` has another ending."""
    if out.suffix.lower() not in endings:
        raise typer.BadParameter(tell("out_kind", known=", ".join(endings)), param_hint="'--out'")


def cases_of(source: Path, profile: str | None, edition: Edition | None) -> ReadCases:
    """All cases of a record file; says on stderr how many rows were no case, and refuses a file without any."""
    from drg import records
    from drg.analytics.sources import read_cases

    read = read_cases(records.read(source, profile), edition)
    print(tell("cases_read", cases=f"{len(read.cases):,}", rejected=f"{read.rejected:,}"), file=sys.stderr)
    if not len(read.cases):
        raise typer.BadParameter(tell("no_cases"), param_hint="'IN'")
    return read


def end(rejected: int) -> None:
    """End the run; with the exit code for rejected rows where there were any."""
    if rejected:
        raise typer.Exit(DONE_WITH_REJECTIONS)


def reference_of(path: Path | None) -> pa.Table | None:
    """The reference table that was named."""
    from drg.analytics.reference import read_reference

    return None if path is None else read_reference(path)


def write_document(document: Document, source: Path, out: Path) -> None:
    """Write a report to an HTML or xlsx file, whole or not at all."""
    from drg.analytics import html, workbook
    from ui.cli.files import NewFiles

    with NewFiles(source) as files:
        part = files.begin(out, "--out")
        if out.suffix.lower() == ".html":
            part.write_text(html.render(document), encoding="utf-8")
        else:
            # xlsxwriter looks at the ending of the name only to warn; a stream has none.
            with part.open("wb") as stream:
                workbook.write(document, stream)
    print(visible(tell("written", path=out)), file=sys.stderr)
