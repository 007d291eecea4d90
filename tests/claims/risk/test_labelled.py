"""The claims of a night as a table to train on: closed decisions are its labels."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.nightly.results import Results
from claims.risk.labelled import claim_table, known_labels
from drg.errors import InputError

FEATURES = pa.table({"case_id": ["a", "b", "c"], "age": [40, 50, 60]})
CASES = pa.table(
    {
        "case_id": ["c", "b", "a"],
        "age": [0, 0, 0],
        "person": ["P3", "P2", "P1"],
        "claim_date": pa.array([dt.date(2026, 3, 1), None, None]),
        "discharge_date": pa.array([None, dt.date(2026, 2, 1), None]),
    }
)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """A results folder with two tables."""
    listed = []
    for name, table in (("features", FEATURES), ("cases", CASES)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        listed.append({"table": name, "file": f"{name}.parquet"})
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "p.json").write_bytes(orjson.dumps({"steps": {"all": {"outputs": listed}}}))
    return Results(tmp_path)


def test_of_several_decisions_the_last_that_teaches_something_counts() -> None:
    labels = pa.table({"case_id": ["a", "b", "a", "b", "c"], "label": pa.array([0, 1, 1, None, None])})
    assert known_labels(labels).to_pylist() == [{"case_id": "a", "label": 1}, {"case_id": "b", "label": 1}]


def test_decided_claims_have_their_features_and_what_keeps_them_together(results: Results) -> None:
    labels = pa.table({"case_id": ["c", "elsewhere", "a"], "label": [1, 1, 0]})
    found = claim_table(results, ("person", "day", "age"), labels).to_pylist()
    assert found == [
        {"case_id": "a", "age": 40, "label": 0, "person": "P1", "day": None},
        {"case_id": "c", "age": 60, "label": 1, "person": "P3", "day": dt.date(2026, 3, 1)},
    ]


def test_without_labels_all_claims_are_there(results: Results) -> None:
    assert claim_table(results).equals(FEATURES)
    assert claim_table(results, ["day"]).column("day").to_pylist()[1] == dt.date(2026, 2, 1)


@pytest.mark.parametrize(
    ("columns", "labels", "code"),
    [
        (["nothing"], None, "risk.option_column"),
        ([], pa.table({"case_id": ["x"], "label": [1]}), "risk.labels_elsewhere"),
        ([], pa.table({"case_id": ["a"], "label": pa.array([None], pa.int8())}), "risk.no_labels"),
        ([], pa.table({"case_id": ["a"]}), "risk.option_column"),
    ],
)
def test_what_is_missing_is_said(
    columns: list[str], labels: pa.Table | None, code: str, results: Results
) -> None:
    with pytest.raises(InputError) as told:
        claim_table(results, columns, labels)
    assert told.value.problems[0].code == code
