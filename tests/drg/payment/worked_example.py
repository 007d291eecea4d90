"""The contract and the tables of docs/payment.md, as a reader sees them."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from drg.payment.contract import Contract, load_contract
from tests.conftest import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "payment.md").read_text(encoding="utf-8")
CONTRACT_TEXT = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)[0]
WEIGHTS = {"OR19": "0.5", "IU29": "0.8", "ES31": "1.6"}
STAY_OF = {"H": 60}
DEPARTMENT_OF = {"I": "15"}


def tables(first_header: str) -> list[dict[str, str]]:
    """The rows of the table of the document whose first column has this header."""
    lines = DOCUMENT.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {first_header} |"))
    header = cells(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(header, cells(line), strict=True)))
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def fen(yuan: str) -> int | None:
    return int(Decimal(yuan) * 100) if yuan else None


def case_rows() -> list[dict[str, Any]]:
    """The cases of the worked example as rows of a grouped case table."""
    return [
        {
            "case_id": row["case"],
            "status": "ungrouped" if row["group"] == "0000" else "grouped",
            "drg": row["group"],
            "insurance_type": row["insurance"],
            "hospital_level": row["level"],
            "total_cost_fen": fen(row["cost"]),
            "patient_paid_fen": fen(row["patient"]),
            "los_days": STAY_OF.get(row["case"], 5),
            "department": DEPARTMENT_OF.get(row["case"], "04"),
            "region": "100000",
            "discharge_date": "2026-03-01",
        }
        for row in tables("case")
    ]


def as_table(rows: list[dict[str, Any]]) -> pa.Table:
    table = pa.Table.from_pylist(rows)
    place = table.column_names.index("discharge_date")
    return table.set_column(place, "discharge_date", table.column("discharge_date").cast(pa.date32()))


def contract_file(folder: Path, text: str = CONTRACT_TEXT, weights: dict[str, str] | None = None) -> Path:
    lines = [f"{group}\t{weight}" for group, weight in (weights or WEIGHTS).items()]
    (folder / "example.tsv").write_text("\n".join(["drg\tweight", *lines]) + "\n", encoding="utf-8")
    path = folder / "example.toml"
    path.write_text(text, encoding="utf-8")
    return path


def contract(folder: Path, text: str = CONTRACT_TEXT) -> Contract:
    return load_contract(contract_file(folder, text))
