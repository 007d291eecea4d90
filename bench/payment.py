"""``python -m bench.payment [--cases N]``: how long pricing takes."""

from __future__ import annotations

import argparse
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import drg
from bench.cases import random_cases
from drg.payment.contract import TEMPLATE, Contract, find_contract
from drg.payment.price import price, with_groups

SCHEME = "chs-drg-1.1"
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    options = parser.parse_args()
    contract = find_contract(TEMPLATE)
    cases = billed(random_cases(options.cases, SCHEME))
    table = with_groups(cases, drg.group(cases, SCHEME))
    seconds = min(_seconds(table, contract) for _ in range(REPEATS))
    print(f"price: {options.cases:,} cases in {seconds:.2f} s, one core")


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
    }
    for name, values in columns.items():
        kind = cases.schema.field(name)
        cases = cases.set_column(cases.column_names.index(name), kind, pa.array(values).cast(kind.type))
    return cases


def _seconds(table: pa.Table, contract: Contract) -> float:
    start = time.perf_counter()
    payments = price(table, contract)
    seconds = time.perf_counter() - start
    counts = pc.value_counts(payments.column("outlier").cast(pa.string()))
    print({entry["values"].as_py(): entry["counts"].as_py() for entry in counts})
    return seconds


if __name__ == "__main__":
    main()
