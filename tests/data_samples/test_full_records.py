"""Complete clean records: made again byte by byte, consistent in themselves, and without findings."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data_samples.generate_full import FRONT_PAGES, SETTLEMENTS, full_records, main
from data_samples.person import check_character
from data_samples.write_full import write_full_front_page, write_settlement
from drg import records
from drg.quality.dictionary import CLINICAL, NHSA
from drg.quality.engine import Checker
from drg.quality.record import open_records
from drg.quality.registry import load_rules

SAMPLE = Path(__file__).parents[2] / "data_samples" / "sample"
FULL = ("full_front_page.csv", "settlement_4101.json", "records")
CHECKED_ON = dt.date(2026, 7, 1)
MANDATORY = """
A01 A02 A48 A49 B12 B15 A46C A11 A12C A13 A14 A15C A21C A38C A19C A20N A20 A22 A23C A24 A25C A26 A27 A28C A32 A33C A34
A35 B38 B11C B13C B14 B16C B17 B20 C01C C02N C03C C04N C05C C24C B22C B22 B23C B23 B24C B24 B25C B25 B26C B26 B29 C26C
C27C B36C B34C D01 D09
"""
PARTS = ("D19x01", "D20x01", "D20x02", "D23x01")
TOTALS = ("D01", "D09")


def _files(folder: Path) -> dict[str, bytes]:
    found = [folder / FULL[0], folder / FULL[1], *sorted((folder / FULL[2]).rglob("*.*"))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


def _pages() -> list[dict[str, str]]:
    with (SAMPLE / "full_front_page.csv").open(encoding="utf-8", newline="") as file:
        return [
            {name: "" if text == "-" else text for name, text in line.items()}
            for line in csv.DictReader(file)
        ]


def _fen(text: str) -> int:
    return int(text.replace(".", "") or 0)


def test_the_sample_can_be_made_again(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path)]) == 0
    made, kept = _files(tmp_path), _files(SAMPLE)
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == []
    assert sum(map(len, kept.values())) < 1_500_000


def test_mandatory_fields_are_filled() -> None:
    pages = _pages()
    assert len(pages) == FRONT_PAGES
    missing = Counter(name for page in pages for name in MANDATORY.split() if not page[name])
    assert not missing


def test_identity_numbers_agree_with_birth_and_sex() -> None:
    for page in _pages():
        number = page["A20"]
        assert number[6:14] == page["A13"].replace("-", "")
        assert int(number[16]) % 2 == int(page["A12C"]) % 2
        assert number[17] == check_character(number[:17])
        assert number[:6] == "119999"


def test_fees_add_up_and_go_with_operations() -> None:
    for page in _pages():
        items = [name for name in page if name.startswith("D") and name not in (*PARTS, *TOTALS)]
        assert sum(_fen(page[name]) for name in items) == _fen(page["D01"])
        assert _fen(page["D09"]) <= _fen(page["D01"])
        levels = [page[name] for name in page if name.startswith(("C17x", "C38x"))]
        assert bool(_fen(page["D20x02"])) == any(levels)
        assert _fen(page["D20x01"]) + _fen(page["D20x02"]) <= _fen(page["D20"])


def test_stay_nursing_and_age_agree() -> None:
    for page in _pages():
        admitted, left = (dt.datetime.fromisoformat(page[name]) for name in ("B12", "B15"))
        born = dt.date.fromisoformat(page["A13"])
        assert int(page["B20"]) == max((left.date() - admitted.date()).days, 1)
        assert sum(int(page[name]) for name in ("F17", "F18", "F19", "F20")) == int(page["B20"])
        had_birthday = (admitted.month, admitted.day) >= (born.month, born.day)
        assert int(page["A14"]) == admitted.year - born.year - (0 if had_birthday else 1)
        assert page["A16"] == ("" if int(page["A14"]) else str((admitted.date() - born).days))


def test_codes_and_conditional_fields_agree() -> None:
    for page in _pages():
        tumour = "C00" <= page["C03C"][:3] <= "D48"
        assert bool(page["C09C"]) == bool(page["C11"]) == tumour
        assert bool(page["C12C"]) == (page["C03C"][0] in "ST")
        newborn = page["A14"] == "0" and int(page["A16"]) <= 28
        assert bool(page["A17"]) == newborn
        delivered = any(page[f"C06x{n:02d}C"].startswith("Z37") for n in range(1, 41))
        assert bool(page["A18x01"]) == (newborn or delivered)
        codes = [page["C03C"], *(page[f"C06x{n:02d}C"] for n in range(1, 41) if page[f"C06x{n:02d}C"])]
        assert len(codes) == len(set(codes))


@pytest.mark.parametrize(("name", "count"), [(FULL[0], FRONT_PAGES), (FULL[1], SETTLEMENTS)])
def test_every_record_can_be_grouped(name: str, count: int) -> None:
    batches = list(records.read(SAMPLE / name).batches())
    assert sum(batch.cases.num_rows for batch in batches) == count
    assert all(not batch.rejections.num_rows for batch in batches)


def _amounts(row: dict[str, Any], path: str) -> int:
    return sum(_fen(text) for text in row[path])


def test_the_money_of_a_settlement_list_adds_up() -> None:
    pages = {page["A48"]: page for page in _pages()}
    for batch in open_records(SAMPLE / FULL[1]).batches():
        for row in batch.records.to_pylist():
            total = _amounts(row, "fee_items.amount")
            parts = [f"fee_items.{name}" for name in ("class_a", "class_b", "own_pay", "other")]
            assert total == sum(_amounts(row, path) for path in parts)
            own = _fen(row["own_share_payment"]) + _fen(row["uncovered_payment"])
            assert total == _amounts(row, "fund_payments.amount") + own
            assert own == _fen(row["account_payment"]) + _fen(row["cash_payment"])
            page = pages[row["medical_record_number"]]
            assert total == _fen(page["D01"])
            assert row["dx_count"] == str(len(row["diagnoses.code"]))
            assert row["procedure_count"] == str(len(row["procedures.code"]))


PLANTED = {("SYN00000006-1", "Q370")}
"""Findings of ``record_defects.csv`` that rules of the record table make; the others are for whole records."""


def _findings(path: Path) -> list[tuple[str, str, str]]:
    """Severity, case and rule of every finding."""
    found = open_records(path)
    edition = CLINICAL if found.edition == "clinical" else NHSA
    checker = Checker(list(load_rules().values()), CHECKED_ON, edition)
    return [
        (one["severity"], one["case_id"], one["rule"])
        for batch in found.batches()
        for one in checker.check(batch.records).findings.to_pylist()
    ]


def _unexpected(findings: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [one for one in findings if one[1:] not in PLANTED]


@pytest.mark.parametrize("name", FULL)
def test_the_sample_has_only_the_planted_findings(name: str) -> None:
    findings = _findings(SAMPLE / name)
    assert _unexpected(findings) == []
    assert {one[1:] for one in findings} == (PLANTED if name == "records" else set())


def test_other_seeds_are_clean_too(tmp_path: Path) -> None:
    made = list(full_records(300, seed=7))
    assert len({record.row.case_id for record in made}) == 300
    write_full_front_page(tmp_path / "page.csv", made)
    write_settlement(tmp_path / "list.json", made)
    assert _unexpected(_findings(tmp_path / "page.csv")) == []
    assert _unexpected(_findings(tmp_path / "list.json")) == []
