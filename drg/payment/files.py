"""Pricing of whole record files, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from drg.codes.crosswalk import convert_cases
from drg.grouper.files import Edition
from drg.grouper.table import group
from drg.payment.contract import Contract
from drg.payment.price import PAYMENT_SCHEMA, price, with_groups
from drg.records import RecordFile
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
    """What became of a file: cases by reason, rows that are no case, and sums in fen over what is
    known (none where nothing is)."""

    contract: str
    cases: int = 0
    rejected_rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)


def grouped_batches(
    source: RecordFile, scheme: str | Path | Pack, edition: Edition | None = None
) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """The cases of a file with their groups (as :func:`drg.payment.price.price` reads them), batch by batch.

    Each batch: the table, its grouping (with the column ``row`` in front), and the rejections.
    """
    pack = scheme if isinstance(scheme, Pack) else find_pack(scheme)
    for batch in source.batches():
        is_clinical = (edition or source.edition) == "clinical"
        cases = convert_cases(batch.cases)[0] if is_clinical else batch.cases
        grouping = group(cases, pack)
        yield (
            with_groups(cases, grouping),
            grouping.add_column(0, pa.field("row", pa.int64()), batch.case_rows),
            batch.rejections,
        )


def price_file(
    source: RecordFile,
    write: Callable[[pa.Table], None],
    contract: Contract,
    edition: Edition | None = None,
    as_if: bool = False,
    progress: Callable[[int], None] | None = None,
) -> PriceSummary:
    """Group every case of a record file by the contract's scheme, price it, and ``write`` it in ``PRICED_SCHEMA``."""
    summary = PriceSummary(contract.id)
    for table, grouping, rejections in grouped_batches(source, contract.terms.scheme, edition):
        payments = price(table, contract, as_if)
        columns = {"row": grouping.column("row"), "case_id": payments.column("case_id")}
        columns |= {name: grouping.column(name).cast(pa.string()) for name in TOLD_COLUMNS}
        columns |= {name: payments.column(name) for name in PAYMENT_SCHEMA.names[1:]}
        write(pa.table(columns, schema=PRICED_SCHEMA))
        _count(summary, payments, rejections)
        if progress is not None:
            progress(summary.cases)
    return summary


def _count(summary: PriceSummary, payments: pa.Table, rejections: pa.Table) -> None:
    summary.cases += len(payments)
    summary.rejected_rows += pc.count_distinct(rejections.column("row")).as_py()
    for entry in pc.value_counts(payments.column("reason").cast(pa.string())):
        summary.reasons[entry["values"].as_py()] += entry["counts"].as_py()
    for name in TOTALS:
        known = pc.sum(payments.column(name)).as_py()
        if known is not None:
            summary.totals[name] += known
