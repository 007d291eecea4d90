"""All visits of a results folder in one narrow table: whose they are, where, when, in which group and band."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from claims.nightly.results import Results
from claims.risk.settings import settings
from drg.analytics.database import query, with_columns
from drg.case import CASE_SCHEMA

VISIT_COLUMNS = (
    "case_id",
    "person",
    "hospital",
    "department",
    "doctor",
    "sex",
    "age",
    "admission_date",
    "discharge_date",
    "los_days",
    "dx",
    "proc",
    "total_cost_fen",
    "drug_cost_fen",
    "consumable_cost_fen",
    "patient_paid_fen",
)
JOINED = {
    "cases": {name: CASE_SCHEMA.field(name).type for name in VISIT_COLUMNS},
    "groups": {"case_id": pa.string(), "drg": pa.string(), "drg_name": pa.string()},
    "prices": {
        "case_id": pa.string(),
        "weight": pa.float64(),
        "standard_fen": pa.int64(),
        "ratio": pa.float64(),
    },
    "risk": {"case_id": pa.string(), "band": pa.string(), "score": pa.float64()},
}


@dataclass(frozen=True)
class Visits:
    """``table``: one row a visit, columns as in ``visits.sql``."""

    table: pa.Table

    def of_case(self, case_id: str) -> dict[str, Any] | None:
        """The visit of a case; ``None`` where the folder has not got it."""
        found = self.table.filter(pc.equal(self.table.column("case_id"), case_id)).slice(0, 1).to_pylist()
        return found[0] if found else None

    def of_person(self, case_id: str) -> list[dict[str, Any]]:
        """The visits of the person of a case, the earliest first; just the case where the person is not known."""
        case = self.of_case(case_id)
        if case is None:
            return []
        if case["person"] is None:
            return [case]
        rows = self.table.filter(pc.equal(self.table.column("person"), case["person"])).to_pylist()
        return sorted(
            rows, key=lambda row: (str(row["admission_date"] or row["discharge_date"]), row["case_id"])
        )

    def hospitals(self) -> list[str]:
        """All hospitals, in alphabetical order."""
        return sorted(name for name in self.table.column("hospital").unique().to_pylist() if name)

    def elsewhere(self, case_ids: Collection[str]) -> dict[str, int]:
        """For each case how many visits of its person at other hospitals are in a band that people look at."""
        sql = """SELECT a.case_id, count(*) AS number FROM visits a JOIN visits b
            ON a.person = b.person AND a.hospital IS DISTINCT FROM b.hospital
            JOIN asked ON asked.case_id = a.case_id JOIN bands ON bands.band = b.band GROUP BY a.case_id"""
        narrow = self.table.select(["case_id", "person", "hospital", "band"])
        asked = pa.table({"case_id": pa.array(sorted(case_ids), pa.string())})
        bands = pa.table({"band": pa.array(list(settings("bands")), pa.string())})
        found = query(sql, visits=narrow, asked=asked, bands=bands)
        return {row["case_id"]: row["number"] for row in found.to_pylist()}


def read_visits(results: Results) -> Visits:
    """The visits of a results folder. Raises ``InputError`` where it holds no cases."""
    tables = {name: _columns(results, name, kinds) for name, kinds in JOINED.items()}
    sql = Path(__file__).with_name("visits.sql").read_text(encoding="utf-8")
    return Visits(query(sql, **tables))


def _columns(results: Results, name: str, kinds: dict[str, pa.DataType]) -> pa.Table:
    if name != "cases" and not results.has(name):
        return pa.schema(kinds).empty_table()
    return with_columns(results.table(name, list(kinds)), kinds)
