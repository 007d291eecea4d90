"""Tables of visits for the tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from claims.network.visits import VISIT_SCHEMA

STAY = dt.timedelta(days=5)


def table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Visits as they are after reading: the day is that of claim, discharge or admission."""
    whole = []
    for number, row in enumerate(rows):
        known = row.get("claim_date") or row.get("discharge_date") or row.get("admission_date")
        whole.append({"case_id": f"C{number}", "day": known, **row})
    return pa.Table.from_pylist(whole, schema=VISIT_SCHEMA)


def row_of(text: str) -> dict[str, Any]:
    """``person hospital admission [kind=id ...]``."""
    person, hospital, day, *rest = text.split()
    admitted = dt.date.fromisoformat(day)
    more = dict(part.split("=") for part in rest)
    return {
        "person": person,
        "hospital": hospital,
        "admission_date": admitted,
        "discharge_date": admitted + STAY,
        **more,
    }
