"""``drgbridge dip``: catalogues of disease groups and their scores, groups and prices by them."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    import pyarrow as pa

    from drg.dip.catalogue import Catalogue

DEFAULT_CATALOGUE = "synthetic"
DEFAULT_CONTRACT = "reference"


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/dip.toml`` in the language of this run."""
    return text(f"dip.{key}", LANG, **params)


CatalogueOption = Annotated[str, typer.Option("--catalogue", metavar="ID|DIR", help=_say("catalogue_help"))]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="OUT", help=_say("results_help"))]
RejectionsOption = Annotated[
    Path | None, typer.Option("--rejections", metavar="FILE", help=_say("rejections_help"))
]
FolderOption = Annotated[Path, typer.Option("--out", metavar="DIR", help=_say("folder_help"))]
IdOption = Annotated[str, typer.Option("--id", help=_say("id_help"))]
NameOption = Annotated[str, typer.Option("--name", help=_say("name_help"))]
SourceOption = Annotated[str, typer.Option("--source", help=_say("source_help"))]

app = typer.Typer(help=_say("help"), no_args_is_help=True, rich_markup_mode=None)


@app.command(help=_say("build_help"))
def build(
    source: RecordArgument,
    id: IdOption,
    out: FolderOption,
    name: NameOption = "",
    origin: SourceOption = "",
    parameters: Annotated[Path | None, typer.Option(metavar="FILE", help=_say("parameters_help"))] = None,
    auxiliary: Annotated[bool, typer.Option("--auxiliary", help=_say("auxiliary_help"))] = False,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    json: JsonOption = False,
) -> None:
    """See ``build_help`` in ``ui/texts/dip.toml``."""
    from drg.dip import auxiliary as split
    from drg.dip.build import Identity, load_parameters
    from drg.dip.build import build as make
    from drg.dip.catalogue import check_target, save_catalogue
    from drg.dip.matcher import group as match

    check_target(out)
    identity = Identity(id, name or id, name or id, origin or source.name)
    cases = _read_cases(source, profile, edition)
    catalogue, report = make(cases, identity, load_parameters(parameters))
    save_catalogue(catalogue, out)
    lines = [report.render(LANG)]
    if auxiliary:
        splits = split.build_auxiliary(cases, match(cases, catalogue), split.load_parameters())
        split.save_splits(splits, out)
        lines.append(_say("splits", count=len(splits), groups=len({one.dip for one in splits})))
    if json:
        from ui.cli.output import print_json

        print_json(report)
    else:
        print("\n".join([*lines, _say("written", folder=out)]))


@app.command("import", help=_say("import_help"))
def import_tables(
    books: Annotated[list[Path], typer.Argument(metavar="BOOK...", help=_say("books_help"))],
    id: IdOption,
    out: FolderOption,
    name: NameOption = "",
    origin: SourceOption = "",
    label: Annotated[Literal["official", "local"], typer.Option(help=_say("label_help"))] = "local",
    json: JsonOption = False,
) -> None:
    """See ``import_help`` in ``ui/texts/dip.toml``."""
    from drg.dip.official import import_catalogue

    report = import_catalogue(books, out, id=id, name=name, name_en=name, source=origin, label=label)
    if json:
        from ui.cli.output import print_json

        print_json(report)
    else:
        print(visible(report.render(LANG)))


@app.command(help=_say("lint_help"))
def lint(
    catalogue: Annotated[str, typer.Argument(metavar="ID|DIR", help=_say("catalogue_help"))],
    json: JsonOption = False,
) -> None:
    """See ``lint_help`` in ``ui/texts/dip.toml``."""
    from drg.dip.catalogue import find_catalogue
    from drg.dip.lint import lint as check
    from drg.dip.lint import render

    findings = check(find_catalogue(catalogue))
    if json:
        from ui.cli.output import print_json

        print_json(findings)
    else:
        print(visible(render(findings, LANG)), end="")


@app.command(help=_say("group_help"))
def group(
    source: RecordArgument,
    catalogue: CatalogueOption = DEFAULT_CATALOGUE,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    out: OutOption = None,
    rejections: RejectionsOption = None,
    json: JsonOption = False,
) -> None:
    """See ``group_help`` in ``ui/texts/dip.toml``."""
    from drg.dip.matcher import group as match
    from drg.grouper.files import group_file_by
    from ui.cli.group import write_results

    found = _catalogue(catalogue)
    write_results(
        source,
        profile,
        out,
        rejections,
        json,
        lambda file, sink, update: group_file_by(
            lambda cases: match(cases, found), file, sink, edition, update
        ),
    )


