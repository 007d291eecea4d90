"""``python -m bench.nightly [--cases N] [--workers N]``: the whole night over synthetic cases with ten fee lines each.

Prints the wall time and the peak memory of the command, the share of each step, and a second run, which skips all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.claims import NAMES
from bench.measure import MILLION
from data_samples.generate import generate
from data_samples.nightly_model import make_model

LINES = 10
FILE_CASES = 125_000
PERSON_CASES = 3
HOSPITALS = 200
LIMIT_S, LIMIT_MB = 15 * 60.0, 8 * 1024.0
"""For a million cases."""
SEED = 11
POISONED = 77
"""The row of the first file that is no case."""
MODEL_CASES = 4_000
CONFIG = """out = "results"
scheme = "chs-drg-1.1"
contract = "template"
workers = {workers}
[[input]]
name = "night"
paths = ["input/*.parquet"]
fees = "fees/{{stem}}.parquet"
[risk]
model = "model"
capacity = 5000
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=MILLION)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a folder to work in, which stays")
    parser.add_argument("--large", action="store_true", help="no more than without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make_input(folder, options.cases)
        make_model(folder / "model", MODEL_CASES)
        (folder / "nightly.toml").write_text(CONFIG.format(workers=options.workers), encoding="utf-8")
        tell(options.cases, options.workers, folder)


def make_input(folder: Path, count: int) -> None:
    """Plain tables of cases, each with a file of fee lines; a person has three cases, and one row is no case."""
    generate(folder / "all", ["plain-parquet"], count, SEED, defects=False)
    for name in ("input", "fees"):
        (folder / name).mkdir(exist_ok=True)
    random = np.random.default_rng(SEED)
    cases = pq.ParquetFile(folder / "all" / "plain.parquet")
    for number, batch in enumerate(cases.iter_batches(batch_size=FILE_CASES)):
        table = pa.Table.from_batches([batch])
        persons = random.integers(0, max(1, count // PERSON_CASES), len(table))
        hospitals = [f"H{number:011}" for number in random.integers(1, HOSPITALS + 1, len(table))]
        doctors = pc.binary_join_element_wise(
            pa.array(hospitals), table.column("doctor").combine_chunks(), "-"
        )
        table = _with(table, person=pa.array([f"P{person:09}" for person in persons]))
        table = _with(table, hospital=pa.array(hospitals), doctor=doctors)
        if not number:
            table = _poisoned(table)
        pq.write_table(table, folder / "input" / f"night-{number:04}.parquet")
        pq.write_table(fee_lines(table, random), folder / "fees" / f"night-{number:04}.parquet")


def _poisoned(table: pa.Table) -> pa.Table:
    """The table with one row that is no case, which must be rejected without harm to the others."""
    ages = table.column("age").to_numpy().copy()
    ages[POISONED] = -1
    return _with(table, age=pa.array(ages, table.schema.field("age").type))


def _with(table: pa.Table, **columns: pa.Array) -> pa.Table:
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def fee_lines(cases: pa.Table, random: np.random.Generator) -> pa.Table:
    """Ten lines a case, days within its stay."""
    count = len(cases) * LINES
    owner = np.repeat(np.arange(len(cases)), LINES)
    stay = np.maximum(cases.column("los_days").to_numpy(zero_copy_only=False), 1)[owner]
    admitted = cases.column("admission_date").to_numpy().astype("datetime64[D]")[owner]
    price, quantity = random.integers(1, 500, count), random.integers(1, 4, count)
    names = pa.array(NAMES)
    return pa.table(
        {
            "case_id": cases.column("case_id").take(pa.array(owner)),
            "item_code": pa.array([f"ITEM{number:05}" for number in random.integers(0, 3_000, count)]),
            "item_name": names.take(pa.array(random.integers(0, len(names), count))),
            "quantity": pa.array(quantity).cast(pa.string()),
            "unit_price": pa.array(price).cast(pa.string()),
            "amount": pa.array(price * quantity).cast(pa.string()),
            "date": pa.array(admitted + (random.random(count) * stay).astype(int)).cast(pa.string()),
        }
    )


def tell(count: int, workers: int, folder: Path) -> None:
    """Run two nights, the second without anything new, and print what they took."""
    took, peak = run_night(folder)
    done = json.loads((folder / "results" / "_run.json").read_bytes())
    lines = done["rows"].get("lines", 0)
    print(
        f"nightly run, {count:,} cases, {lines:,} fee lines, {workers} workers: {took:.1f} s, {peak:,.0f} MB"
    )
    if count >= MILLION:
        kept = took <= LIMIT_S * count / MILLION and peak <= LIMIT_MB
        print(f"  limit {LIMIT_S:g} s a million and {LIMIT_MB:,.0f} MB: {'kept' if kept else 'NOT KEPT'}")
    total = sum(done["seconds"].values())
    for step, seconds in sorted(done["seconds"].items(), key=lambda one: -one[1]):
        print(f"  {step:14} {seconds:8.1f} s  {seconds / total:6.1%}")
    print(f"  rows: {', '.join(f'{table} {rows:,}' for table, rows in done['rows'].items())}")
    print(f"  results: {done['result_bytes'] / 1e6:,.0f} MB")
    if done["rows"].get("rejected") != 1:
        sys.exit("the one poisoned row was not rejected, or more were")
    print(f"second run, nothing new: {run_night(folder)[0]:.1f} s")


def run_night(folder: Path) -> tuple[float, float]:
    """Seconds of a run, and peak megabytes of all its processes together."""
    command = [str(Path(sys.executable).with_name("drgbridge")), "nightly", "run", "--config", "nightly.toml"]
    script = Path(__file__).with_name("peak_memory.py")
    done = subprocess.run(
        [sys.executable, str(script), *command], cwd=folder, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    if told["code"] not in (0, 3):
        sys.exit(f"the run failed: {told['stderr']}")
    return told["seconds"], told["peak_mb"]


if __name__ == "__main__":
    main()
