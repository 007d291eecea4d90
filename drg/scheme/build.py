"""Developer's tool: write the national pack from the reference tables.

``python -m drg.scheme.build ../shared/reference/chs-drg-1.1 drg/schemes/chs-drg-1.1`` writes every file of the
pack but the hand-written ones (``scheme.toml``, ``cases.tsv``). A test proves that the pack says the same
as the reference tables.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path

from drg.scheme import pack


def build(reference: Path, folder: Path) -> None:
    """Write the tables and lists of a pack from six reference tables (``mdc.tsv`` ... ``exclusions.tsv``)."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        name: [[row[column] for column in columns] for row in _rows(reference / name)]
        for name, columns in pack.TABLE_COLUMNS.items()
    }
    pack.write_tables(folder, tables)
    pack.write_lists(folder, _lists(reference), {})


def _lists(reference: Path) -> Mapping[str, dict[str, list[str]]]:
    sets: dict[str, list[str]] = {}
    for row in _rows(reference / "sets.tsv"):
        sets.setdefault(row["set"], []).append(row["code"])
    levels: dict[str, list[str]] = {}
    for row in _rows(reference / "cc.tsv"):
        levels.setdefault(f"{row['level']} {row['exclusion_table']}".strip(), []).append(row["code"])
    exclusions: dict[str, list[str]] = {}
    for row in _rows(reference / "exclusions.tsv"):
        exclusions.setdefault(row["exclusion_table"], []).append(row["code"])
    ordered = dict(sorted(levels.items(), key=lambda item: _natural(item[0])))
    by_number = dict(sorted(exclusions.items(), key=lambda item: _natural(item[0])))
    return {"sets.txt": sets, "cc.txt": ordered, "exclusions.txt": by_number}


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in name.split())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