@app.command(help=_say("price_help"))
def price(
    source: RecordArgument,
    catalogue: CatalogueOption = DEFAULT_CATALOGUE,
    contract: Annotated[
        str, typer.Option("--contract", metavar="ID|FILE", help=_say("contract_help"))
    ] = DEFAULT_CONTRACT,
    point_value: Annotated[
        str | None, typer.Option("--point-value", metavar="YUAN", help=_say("point_value_help"))
    ] = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    out: OutOption = None,
    rejections: RejectionsOption = None,
    json: JsonOption = False,
) -> None:
    """See ``price_help`` in ``ui/texts/dip.toml``."""
    from drg.dip import auxiliary
    from drg.dip.catalogue import folder_of
    from drg.dip.matcher import group as match
    from drg.dip.payment import find_contract
    from drg.dip.payment import price as pay
    from drg.grouper.files import group_file_by
    from ui.cli.group import write_results

    found = _catalogue(catalogue)
    terms = find_contract(contract)
    value = _yuan(point_value)
    splits = auxiliary.load_splits(folder_of(catalogue))
    parameters = auxiliary.load_parameters()

    def work(cases: pa.Table) -> pa.Table:
        groups = match(cases, found)
        parts, label = auxiliary.coefficients(cases, groups, splits, parameters) if splits else (None, None)
        prices = pay(cases, groups, found, terms, parts, value)
        if label is not None:
            groups = groups.append_column("auxiliary_class", label)
        for column in prices.column_names[1:]:
            if column not in groups.column_names:
                groups = groups.append_column(column, prices.column(column))
        return groups

    write_results(
        source,
        profile,
        out,
        rejections,
        json,
        lambda file, sink, update: group_file_by(work, file, sink, edition, update),
    )


@app.command(help=_say("explain_help"))
def explain(
    source: RecordArgument,
    case: Annotated[str, typer.Option("--case", metavar="ID", help=_say("case_help"))],
    catalogue: CatalogueOption = DEFAULT_CATALOGUE,
    profile: ProfileOption = None,
    edition: EditionOption = None,
) -> None:
    """See ``explain_help`` in ``ui/texts/dip.toml``."""
    from drg import records
    from drg.dip.trace import trace
    from drg.grouper.files import find_case

    found = find_case(records.read(source, profile), case, edition)
    if found is None or found.case is None:
        raise typer.BadParameter(_say("no_case", case=case), param_hint="'--case'")
    print(visible("\n".join(trace(found.case, _catalogue(catalogue)).lines(LANG))))


@app.command(help=_say("supervise_help"))
def supervise(
    source: RecordArgument,
    catalogue: CatalogueOption = DEFAULT_CATALOGUE,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    json: JsonOption = False,
) -> None:
    """See ``supervise_help`` in ``ui/texts/dip.toml``."""
    from drg.dip.matcher import group as match
    from drg.dip.supervision import supervise as compute
    from ui.cli.tables import print_table

    cases = _read_cases(source, profile, edition)
    table = compute(cases, match(cases, _catalogue(catalogue)), LANG)
    if json:
        from ui.cli.output import print_json

        print_json(table)
        return
    rows = [
        [
            line["hospital"] or "-",
            line["name"],
            "-" if line["value"] is None else f"{line['value']:.4f}",
            f"{line['denominator']:,}",
            line["formula"],
        ]
        for line in table.to_pylist()
    ]
    header = [_say(f"column_{name}") for name in ("hospital", "indicator", "value", "cases", "formula")]
    print_table(header, rows, nothing=_say("no_rows"))


def _catalogue(name: str) -> Catalogue:
    """The catalogue; says on stderr what it may be used for where that is not everything."""
    from drg.dip.catalogue import find_catalogue

    found = find_catalogue(name)
    if found.settings.label != "official":
        print(visible(_say(f"label_{found.settings.label}", id=found.id)), file=sys.stderr)
    return found


def _read_cases(source: Path, profile: str | None, edition: Literal["nhsa", "clinical"] | None) -> pa.Table:
    """All cases of a record file; says on stderr how many rows were rejected."""
    import pyarrow as pa

    from drg import records
    from drg.case import CASE_SCHEMA
    from drg.grouper.files import in_nhsa_edition

    file = records.read(source, profile)
    tables = []
    rejected = 0
    for batch in file.batches():
        tables.append(in_nhsa_edition(batch.cases, edition or file.edition)[0])
        rejected += len(set(batch.rejections.column("row").to_pylist()))
    if rejected:
        print(_say("rejected", count=f"{rejected:,}"), file=sys.stderr)
    return pa.concat_tables(tables) if tables else CASE_SCHEMA.empty_table()


def _yuan(value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal(0)
    if not 0 < number <= 10_000:
        raise typer.BadParameter(_say("bad_point_value", value=value), param_hint="'--point-value'")
    return number
