"""``python -m bench.across [--cases N]``: time and memory of the cross-visit and peer rules and of the indicators."""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measure import MILLION, tell, timed
from claims.across import Settings, check
from claims.across.indicators import figures
from claims.across.visits import Sources

LIMIT_S = 60.0
LIMIT_GB = 4.0
PART_ROWS = 250_000
HOSPITALS = 120
LINES_A_VISIT = 3
FIRST_DAY = np.datetime64("2025-01-01")
DISEASES = (
    "J18.900",
    "I63.900",
    "E11.900",
    "E10.900",
    "I10.x00",
    "K80.200",
    "C34.100",
    "Z51.102",
    "O80.000",
    "N18.500",
)
GROUPS = tuple(f"{letter}{number}" for letter in "BEFGIO" for number in ("R11", "R15", "S25", "T21", "U29"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=MILLION, help="visits")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--large", action="store_true", help="no more than without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = written(folder, options.cases)
        settings = Settings(threads=options.threads, folder=folder)
        summary, took = timed(lambda: check(sources, folder / "hits.parquet", settings))
        applicable = sum(outcome.applicable for outcome in summary.outcomes)
        what = (
            f"across, {applicable} rules, {summary.hits:,} hits, {options.cases * LINES_A_VISIT:,} fee lines"
        )
        tell(what, options.cases, took, LIMIT_S)
        table, took = timed(lambda: figures(sources, settings).table)
        tell(f"supervision indicators, {len(table):,} figures", options.cases, took)
    print(
        f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB (limit {LIMIT_GB:g} GB)"
    )


def written(folder: Path, visits: int) -> Sources:
    """Synthetic visits and fee lines as files."""
    tables: tuple[list[Path], list[Path]] = ([], [])
    for part, start in enumerate(range(0, visits, PART_ROWS)):
        rows = min(PART_ROWS, visits - start)
        made = synthetic_visits(rows, start, visits)
        for paths, kind, table in zip(tables, ("v", "l"), (made, synthetic_lines(made, part)), strict=True):
            paths.append(folder / f"{kind}{part}.parquet")
            pq.write_table(table, paths[-1])
    return Sources([tables[0]], [tables[1]])


def _named(prefix: str, numbers: npt.NDArray[np.int64]) -> list[str]:
    return [f"{prefix}{number}" for number in numbers.tolist()]


def synthetic_visits(rows: int, start: int, visits: int) -> pa.Table:
    """Visits of two fifths as many persons, of all kinds, in 120 hospitals over a year."""
    random = np.random.default_rng(start)
    hospital = random.integers(0, HOSPITALS, rows)
    admitted = FIRST_DAY + random.integers(0, 365, rows)
    outpatient = random.random(rows) < 0.4
    nights = np.where(outpatient, 0, 1 + random.poisson(6, rows))
    cost = random.gamma(4, 250_000, rows).astype(np.int64)
    group = random.integers(0, len(GROUPS), rows)
    return pa.table(
        {
            "case_id": [f"V{number:09}" for number in range(start, start + rows)],
            "person": _named("P", random.integers(0, max(1, visits * 2 // 5), rows)),
            "hospital": _named("H", hospital),
            "hospital_level": _named("", 1 + hospital % 3),
            "hospital_group": _named("G", hospital // 3),
            "hospital_region": _named("", 440000 + hospital % 2 * 100),
            "region": ["440100"] * rows,
            "department": _named("", random.integers(1, 30, rows)),
            "doctor": _named("D", hospital * 40 + random.integers(0, 40, rows)),
            "visit_kind": np.where(outpatient, "outpatient", "inpatient"),
            "admission_date": admitted,
            "discharge_date": admitted + nights,
            "discharge_way": random.choice([1, 1, 1, 1, 1, 1, 2, 3, 4, 5], rows),
            "icu_hours": np.where(random.random(rows) < 0.05, 24.0, 0.0),
            "dx": [[DISEASES[n]] for n in random.integers(0, len(DISEASES), rows)],
            "proc": [["51.2300"] if n else [] for n in random.integers(0, 2, rows)],
            "status": np.where(random.random(rows) < 0.97, "grouped", "ungrouped"),
            "drg": [GROUPS[n] for n in group],
            "cc_level": random.choice(["none", "none", "CC", "MCC"], rows),
            "weight": np.round(0.4 + group / 10, 4),
            "standard_fen": np.full(rows, 1_000_000),
            "outlier": random.choice(["none", "none", "none", "low", "high"], rows),
            "total_cost_fen": cost,
            "drug_cost_fen": cost * 3 // 10,
            "exam_cost_fen": cost * 2 // 10,
            "consumable_cost_fen": cost // 10,
            "patient_paid_fen": cost * 3 // 10,
            "uncovered_fen": cost // 20,
            "planned_readmission": random.random(rows) < 0.1,
            "phone": _named("T", random.integers(0, max(1, visits // 3), rows)),
            "invoice": _named("V", random.integers(0, visits * 1000, rows)),
            "reversed": random.random(rows) < 0.01,
            "bed_day_limit": pa.array(np.full(rows, 60), mask=random.random(rows) > 0.02),
            "list_passed": random.random(rows) < 0.98,
        }
    )


def synthetic_lines(visits: pa.Table, seed: int) -> pa.Table:
    """Three fee lines a visit."""
    random = np.random.default_rng(seed)
    rows = len(visits) * LINES_A_VISIT
    return pa.table(
        {
            "case_id": visits.column("case_id").take(
                pa.array(np.repeat(np.arange(len(visits)), LINES_A_VISIT))
            ),
            "code": _named("X", random.integers(0, 3_000, rows)),
            "kind": random.choice(["drug", "drug", "service"], rows),
            "quantity": np.ones(rows),
            "amount_fen": random.integers(100, 200_000, rows),
        }
    )


if __name__ == "__main__":
    main()
