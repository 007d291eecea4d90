"""``python -m data_samples.dip_catalogue``: builds the synthetic DIP catalogue that comes with the library.

Three years of synthetic discharges, each drawn with a seed of its own; the same arguments give the same files.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_samples.generate import generate
from drg.dip import auxiliary
from drg.dip.build import BuildReport, Identity, build, load_parameters
from drg.dip.catalogue import CATALOGUES_FOLDER, save_catalogue
from drg.dip.matcher import group

ID = "synthetic"
CASES_A_YEAR = 50_000
YEARS = 3
SEED = 20261123


def year_of_cases(cases: int, seed: int, years_back: int) -> pa.Table:
    """Synthetic discharges, moved back by whole years of 365 days."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), ["plain-parquet"], cases, seed, defects=False)
        table = pq.read_table(Path(folder) / "plain.parquet")
    place = table.schema.get_field_index("discharge_date")
    moved = pc.subtract(
        table.column(place).cast(pa.timestamp("s")), dt.timedelta(days=365 * years_back)
    ).cast(pa.date32())
    return table.set_column(place, "discharge_date", moved)


def build_synthetic(folder: Path, cases_a_year: int, seed: int) -> BuildReport:
    """Build the catalogue with its auxiliary catalogue into ``folder``."""
    table = pa.concat_tables(
        [year_of_cases(cases_a_year, seed + back, back) for back in reversed(range(YEARS))]
    )
    identity = Identity(
        id=ID,
        name="合成病种目录（仅供试用）",
        name_en="synthetic catalogue, for trying out only",
        source=f"data_samples, {YEARS} x {cases_a_year} invented discharges, seed {seed}; no real case, no real price",
        label="synthetic",
    )
    catalogue, report = build(table, identity, load_parameters())
    save_catalogue(catalogue, folder)
    splits = auxiliary.build_auxiliary(table, group(table, catalogue), auxiliary.load_parameters())
    auxiliary.save_splits(splits, folder)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m data_samples.dip_catalogue", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES_A_YEAR, help="cases a year")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=CATALOGUES_FOLDER / ID)
    options = parser.parse_args()
    print(build_synthetic(options.out, options.cases, options.seed).render())


if __name__ == "__main__":
    main()
