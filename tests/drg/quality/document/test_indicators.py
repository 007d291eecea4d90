"""Indicators: the worked example of ``docs/record-quality.md``, and what is never made up."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import yaml

from drg.quality.document import DocumentChecker, WholeRecord
from drg.quality.document.indicators import INDICATOR_SCHEMA, IndicatorCounter, load_indicators
from tests.conftest import REPOSITORY
from tests.drg.quality.document.records import short_record

PAGE = (REPOSITORY / "docs" / "record-quality.md").read_text(encoding="utf-8")
SCALARS = ("department", "quality_date")


def worked_records() -> list[WholeRecord]:
    (block,) = re.findall(r"```yaml worked example\n(.*?)```", PAGE, re.DOTALL)
    written = yaml.safe_load(block)
    records = []
    for number, one in enumerate(written):
        record = short_record(one)
        scalars = {**record.scalars, **{name: str(one[name]) for name in SCALARS if name in one}}
        records.append(replace(record, case_id=f"case-{number}", scalars=scalars))
    return records


def counted(records: list[WholeRecord]) -> pa.Table:
    checker, counter = DocumentChecker(), IndicatorCounter()
    for record in records:
        counter.add(checker.check(record))
    return counter.table()


def page_rows() -> list[list[str]]:
    rows = re.findall(r"^\| (\d+) \| (\S*) ?\| (\S*) ?\| (\d+) \| (\d+) \| (\S+) \|$", PAGE, re.MULTILINE)
    return [list(row) for row in rows]


def test_the_worked_example_of_the_page_holds() -> None:
    table = counted(worked_records())
    found = {(row["number"], row["department"], row["month"]): row for row in table.to_pylist()}
    rows = page_rows()
    assert len(rows) == 8
    for number, department, month, numerator, denominator, value in rows:
        row = found[int(number), department, month]
        assert (row["numerator"], row["denominator"]) == (int(numerator), int(denominator)), row
        if value == "-":
            assert row["value"] is None
        else:
            assert row["value"] == pytest.approx(float(value), abs=1e-4)


def test_all_27_are_listed_and_those_that_need_other_data_have_no_value() -> None:
    table = counted(worked_records())
    assert table.schema == INDICATOR_SCHEMA
    assert [one.number for one in load_indicators()] == list(range(1, 28))
    assert set(table.column("number").to_pylist()) == set(range(1, 28))
    needing = [row for row in table.to_pylist() if row["needs"] is not None]
    assert {row["number"] for row in needing} == {1, 2, 3, 19, 21, 22, 23, 24, 26}
    empty: dict[str, Any] = {"numerator": None, "denominator": None, "value": None}
    assert all({name: row[name] for name in empty} == empty for row in needing)


def test_departments_and_months_add_up_to_the_whole() -> None:
    rows = [row for row in counted(worked_records()).to_pylist() if row["needs"] is None]
    for number in {row["number"] for row in rows}:
        mine = [row for row in rows if row["number"] == number]
        whole = next(row for row in mine if not row["department"] and not row["month"])
        for axis, other in (("department", "month"), ("month", "department")):
            parts = [row for row in mine if row[axis] and not row[other]]
            for name in ("numerator", "denominator", "not_applicable"):
                assert sum(row[name] for row in parts) == whole[name]


def test_no_records_give_no_values() -> None:
    table = IndicatorCounter().table("zh")
    assert all(row["value"] is None for row in table.to_pylist())
