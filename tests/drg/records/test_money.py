"""Amounts: yuan in the file, whole fen in the case; sums of several columns."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg.case import CASE_SCHEMA, MAX_FEN
from drg.records import read, render_rejections, values

MAPPING = """
id = "own"
title = { en = "own", zh = "own" }
source = "test"
edition = "nhsa"
detect = ["id"]
[fields]
case_id = "id"
total_cost_fen = "total"
drug_cost_fen = { sum = ["western", ["patent", "chinese"]] }
consumable_cost_fen.sum = ["amount{1..3}"]
consumable_cost_fen.only = { column = "kind{1..3}", values = ["08"] }
[lists]
dx = { column = "dx" }
"""


def cases_of(path: Path, mapping: Path | None = None) -> list[dict[str, Any]]:
    return [case for batch in read(path, mapping).batches() for case in batch.cases.to_pylist()]


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("column", "cell", "reasons"),
    [
        ("total_cost_yuan", "12.30", []),
        ("total_cost_yuan", "12.3000", []),
        ("drug_cost_yuan", "12.30000000000001", []),
        ("total_cost_yuan", "12.345", ["records.cost_decimals"]),
        ("total_cost_yuan", "-0.01", ["records.cost_negative"]),
        ("consumable_cost_yuan", "1000000000", ["records.not_a_number"]),
        ("patient_paid_yuan", "1 234.50", ["records.not_a_number"]),
        ("patient_paid_yuan", "#REF!", ["records.excel_error"]),
        ("patient_paid_fen", "12.5", ["records.not_whole"]),
        ("patient_paid_fen", "-1", ["records.cost_negative"]),
        ("insurance_type", "x" * 65, ["records.text_too_long"]),
    ],
)
def test_what_is_refused(tmp_path: Path, column: str, cell: str, reasons: list[str]) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"case_id,dx,{column}\nA,I10,{cell}\n", encoding="utf-8")
    batch = next(iter(read(path).batches()))
    assert batch.rejections.column("reason").to_pylist() == reasons
    for lang in ("en", "zh"):
        rendered = render_rejections(batch.rejections, lang)
        assert all(rendered.column("reason_text").to_pylist()) and all(rendered.column("remedy").to_pylist())


@given(st.integers(0, MAX_FEN))
def test_every_amount_is_read_exactly(fen: int) -> None:
    text = str(Decimal(fen) / 100)
    for cells in (pa.array([text]), pa.array([float(text)]), pa.array([Decimal(text)])):
        column = values.read_scalar("total_cost_fen", cells, {}, values.null_markers())
        assert (column.values.to_pylist(), column.problems) == ([fen], ())


@given(st.floats(0, 1e8))
def test_an_amount_is_read_as_itself_or_refused(yuan: float) -> None:
    column = values.read_scalar("total_cost_fen", pa.array([yuan]), {}, values.null_markers())
    is_whole_fen = math.isclose(yuan * 100, round(yuan * 100), rel_tol=0, abs_tol=values.FEN_NOISE)
    assert (column.values[0].as_py() is None) == bool(column.problems) == (not is_whole_fen)
    if is_whole_fen:
        assert column.values[0].as_py() == round(yuan * 100)


def test_sums_take_what_is_there_and_are_null_where_nothing_is(tmp_path: Path, mapping: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(
        "id,dx,total,western,chinese,amount1,kind1,amount2,kind2\n"
        "A,I10,100,1.50,2.25,7,08,9,06\n"
        "B,I10,,1.50,-,7,06,,\n"
        "C,I10,0,,,,,,\n",
        encoding="utf-8",
    )
    assert [
        tuple(case[name] for name in ("total_cost_fen", "drug_cost_fen", "consumable_cost_fen"))
        for case in cases_of(path, mapping)
    ] == [(10_000, 375, 700), (None, 150, 0), (0, None, None)]


def test_a_sum_that_is_too_high_is_refused(tmp_path: Path, mapping: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,dx,western,chinese\nA,I10,900000000,900000000\n", encoding="utf-8")
    rejections = next(iter(read(path, mapping).batches())).rejections
    assert rejections.column("reason").to_pylist() == ["records.cost_too_high"]


def test_a_case_table_keeps_its_amounts_in_fen(tmp_path: Path) -> None:
    row = {"case_id": "A", "dx": ["I10"], "total_cost_fen": 123_456, "patient_paid_fen": 0, "person": "P1"}
    path = tmp_path / "cases.parquet"
    pq.write_table(pa.Table.from_pylist([row], schema=CASE_SCHEMA), path)
    case = cases_of(path)[0]
    assert {name: case[name] for name in row} == row
    assert case["drug_cost_fen"] is None
