"""Changed cases as tables: their records for the rules, their groups and their payment, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from drg.case import CASE_SCHEMA, Case
from drg.codes.catalogue import load_catalogue
from drg.coding.review.model import Change, Outcome
from drg.grouper.table import group
from drg.payment.contract import Contract
from drg.payment.price import price, with_groups
from drg.quality.record import record_schema
from drg.scheme.pack import Pack

GROUP_OF = {"dx": "diagnoses", "proc": "procedures"}
SYSTEM_OF_GROUP = {"diagnoses": "icd10", "procedures": "icd9cm3"}
Row = dict[str, Any]
"""A row of the record table as Python values."""


def base_row(case: Case, row: Mapping[str, Any] | None) -> Row:
    """The record of a case with its codes in the NHSA edition; without a record, what the case tells.

    Rows of a group without a code are left out, so that places are those of the case.
    """
    found: Row = dict(row) if row is not None else _scalars(case)
    for kind, group_name in GROUP_OF.items():
        codes = list(getattr(case, kind))
        written = found.get(f"{group_name}.code")
        places = [place for place, code in enumerate(written or []) if code]
        for name in [name for name in found if name.startswith(f"{group_name}.") and found[name] is not None]:
            if len(places) == len(codes):
                found[name] = [found[name][place] for place in places]
            else:
                found[name] = [None] * len(codes)
        found[f"{group_name}.code"] = codes
    return found


def _scalars(case: Case) -> Row:
    schema = record_schema()
    known = {name: value for name, value in case.model_dump().items() if value is not None}
    return {name: str(value) for name, value in known.items() if name in schema.names and name != "dx"}


def changed_row(row: Row, change: Change) -> Row:
    """The record after a change. An added code keeps the other values of the first code that it takes the place of."""
    group_name = GROUP_OF[change.codes]
    catalogue = load_catalogue("icd10" if change.codes == "dx" else "icd9cm3")
    changed = dict(row)
    for name, values in row.items():
        if not name.startswith(f"{group_name}.") or values is None:
            continue
        kept = [value for place, value in enumerate(values) if place not in change.removed]
        if change.added is not None:
            value = values[change.removed[0]] if change.removed else None
            same = bool(change.removed) and row[f"{group_name}.code"][change.removed[0]] == change.added
            if name == f"{group_name}.code":
                value = change.added
            elif name == f"{group_name}.name" and not same:
                value = catalogue.name(change.added)
            kept.insert(len(kept) if change.at is None else change.at, value)
        changed[name] = kept
    return changed


def record_table(rows: Sequence[Row], columns: Sequence[str]) -> pa.Table:
    """Rows as a record table; ``row`` is the place among them. A column that no row carries is left out."""
    schema = record_schema()
    carried = [
        name for name in columns if name in schema.names and any(row.get(name) is not None for row in rows)
    ]
    arrays = [pa.array([row.get(name) for row in rows], schema.field(name).type) for name in carried]
    ids = [
        pa.array(range(len(rows)), pa.int64()),
        pa.array([row.get("case_id") for row in rows], pa.string()),
    ]
    names = ["row", "case_id", *carried]
    return pa.table([*ids, *arrays], names=names)


def outcomes(cases: Sequence[Case], pack: Pack, contract: Contract | None, as_if: bool) -> list[Outcome]:
    """Group, weight and payment of each case."""
    if not cases:
        return []
    table = pa.Table.from_pylist([case.model_dump() for case in cases], schema=CASE_SCHEMA)
    return outcomes_of(table, pack, contract, as_if)


def outcomes_of(table: pa.Table, pack: Pack, contract: Contract | None, as_if: bool) -> list[Outcome]:
    """As :func:`outcomes`, of a case table."""
    grouped = group(table, pack)
    columns = [grouped.column(name).to_pylist() for name in ("status", "drg", "drg_name", "cc_level")]
    if contract is None:
        return [Outcome(*row) for row in zip(*columns, strict=True)]
    priced = price(with_groups(table, grouped), contract, as_if)
    columns += [priced.column(name).to_pylist() for name in ("weight", "payment_fen", "reason")]
    return [Outcome(*row) for row in zip(*columns, strict=True)]
