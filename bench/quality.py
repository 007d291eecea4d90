"""``python -m bench.quality [--cases N]``: how long the table rules take over synthetic front pages."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.rules import measure_rules
from data_samples.generate import generate
from drg.codes.normalise import normalise_code
from drg.quality.dictionary import CLINICAL
from drg.quality.engine import CHUNK_ROWS, Checker
from drg.quality.record import read_record_table
from drg.quality.registry import load_rules

RUN_DATE = dt.date(2026, 12, 31)
SOURCE_RECORDS = 4_000
PLAIN_RECORDS = 20_000
MADE_CHUNKS = 3
CHANGED_SHARE = 0.02
"""Part of the records whose value of a field is another record's: what makes rules hit."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument(
        "--large", action="store_true", help="the same; memory does not grow with the records"
    )
    options = parser.parse_args()
    source = synthetic_front_pages()
    rules = list(load_rules().values())
    checker = Checker(rules, RUN_DATE, CLINICAL)
    checker.check(perturbed(source, 1000, 0))
    ratio_to_plain_python(source)
    made = [perturbed(source, CHUNK_ROWS, number) for number in range(MADE_CHUNKS)]
    measure_rules(f"check, {options.cases:,} front pages", made, options.cases, checker, len(rules))


def synthetic_front_pages() -> pa.Table:
    """Front pages of the generator, as a record table."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), ["front-page"], SOURCE_RECORDS, 1, defects=False)
        batches = list(read_record_table(Path(folder) / "front_page.csv"))
    return pa.concat_tables([batch.records for batch in batches]).combine_chunks()


def perturbed(source: pa.Table, count: int, seed: int) -> pa.Table:
    """``count`` records of ``source``, in each field some of them with the value of another record."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(source), count)
    columns = {name: _mixed(source.column(name), drawn, random) for name in source.column_names}
    columns["row"] = pa.array(np.arange(seed, seed + count))
    columns["case_id"] = columns["row"].cast(pa.string())
    columns["dialect"] = pa.repeat(pa.scalar("front_page"), count)
    for group in {name.partition(".")[0] for name in columns if "." in name}:
        of_group = random.integers(0, len(source), count)
        chosen = pa.array(np.where(random.random(count) < CHANGED_SHARE, of_group, drawn))
        for name in columns:
            if name.startswith(f"{group}."):
                columns[name] = source.column(name).combine_chunks().take(chosen)
    return pa.table(columns)


def _mixed(column: pa.ChunkedArray, drawn: npt.NDArray[np.int64], random: np.random.Generator) -> pa.Array:
    if pa.types.is_list(column.type):
        return column.combine_chunks().slice(0, 0)
    others = random.integers(0, len(column), len(drawn))
    chosen = np.where(random.random(len(drawn)) < CHANGED_SHARE, others, drawn)
    return column.combine_chunks().take(pa.array(chosen))


def ratio_to_plain_python(source: pa.Table) -> None:
    """The same few rules by the engine and by a loop over rows; the run ends where they disagree."""
    table = perturbed(source, PLAIN_RECORDS, 7)
    rules = [rule for id, rule in load_rules().items() if id in PLAIN]
    checker = Checker(rules, RUN_DATE, CLINICAL)
    start = time.perf_counter()
    counts = {line["rule"]: line["hit"] for line in checker.check(table).counts.to_pylist()}
    engine = time.perf_counter() - start
    rows = table.select(["sex", "diagnoses.code", "procedures.code"]).to_pylist()
    start = time.perf_counter()
    plain = {rule.id: sum(PLAIN[rule.id](row) for row in rows) for rule in rules}
    loop = time.perf_counter() - start
    if counts != plain:
        sys.exit(f"the engine and plain Python disagree: {counts} {plain}")
    print(
        f"{len(rules)} sex rules, {PLAIN_RECORDS:,} front pages: engine {engine:.2f} s, plain Python {loop:.2f} s; "
        f"ratio {loop / engine:.1f}"
    )


def _any_code(row: dict[str, Any], group: str, prefixes: tuple[str, ...]) -> bool:
    return any(code and normalise_code(code).startswith(prefixes) for code in row[f"{group}.code"] or ())


def _span(letter: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number:02}" for number in range(first, last + 1))


PLAIN = {
    "Q125": lambda row: row["sex"] == "1" and _any_code(row, "diagnoses", _span("C", 51, 58)),
    "Q126": lambda row: (
        row["sex"] == "1" and _any_code(row, "diagnoses", ("D06", "D07.0", "D07.1", "D07.2", "D07.3"))
    ),
    "Q130": lambda row: row["sex"] == "1" and _any_code(row, "diagnoses", _span("O", 0, 99)),
    "Q139": lambda row: row["sex"] == "1" and _any_code(row, "procedures", _span("", 65, 71)),
    "Q140": lambda row: row["sex"] == "1" and _any_code(row, "procedures", _span("", 72, 75)),
}


if __name__ == "__main__":
    main()
