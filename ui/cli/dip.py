"""``drgbridge dip``: catalogues of disease groups and their scores, groups and prices by them."""

from __future__ import annotations

import sys
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from ui.cli.budgets import BudgetOption, PayShareOption, budgets_of, pay_share_of, yuan
from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument
from ui.cli.language import LANG, visible
from ui.text import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from drg.dip.catalogue import Catalogue
    from drg.dip.settlement import Settlement
    from drg.grouper.files import Edition, Summary
    from drg.records import RecordFile
    from ui.cli.group import FileSink

DEFAULT_CATALOGUE = "synthetic"
DEFAULT_CONTRACT = "reference"
SUMMED = ("payment_fen", "fund_fen", "patient_paid_fen", "profit_fen")


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/dip.toml`` in the language of this run."""
    return text(f"dip.{key}", LANG, **params)


CatalogueOption = Annotated[str, typer.Option("--catalogue", metavar="ID|DIR", help=_say("catalogue_help"))]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="OUT", help=_say("results_help"))]
RejectionsOption = Annotated[
    Path | None, typer.Option("--rejections", metavar="FILE", help=_say("rejections_help"))
]
ContractOption = Annotated[str, typer.Option("--contract", metavar="ID|FILE", help=_say("contract_help"))]
PointValueOption = Annotated[
    str | None, typer.Option("--point-value", metavar="YUAN", help=_say("point_value_help"))
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
    contract: ContractOption = DEFAULT_CONTRACT,
    point_value: PointValueOption = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    out: OutOption = None,
    rejections: RejectionsOption = None,
    json: JsonOption = False,
) -> None:
    """See ``price_help`` in ``ui/texts/dip.toml``."""
    from drg.dip.payment import find_contract
    from drg.dip.payment import price as pay
    from drg.grouper.files import group_file_by
    from ui.cli.group import write_results

    found = _catalogue(catalogue)
    terms = find_contract(contract)
    value = _yuan(point_value)
    group_cases = _grouper(catalogue, found)

    sums: Counter[str] = Counter()
    reasons: Counter[str] = Counter()

    def work(cases: pa.Table) -> pa.Table:
        groups, parts, label = group_cases(cases)
        prices = pay(cases, groups, found, terms, parts, value)
        _count(prices, sums, reasons)
        if label is not None:
            groups = groups.append_column("auxiliary_class", label)
        for column in prices.column_names[1:]:
            if column not in groups.column_names:
                groups = groups.append_column(column, prices.column(column))
        return groups

    def run(file: RecordFile, sink: FileSink, update: Callable[[int], None]) -> Summary:
        summary = group_file_by(work, file, sink, edition, update)
        _tell_prices(sums, reasons)
        return summary

    write_results(source, profile, out, rejections, json, run)


def _count(prices: pa.Table, sums: Counter[str], reasons: Counter[str]) -> None:
    """Add what is known of the amounts, and the cases without a price by reason."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in SUMMED:
        known = pc.sum(prices.column(name)).as_py()
        if known is not None:
            sums[name] += known
    for entry in pc.value_counts(prices.column("price_reason").cast(pa.string()).drop_null()):
        reasons[entry["values"].as_py()] += entry["counts"].as_py()


def _tell_prices(sums: Counter[str], reasons: Counter[str]) -> None:
    from drg import messages

    told = {name.removesuffix("_fen"): yuan(sums[name]) if name in sums else "-" for name in SUMMED}
    lines = [_say("totals_line", **told)]
    lines += [
        _say("unpriced_line", count=f"{count:,}", text=messages.text(reason, LANG))
        for reason, count in reasons.most_common()
    ]
    print(visible("\n".join(lines)), file=sys.stderr)


@app.command(help=_say("settle_help"))
def settle(
    source: RecordArgument,
    budget: BudgetOption,
    pay_share: PayShareOption = "1",
    catalogue: CatalogueOption = DEFAULT_CATALOGUE,
    contract: ContractOption = DEFAULT_CONTRACT,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    json: JsonOption = False,
) -> None:
    """See ``settle_help`` in ``ui/texts/dip.toml``."""
    from drg import records
    from drg.dip.payment import case_points, find_contract
    from drg.dip.settlement import Tally
    from drg.payment.settlement import ALL
    from ui.cli import progress

    budgets, share = budgets_of(budget), pay_share_of(pay_share)
    found = _catalogue(catalogue)
    terms = find_contract(contract)
    group_cases = _grouper(catalogue, found)
    tally = Tally(by_type=ALL not in budgets)
    file = records.read(source, profile)
    with progress.shown(file.row_count) as update:
        done = rejected = 0
        for cases, left_out in _batches(file, edition):
            groups, parts, _ = group_cases(cases)
            tally.add(cases, *case_points(cases, groups, found, terms, parts))
            rejected += left_out
            done += len(cases) + left_out
            update(done)
    _show_settlement(tally.settle(budgets, share), rejected, json)


