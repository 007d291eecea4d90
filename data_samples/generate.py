"""``python -m data_samples.generate --cases N --seed S --out DIR``: synthetic discharges in one or more formats."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from data_samples.defects import SHOWN_EARLY, DefectsCsv, plant
from data_samples.draw import Discharges, draw_chunks
from data_samples.fees import split_fees
from data_samples.write_front_page import FrontPageCsv
from data_samples.write_plain import PlainCsv, PlainParquet
from data_samples.write_settlement import SettlementJson

SAMPLE_SEED = 20260124
SAMPLE_CASES = 2_000
SAMPLE_RECORDS = SHOWN_EARLY


class Writer(Protocol):
    def write(self, cases: Discharges) -> None: ...
    def close(self) -> None: ...


WHOLE_TABLES: dict[str, Callable[[Path], Writer]] = {
    "plain": PlainCsv,
    "plain-parquet": PlainParquet,
}
RECORD_BY_RECORD: dict[str, Callable[[Path], Writer]] = {
    "front-page": FrontPageCsv,
    "settlement": SettlementJson,
}


def generate(
    folder: Path, formats: Sequence[str], cases: int, seed: int, defects: bool, records: int | None = None
) -> None:
    """Writes ``cases`` discharges into ``folder``, one file a format, and ``defects.csv`` when there are defects.

    Front page and settlement list hold only the first ``records`` cases (all, when ``None``). The same arguments
    give the same bytes (Parquet: with the same pyarrow).
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole: list[Writer] = [WHOLE_TABLES[name](folder) for name in formats if name in WHOLE_TABLES]
    single: list[Writer] = [RECORD_BY_RECORD[name](folder) for name in formats if name in RECORD_BY_RECORD]
    defect_list = DefectsCsv(folder) if defects else None
    limit = cases if records is None else records
    for chunk in draw_chunks(cases, seed):
        split_fees(chunk, seed)
        if defect_list is not None:
            defect_list.write(plant(chunk, seed))
        for writer in whole:
            writer.write(chunk)
        for writer in single:
            writer.write(chunk.first(limit - chunk.first_number + 1))
    for writer in (*whole, *single):
        writer.close()
    if defect_list is not None:
        defect_list.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    options = _parser().parse_args(arguments)
    generate(options.out, options.formats, options.cases, options.seed, options.defects, options.records)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data_samples.generate", description=__doc__)
    parser.add_argument("--cases", type=_count, default=SAMPLE_CASES, help="how many discharges")
    parser.add_argument("--seed", type=_count, default=SAMPLE_SEED, help="same seed, same bytes")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--formats", type=_formats, default=["plain", "front-page", "settlement"])
    parser.add_argument(
        "--defects", action=argparse.BooleanOptionalAction, default=True, help="plant defects"
    )
    parser.add_argument(
        "--records", type=_count, help="front page and settlement list: only the first so many cases"
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _formats(text: str) -> list[str]:
    known = {**WHOLE_TABLES, **RECORD_BY_RECORD}
    names = text.split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"unknown format {name}; known: {', '.join(known)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
