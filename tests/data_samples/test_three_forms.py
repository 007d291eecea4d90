"""The same sample cases as plain table, front page and settlement list fall in the same groups."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from drg.grouper.files import group_file
from drg.records import read
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "data_samples" / "sample"
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


def test_what_is_not_grouped_in_the_sample_was_planted() -> None:
    lines = (SAMPLE / "defects.csv").read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    # The list counts cases from 1; in the table the header is row 1.
    planted_rows = {int(line.split(",")[header.index("row")]) + 1 for line in lines[1:]}
    left_out = {row["row"] for row in grouped("plain.csv") if row["status"] != "grouped"}
    assert left_out
    assert left_out <= planted_rows
