"""How long the rules of a checker take over many records: what the benches of quality and claims share."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

import pyarrow as pa

from drg.quality.engine import CHUNK_ROWS, Checker, added, check_chunks


def measure_rules(what: str, made: list[pa.Table], count: int, checker: Checker, rules: int) -> None:
    """Check ``count`` records, the made chunks over and over, by ``rules`` rules; print the figures after ``what``."""
    start, cpu = time.perf_counter(), time.process_time()
    findings, counts = 0, []
    for checked in check_chunks(_chunks(made, count), checker):
        findings += len(checked.findings)
        counts.append(checked.counts)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    hit_rules = sum(line["hit"] > 0 for line in added(counts).to_pylist())
    print(
        f"{what} by {rules} rules ({hit_rules} hit): {took:.1f} s ({cpu:.0f} s of processor), "
        f"{findings:,} findings, {peak:,.0f} MB at the peak (both cores)"
    )


def _chunks(made: list[pa.Table], count: int) -> Iterator[pa.Table]:
    for number, start in enumerate(range(0, count, CHUNK_ROWS)):
        yield made[number % len(made)].slice(0, count - start)
