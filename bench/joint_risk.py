"""``python -m bench.joint_risk [--persons N]``: joint models against either party alone and against pooled data.

Two synthetic sets: a label that is linear in the columns, and one that is not. The joint models are trained and
scored through two nodes on this machine; seconds and figures are printed as by ``drgbridge risk joint report``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from claims.joint.report import markdown, report
from claims.joint.simulation import Spec, compare
from data_samples.two_parties import make

SEED = 20260124
SPEC = Spec("id", "suspicious", "amount_fen", target="returned")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--persons", type=int, default=10_000, help="of both parties together; 60 %% are at both"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--lang", choices=("en", "zh"), default="en")
    options = parser.parse_args()
    for curved in (False, True):
        print(f"Label {'not ' if curved else ''}linear in the columns, {options.persons:,} persons")
        measure(options.persons, options.seed, curved, options.lang)


def measure(persons: int, seed: int, curved: bool, lang: str) -> None:
    tables = {
        name: pa.Table.from_pandas(table, preserve_index=False)
        for name, table in make(persons, seed, curved).items()
    }
    begun = time.perf_counter()

    def tell(name: str) -> None:
        print(f"  {time.perf_counter() - begun:6.1f} s  {name}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        found = compare(tables["hospital.csv"], tables["insurer.csv"], SPEC, Path(folder) / "pair", tell)
    tell("done")
    print(markdown(report(found), lang))


if __name__ == "__main__":
    main()
