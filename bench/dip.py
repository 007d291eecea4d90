"""``python -m bench.dip [--cases N]``: how long it takes to build a DIP catalogue, group by it and price."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from data_samples.generate import generate
from drg.dip import auxiliary
from drg.dip.build import Identity, build, load_parameters
from drg.dip.matcher import group
from drg.dip.payment import find_contract, price

Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    options = parser.parse_args()
    table = synthetic(options.cases)
    identity = Identity("bench", "", "", "")
    build(table.slice(0, 1000), identity, load_parameters())
    catalogue, report = timed("build", len(table), lambda: build(table, identity, load_parameters()))[0]
    print(f"  {report.core_groups} core, {report.comprehensive_groups} comprehensive groups")
    groups = timed("group", len(table), lambda: group(table, catalogue))[0]
    timed("price", len(table), lambda: price(table, groups, catalogue, find_contract("reference")))
    parameters = auxiliary.load_parameters()
    timed("auxiliary", len(table), lambda: auxiliary.build_auxiliary(table, groups, parameters))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {peak:,.0f} MB with the table of {table.nbytes / 1e6:,.0f} MB in memory")


def synthetic(cases: int) -> pa.Table:
    """Synthetic discharges with costs."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), ["plain-parquet"], cases, 1, defects=False)
        return pq.read_table(Path(folder) / "plain.parquet")


def timed(what: str, cases: int, work: Callable[[], Result]) -> tuple[Result, float]:
    """The result and its seconds; prints them, and what a million cases would take."""
    start = time.perf_counter()
    result = work()
    took = time.perf_counter() - start
    print(f"{what}, {cases:,} cases: {took:.2f} s ({took * 1_000_000 / cases:.1f} s a million)")
    return result, took


if __name__ == "__main__":
    main()
