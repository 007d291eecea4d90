"""Cases and packs for the tests of analytics."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from drg.analytics.sides import SIDE_SCHEMA, Side
from drg.case import Case, to_table
from drg.scheme.pack import Pack, find_pack

SCHEME = "chs-drg-1.1"
HEART_FAILURE = "FR2"
"""The ADRG of heart failure in SCHEME; the child pack lacks it."""


def case(case_id: str, **fields: Any) -> Case:
    """A case of heart failure unless said otherwise."""
    known = {
        "sex": 1,
        "age": 70,
        "dx": ["I50.900"],
        "discharge_date": dt.date(2026, 3, 1),
        "department": "D1",
    }
    return Case.model_validate({"case_id": case_id, **known, **fields})


def cases() -> pa.Table:
    """Heart failure without and with an MCC (J96.000), appendectomy, and a diagnosis no scheme knows."""
    return to_table(
        [
            case("plain", total_cost_fen=900_000),
            case("severe", dx=["I50.900", "J96.000"], total_cost_fen=1_500_000),
            case("operated", dx=["K35.800x001"], proc=["47.0100"], department="D2", total_cost_fen=800_000),
            case("unknown", dx=["Z99.999"], department=None),
        ]
    )


def child_pack(folder: Path) -> Pack:
    """SCHEME without the groups of heart failure."""
    shutil.copytree(find_pack(SCHEME).folder, folder)
    settings = folder / "scheme.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace(f'id = "{SCHEME}"', 'id = "child"'), encoding="utf-8"
    )
    for name, column in (("adrg.tsv", 0), ("drg.tsv", 3)):
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.split("\t")[column] != HEART_FAILURE]
        (folder / name).write_text("\n".join(kept) + "\n", encoding="utf-8")
    return find_pack(folder)


def side(name: str, *rows: dict[str, Any]) -> Side:
    """A side made by hand."""
    return Side(name, pa.Table.from_pylist(list(rows), schema=SIDE_SCHEMA))
