"""``python -m bench.privacy_stats [--rows N]``: figures of common rows by group, both parties in one process.

Both parties' workers are processes of their own; messages cross in signed envelopes, without TLS and HTTP. The
intersection before it is measured by ``bench.privacy_psi``.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from privacy.he.bfv import hidden_bits
from privacy.he.fixed_point import block_count
from privacy.protocols.stats.parameters import StatsParameters
from tests.privacy.stats_cases import compute, table_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=5)
    parser.add_argument("--columns", type=int, default=4)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}")
    generator = np.random.default_rng(1)
    names = [f"c{number}" for number in range(options.columns)]
    values = {name: np.round(generator.gamma(2.0, 4000.0, options.rows), 2) for name in names}
    group = [str(number) for number in generator.integers(0, options.groups, options.rows)]
    column = {"decimals": 2, "most": 1_000_000.0, "edges": [2000.0, 5000.0, 10_000.0]}
    asked = {"group_column": "group", "columns": dict.fromkeys(names, column)}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        parameters = StatsParameters.model_validate(asked)
        own, peer = table_of({"group": group}), table_of(None, **values)
        result, session = compute(Path(folder), parameters, own, peer)
    seconds = time.perf_counter() - start
    plain = time.perf_counter()
    expected = pd.DataFrame({"group": group, **values}).groupby("group").agg(["count", "sum", "mean", "var"])
    plain = time.perf_counter() - plain
    assert result.table is not None
    for row in result.table.to_pylist():
        if row["group"] is not None and row["bin"] is None:
            told = float(row["sum"])
            if told != round(expected[row["column"]]["sum"][row["group"]], 2):
                sys.exit("a sum is not that of the plaintext: no figure means anything")
    crossed = sum(map(len, session.transcript))
    used = [
        resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(
        f"{options.rows:,} rows, {options.groups} groups, {options.columns} columns of 4 bins:"
        f" {seconds:.1f} s, {crossed / 1e6:.1f} MB"
    )
    print(f"  memory {used[0]} MB, largest worker {used[1]} MB; plain pandas {plain:.3f} s")
    print(f"  hidden bits of the noise {hidden_bits(block_count(options.rows)):.1f}")


if __name__ == "__main__":
    main()
