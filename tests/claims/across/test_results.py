"""The results folder of a nightly run, checked as a whole."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.across import Settings, run
from claims.across.rule import load_across_rules
from drg.case import CASE_SCHEMA
from drg.errors import InputError


def part(folder: Path, name: str, **tables: pa.Table) -> None:
    """A complete partition."""
    outputs = []
    for table, rows in tables.items():
        (folder / table).mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, folder / table / f"{name}.parquet")
        outputs.append({"table": table, "file": f"{table}/{name}.parquet"})
    (folder / "parts").mkdir(exist_ok=True)
    (folder / "parts" / f"{name}.json").write_text(json.dumps({"steps": {"all": {"outputs": outputs}}}))


def cases(*days: tuple[str, int, int]) -> pa.Table:
    rows = [
        {
            "case_id": id,
            "person": "p",
            "hospital": f"H{id}",
            "admission_date": dt.date(2026, 3, first),
            "discharge_date": dt.date(2026, 3, last),
            "dx": ["J18.900"],
            "proc": [],
        }
        for id, first, last in days
    ]
    return pa.Table.from_pylist(rows, schema=CASE_SCHEMA)


def test_partitions_are_checked_together_and_only_whole_ones(tmp_path: Path) -> None:
    part(tmp_path, "a", cases=cases(("1", 1, 8)))
    part(tmp_path, "b", cases=cases(("2", 5, 10)))
    pq.write_table(cases(("3", 2, 9)), tmp_path / "cases" / "half.parquet")
    summary = run(tmp_path, tmp_path)
    hits = pq.read_table(tmp_path / "across" / "hits_across.parquet").to_pylist()
    assert [(hit["rule"], hit["case_id"], hit["other_cases"]) for hit in hits] == [("C056", "2", ["1"])]
    assert summary.visits == 2
    missing = {one.rule: one.missing for one in summary.outcomes}
    assert missing["C061"] == ("visits.planned_readmission",)


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    part(tmp_path, "a", cases=cases(("1", 1, 8), ("2", 5, 10)))
    out = tmp_path / "across" / "hits_across.parquet"
    settings = Settings(rules=[load_across_rules()["C056"]])
    run(tmp_path, tmp_path, settings)
    first = out.read_bytes()
    run(tmp_path, tmp_path, settings)
    assert out.read_bytes() == first and [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no cases"):
        run(tmp_path, tmp_path)
