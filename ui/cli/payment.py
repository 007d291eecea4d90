"""``drgbridge price``, ``drgbridge settle`` and ``drgbridge contract``: what cases are paid."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, visible
from ui.cli.tables import print_table
from ui.text import text

if TYPE_CHECKING:
    from drg.grouper.files import Edition
    from drg.payment.contract import Contract, Terms
    from drg.payment.files import PriceSummary
    from drg.payment.settlement import Settlement
    from drg.records import RecordFile
    from ui.cli.output import Writer


def _say(key: str, **params: Any) -> str:
    """A text of ``ui/texts/payment.toml`` in the language of this run."""
    return text(f"payment.{key}", LANG, **params)


PRICE_HELP, SETTLE_HELP = _say("price_help"), _say("settle_help")
ContractOption = Annotated[str, typer.Option("--contract", metavar="ID|FILE", help=_say("contract_help"))]
AsIfOption = Annotated[bool, typer.Option("--as-if", help=_say("as_if_help"))]
ContractArgument = Annotated[str, typer.Argument(metavar="ID|FILE", help=_say("contract_help"))]

app = typer.Typer(help=_say("contract_group_help"), no_args_is_help=True, rich_markup_mode=None)


def price(
    source: RecordArgument,
    contract: ContractOption,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT", help=_say("out_help"))] = None,
    as_if: AsIfOption = False,
    case: Annotated[str | None, typer.Option("--case", metavar="ID", help=_say("case_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``price_help`` in ``ui/texts/payment.toml``."""
    from drg import records
    from drg.payment.contract import find_contract
    from drg.payment.files import price_file
    from ui.cli import output, progress
    from ui.cli.files import NewFiles

    if out is not None and out.suffix.lower() not in output.FILE_WRITERS:
        known = ", ".join(output.FILE_WRITERS)
        raise typer.BadParameter(_say("out_type", path=out, known=known), param_hint="'--out'")
    terms = find_contract(contract)
    file = records.read(source, profile)
    if case is not None:
        _explain(file, case, terms, edition, as_if)
        return
    with NewFiles(source) as files:
        writer: Writer
        if out is not None:
            writer = output.FILE_WRITERS[out.suffix.lower()](files.begin(out, "--out"))
        elif json:
            writer = output.JsonLinesWriter(sys.stdout.buffer)
        else:
            writer = output.CsvWriter(sys.stdout.buffer, bom=False)

        def write(priced: Any) -> None:
            place = priced.column_names.index("reason") + 1
            writer.write(priced.add_column(place, "reason_text", output.by_message(priced.column("reason"))))

        with progress.shown(file.row_count) as update:
            summary = price_file(file, write, terms, edition, as_if, update)
        writer.close()
    _tell(summary, terms.terms)
    if json and out is not None:
        output.print_json(summary)
    if summary.rejected_rows:
        raise typer.Exit(DONE_WITH_REJECTIONS)


def _explain(file: RecordFile, case: str, contract: Contract, edition: Edition | None, as_if: bool) -> None:
    """One case with every step of its price."""
    from drg.grouper.explain import explain
    from drg.grouper.files import find_case
    from drg.payment.explain import explain_price

    found = find_case(file, case, edition)
    if found is None or found.case is None:
        raise typer.BadParameter(_say("no_such_case", case=visible(case)), param_hint="'--case'")
    explanation = explain(found.case, contract.terms.scheme)
    print(visible(explanation.sentence(LANG)))
    for line in explain_price(found.case, explanation.grouping, contract, as_if).lines(LANG):
        print(visible(line))


def _tell(summary: PriceSummary, terms: Terms) -> None:
    from drg import messages
    from drg.payment.files import TOTALS

    lines = [
        _say("contract_line", id=terms.id, title=getattr(terms.title, LANG), kind=_say(f"kind_{terms.kind}")),
        _say("cases_line", cases=f"{summary.cases:,}", rejected=f"{summary.rejected_rows:,}"),
        *(
            _say("reason_line", count=f"{count:,}", text=messages.text(reason, LANG))
            for reason, count in summary.reasons.most_common()
        ),
        _say("totals_line", **{name.removesuffix("_fen"): _total(summary, name) for name in TOTALS}),
    ]
    print(visible("\n".join(lines)), file=sys.stderr)


def _total(summary: PriceSummary, name: str) -> str:
    return yuan(summary.totals[name]) if name in summary.totals else "-"


