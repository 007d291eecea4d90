"""Grouping results as columns of the record table, for the rules about grouping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.grouper.files import in_nhsa_edition
from drg.grouper.table import group
from drg.payment import price
from drg.payment.contract import Contract, find_contract
from drg.quality.dictionary import CLINICAL, Edition
from drg.records import read
from drg.scheme.pack import Pack, find_pack

COLUMNS = ("drg", "mdc", "adrg", "group_status", "cc_dependent", "weight", "payment_ratio")
YES, NO = "1", "0"


def grouping_columns(
    path: Path, profile: str | None, edition: Edition, scheme: str | Path, contract: str | Path | None = None
) -> pa.Table:
    """The groups of the cases of a record file: ``case_id`` and ``COLUMNS``, all text, a row a case.

    ``cc_dependent`` is 1 where the group would be another without the one diagnosis that gives the complication
    level, 0 where not, null where there is no such diagnosis. ``weight`` and ``payment_ratio`` (cost to payment
    standard) are null without a contract. Raises ``InputError`` as reading, grouping and pricing do.
    """
    source = read(path, profile)
    pack = find_pack(scheme)
    priced_by = None if contract is None else find_contract(contract)
    parts = []
    for batch in source.batches():
        cases = in_nhsa_edition(batch.cases, "clinical" if edition == CLINICAL else "nhsa")[0]
        parts.append(case_columns(cases, pack, priced_by))
    return pa.concat_tables(parts)


def case_columns(cases: pa.Table, pack: Pack, contract: Contract | None) -> pa.Table:
    """As :func:`grouping_columns`, of a case table with NHSA codes."""
    grouped = group(cases, pack)
    prices = None if contract is None else price.price(price.with_groups(cases, grouped), contract)
    return columns_of(cases, grouped, prices, pack)


def columns_of(cases: pa.Table, grouped: pa.Table, prices: pa.Table | None, pack: Pack | None) -> pa.Table:
    """As :func:`grouping_columns`, of a case table with its groups and prices, all in one order.

    ``pack``: what they were grouped by; None where each case was by its own.
    """

    def priced(name: str) -> pa.ChunkedArray:
        if prices is None:
            return pa.chunked_array([pa.nulls(len(cases), pa.string())])
        return prices.column(name).cast(pa.string())

    return pa.table(
        {
            "case_id": grouped.column("case_id"),
            **{name: grouped.column(name).cast(pa.string()) for name in ("drg", "mdc", "adrg")},
            "group_status": grouped.column("status").cast(pa.string()),
            "cc_dependent": _dependent(cases, grouped, pack),
            "weight": priced("weight"),
            "payment_ratio": priced("ratio"),
        }
    )


def _dependent(cases: pa.Table, grouped: pa.Table, pack: Pack | None) -> pa.Array:
    """Whether the group would be another without the diagnosis that gives the complication level."""
    codes = grouped.column("cc_code").combine_chunks()
    places = np.flatnonzero(codes.is_valid().to_numpy(zero_copy_only=False))
    told = np.full(len(cases), None, object)
    if len(places):
        affected = cases.take(pa.array(places))
        without = [
            _without(dx, code)
            for dx, code in zip(
                affected.column("dx").to_pylist(), codes.take(pa.array(places)).to_pylist(), strict=True
            )
        ]
        column = affected.schema.get_field_index("dx")
        again = group(affected.set_column(column, "dx", pa.array(without, pa.list_(pa.string()))), pack)
        before = grouped.column("drg").cast(pa.string()).take(pa.array(places))
        same = pc.equal(before, again.column("drg").cast(pa.string())).to_numpy()
        told[places] = np.where(same, NO, YES)
    return pa.array(told.tolist(), pa.string())


def _without(dx: list[str], code: str) -> list[str]:
    """The diagnoses without the other diagnosis ``code``."""
    place = next((place for place, one in enumerate(dx) if place and one == code), None)
    return dx if place is None else [*dx[:place], *dx[place + 1 :]]


def with_groups(records: pa.Table, groups: pa.Table) -> pa.Table:
    """A chunk of the record table with the grouping columns of its cases; one without any value counts as not there."""
    places = pc.index_in(records.column("case_id"), value_set=groups.column("case_id").combine_chunks())
    chosen = places.combine_chunks()
    for name in COLUMNS:
        if groups.column(name).null_count == len(groups):
            continue
        column = groups.column(name).take(chosen)
        place = records.schema.get_field_index(name)
        records = (
            records.append_column(name, column) if place < 0 else records.set_column(place, name, column)
        )
    return records
