"""The same sample cases as plain table, front page and settlement list fall in the same groups."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from drg.grouper.files import group_file
from drg.records import read
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "data_samples" / "sample"
MONEY = ("total_cost_fen", "drug_cost_fen", "consumable_cost_fen", "patient_paid_fen")
SAME = ("case_id", "admission_date", "discharge_date", "doctor", "person", *MONEY)
OF_NHSA = ("hospital", "hospital_level", "insurance_type")
COMPARED = ("status", "mdc", "adrg", "drg", "cc_level", "excluded_cc", "reason")


class Collected:
    """A sink that keeps the results."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, results: pa.Table, rejections: pa.Table, notes: pa.Table) -> None:
        self.rows += results.to_pylist()


def grouped(name: str) -> list[dict[str, Any]]:
    sink = Collected()
    group_file(read(SAMPLE / name), sink, "chs-drg-1.1")
    return sink.rows


@pytest.mark.parametrize("name", ["front_page.csv", "settlement_4101a.json"])
def test_adapters_agree_on_the_sample(name: str) -> None:
    plain = grouped("plain.csv")
    other = grouped(name)
    assert len(other) == 200
    differing = [
        (mine["case_id"], field, mine[field], theirs[field])
        for mine, theirs in zip(plain, other, strict=False)
        for field in COMPARED
        if mine[field] != theirs[field]
    ]
    assert differing == []


def cases(name: str) -> dict[str, dict[str, Any]]:
    return {row["case_id"]: row for batch in read(SAMPLE / name).batches() for row in batch.cases.to_pylist()}


@pytest.mark.parametrize(
    ("name", "fields"), [("front_page.csv", SAME), ("settlement_4101a.json", (*SAME, *OF_NHSA))]
)
def test_dates_persons_and_money_are_the_same(name: str, fields: tuple[str, ...]) -> None:
    plain, others = cases("plain.csv"), cases(name)
    assert len(others) > 180
    for case_id, other in others.items():
        assert {field: other[field] for field in fields} == {field: plain[case_id][field] for field in fields}
        assert other["drug_cost_fen"] + other["consumable_cost_fen"] <= other["total_cost_fen"]


def test_the_front_page_names_insurance_and_hospital_in_its_own_codes() -> None:
    plain = cases("plain.csv")
    kinds = {
        (plain[id]["insurance_type"], case["insurance_type"]) for id, case in cases("front_page.csv").items()
    }
    assert kinds == {("310", "1.1"), ("390", "2.1")}


def test_what_is_not_grouped_in_the_sample_was_planted() -> None:
    lines = (SAMPLE / "defects.csv").read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    # The list counts cases from 1; in the table the header is row 1.
    planted_rows = {int(line.split(",")[header.index("row")]) + 1 for line in lines[1:]}
    left_out = {row["row"] for row in grouped("plain.csv") if row["status"] != "grouped"}
    assert left_out
    assert left_out <= planted_rows