def yuan(fen: int) -> str:
    """Fen as yuan: ``-1,234.50``."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def settle(
    source: RecordArgument,
    contract: ContractOption,
    budget: Annotated[list[str], typer.Option(metavar="[TYPE=]FEN", help=_say("budget_help"))],
    pay_share: Annotated[str, typer.Option(metavar="SHARE", help=_say("pay_share_help"))] = "1",
    profile: ProfileOption = None,
    edition: EditionOption = None,
    as_if: AsIfOption = False,
    json: JsonOption = False,
) -> None:
    """See ``settle_help`` in ``ui/texts/payment.toml``."""
    import pyarrow as pa

    from drg import records
    from drg.payment.contract import find_contract
    from drg.payment.files import grouped_batches
    from drg.payment.settlement import settle as settle_cases

    budgets, share = _budgets(budget), _share(pay_share)
    terms = find_contract(contract)
    file = records.read(source, profile)
    tables = [table for table, _, _ in grouped_batches(file, terms.terms.scheme, edition)]
    cases = pa.concat_tables(tables).unify_dictionaries()
    settlement = settle_cases(cases, terms, budgets, share, as_if)
    if json:
        from ui.cli.output import print_json

        print_json(_as_json(settlement))
    else:
        _print_settlement(settlement)


def _budgets(given: list[str]) -> dict[str, int]:
    from drg.payment.settlement import ALL

    budgets = {}
    for one in given:
        kind, equals, amount = one.rpartition("=")
        if not amount.isascii() or not amount.isdigit() or len(amount) > 15:
            raise typer.BadParameter(_say("budget_wrong", value=visible(one)), param_hint="'--budget'")
        budgets[kind if equals else ALL] = int(amount)
    return budgets


def _share(given: str) -> Any:
    from decimal import Decimal, InvalidOperation
    from fractions import Fraction

    try:
        share = Fraction(Decimal(given))
    except (InvalidOperation, ValueError, OverflowError):
        share = Fraction(0)
    if not 0 < share <= 1:
        raise typer.BadParameter(_say("share_wrong", value=visible(given)), param_hint="'--pay-share'")
    return share


def _as_json(settlement: Settlement) -> dict[str, Any]:
    return {
        "contract": settlement.contract.id,
        "rates": [str(row.yuan) for row in settlement.contract.terms.rates],
        "pools": [
            {
                "insurance_type": pool.insurance_type,
                "budget_fen": pool.budget_fen,
                "total_fen": pool.total_fen,
                "provisional_fen": pool.provisional_fen,
                "factor": float(pool.factor),
            }
            for pool in settlement.pools
        ],
        "hospitals": settlement.hospitals.to_pylist(),
        "unpriced": dict(settlement.unpriced),
    }


def _print_settlement(settlement: Settlement) -> None:
    from drg import messages

    for pool in settlement.pools:
        told = {
            "type": pool.insurance_type,
            "budget": yuan(pool.budget_fen),
            "total": yuan(pool.total_fen),
            "provisional": yuan(pool.provisional_fen),
            "factor": f"{float(pool.factor):.6f}",
        }
        print(visible(_say("pool_line", **told)), file=sys.stderr)
    for reason, count in settlement.unpriced.items():
        print(_say("reason_line", count=f"{count:,}", text=messages.text(reason, LANG)), file=sys.stderr)
    header = [_say(f"column_{name}") for name in settlement.hospitals.column_names]
    rows = [
        [
            yuan(value)
            if name.endswith("_fen")
            else f"{value:.4f}"
            if name == "weight"
            else str(value or "-")
            for name, value in row.items()
        ]
        for row in settlement.hospitals.to_pylist()
    ]
    print_table(header, rows, nothing=_say("no_hospitals"))


@app.command("list", help=_say("contract_list_help"))
def list_contracts(json: JsonOption = False) -> None:
    """See ``contract_list_help``."""
    from drg.payment.contract import shipped_contracts, shipped_terms

    found = [shipped_terms(id) for id in shipped_contracts()]
    if json:
        from ui.cli.output import print_json

        print_json([terms.model_dump(mode="json", by_alias=True) for terms in found])
        return
    rows = [
        [
            terms.id,
            getattr(terms.title, LANG),
            _say(f"kind_{terms.kind}"),
            f"{terms.first_day} – {terms.last_day or ''}",
            " ".join(terms.regions),
            terms.scheme,
            _say("rates_none") if not terms.rates else " ".join(str(row.yuan) for row in terms.rates),
        ]
        for terms in found
    ]
    names = ("id", "title", "kind", "valid", "regions", "scheme", "rates")
    print_table([_say(f"column_{name}") for name in names], rows, nothing=_say("no_contracts"))


@app.command(help=_say("contract_show_help"))
def show(contract: ContractArgument, json: JsonOption = False) -> None:
    """See ``contract_show_help``."""
    from drg.payment.contract import find_contract

    found = find_contract(contract)
    if json:
        from ui.cli.output import print_json

        weights = {group: float(weight) for group, weight in found.weights.items()}
        print_json({**found.terms.model_dump(mode="json", by_alias=True), "weights_by_group": weights})
        return
    for name, value in found.terms.model_dump(mode="json", by_alias=True, exclude_defaults=True).items():
        print(visible(f"{name}\t{_shown(value)}"))
    print(_say("weights_line", count=len(found.weights)))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_shown(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(_shown(one) for one in value)
    return str(value)


@app.command(help=_say("contract_check_help"))
def check(contract: ContractArgument) -> None:
    """See ``contract_check_help``. What is wrong is told as with every input, all of it."""
    from drg.payment.contract import find_contract

    found = find_contract(contract)
    print(_say("contract_good", id=found.id, count=len(found.weights)))
