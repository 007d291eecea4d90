"""From a record file to cases with their group and price: what every report begins with."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from drg.analytics.running import StandardOf
from drg.analytics.sides import Side, dip_side, drg_side
from drg.case import CASE_SCHEMA, Case
from drg.codes.crosswalk import convert_cases
from drg.grouper.files import Edition
from drg.records import RecordFile

if TYPE_CHECKING:
    from drg.payment.contract import Terms


@dataclass(frozen=True)
class ReadCases:
    """The cases of a file in ``CASE_SCHEMA``, codes in the NHSA edition, and how many rows were no case."""

    cases: pa.Table
    rejected: int


def read_cases(source: RecordFile, edition: Edition | None = None) -> ReadCases:
    """All cases of a record file. Raises ``InputError`` where the file turns out to be unreadable."""
    parts, rejected = [CASE_SCHEMA.empty_table()], 0
    for batch in source.batches():
        rejected += batch.row_count - len(batch.cases)
        converts = (edition or source.edition) == "clinical"
        parts.append(convert_cases(batch.cases)[0] if converts else batch.cases)
    return ReadCases(pa.concat_tables(parts), rejected)


def side_of(cases: pa.Table, scheme: str, contract: str | None) -> Side:
    """The cases under a DRG scheme or a DIP catalogue, by id or folder; priced where a contract is named."""
    if is_dip(scheme):
        return dip_side(cases, scheme, contract)
    return drg_side(cases, scheme, contract)


def is_dip(name: str) -> bool:
    """Whether a name is that of a DIP catalogue, not of a DRG scheme."""
    from drg.dip.catalogue import SETTINGS_FILE, shipped_ids

    return name in shipped_ids() or (Path(name) / SETTINGS_FILE).is_file()


def grouped_and_priced(
    cases: pa.Table, scheme: str | None, contract: str | None, as_if: bool = False
) -> tuple[pa.Table, Terms | None]:
    """The cases with the columns of their grouping and price, and the terms of the contract.

    Each case's scheme is chosen by region and discharge date where none is named; ``as_if`` as in
    :func:`drg.payment.price.price`, whose reasons are in the column ``price_reason``.
    """
    from drg.grouper.table import group
    from drg.payment.contract import find_contract
    from drg.payment.price import price, with_groups

    grouping = group(cases, scheme)
    if contract is None:
        return beside_priced(cases, grouping, None), None
    found = find_contract(contract)
    priced = price(with_groups(cases, grouping), found, as_if)
    return beside_priced(cases, grouping, priced), found.terms


def beside_priced(cases: pa.Table, grouping: pa.Table, prices: pa.Table | None) -> pa.Table:
    """The case table with the columns of its grouping and price; why a case is priced so is in ``price_reason``."""
    if prices is None:
        return beside(cases, grouping)
    names = ["price_reason" if name == "reason" else name for name in prices.column_names]
    return beside(cases, grouping, prices.rename_columns(names))


def beside(cases: pa.Table, *others: pa.Table) -> pa.Table:
    """The case table with the columns of its grouping and price; all have the same rows in one order.

    Of columns with the same name the first stays.
    """
    for other in others:
        for name in other.column_names:
            if name not in cases.column_names:
                cases = cases.append_column(name, other.column(name))
    return cases


def standards(contract: str, today: dt.date) -> StandardOf:
    """The standard of a case in a group under a contract on a day (or the nearest day of the contract)."""
    from drg.payment.contract import find_contract
    from drg.payment.price import half_up

    found = find_contract(contract)
    day = min(max(today, found.terms.first_day), found.last_day)

    def standard_of(case: Case, drg: str) -> int | None:
        level = case.hospital_level or found.terms.hospitals.get(case.hospital or "")
        tariff = found.tariff(drg, case.insurance_type, level, day)
        weight = found.weights.get(drg)
        if isinstance(tariff, str) or weight is None:
            return None
        return half_up(weight * tariff.fen_per_weight)

    return standard_of
