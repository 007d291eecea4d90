"""``python -m bench.dip [--cases N]``: how long it takes to build a DIP catalogue, group by it and price."""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.measure import seconds, tell, timed
from data_samples.generate import generate
from drg.dip import auxiliary
from drg.dip.build import Identity, build, load_parameters
from drg.dip.matcher import group
from drg.dip.payment import find_contract, price

BUILD_LIMIT_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument(
        "--large", action="store_true", help="no more than without: a catalogue is built in memory"
    )
    options = parser.parse_args()
    table = synthetic(options.cases)
    identity = Identity("bench", "", "", "")
    build(table.slice(0, 1000), identity, load_parameters())
    (catalogue, report), took = timed(lambda: build(table, identity, load_parameters()))
    tell("DIP build", len(table), took, BUILD_LIMIT_S)
    print(f"  {report.core_groups} core, {report.comprehensive_groups} comprehensive groups")
    groups, took = timed(lambda: group(table, catalogue))
    tell("DIP group", len(table), took)
    tell(
        "DIP price", len(table), seconds(lambda: price(table, groups, catalogue, find_contract("reference")))
    )
    parameters = auxiliary.load_parameters()
    took = seconds(lambda: auxiliary.build_auxiliary(table, groups, parameters))
    tell("DIP auxiliary catalogue", len(table), took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {peak:,.0f} MB with the table of {table.nbytes / 1e6:,.0f} MB in memory")


def synthetic(cases: int) -> pa.Table:
    """Synthetic discharges with costs."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), ["plain-parquet"], cases, 1, defects=False)
        return pq.read_table(Path(folder) / "plain.parquet")


if __name__ == "__main__":
    main()
