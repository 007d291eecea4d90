"""What follows from the times of a record, and what is said when they cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drg.records import read

FRONT_PAGE = {
    **{"A48": "1001", "A49": "1", "A14": "63", "A16": "-", "A13": "1961-02-03", "C03C": "I21.001"},
    **{"B12": "2024-03-12 09:00:00", "B15": "2024-03-15 08:00:00", "B20": "-"},
    **{"C49x01": "-", "C50x01": "-", "C49x02": "-", "C50x02": "-"},
}


@pytest.mark.parametrize(
    ("changed", "expected", "reasons", "notes"),
    [
        ({}, {"los_days": 3, "icu_hours": None}, [], ["los_computed"]),
        ({"B20": "4"}, {"los_days": 4}, [], []),
        ({"B15": "2024-03-12 23:00"}, {"los_days": 1}, [], ["los_computed"]),
        ({"B15": "20240312"}, {"los_days": 1}, [], ["los_computed"]),
        ({"B15": "2024-03-11"}, None, ["discharge_before_admission"], []),
        ({"B12": "1855-01-01"}, None, ["los_too_high"], ["los_computed"]),
        ({"B12": "3/12/2024"}, {"los_days": None}, [], ["time_unreadable"]),
        ({"B12": ""}, {"los_days": None}, [], []),
        (
            {"C49x01": "2024-03-12 09:00", "C50x01": "2024-03-12 21:30"},
            {"icu_hours": 12.5},
            [],
            ["los_computed"],
        ),
        (
            {"C49x01": "2024-03-12 09:00", "C50x01": "2024-03-12 10:00", "C49x02": "2024-03-14 09:00"},
            {"icu_hours": None},
            [],
            ["los_computed", "icu_stay_incomplete"],
        ),
        (
            {"C49x01": "2024-03-12 09:00", "C50x01": "2024-03-12 08:00"},
            None,
            ["icu_out_before_in"],
            ["los_computed"],
        ),
        ({"A14": "0", "A13": "2024-03-10"}, {"age_days": 2}, [], ["los_computed", "age_days_computed"]),
        ({"A14": "0", "A13": "2024-03-10", "A16": "5"}, {"age_days": 5}, [], ["los_computed"]),
        ({"A14": "", "A16": "5"}, {"age": 0, "age_days": 5}, [], ["los_computed", "age_zero_from_days"]),
        ({"A14": "", "A13": "2024-03-10"}, {"age": None, "age_days": None}, [], ["los_computed"]),
        ({"A16": "5"}, None, ["age_days_not_infant"], ["los_computed"]),
    ],
)
def test_front_page(
    tmp_path: Path,
    changed: dict[str, str],
    expected: dict[str, Any] | None,
    reasons: list[str],
    notes: list[str],
) -> None:
    record = FRONT_PAGE | changed
    path = tmp_path / "front-page.csv"
    path.write_text(f"{','.join(record)}\n{','.join(record.values())}\n", encoding="utf-8")
    batch = next(iter(read(path).batches()))

    assert batch.rejections.column("reason").to_pylist() == [f"records.{reason}" for reason in reasons]
    assert sorted(batch.notes.column("note").to_pylist()) == sorted(f"records.{note}" for note in notes)
    cases = batch.cases.to_pylist()
    assert len(cases) == (expected is not None)
    for case in cases:
        assert {name: case[name] for name in expected or {}} == expected
