"""Pricing of whole record files, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from drg.grouper.files import Edition, in_nhsa_edition
from drg.grouper.table import group
from drg.payment.choice import Contracts, PricedCases, price_by_choice
from drg.payment.contract import Contract
from drg.payment.price import PAYMENT_SCHEMA, price, with_groups
from drg.records import Batch, RecordFile
from drg.scheme.pack import Pack, find_pack

TOLD_COLUMNS = ("status", "drg", "drg_name")
PRICED_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64()),
        PAYMENT_SCHEMA.field("case_id"),
        *(pa.field(name, pa.string()) for name in TOLD_COLUMNS),
        *list(PAYMENT_SCHEMA)[1:],
    ]
)
"""A payment with the source row and the group in front; rows that are no case are not among them."""

TOTALS = ("payment_fen", "fund_fen", "patient_fen", "profit_fen")


@dataclass
class PriceSummary:
    """What became of a file: cases by contract and by reason, by contracts that apply alike (``overlaps``), rows that
    are no case, and sums in fen over what is known (none where nothing is)."""

    cases: int = 0
    rejected_rows: int = 0
    contracts: Counter[str] = field(default_factory=Counter)
    overlaps: Counter[tuple[str, ...]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)


Pricer = Callable[[pa.Table], PricedCases]


def by_contract(contract: Contract, as_if: bool = False) -> Pricer:
    """Groups and prices case tables under one contract."""
    pack = find_pack(contract.terms.scheme)

    def work(cases: pa.Table) -> PricedCases:
        grouping = group(cases, pack)
        return PricedCases(grouping, price(with_groups(cases, grouping), contract, as_if), Counter())

    return work


def by_choice(contracts: Contracts, region: str | None = None) -> Pricer:
    """Groups and prices each case under the contract that it falls under; ``region`` is that of cases without one."""

    def work(cases: pa.Table) -> PricedCases:
        return price_by_choice(in_region(cases, region), contracts)

    return work


def in_region(cases: pa.Table, region: str | None) -> pa.Table:
    """The cases, those without a region in ``region``."""
    if region is None:
        return cases
    if "region" not in cases.column_names:
        return cases.append_column("region", pa.repeat(pa.scalar(region), len(cases)))
    place = cases.column_names.index("region")
    return cases.set_column(place, "region", cases.column("region").fill_null(region))


def grouped_batches(
    source: RecordFile, scheme: str | Path | Pack, edition: Edition | None = None
) -> Iterator[tuple[pa.Table, int]]:
    """The cases of a file with their groups, as :func:`drg.payment.price.price` reads them, batch by batch, each with
    the number of its rows that are no case."""
    pack = scheme if isinstance(scheme, Pack) else find_pack(scheme)
    for batch in source.batches():
        cases = in_nhsa_edition(batch.cases, edition or source.edition)[0]
        yield with_groups(cases, group(cases, pack)), _rejected_rows(batch)


def price_file(
    source: RecordFile,
    write: Callable[[pa.Table], None],
    pricer: Pricer,
    edition: Edition | None = None,
    progress: Callable[[int], None] | None = None,
) -> PriceSummary:
    """Group and price every case of a record file, and ``write`` it in ``PRICED_SCHEMA``, batch by batch."""
    summary = PriceSummary()
    for batch in source.batches():
        priced = pricer(in_nhsa_edition(batch.cases, edition or source.edition)[0])
        columns = {"row": batch.case_rows, "case_id": priced.payments.column("case_id")}
        columns |= {name: priced.grouping.column(name).cast(pa.string()) for name in TOLD_COLUMNS}
        columns |= {name: priced.payments.column(name) for name in PAYMENT_SCHEMA.names[1:]}
        write(pa.table(columns, schema=PRICED_SCHEMA))
        _count(summary, priced)
        summary.rejected_rows += _rejected_rows(batch)
        if progress is not None:
            progress(summary.cases)
    return summary


def _rejected_rows(batch: Batch) -> int:
    return int(pc.count_distinct(batch.rejections.column("row")).as_py())


def _count(summary: PriceSummary, priced: PricedCases) -> None:
    payments = priced.payments
    summary.cases += len(payments)
    summary.overlaps += priced.overlaps
    for counter, column in ((summary.contracts, "contract"), (summary.reasons, "reason")):
        for entry in pc.value_counts(payments.column(column).cast(pa.string()).drop_null()):
            counter[entry["values"].as_py()] += entry["counts"].as_py()
    for name in TOTALS:
        known = pc.sum(payments.column(name)).as_py()
        if known is not None:
            summary.totals[name] += known
