"""``drgbridge price``, ``settle``, ``simulate`` and ``contract``: what cases are paid."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli.budgets import BudgetOption, PayShareOption, budgets_of, growth_of, pay_share_of, yuan
from ui.cli.common import EditionOption, JsonOption, ProfileOption, RecordArgument
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, visible
from ui.cli.tables import print_table
from ui.text import text

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import BaseModel

    from drg.case import Case
    from drg.grouper.files import Edition
    from drg.payment.choice import Contracts
    from drg.payment.contract import Assumption, Contract, RateRow, Terms
    from drg.payment.files import PriceSummary
    from drg.payment.settlement import Pool, Settlement
    from drg.records import RecordFile
    from ui.cli.output import Writer


def _say(key: str, **params: Any) -> str:
    """A text of ``ui/texts/payment.toml`` in the language of this run."""
    return text(f"payment.{key}", LANG, **params)


PRICE_HELP, SETTLE_HELP, SIMULATE_HELP = _say("price_help"), _say("settle_help"), _say("simulate_help")
ContractOption = Annotated[str, typer.Option("--contract", metavar="ID|FILE", help=_say("contract_help"))]
AsIfOption = Annotated[bool, typer.Option("--as-if", help=_say("as_if_help"))]
ContractArgument = Annotated[str, typer.Argument(metavar="ID|FILE", help=_say("contract_help"))]

app = typer.Typer(help=_say("contract_group_help"), no_args_is_help=True, rich_markup_mode=None)


def price(
    source: RecordArgument,
    contract: Annotated[
        str | None, typer.Option("--contract", metavar="ID|FILE", help=_say("price_contract_help"))
    ] = None,
    contracts: Annotated[Path | None, typer.Option(metavar="DIR", help=_say("contracts_help"))] = None,
    region: Annotated[str | None, typer.Option(metavar="CODE", help=_say("region_help"))] = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT", help=_say("out_help"))] = None,
    as_if: AsIfOption = False,
    case: Annotated[str | None, typer.Option("--case", metavar="ID", help=_say("case_help"))] = None,
    json: JsonOption = False,
) -> None:
    """See ``price_help`` in ``ui/texts/payment.toml``."""
    from drg import records
    from drg.payment.choice import all_shipped, in_folder
    from drg.payment.contract import find_contract
    from drg.payment.files import by_choice, by_contract, price_file
    from ui.cli import output, progress
    from ui.cli.files import NewFiles

    if out is not None and out.suffix.lower() not in output.FILE_WRITERS:
        known = ", ".join(output.FILE_WRITERS)
        raise typer.BadParameter(_say("out_type", path=out, known=known), param_hint="'--out'")
    if contract is not None and (contracts is not None or region is not None):
        raise typer.BadParameter(_say("contract_forced"), param_hint="'--contract'")
    if contract is None and as_if:
        raise typer.BadParameter(_say("as_if_needs_contract"), param_hint="'--as-if'")
    file = records.read(source, profile)
    if contract is not None:
        forced = find_contract(contract)
        if case is not None:
            _print_explanation(_found_case(file, case, edition), forced, as_if, json)
            return
        pricer = by_contract(forced, as_if)
    else:
        among = all_shipped() if contracts is None else in_folder(contracts)
        if case is not None:
            _explain_by_choice(_found_case(file, case, edition), among, region, json)
            return
        pricer = by_choice(among, region)
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
            summary = price_file(file, write, pricer, edition, update)
        writer.close()
    _tell(summary, forced.terms if contract is not None else None)
    if json and out is not None:
        output.print_json(_summary_as_json(summary))
    if summary.rejected_rows:
        raise typer.Exit(DONE_WITH_REJECTIONS)


def _explain_by_choice(case: Case, among: Contracts, region: str | None, json: bool) -> None:
    """One case with every step of its price by the contract that it falls under, or why there is none."""
    from drg import messages
    from drg.case import to_table
    from drg.payment.choice import NONE, choose
    from drg.payment.files import in_region
    from drg.payment.price import REASONS

    choice = choose(in_region(to_table([case]), region), among.terms)
    place = int(choice.place[0])
    if place != NONE:
        if region is not None and case.region is None:
            case = case.model_copy(update={"region": region})
        _print_explanation(case, among.load(among.terms[place].id), as_if=False, json=json)
        return
    reason = list(REASONS)[int(choice.reason[0])]
    if json:
        from ui.cli.output import print_json

        print_json({"case_id": case.case_id, "reason": reason, "overlaps": list(choice.overlaps)})
        return
    print(messages.text(reason, LANG))
    for ids in choice.overlaps:
        print(visible(_say("overlap_line", count=1, found=", ".join(ids))))


def _found_case(file: RecordFile, case: str, edition: Edition | None) -> Case:
    from drg.grouper.files import find_case

    found = find_case(file, case, edition)
    if found is None or found.case is None:
        raise typer.BadParameter(_say("no_such_case", case=visible(case)), param_hint="'--case'")
    return found.case


def _print_explanation(case: Case, contract: Contract, as_if: bool, json: bool) -> None:
    """One case with every step of its price."""
    from drg.grouper.explain import explain
    from drg.payment.explain import explain_price

    explanation = explain(case, contract.terms.scheme)
    price = explain_price(case, explanation.grouping, contract, as_if)
    if json:
        from ui.cli.output import print_json

        amounts = ("standard_fen", "payment_fen", "fund_fen", "patient_fen", "profit_fen")
        print_json(
            {
                "case_id": price.case_id,
                "contract": price.contract,
                "group": explanation.sentence(LANG),
                "weight": None if price.weight is None else float(price.weight),
                "reason": price.reason,
                "outlier": price.outlier,
                **{name: getattr(price, name) for name in amounts},
                "steps": price.lines(LANG),
            }
        )
        return
    print(visible(explanation.sentence(LANG)))
    for line in price.lines(LANG):
        print(visible(line))


def _tell(summary: PriceSummary, forced: Terms | None) -> None:
    """What became of the file, on stderr; ``forced`` are the terms of the one contract that was named."""
    from drg import messages
    from drg.payment.files import TOTALS

    lines = [] if forced is None else [_contract_line(forced)]
    lines.append(_say("cases_line", cases=f"{summary.cases:,}", rejected=f"{summary.rejected_rows:,}"))
    if forced is None:
        lines += [
            _say("by_contract_line", count=f"{count:,}", id=id)
            for id, count in summary.contracts.most_common()
        ]
    lines += [
        _say("overlap_line", count=f"{count:,}", found=", ".join(ids))
        for ids, count in summary.overlaps.most_common()
    ]
    lines += [
        _say("reason_line", count=f"{count:,}", text=messages.text(reason, LANG))
        for reason, count in summary.reasons.most_common()
    ]
    totals = {name: yuan(summary.totals[name]) if name in summary.totals else "-" for name in TOTALS}
    lines.append(_say("totals_line", **{name.removesuffix("_fen"): told for name, told in totals.items()}))
    print(visible("\n".join(lines)), file=sys.stderr)


def _contract_line(terms: Terms) -> str:
    return _say(
        "contract_line", id=terms.id, title=getattr(terms.title, LANG), kind=_say(f"kind_{terms.kind}")
    )


def _summary_as_json(summary: PriceSummary) -> dict[str, Any]:
    return {
        "cases": summary.cases,
        "rejected_rows": summary.rejected_rows,
        "contracts": summary.contracts,
        "overlaps": [{"contracts": ids, "cases": count} for ids, count in summary.overlaps.most_common()],
        "reasons": summary.reasons,
        "totals": summary.totals,
    }


def settle(
    source: RecordArgument,
    contract: ContractOption,
    budget: BudgetOption,
    pay_share: PayShareOption = "1",
    profile: ProfileOption = None,
    edition: EditionOption = None,
    as_if: AsIfOption = False,
    json: JsonOption = False,
) -> None:
    """See ``settle_help`` in ``ui/texts/payment.toml``."""
    _settle(
        source,
        profile,
        edition,
        contract,
        budgets_of(budget),
        pay_share_of(pay_share),
        as_if,
        Fraction(0),
        json,
    )


def simulate(
    source: RecordArgument,
    contract: ContractOption,
    budget: BudgetOption,
    budget_growth: Annotated[str, typer.Option(metavar="SHARE", help=_say("budget_growth_help"))] = "0",
    case_growth: Annotated[str, typer.Option(metavar="SHARE", help=_say("case_growth_help"))] = "0",
    pay_share: PayShareOption = "1",
    profile: ProfileOption = None,
    edition: EditionOption = None,
    json: JsonOption = False,
) -> None:
    """See ``simulate_help`` in ``ui/texts/payment.toml``."""
    from drg.payment.settlement import grown

    growth = growth_of(budget_growth, "--budget-growth")
    budgets = {kind: grown(amount, growth) for kind, amount in budgets_of(budget).items()}
    _settle(
        source,
        profile,
        edition,
        contract,
        budgets,
        pay_share_of(pay_share),
        as_if=True,
        case_growth=growth_of(case_growth, "--case-growth"),
        json=json,
    )


def _settle(
    source: Path,
    profile: str | None,
    edition: Edition | None,
    contract: str,
    budgets: dict[str, int],
    pay_share: Fraction,
    as_if: bool,
    case_growth: Fraction,
    json: bool,
) -> None:
    """Read the file batch by batch and clear the budgets; the file is read twice where the rate is to be found."""
    from drg import records
    from drg.payment.contract import find_contract
    from drg.payment.files import grouped_batches
    from drg.payment.settlement import settle_batches
    from ui.cli import progress

    terms = find_contract(contract)
    file = records.read(source, profile)
    rejected = 0
    with progress.shown(file.row_count) as update:

        def batches() -> Iterator[pa.Table]:
            nonlocal rejected
            done = rejected = 0
            for table, left_out in grouped_batches(file, terms.terms.scheme, edition):
                yield table
                rejected += left_out
                done += len(table) + left_out
                update(done)

        settlement = settle_batches(batches, terms, budgets, pay_share, as_if, case_growth)
    if json:
        from ui.cli.output import print_json

        print_json(_as_json(settlement, rejected))
    else:
        _print_settlement(settlement)
    end_with_rejected(rejected)


def end_with_rejected(rejected: int) -> None:
    """Say how many rows are no case, and end with the exit code for it."""
    if rejected:
        print(_say("rejected_line", count=f"{rejected:,}"), file=sys.stderr)
        raise typer.Exit(DONE_WITH_REJECTIONS)


def _as_json(settlement: Settlement, rejected: int) -> dict[str, Any]:
    rates = settlement.contract.terms.rates
    return {
        "contract": settlement.contract.id,
        "rates": [str(row.yuan) for row in rates],
        "pools": [
            {
                "insurance_type": pool.insurance_type,
                "budget_fen": pool.budget_fen,
                "total_fen": pool.total_fen,
                "provisional_fen": pool.provisional_fen,
                "factor": float(pool.factor),
                "final_rates": [str(pool.final_yuan(row)) for row in rates if _pays(row, pool)],
            }
            for pool in settlement.pools
        ],
        "hospitals": settlement.hospitals.to_pylist(),
        "unpriced": dict(settlement.unpriced),
        "rejected_rows": rejected,
    }


def _pays(row: RateRow, pool: Pool) -> bool:
    """Whether a rate is for cases of a pool."""
    from drg.payment.settlement import ALL

    return pool.insurance_type == ALL or not row.insurance_types or pool.insurance_type in row.insurance_types


def _print_settlement(settlement: Settlement) -> None:
    from drg import messages

    lines = [_contract_line(settlement.contract.terms)]
    for pool in settlement.pools:
        told = {
            "type": pool.insurance_type,
            "budget": yuan(pool.budget_fen),
            "total": yuan(pool.total_fen),
            "provisional": yuan(pool.provisional_fen),
            "factor": f"{float(pool.factor):.6f}",
        }
        lines.append(_say("pool_line", **told))
        for row in settlement.contract.terms.rates:
            if _pays(row, pool):
                of = " ".join((*row.insurance_types, *row.levels, *row.groups)) or "*"
                lines.append(_say("final_rate_line", of=of, rate=row.yuan, final=pool.final_yuan(row)))
    lines += [
        _say("reason_line", count=f"{count:,}", text=messages.text(reason, LANG))
        for reason, count in settlement.unpriced.items()
    ]
    print(visible("\n".join(lines)), file=sys.stderr)
    print_amounts(settlement.hospitals, _say("no_hospitals"))


def print_amounts(table: pa.Table, nothing: str) -> None:
    """A settlement by hospital as a table for people: amounts in yuan."""
    header = [_say(f"column_{name}") for name in table.column_names]
    rows = [
        [
            yuan(value)
            if name.endswith("_fen")
            else f"{value:.4f}"
            if name in ("weight", "points")
            else visible(str(value or "-"))
            for name, value in row.items()
        ]
        for row in table.to_pylist()
    ]
    print_table(header, rows, nothing)


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
    print_terms(found.terms, found.terms.assumptions)
    print(_say("weights_line", count=len(found.weights)))


def print_terms(terms: BaseModel, assumptions: Sequence[Assumption]) -> None:
    """The terms of a contract, and which of them are assumptions."""
    given = terms.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"assumptions"})
    for name, value in given.items():
        print(visible(f"{name}\t{_shown(value)}"))
    for one in assumptions:
        print(visible(_say("assumption_line", term=one.term, note=getattr(one.note, LANG))))


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
