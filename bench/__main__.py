"""``python -m bench [--cases N] [--large]``: prints what was measured, with the ratio to plain Python."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import drg
from bench.cases import random_cases
from bench.measure import SCHEME, run_command, seconds, tell_command
from bench.plain_python import group_one
from drg.case import from_row
from drg.codes.search import search
from drg.scheme.pack import find_pack
from drg.scheme.workbook import import_workbook
from tests.drg.scheme.official_workbook import plain_book

REFERENCE_CASES = 5_000
PARTS = (
    "bench.payment",
    "bench.dip",
    "bench.analytics",
    "bench.quality",
    "bench.claims",
    "bench.coding_graph",
    "bench.risk",
    "bench.nightly",
    "bench.network",
    "bench.across",
    "bench.workbench",
)
"""Benches with a process of their own, so that the memory of one is not that of another."""
QUERIES = ["心力衰竭", "dnjs", "I50", "胆囊 切除", "51.23", "冠状动脉支架植人"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--large", action="store_true", help="also ten times the cases, streamed")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, one core unless said otherwise")
    table = random_cases(options.cases, SCHEME)
    measure_kernel(table)
    measure_explain(table)
    measure_search()
    with tempfile.TemporaryDirectory() as folder:
        measure_import(Path(folder))
        measure_command(table, Path(folder), options.large)
    for part in PARTS:
        large = ["--large"] if options.large else []
        sys.stdout.flush()
        command = [sys.executable, "-m", part, "--cases", str(options.cases), *large]
        subprocess.run(command, check=True)


def measure_kernel(table: pa.Table) -> None:
    pack = find_pack(SCHEME)
    drg.group(table.slice(0, 1000), pack)
    kernel = len(table) / min(seconds(lambda: drg.group(table, pack)) for _ in range(3))
    sample = table.slice(0, REFERENCE_CASES)
    rows = sample.to_pylist()
    plain = REFERENCE_CASES / seconds(lambda: [group_one(row, pack) for row in rows])
    groups = drg.group(sample, pack).column("drg").to_pylist()
    if groups != [group_one(row, pack) for row in rows]:
        sys.exit("the kernel and plain Python disagree: no figure means anything")
    codes = sum(len(table.column(name).combine_chunks().flatten()) for name in ("dx", "proc"))
    print(f"group, {len(table):,} cases with {codes / len(table):.1f} codes: {kernel:,.0f} cases/s")
    print(f"  plain Python over the same rules: {plain:,.0f} cases/s; ratio {kernel / plain:.0f}")


def measure_explain(table: pa.Table) -> None:
    cases = [from_row(row) for row in table.slice(0, 500).to_pylist()]
    drg.explain(cases[0], SCHEME)
    each = seconds(lambda: [drg.explain(case, SCHEME) for case in cases]) / len(cases)
    print(f"explain, warm: {each * 1000:.2f} ms a case")


def measure_search() -> None:
    search("warm")
    slowest = max((min(seconds(lambda: search(query)) for _ in range(3)), query) for query in QUERIES)  # noqa: B023
    print(f"search, warm, slowest of {len(QUERIES)} queries: {slowest[0] * 1000:.1f} ms ({slowest[1]})")


def measure_import(folder: Path) -> None:
    """The national scheme as an official workbook, read, checked and written as a pack."""
    path = plain_book(find_pack(SCHEME)).write(folder / "book.xlsx")
    took = seconds(lambda: import_workbook(path, None, "bench", folder / "pack"))
    print(f"scheme import, {sum(map(len, find_pack(SCHEME).sets.values())):,} set rows: {took:.1f} s")


def measure_command(table: pa.Table, folder: Path, large: bool) -> None:
    one = folder / "one.parquet"
    pq.write_table(table.slice(0, 1), one)
    run_group(one, folder)
    print(f"drgbridge group, cold process, one case: {run_group(one, folder)[0]:.2f} s")
    many = folder / "many.parquet"
    pq.write_table(table, many, row_group_size=200_000)
    tell_command(f"drgbridge group, Parquet to Parquet, {len(table):,} cases", run_group(many, folder))
    if large:
        ten = folder / "ten.parquet"
        with pq.ParquetWriter(ten, table.schema) as writer:
            for part in range(10):
                place = table.schema.get_field_index("case_id")
                renamed = pa.compute.binary_join_element_wise(table.column("case_id"), str(part), "-")
                writer.write_table(table.set_column(place, "case_id", renamed), row_group_size=200_000)
        tell_command(
            f"drgbridge group, Parquet to Parquet, {10 * len(table):,} cases", run_group(ten, folder)
        )


def run_group(source: Path, folder: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of ``drgbridge group``."""
    return run_command("group", str(source), "--scheme", SCHEME, "--out", str(folder / "groups.parquet"))


if __name__ == "__main__":
    main()
