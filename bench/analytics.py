"""``python -m bench.analytics [--cases N]``: indicators and scheme impact over a large case table."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.cases import random_cases
from bench.measure import SCHEME, seconds, tell
from drg.analytics.impact import compare_sides
from drg.analytics.indicators import indicators
from drg.analytics.reference import make_reference
from drg.analytics.sides import drg_side
from drg.analytics.sources import beside
from drg.grouper.table import group
from drg.scheme.pack import find_pack

INDICATOR_LIMIT_S = 5.0
IMPACT_LIMIT_S = 30.0
DIVISIONS = ((), ("department",), ("doctor",), ("month",), ("drg",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--large", action="store_true", help="no more than without: the cases are in memory")
    options = parser.parse_args()
    cases = with_money(random_cases(options.cases, SCHEME))
    group(cases.slice(0, 1000), SCHEME)
    grouped = beside(cases, group(cases, SCHEME), prices(len(cases)))
    reference = make_reference(grouped)
    for by in DIVISIONS:
        took = seconds(lambda: indicators(grouped, by, reference))  # noqa: B023
        told = ", ".join(by) or "the whole"
        tell(f"indicators by {told}", len(cases), took, INDICATOR_LIMIT_S)
    with tempfile.TemporaryDirectory() as folder:
        child = child_pack(Path(folder) / "child")
        took = seconds(lambda: compare_sides(cases, drg_side(cases, SCHEME), drg_side(cases, child)))
    tell("impact with both groupings", len(cases), took, IMPACT_LIMIT_S)


def child_pack(folder: Path) -> Path:
    """The scheme without every tenth ADRG."""
    shutil.copytree(find_pack(SCHEME).folder, folder)
    settings = folder / "scheme.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(SCHEME, "bench-child"), encoding="utf-8")
    head, *rows = (folder / "adrg.tsv").read_text(encoding="utf-8").splitlines()
    dropped = {row.split("\t")[0] for row in rows[::10]}
    for name, column in (("adrg.tsv", 0), ("drg.tsv", 3)):
        head, *rows = (folder / name).read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if row.split("\t")[column] not in dropped]
        (folder / name).write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
    return folder


def with_money(cases: pa.Table, seed: int = 2) -> pa.Table:
    """The cases with hospitals, doctors, persons, days and costs."""
    random = np.random.default_rng(seed)
    count = len(cases)
    discharge = random.integers(20_454, 20_819, count).astype("datetime64[D]")
    cost = random.integers(100_000, 5_000_000, count)
    columns = {
        "hospital": pa.array(random.integers(0, 5, count)).cast(pa.string()),
        "department": pa.array(random.integers(0, 60, count)).cast(pa.string()),
        "doctor": pa.array(random.integers(0, 1500, count)).cast(pa.string()),
        "person": pa.array(random.integers(0, count // 2 + 1, count)).cast(pa.string()),
        "discharge_date": pa.array(discharge, pa.date32()),
        "admission_date": pa.array(discharge - random.integers(1, 30, count), pa.date32()),
        "total_cost_fen": pa.array(cost),
        "drug_cost_fen": pa.array(cost // 4),
        "consumable_cost_fen": pa.array(cost // 5),
    }
    for name, column in columns.items():
        cases = cases.set_column(cases.schema.get_field_index(name), name, column)
    return cases


def prices(count: int, seed: int = 3) -> pa.Table:
    """A weight, outlier class and payment for each case; what a contract says does not matter here."""
    random = np.random.default_rng(seed)
    outliers = pa.array(["none", "low", "high"]).take(pa.array(random.integers(0, 3, count)))
    weight = random.integers(30, 900, count) / 100
    return pa.table(
        {
            "weight": weight,
            "outlier": outliers,
            "payment_fen": pa.array((weight * 800_000).astype(np.int64)),
        }
    )


if __name__ == "__main__":
    main()
