"""The cases of a hospital under one scheme: group, weight and money in the same columns for DRG and DIP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from drg.analytics.database import with_columns
from drg.scheme.pack import Pack, find_pack

if TYPE_CHECKING:
    from drg.dip.catalogue import Catalogue
    from drg.payment.contract import Contract

SIDE_SCHEMA = pa.schema(
    [
        ("status", pa.string()),
        ("group", pa.string()),
        ("group_name", pa.string()),
        ("reason", pa.string()),
        ("cc_level", pa.string()),
        ("cc_code", pa.string()),
        ("unknown_codes", pa.list_(pa.string())),
        ("weight", pa.decimal128(20, 6)),
        ("payment_fen", pa.int64()),
        ("price_reason", pa.string()),
    ]
)
"""One row a case in the order of the case table. What is not known is null; ``reason`` and
``price_reason`` are message ids."""

_PRICE_NAMES = (
    ("weight", "weight"),
    ("payment_fen", "payment_fen"),
    ("price_reason", "reason"),
    ("price_reason", "price_reason"),
)
"""Columns of a side and what they are called in a price: of DRG (``reason``) or of DIP."""

_NAMES = {
    **{"dip": "group", "dip_name": "group_name", "rw": "weight"},
    **{"drg": "group", "drg_name": "group_name"},
}


@dataclass(frozen=True)
class Side:
    """Cases under a scheme or DIP catalogue; ``pack``, ``catalogue`` and ``contract`` explain single cases."""

    name: str
    rows: pa.Table
    pack: Pack | None = None
    contract: Contract | None = None
    catalogue: Catalogue | None = None


def drg_side(cases: pa.Table, scheme: str | Path | Pack, contract: str | Path | None = None) -> Side:
    """The cases (``CASE_SCHEMA``) grouped by a pack and, where a contract is named, priced as if they fell under it.

    Raises ``InputError`` where the scheme or contract does not load.
    """
    from drg.grouper.table import group
    from drg.payment.contract import find_contract
    from drg.payment.price import price, with_groups

    pack = scheme if isinstance(scheme, Pack) else find_pack(scheme)
    grouping = group(cases, pack)
    if contract is None:
        return Side(pack.id, side_rows(grouping), pack)
    found = find_contract(contract)
    priced = price(with_groups(cases, grouping), found, as_if=True)
    return Side(pack.id, side_rows(grouping, priced), pack, found)


def dip_side(cases: pa.Table, catalogue: str | Path, contract: str | Path | None = None) -> Side:
    """The cases grouped by a DIP catalogue and, where a contract is named, priced; the weight is the group's RW.

    Raises ``InputError`` where the catalogue or contract does not load.
    """
    from drg.dip.catalogue import find_catalogue
    from drg.dip.matcher import group
    from drg.dip.payment import find_contract, price

    found = find_catalogue(catalogue)
    grouping = group(cases, found)
    if contract is None:
        return Side(found.id, side_rows(grouping), catalogue=found)
    priced = price(cases, grouping, found, find_contract(contract))
    return Side(found.id, side_rows(grouping, priced), catalogue=found)


def side_rows(grouping: pa.Table, price: pa.Table | None = None) -> pa.Table:
    """A DRG or DIP grouping with the weight and payment of a price, row by row, in ``SIDE_SCHEMA``."""
    table = grouping.rename_columns([_NAMES.get(name, name) for name in grouping.column_names])
    for name, own in _PRICE_NAMES:
        if price is not None and own in price.column_names:
            table = table.drop_columns([name]) if name in table.column_names else table
            table = table.append_column(name, price.column(own))
    return with_columns(table, {field.name: field.type for field in SIDE_SCHEMA})
