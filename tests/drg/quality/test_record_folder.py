"""Whole records: folders of cases with documents, orders, laboratory results and fee lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drg.errors import InputError
from drg.quality import record_folder
from drg.quality.layout import value_sets
from drg.quality.record import open_records

SAMPLE = Path(__file__).parents[3] / "data_samples" / "sample" / "records"


def _case(folder: Path, name: str = "C1", **record: Any) -> Path:
    case = folder / name
    case.mkdir(parents=True)
    (case / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return case


def _read(folder: Path) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]]]:
    rows, rejected = [], []
    for batch in open_records(folder).batches():
        rows += batch.records.to_pylist()
        rejected += [(one["row"], one["reason"], one["value"]) for one in batch.rejections.to_pylist()]
    return rows, rejected


def test_the_parts_of_a_case_come_together(tmp_path: Path) -> None:
    case = _case(tmp_path, sex="1", diagnoses=[{"code": "J18.900", "name": "肺炎"}])
    (case / "orders.csv").write_text("name,start\n头孢呋辛,2024-01-02 10:00:00\n", encoding="utf-8")
    (case / "入院记录_202401020930_甲医.txt").write_text("主诉：咳嗽", encoding="gb18030")
    (case / "02_first_course_note_20240102-0830.txt").write_text("\ufeff首次病程", encoding="utf-8")
    (row,), rejected = _read(tmp_path)
    assert not rejected
    assert (row["case_id"], row["dialect"], row["sex"]) == ("C1", "whole-record", "1")
    assert (row["orders.name"], row["diagnoses.code"]) == (["头孢呋辛"], ["J18.900"])
    assert row["documents.kind"] == ["first_course_note", "admission_note"]
    assert row["documents.written"] == ["2024-01-02 08:30:00", "2024-01-02 09:30:00"]
    assert row["documents.author"] == [None, "甲医"]
    assert row["documents.text"] == ["首次病程", "主诉：咳嗽"]
    assert "labs.name" not in row


def test_the_list_of_documents_adds_to_the_names(tmp_path: Path) -> None:
    case = _case(tmp_path)
    (case / "note.txt").write_text("手术经过", encoding="utf-8")
    (case / "documents.csv").write_text(
        "file,kind,author,written,signed\nnote.txt,operation_note,乙医,2024-01-02 15:00:00,2024-01-02 15:05:00\n",
        encoding="utf-8",
    )
    (row,), rejected = _read(tmp_path)
    assert not rejected
    assert (row["documents.kind"], row["documents.signed"]) == (["operation_note"], ["2024-01-02 15:05:00"])


def test_bad_cases_are_rejected_and_the_others_stay(tmp_path: Path) -> None:
    _case(tmp_path, "A")
    (_case(tmp_path, "B") / "record.json").write_text("[1]", encoding="utf-8")
    (_case(tmp_path, "C") / "record.json").write_text("{", encoding="utf-8")
    (_case(tmp_path, "D") / "notes.txt").write_text("x", encoding="utf-8")
    (_case(tmp_path, "E") / "admission_note_202401020930.txt").write_bytes(b"\xff\xfe\x00\x00")
    (_case(tmp_path, "F") / "orders.csv").write_text("name,start\na\n", encoding="utf-8")
    (_case(tmp_path, "G") / "admission_note_202401020930.txt").symlink_to("/etc/hostname")
    (_case(tmp_path, "H") / "documents.csv").write_text("file,kind\nmissing.txt,consent\n", encoding="utf-8")
    (tmp_path / "I").mkdir()
    rows, rejected = _read(tmp_path)
    assert [row["case_id"] for row in rows] == ["A"]
    assert rejected == [
        (2, "records.record_not_object", "record.json"),
        (3, "records.record_not_json", "record.json"),
        (4, "recordtable.file_name_unclear", "notes.txt"),
        (5, "recordtable.file_not_readable", "admission_note_202401020930.txt"),
        (6, "records.cell_count", "orders.csv"),
        (7, "recordtable.file_not_readable", "admission_note_202401020930.txt"),
        (8, "recordtable.file_not_readable", "missing.txt"),
        (9, "recordtable.file_not_readable", "record.json"),
    ]


def test_large_files_and_many_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_folder, "MAX_TEXT_BYTES", 10)
    monkeypatch.setattr(record_folder, "MAX_FILES", 4)
    (_case(tmp_path, "A") / "admission_note_202401020930.txt").write_text("x" * 11, encoding="utf-8")
    many = _case(tmp_path, "B")
    for number in range(5):
        (many / f"course_note_20240102093{number}.txt").write_text("x", encoding="utf-8")
    _, rejected = _read(tmp_path)
    assert [reason for _, reason, _ in rejected] == ["recordtable.file_not_readable"] * 2


def test_a_folder_without_cases_says_so(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    with pytest.raises(InputError):
        open_records(tmp_path)


def test_a_folder_and_json_give_the_same_records(tmp_path: Path) -> None:
    rows, _ = _read(SAMPLE)
    objects = [record_folder.read_case(case) for case in sorted(SAMPLE.iterdir()) if case.is_dir()]
    path = tmp_path / "all.json"
    path.write_text(json.dumps(objects, ensure_ascii=False), encoding="utf-8")
    found = [row for batch in open_records(path).batches() for row in batch.records.to_pylist()]
    assert found == rows


def test_the_sample_records_are_whole() -> None:
    rows, rejected = _read(SAMPLE)
    assert len(rows) == 12 and not rejected
    known = value_sets()["document_kind"].values
    for row in rows:
        assert set(row["documents.kind"]) <= known
        assert {"admission_note", "first_course_note", "ward_round", "discharge_note"} <= set(
            row["documents.kind"]
        )
        assert all(text.startswith("【合成病历") for text in row["documents.text"])
        assert row["labs.name"] and row["orders.name"]
        total = sum(int(amount.replace(".", "")) for amount in row["fee_lines.amount"])
        assert total == int(row["total_cost"].replace(".", ""))