def _show_settlement(settlement: Settlement, rejected: int, json: bool) -> None:
    from drg import messages
    from ui.cli.payment import end_with_rejected, print_amounts

    if json:
        from ui.cli.output import print_json

        print_json(
            {
                "pools": [
                    {
                        "insurance_type": pool.insurance_type,
                        "budget_fen": pool.budget_fen,
                        "total_fen": pool.total_fen,
                        "points": float(pool.points),
                        "point_value_yuan": float(pool.point_value / 100),
                    }
                    for pool in settlement.pools
                ],
                "hospitals": settlement.hospitals,
                "unpriced": settlement.unpriced,
                "rejected_rows": rejected,
            }
        )
        end_with_rejected(rejected)
        return
    lines = [
        _say(
            "pool_line",
            type=pool.insurance_type,
            budget=yuan(pool.budget_fen),
            total=yuan(pool.total_fen),
            points=f"{float(pool.points):,.4f}",
            value=f"{float(pool.point_value / 100):.6f}",
        )
        for pool in settlement.pools
    ]
    lines += [
        _say("unpriced_line", count=f"{count:,}", text=messages.text(reason, LANG))
        for reason, count in settlement.unpriced.items()
    ]
    print(visible("\n".join(lines)), file=sys.stderr)
    print_amounts(settlement.hospitals, _say("no_rows"))
    end_with_rejected(rejected)


@app.command(help=_say("explain_help"))
def explain(
    source: RecordArgument,
    case: Annotated[str, typer.Option("--case", metavar="ID", help=_say("case_help"))],
    catalogue: CatalogueOption = DEFAULT_CATALOGUE,
    contract: ContractOption = DEFAULT_CONTRACT,
    point_value: PointValueOption = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    json: JsonOption = False,
) -> None:
    """See ``explain_help`` in ``ui/texts/dip.toml``."""
    from decimal import Decimal

    from drg import records
    from drg.case import to_table
    from drg.dip.explain import explain_price
    from drg.dip.payment import COEFFICIENT_PARTS, find_contract
    from drg.dip.trace import trace
    from drg.grouper.files import find_case

    value, terms = _yuan(point_value), find_contract(contract)
    found = find_case(records.read(source, profile), case, edition)
    if found is None or found.case is None:
        raise typer.BadParameter(_say("no_case", case=visible(case)), param_hint="'--case'")
    used = _catalogue(catalogue)
    traced = trace(found.case, used)
    _, parts, labels = _grouper(catalogue, used)(to_table([found.case]))
    label = None if labels is None else labels[0].as_py()
    auxiliary = None
    if parts is not None and label is not None:
        auxiliary = Decimal(int(parts[0])) / COEFFICIENT_PARTS, label
    price = explain_price(found.case, traced, used, terms, value, auxiliary)
    if json:
        from ui.cli.output import print_json

        print_json(
            {
                "case_id": price.case_id,
                "status": traced.status,
                "dip": None if traced.row is None else traced.row.id,
                "group": traced.lines(LANG),
                "reason": price.reason or traced.reason,
                "deviation": price.deviation,
                "points": None if price.points is None else float(price.points),
                "payment_fen": price.payment_fen,
                "fund_fen": price.fund_fen,
                "profit_fen": price.profit_fen,
                "steps": price.lines(LANG),
            }
        )
        return
    print(visible("\n".join([*traced.lines(LANG), *price.lines(LANG)])))


@app.command("contract", help=_say("contract_show_help"))
def show_contract(
    contract: Annotated[
        str, typer.Argument(metavar="ID|FILE", help=_say("contract_help"))
    ] = DEFAULT_CONTRACT,
    json: JsonOption = False,
) -> None:
    """See ``contract_show_help`` in ``ui/texts/dip.toml``."""
    from drg.dip.payment import find_contract
    from ui.cli.payment import print_terms

    found = find_contract(contract)
    if json:
        from ui.cli.output import print_json

        print_json(found)
    else:
        print_terms(found, found.assumptions)


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


Grouper: TypeAlias = "Callable[[pa.Table], tuple[pa.Table, npt.NDArray[np.int64] | None, pa.Array | None]]"


def _grouper(name: str, catalogue: Catalogue) -> Grouper:
    """Gives the groups of cases, and by the auxiliary catalogue (where the catalogue ``name`` has one) the
    coefficient of each in ten-thousandths and the class that it is for."""
    from drg.dip import auxiliary
    from drg.dip.catalogue import folder_of
    from drg.dip.matcher import group as match

    splits = auxiliary.load_splits(folder_of(name))
    parameters = auxiliary.load_parameters()

    def work(cases: pa.Table) -> tuple[pa.Table, npt.NDArray[np.int64] | None, pa.Array | None]:
        groups = match(cases, catalogue)
        if not splits:
            return groups, None, None
        return groups, *auxiliary.coefficients(cases, groups, splits, parameters)

    return work


def _batches(file: RecordFile, edition: Edition | None) -> Iterator[tuple[pa.Table, int]]:
    """The cases of a record file batch by batch, each with the number of rows that were rejected."""
    from drg.grouper.files import in_nhsa_edition

    for batch in file.batches():
        rejected = len(set(batch.rejections.column("row").to_pylist()))
        yield in_nhsa_edition(batch.cases, edition or file.edition)[0], rejected


def _read_cases(source: Path, profile: str | None, edition: Edition | None) -> pa.Table:
    """All cases of a record file; says on stderr how many rows were rejected."""
    import pyarrow as pa

    from drg import records
    from drg.case import CASE_SCHEMA

    tables = []
    rejected = 0
    for cases, left_out in _batches(records.read(source, profile), edition):
        tables.append(cases)
        rejected += left_out
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
