"""Grouping of record files: every row in order, whatever was wrong with it; errors come through."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from drg import records
from drg.errors import InputError
from drg.grouper.files import RESULT_SCHEMA, find_case, group_file
from drg.records import render_rejections

TEXT = """case_id,age,discharge_date,dx
1,65,2024-05-01,I21.001
2,-1,2024-05-01,I21.001
3,65,2024-05-01,
4,65,,I21.001
5,65,2024-05-01,i21.001
2,65,2024-05-01,I21.001
"""


class Kept:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.parts: list[tuple[pa.Table, pa.Table, pa.Table]] = []

    def write(self, results: pa.Table, rejections: pa.Table, notes: pa.Table) -> None:
        self.parts.append((results, rejections, notes))

    def table(self, place: int) -> pa.Table:
        return pa.concat_tables([part[place] for part in self.parts])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "cases.csv"
    file.write_text(TEXT, encoding="utf-8")
    return file


@pytest.mark.parametrize("batch_rows", [1, 2, 5, 100])
def test_every_row_comes_out_in_order_whatever_the_batches(path: Path, batch_rows: int) -> None:
    sink, told = Kept(), []
    summary = group_file(records.read(path, batch_rows=batch_rows), sink, progress=told.append)
    results = sink.table(0)
    assert all(part[0].schema == RESULT_SCHEMA for part in sink.parts)
    assert results["row"].to_pylist() == [2, 3, 4, 5, 6, 7]
    expected = ["grouped", "rejected", "rejected", "rejected", "grouped", "rejected"]
    assert results["status"].to_pylist() == expected
    assert results["case_id"].to_pylist() == ["1", "2", "3", "4", "5", "2"]
    assert sink.table(1)["row"].to_pylist() == [3, 4, 5, 7]
    assert (summary.rows, summary.statuses) == (6, {"grouped": 2, "rejected": 4})
    assert told[-1] == 6
    assert told == sorted(told)


def test_every_rejection_has_a_text_and_a_remedy_in_both_languages(path: Path) -> None:
    sink = Kept()
    summary = group_file(records.read(path), sink)
    assert summary.rejections["grouper.no_scheme"] == 1
    for lang in ("en", "zh"):
        told = render_rejections(sink.table(1), lang).to_pylist()
        assert all(line["reason_text"] and line["remedy"] and line["field"] for line in told)


def test_a_scheme_that_is_not_there_is_told_before_the_first_row(path: Path) -> None:
    sink = Kept()
    with pytest.raises(InputError):
        group_file(records.read(path), sink, scheme="not-there")
    assert sink.parts == []


def test_an_error_in_the_sink_comes_through_and_no_thread_stays(path: Path) -> None:
    class Full(Kept):
        def write(self, results: pa.Table, rejections: pa.Table, notes: pa.Table) -> None:
            raise OSError("no space left")

    before = threading.active_count()
    with pytest.raises(OSError, match="no space left"):
        group_file(records.read(path, batch_rows=1), Full())
    assert threading.active_count() == before


def test_an_error_of_the_file_comes_through(path: Path) -> None:
    source = records.read(path)
    path.unlink()
    with pytest.raises(OSError, match=r"cases\.csv"):
        group_file(source, Kept(), "chs-drg-1.1")


def test_find_case_finds_cases_and_rejections(path: Path) -> None:
    source = records.read(path, batch_rows=2)
    found = find_case(source, "5")
    assert found is not None
    assert found.case is not None
    assert (found.row, found.case.dx) == (6, ["i21.001"])
    rejected = find_case(source, "3")
    assert rejected is not None
    assert (rejected.row, rejected.case, rejected.rejections.num_rows) == (4, None, 1)
    assert find_case(source, "77") is None


def test_clinical_codes_are_converted_and_counted_over_all_batches(tmp_path: Path) -> None:
    from drg.codes.catalogue import load_catalogue
    from drg.codes.crosswalk import convert

    codes = load_catalogue("icd10").column("code")
    code = codes[convert(codes, "icd10").outcomes.to_pylist().index("meaning_differs")].as_py()
    path = tmp_path / "clinical.csv"
    path.write_text("case_id,dx\n" + "".join(f"{number},{code}\n" for number in range(7)), encoding="utf-8")
    summary = group_file(records.read(path, batch_rows=3), Kept(), "chs-drg-1.1", "clinical")
    (line,) = [line for line in summary.conversion.to_pylist() if line["outcome"] == "meaning_differs"]
    assert (line["clinical_code"], line["count"]) == (code, 7)
    assert group_file(records.read(path), Kept(), "chs-drg-1.1").conversion.num_rows == 0
