"""Claims and fee lines of real files through the rules."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from claims.lines import ClaimSource, read_claims
from claims.rules.check import Request, Summary, check_claims, in_words
from claims.rules.library import load_claim_rules, sample_vocabulary
from drg.errors import InputError
from drg.quality.engine import Checked

RUN_DATE = dt.date(2026, 12, 31)
CLAIMS = """case_id,sex,age,dx,visit_kind,fund,region,discharge_date
1,1,40,J18.900,inpatient,basic,440300,2026-03-05
2,2,40,J18.900,inpatient,basic,440300,2026-03-05
3,2,40,J18.900,outpatient,basic,440300,2026-03-05
"""
HEADER = ("case_id", "item_code", "item_name", "kind", "quantity", "date")
LINES = (
    ("2", "SYN-S014", "甲", "service", "1", "2026-03-01"),
    ("1", "SYN-D002", "乙", "drug", "1", "2026-03-01"),
    ("2", "SYN-S015", "丙", "service", "1", "2026-03-01"),
    ("1", "SYN-D005", "丁", "drug", "1", "2026-03-02"),
)


class Kept:
    """What a run gave."""

    def __init__(self) -> None:
        self.checked: list[Checked] = []
        self.rejections: list[pa.Table] = []

    def write(self, checked: Checked) -> None:
        self.checked.append(checked)

    def reject(self, rejections: pa.Table) -> None:
        self.rejections.append(rejections)

    @property
    def findings(self) -> pa.Table:
        return pa.concat_tables([one.findings for one in self.checked])

    @property
    def hits(self) -> set[tuple[str, str]]:
        return {(line["rule"], line["case_id"]) for line in self.findings.to_pylist()}

    @property
    def reasons(self) -> list[tuple[str, int]]:
        lines = [line for table in self.rejections for line in table.to_pylist()]
        return [(line["reason"], line["row"]) for line in lines]


def checked(source: Path, fees: Path | None = None) -> tuple[Kept, Summary]:
    kept = Kept()
    request = Request(ClaimSource(source, fees), list(load_claim_rules().values()), RUN_DATE)
    return kept, check_claims(request, kept)


def as_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


def as_gb18030(path: Path, rows: Sequence[Sequence[str]]) -> None:
    as_csv(path, rows)
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))


def as_xlsx(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([HEADER, *rows]):
            sheet.write_row(number, 0, row)


def as_parquet(path: Path, rows: Sequence[Sequence[str]]) -> None:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(HEADER))]
    pq.write_table(pa.table(columns, names=list(HEADER)), path)


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "claims.csv"
    path.write_text(CLAIMS, encoding="utf-8")
    return path


@pytest.mark.parametrize("write", [as_csv, as_gb18030, as_xlsx, as_parquet])
def test_fee_lines_in_any_order_find_their_claims(
    claims: Path, tmp_path: Path, write: Callable[[Path, Sequence[Sequence[str]]], None]
) -> None:
    fees = tmp_path / "fees.bin"
    write(fees, LINES)
    kept, summary = checked(claims, fees)
    assert {("C001", "1"), ("C006", "1"), ("C022", "2")} <= kept.hits
    assert not any(case == "3" for _, case in kept.hits)
    assert (summary.claims, summary.suspected, summary.rejected) == (3, 2, 0)


def test_fee_lines_keep_the_order_of_the_file(claims: Path, tmp_path: Path) -> None:
    fees = tmp_path / "fees.csv"
    rows = [("2", f"I{number}", "x", "service", "1", "2026-03-01") for number in range(50)]
    as_csv(fees, rows)
    (records,) = [batch.records for batch in read_claims(ClaimSource(claims, fees)) if batch.records.num_rows]
    assert records.column("fee_lines.code").to_pylist() == [[], [f"I{number}" for number in range(50)], []]


def test_lines_that_belong_nowhere_are_told(claims: Path, tmp_path: Path) -> None:
    fees = tmp_path / "fees.csv"
    as_csv(
        fees,
        [
            *LINES,
            ("", "A", "x", "drug", "1", ""),
            ("1", "", "", "", "1", ""),
            ("99", "A", "x", "drug", "1", ""),
        ],
    )
    kept, summary = checked(claims, fees)
    assert kept.reasons == [
        ("records.case_id_missing", 6),
        ("records.row_empty", 7),
        ("recordtable.fee_without_record", 8),
    ]
    assert summary.rejected == 3


def test_a_file_that_is_no_fee_detail_is_refused(claims: Path, tmp_path: Path) -> None:
    fees = tmp_path / "fees.csv"
    fees.write_text("case_id,price\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="item_code"):
        checked(claims, fees)


def test_a_settlement_list_with_its_fee_detail(tmp_path: Path) -> None:
    source = Path(__file__).parents[3] / "data_samples/sample/settlement_4101.json"
    (case,) = [batch.records for batch in read_claims(ClaimSource(source)) if batch.records.num_rows]
    fees = tmp_path / "fees.csv"
    as_csv(fees, [(case.column("case_id")[0].as_py(), "SYN-D005", "x", "drug", "1", "2026-03-02")])
    kept, summary = checked(source, fees)
    assert ("C006", case.column("case_id")[0].as_py()) in kept.hits
    assert summary.claims == len(case)


def test_a_whole_record_brings_its_own_fee_lines(tmp_path: Path) -> None:
    record = {
        "case_id": "R1",
        "sex": "1",
        "diagnoses": [{"code": "J18.900"}],
        "fee_lines": [{"code": "SYN-D002", "kind": "drug", "time": "2026-03-01 08:00:00"}],
    }
    source = tmp_path / "records.json"
    source.write_text(json.dumps([record]), encoding="utf-8")
    kept, _ = checked(source)
    assert ("C001", "R1") in kept.hits
    fees = tmp_path / "fees.csv"
    as_csv(fees, LINES)
    with pytest.raises(InputError, match="fee lines of their own"):
        checked(source, fees)


def test_a_folder_of_whole_records_has_the_fields_of_claims(tmp_path: Path) -> None:
    case = tmp_path / "records" / "R1"
    case.mkdir(parents=True)
    record = {"sex": "1", "dx_count": "1", "diagnoses": [{"code": "J18.900"}], "fund": "basic"}
    (case / "record.json").write_text(json.dumps(record), encoding="utf-8")
    (case / "fee_lines.csv").write_text("code,kind\nSYN-D008,drug\n", encoding="utf-8")
    kept, _ = checked(tmp_path / "records")
    assert ("C008", "R1") in kept.hits


def test_findings_in_words_name_codes_evidence_and_both_sides(claims: Path, tmp_path: Path) -> None:
    fees = tmp_path / "fees.csv"
    as_csv(fees, LINES)
    kept, _ = checked(claims, fees)
    rules = list(load_claim_rules().values())
    told = in_words(kept.findings, rules, "zh", sample_vocabulary()).to_pylist()
    (pair,) = [line for line in told if line["rule"] == "C022"]
    assert pair["message"].startswith("同日收取项目及其内涵已包含的项目：SYN-S014")
    assert "SYN-S015" in pair["message"] and "SYN-S015" in pair["evidence"]
    assert pair["severity"] == "suspicion" and pair["analyst"] and pair["hospital"] and pair["basis"]


def test_the_answer_does_not_depend_on_the_chunks(claims: Path, tmp_path: Path) -> None:
    fees = tmp_path / "fees.csv"
    as_csv(fees, LINES)
    whole = [batch.records for batch in read_claims(ClaimSource(claims, fees)) if batch.records.num_rows]
    parts = [batch.records for batch in read_claims(ClaimSource(claims, fees), 1) if batch.records.num_rows]
    assert len(parts) == 3
    assert pa.concat_tables(parts).to_pylist() == pa.concat_tables(whole).to_pylist()
