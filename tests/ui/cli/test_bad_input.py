"""Bad input at the command line: a clear answer, nothing lost, no traceback. One row of the table a case."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import xlsxwriter

from drg.scheme.pack import load_pack
from tests.drg.scheme.official_workbook import plain_book
from tests.ui.cli.conftest import Run, own_scheme

HEADER = "case_id,sex,age,age_days,discharge_date,dx,proc\n"
GOOD = "9,1,65,,2024-05-01,I21.001,\n"
MANY = "|".join(["I21.001"] * 500)
TOO_MANY = "|".join(["I21.001"] * 501)


def row(
    case_id: str = "1", age: str = "65", age_days: str = "", date: str = "2024-05-01", dx: str = "I21.001"
) -> str:
    return f"{case_id},1,{age},{age_days},{date},{dx},\n"


UNREADABLE = {
    "empty file": (b"", "empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "empty"),
    "wrong encoding": (HEADER.encode() + b"\xff\x81\x30,1,1,,,I10,\n", "GB18030"),
    "utf-16": (HEADER.encode("utf-16"), "UTF-16"),
    "unknown header": (b"a,b\n1,2\n", "header"),
    "truncated xlsx": (b"PK\x03\x04" + b"\x00" * 60, "damaged"),
    "truncated parquet": (b"PAR1" + b"\x00" * 60, "damaged"),
    "not closed quote": (HEADER.encode() + b'1,1,6,,2024-05-01,"I10,\n', "quotation mark"),
    "text that is no json": (b"[{", "JSON"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_used(name: str, run: Run, tmp_path: Path) -> None:
    content, phrase = UNREADABLE[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    ended = run("group", path, "--out", tmp_path / "out.csv")
    assert ended.code == 4
    assert phrase in ended.err
    assert "bad.csv" in ended.err
    assert "Traceback" not in ended.err
    assert sorted(tmp_path.iterdir()) == [path], "nothing may be written"


REJECTED = {
    "missing principal diagnosis": (row(dx=""), "no diagnosis"),
    "empty principal diagnosis before others": (row(dx="|E11.900"), "principal"),
    "negative age": (row(age="-4"), "age is negative: -4"),
    "an age that is no number": (row(age="old"), "old"),
    "age in days of a grown-up": (row(age="65", age_days="12"), "days"),
    "age in days without age 0": (row(age="", age_days="5"), "no age in years"),
    "a date that Excel made a number of": (row(date="45413"), "Excel turned the date into the number 45413"),
    "a text that is no date": (row(date="4x5"), "4x5"),
    "a code that Excel made a date of": (row(dx="1-May"), "Excel turned the code into the date 1-May"),
    "a code that Excel made a power of": (
        row(dx="I21.001|1E+05"),
        "Excel turned the code into the number 1E+05",
    ),
    "501 diagnoses": (row(dx=TOO_MANY), "500"),
    "repeated case id": (row(case_id="9"), "already"),
    "missing case id": (row(case_id=""), "no id"),
    "one cell too many": ("1,1,65,,2024-05-01,I21.001,,more\n", "cells"),
    "a cell of 10 MB": (row(dx="I21.001" * 1_500_000), "length 10500000"),
    "a code with a control character": (row(dx="I21\x07.001"), "dx"),
    "no date to choose a scheme by": (row(date=""), "discharge date"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_row_that_cannot_be_used(name: str, run: Run, tmp_path: Path) -> None:
    bad, phrase = REJECTED[name]
    path, out = tmp_path / "bad.csv", tmp_path / "out.csv"
    path.write_text(HEADER + GOOD + bad, encoding="utf-8")
    ended = run("group", path, "--out", out)
    assert ended.code == 3
    assert "Traceback" not in ended.err
    results = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"))))
    assert [result["row"] for result in results] == ["2", "3"]
    assert [result["status"] for result in results] == ["grouped", "rejected"]
    told = (tmp_path / "out.rejections.csv").read_text("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(told)))
    assert {line["row"] for line in lines} == {"3"}
    assert all(line["reason_text"] and line["remedy"] for line in lines)
    assert phrase in told


READ_ANYWAY = {
    "blanks and lower case": (row(dx=" i21.001 | e11.900"), "grouped"),
    "full-width signs": (row(dx="Ｉ２１．００１"), "grouped"),
    "full-width separator": (row(dx="Ｉ２１．００１｜Ｅ１１．９００"), "grouped"),
    "full-width age": (row(age="６５"), "grouped"),
    "unknown principal diagnosis": (row(dx="Q99.123x9"), "ungrouped"),
    "500 diagnoses": (row(dx=MANY), "grouped"),
}


@pytest.mark.parametrize("name", READ_ANYWAY)
def test_a_row_that_can_be_read_anyway(name: str, run: Run, tmp_path: Path) -> None:
    line, status = READ_ANYWAY[name]
    path = tmp_path / "odd.csv"
    path.write_text(HEADER + line, encoding="utf-8")
    ended = run("group", path)
    assert ended.code == 0, ended.err
    assert next(csv.DictReader(io.StringIO(ended.out)))["status"] == status


def test_a_header_without_rows_gives_a_header_without_rows(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "header.csv"
    path.write_text(HEADER, encoding="utf-8")
    ended = run("group", path)
    assert ended.code == 0
    assert "no rows" in ended.err
    assert ended.out.startswith('"row","case_id"')
    assert ended.out.count("\n") == 1


def test_codes_and_dates_that_excel_made_numbers_of(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mangled.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["case_id", "sex", "age", "discharge_date", "dx", "proc"])
    sheet.write_row(1, 0, ["1", 1, 65, "2024-05-01", "I21.001", 36.06])
    sheet.write_row(2, 0, ["2", 1, 65, 45413, "I21.001"])
    book.close()
    ended = run("group", path, "--scheme", "chs-drg-1.1")
    assert ended.code == 3
    good, bad = csv.DictReader(io.StringIO(ended.out))
    assert (good["status"], good["unknown_codes"]) == ("grouped", "")
    assert (bad["status"], bad["reason"]) == ("rejected", "records.excel_serial_date")
    assert "Excel holds this code as a number" in ended.err


def test_a_file_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    rows, header = tmp_path / "rows.csv", tmp_path / "header.csv"
    bad = row(case_id='"\x1b[2J"') + row(case_id="2", dx="I21.001|\u202eX")
    rows.write_text(HEADER + bad, encoding="utf-8")
    header.write_text("\x1b[2J,b\n1,2\n", encoding="utf-8")
    shown = [run("group", rows).err, run("group", header).err, run("records", "inspect", rows).out]
    shown.append(run("explain", rows, "--case", "2").out)
    assert all(shown)
    for text in shown:
        assert "\x1b" not in text
        assert "\u202e" not in text


BROKEN_PACKS = {
    "broken rule": ("drg.tsv", "DRG1\t组\tQTZD in MCC and\tADRG1\n", "drg.tsv:2"),
    "missing set": ("adrg.tsv", "ADRG1\t组\tZYZD in DI_NOT_THERE\tMDC1\n", "DI_NOT_THERE"),
    "missing parent": ("adrg.tsv", "ADRG1\t组\tZYZD in DI_A\tMDC9\n", "MDC9"),
    "no cells": ("mdc.tsv", "MDC1\n", "mdc.tsv:2"),
}


@pytest.mark.parametrize("name", BROKEN_PACKS)
def test_a_scheme_that_does_not_load(name: str, run: Run, cases: Path, tmp_path: Path) -> None:
    file, line, phrase = BROKEN_PACKS[name]
    pack = own_scheme(tmp_path / "pack")
    header = (pack / file).read_text("utf-8").splitlines()[0]
    (pack / file).write_text(f"{header}\n{line}", encoding="utf-8")
    for command in (
        ["group", cases, "--scheme", pack],
        ["scheme", "lint", pack],
        ["scheme", "diff", pack, pack],
    ):
        ended = run(*command)
        assert ended.code == 4
        assert phrase in ended.err
        assert not ended.out


def test_lists_that_name_each_other(run: Run, cases: Path, tmp_path: Path) -> None:
    pack = own_scheme(tmp_path / "pack")
    (pack / "sets.txt").write_text("DI_A\n  DI_B\nDI_B\n  DI_A\n", encoding="utf-8")
    ended = run("group", cases, "--scheme", pack)
    assert (ended.code, ended.out) == (4, "")
    assert "sets.txt:2:3" in ended.err
    assert "sets.txt:4:3" in ended.err
    assert "DI_B is the name of a list" in ended.err


def test_a_workbook_with_a_broken_rule_writes_nothing(run: Run, tmp_path: Path) -> None:
    book = plain_book(load_pack(own_scheme(tmp_path / "own")))
    row = book.change("ADRG", 3, lambda cells: cells[1] == "ADRG1", "ZYZD in DI_A and")
    book.change("DRG", 2, lambda cells: cells[0] == "DRG1", "ZYZD in DI_NOT_THERE")
    path = book.write(tmp_path / "book.xlsx")
    ended = run("scheme", "import", path, "--id", "own", "--out", tmp_path / "imported")
    assert (ended.code, ended.out) == (4, "")
    assert f"ADRG!D{row}" in ended.err or f"ADRG:{row}" in ended.err
    assert "DI_NOT_THERE" in ended.err
    assert not (tmp_path / "imported").exists()


def test_a_workbook_becomes_a_scheme_that_groups(run: Run, cases: Path, tmp_path: Path) -> None:
    own = own_scheme(tmp_path / "own")
    book = plain_book(load_pack(own)).write(tmp_path / "book.xlsx")
    settings = own / "scheme.toml"
    imported = tmp_path / "imported"
    ended = run("scheme", "import", book, "--id", "own", "--out", imported, "--settings", settings)
    assert ended.code == 0, ended.err
    assert "ADRG" in ended.out
    grouped = run("group", cases, "--scheme", imported).out
    assert grouped == run("group", cases, "--scheme", own).out
    again = run("scheme", "import", book, "--id", "own", "--out", imported, "--settings", settings, "--json")
    assert again.json["scheme_id"] == "own"
    assert "0 changes" in run("scheme", "diff", own, imported).out


def test_a_small_scheme_of_ones_own(run: Run, cases: Path, tmp_path: Path) -> None:
    ended = run("group", cases, "--scheme", own_scheme(tmp_path / "pack"))
    assert [line["drg"] for line in csv.DictReader(io.StringIO(ended.out))] == ["DRG1", "0000", "", "0000"]
