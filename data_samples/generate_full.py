"""``python -m data_samples.generate_full --out DIR``: clean front pages, settlement lists, whole records."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data_samples.draw import Discharges, draw_chunks, years_before
from data_samples.fees import split_fees
from data_samples.full_record import FullRecord, full_record
from data_samples.rows import rows
from data_samples.whole_records import write_whole_records
from data_samples.write_full import write_full_front_page, write_settlement

SEED = 20260724
DAYS_OF_YEAR = 365
"""From a day of 2026 to the same day of 2025."""
FRONT_PAGES = 240
SETTLEMENTS = 40
DRAWN_PER_RECORD = 3
"""Drawn cases a wanted record: some cannot be made clean."""


def full_records(count: int, seed: int) -> Iterator[FullRecord]:
    """``count`` complete clean records; the same arguments give the same records."""
    return itertools.islice(_records(count * DRAWN_PER_RECORD + 50, seed), count)


def _records(drawn: int, seed: int) -> Iterator[FullRecord]:
    for chunk in draw_chunks(drawn, seed):
        _a_year_earlier(chunk)
        split_fees(chunk, seed)
        for row in rows(chunk):
            fees = {column: int(amounts[row.position]) for column, amounts in chunk.fees.items()}
            record = full_record(row, fees, seed)
            if record is not None:
                yield record


def _a_year_earlier(cases: Discharges) -> None:
    """Moves the cases back by a year, so that no date lies ahead of us: birthdays stay, and the days of infants."""
    infant = cases.age == 0
    cases.born[:] = np.where(
        infant, cases.born - DAYS_OF_YEAR, years_before(cases.born, np.ones_like(cases.age))
    )
    cases.admitted[:] = cases.admitted - DAYS_OF_YEAR
    cases.discharged[:] = cases.discharged - DAYS_OF_YEAR


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m data_samples.generate_full", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--cases", type=int, default=FRONT_PAGES, help="how many front pages")
    parser.add_argument(
        "--settlements", type=int, default=SETTLEMENTS, help="the first so many as settlement lists"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="same seed, same bytes")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    records = list(full_records(options.cases, options.seed))
    write_full_front_page(options.out / "full_front_page.csv", records)
    write_settlement(options.out / "settlement_4101.json", records[: options.settlements])
    write_whole_records(options.out / "records", full_records(options.cases, options.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
