"""``python -m bench.payment [--cases N] [--large]``: how long pricing and settling take."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import drg
from bench.cases import random_cases
from bench.measure import SCHEME, run_command, seconds, tell, tell_command
from drg.payment.choice import choose
from drg.payment.contract import TEMPLATE, find_contract, shipped_contracts, shipped_terms
from drg.payment.price import price, with_groups

REPEATS = 3
PRICE_LIMIT_S = 2.0
BUDGET_FEN = 10**13


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--large", action="store_true", help="also settle ten times the cases, streamed")
    options = parser.parse_args()
    contract = find_contract(TEMPLATE)
    cases = billed(random_cases(options.cases, SCHEME))
    table = with_groups(cases, drg.group(cases, SCHEME))
    took = min(seconds(lambda: price(table, contract)) for _ in range(REPEATS))
    tell("price", options.cases, took, PRICE_LIMIT_S)
    among = [*(shipped_terms(id) for id in shipped_contracts()), contract.terms]
    took = min(seconds(lambda: choose(cases, among)) for _ in range(REPEATS))
    tell(f"choose among {len(among)} contracts", options.cases, took)
    with tempfile.TemporaryDirectory() as folder:
        measure_settle(cases, Path(folder), 1)
        if options.large:
            measure_settle(cases, Path(folder), 10)


def measure_settle(cases: pa.Table, folder: Path, times: int) -> None:
    """The command over a file with the cases so many times, each with an id of its own."""
    path = folder / "bills.parquet"
    place = cases.schema.get_field_index("case_id")
    with pq.ParquetWriter(path, cases.schema) as writer:
        for part in range(times):
            ids = pa.compute.binary_join_element_wise(cases.column("case_id"), str(part), "-")
            writer.write_table(cases.set_column(place, "case_id", ids), row_group_size=200_000)
    measured = run_command("settle", str(path), "--contract", TEMPLATE, "--budget", str(BUDGET_FEN), "--json")
    tell_command(f"drgbridge settle, {times * len(cases):,} cases", measured)


def billed(cases: pa.Table) -> pa.Table:
    """The cases with bills around the standards of the template: some low, some high outliers."""
    random = np.random.default_rng(2)
    count = len(cases)
    columns = {
        "total_cost_fen": random.lognormal(13.8, 0.9, count).astype(np.int64),
        "patient_paid_fen": random.integers(0, 500_000, count),
        "insurance_type": np.array(["310", "390"])[random.integers(0, 2, count)],
        "hospital_level": np.array(["2", "3"])[random.integers(0, 2, count)],
        "discharge_date": np.datetime64("2026-01-01") + random.integers(0, 365, count),
        "region": np.full(count, "100000"),
        "hospital": np.array([f"H{number:03}" for number in range(200)])[random.integers(0, 200, count)],
    }
    for name, values in columns.items():
        kind = cases.schema.field(name)
        cases = cases.set_column(cases.column_names.index(name), kind, pa.array(values).cast(kind.type))
    return cases


if __name__ == "__main__":
    main()
