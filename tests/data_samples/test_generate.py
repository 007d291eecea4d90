"""The files: the same bytes for the same seed, sums that add up, one story in every format, defects as listed."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_samples import generate as command
from data_samples.defects import load_defect_settings
from data_samples.draw import CHUNK, MISSING, draw_chunks
from data_samples.fees import split_fees
from data_samples.person import identity_number
from data_samples.templates import FOLDER, load_settings
from data_samples.write_front_page import front_page_columns
from drg.case import CASE_SCHEMA
from drg.codes.crosswalk import load_crosswalk

SAMPLE = FOLDER / "sample"
SAMPLE_FILES = ("plain.csv", "front_page.csv", "settlement_4101a.json", "defects.csv")
ALL_FORMATS = ("plain", "front-page", "settlement", "plain-parquet")
ITEMS = [
    column
    for column in front_page_columns()
    if column[0] == "D" and "x" not in column and column not in ("D01", "D09")
]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    command.generate(folder, ALL_FORMATS, 1_500, seed=5, defects=False)
    return folder


@pytest.fixture(scope="module")
def with_defects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("defects")
    command.generate(folder, ALL_FORMATS, 1_500, seed=5, defects=True)
    return folder


def test_the_committed_sample_is_what_the_seed_gives(tmp_path: Path) -> None:
    command.main(["--out", str(tmp_path), "--records", str(command.SAMPLE_RECORDS)])
    for name in SAMPLE_FILES:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_the_sample_stays_small() -> None:
    assert sum((SAMPLE / name).stat().st_size for name in SAMPLE_FILES) < 2_000_000


def test_another_seed_gives_other_cases(clean: Path, tmp_path: Path) -> None:
    command.generate(tmp_path, ["plain"], 1_500, seed=6, defects=False)
    assert (tmp_path / "plain.csv").read_bytes() != (clean / "plain.csv").read_bytes()


def test_chunks_continue_the_numbers() -> None:
    first, second = draw_chunks(CHUNK + 3, seed=1)
    assert (len(first), len(second)) == (CHUNK, 3)
    assert second.case_ids == [f"SYN{CHUNK + number:08d}-1" for number in (1, 2, 3)]


def test_no_cases_is_a_header() -> None:
    assert list(draw_chunks(0, seed=1)) == []


def test_front_page_has_the_811_columns() -> None:
    columns = front_page_columns()
    assert len(columns) == len(set(columns)) == 811
    assert (columns[0], columns[46], columns[246], columns[748], columns[781], columns[810]) == (
        "A01",
        "C03C",
        "C14x01C",
        "A16",
        "D01",
        "D34",
    )


def test_fees_add_up_to_the_total_in_fen() -> None:
    cases = next(draw_chunks(3_000, seed=2))
    split_fees(cases, seed=2)
    fees = cases.fees
    assert np.array_equal(sum(fees[item] for item in ITEMS if item in fees), cases.total_fen)
    for part, (whole, _) in load_settings()["fee_parts"].items():
        assert (fees[part] <= fees[whole]).all()
    assert all((amounts >= 0).all() for amounts in fees.values())
    assert (fees["D09"] <= fees["D01"]).all()


def test_written_fees_add_up(with_defects: Path) -> None:
    plain = read(with_defects / "plain.csv")
    for row, case in zip(read(with_defects / "front_page.csv"), plain, strict=True):
        items = sum(Decimal(row[item]) for item in ITEMS if row[item] != "-")
        assert items == Decimal(row["D01"]) == Decimal(case["total_cost_yuan"])


def test_clean_cases_are_plausible(clean: Path) -> None:
    for case in read(clean / "plain.csv"):
        age = int(case["age"])
        assert 0 <= age <= 105
        assert (case["age_days"] != "") == (age == 0)
        assert case["weight_g"] == "" or int(case["age_days"]) <= 28
        assert case["icu_hours"] == "" or 0 < int(case["icu_hours"]) < int(case["los_days"]) * 24
        assert case["sex"] in ("1", "2")
        assert case["discharge_date"].startswith("2026-")
        codes = case["dx"].split("|")
        assert len(codes) == len(set(codes)) <= 41


def test_ventilation_lies_within_the_stay() -> None:
    cases = next(draw_chunks(CHUNK, seed=3))
    ventilated = cases.vent_hours != MISSING
    in_icu = ventilated & (cases.icu_hours != MISSING)
    assert ventilated.any()
    assert (cases.vent_hours[ventilated] > 0).all()
    assert (cases.vent_hours[ventilated] < cases.los[ventilated] * 24).all()
    assert (cases.vent_hours[in_icu] <= cases.icu_hours[in_icu]).all()


def test_parquet_is_a_case_table(clean: Path) -> None:
    table = pq.read_table(clean / "plain.parquet")
    assert table.schema.equals(CASE_SCHEMA)
    cases = read(clean / "plain.csv")
    assert ["|".join(codes) for codes in table["dx"].to_pylist()] == [case["dx"] for case in cases]
    assert table["case_id"].to_pylist() == [case["case_id"] for case in cases]


@pytest.mark.parametrize("folder_name", ["clean", "with_defects"])
def test_the_three_formats_describe_the_same_cases(folder_name: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(folder_name)
    plain = read(folder / "plain.csv")
    messages = json.loads((folder / "settlement_4101a.json").read_text("utf-8"))
    planted = (
        {int(defect["row"]) for defect in read(folder / "defects.csv")} if folder_name != "clean" else set()
    )
    records = zip(plain, read(folder / "front_page.csv"), messages, strict=True)
    for row, (case, page, message) in enumerate(records, start=1):
        assert story_of_page(page, converted=row not in planted) == story(case, converted=row not in planted)
        assert story_of_message(message) == story(case)


def story(case: dict[str, str], converted: bool = True) -> dict[str, Any]:
    """What every format must tell; without the codes where these are written wrongly in an edition of their own."""
    told: dict[str, Any] = {
        name: case[name]
        for name in (
            "case_id",
            "sex",
            "age",
            "age_days",
            "weight_g",
            "admission_weight_g",
            "los_days",
            "discharge_way",
            "icu_hours",
            "department",
            "discharge_date",
        )
    }
    if converted:
        told |= {"dx": [code for code in case["dx"].split("|") if code]}
        told |= {"proc": [code for code in case["proc"].split("|") if code]}
    return told


def story_of_page(page: dict[str, str], converted: bool) -> dict[str, Any]:
    page = {column: "" if cell == "-" else cell for column, cell in page.items()}
    told: dict[str, Any] = {
        "case_id": case_id_of(page),
        "sex": page["A12C"],
        "age": page["A14"],
        "age_days": page["A16"],
        "weight_g": page["A18x01"],
        "admission_weight_g": page["A17"],
        "los_days": page["B20"],
        "discharge_way": page["B34C"],
        "icu_hours": hours_between(page["C49x01"], page["C50x01"]),
        "department": page["B16C"],
        "discharge_date": page["B15"][:10],
    }
    if converted:
        dx = [page["C03C"], *(page[f"C06x{n:02d}C"] for n in range(1, 41))]
        proc = [page["C14x01C"], *(page[f"C35x{n:02d}C"] for n in range(1, 41))]
        told["dx"] = [load_crosswalk("icd10").nhsa_codes[code] for code in dx if code]
        told["proc"] = [load_crosswalk("icd9cm3").nhsa_codes[code] for code in proc if code]
    return told


def story_of_message(message: dict[str, Any]) -> dict[str, Any]:
    info = {name: "" if value is None else str(value) for name, value in message["setlinfo"].items()}
    icu = message["icuinfo"]
    return {
        "case_id": info["setl_id"],
        "sex": info["gend"],
        "age": info["age"],
        "age_days": info["nwb_age"],
        "weight_g": info["nwb_bir_wt"],
        "admission_weight_g": info["nwb_adm_wt"],
        "los_days": info["act_ipt_days"],
        "discharge_way": info["dscg_way"],
        "icu_hours": hours_between(icu[0]["scs_cutd_inpool_time"], icu[0]["scs_cutd_exit_time"])
        if icu
        else "",
        "department": info["dscg_caty"],
        "discharge_date": info["dscg_time"][:10],
        "dx": [entry["diag_code"] for entry in message["diseinfo"]],
        "proc": [entry["oprn_oprt_code"] for entry in message["oprninfo"]],
    }


def case_id_of(page: dict[str, str]) -> str:
    """A48 and A49 joined; an id that a spreadsheet destroyed is the whole of A48."""
    return page["A48"] if "E+" in page["A48"] else f"{page['A48']}-{page['A49']}"


def hours_between(begin: str, end: str) -> str:
    if not begin:
        return ""
    lasted = dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(begin)
    return str(int(lasted.total_seconds()) // 3600)


def test_ages_follow_from_the_dates(clean: Path) -> None:
    for page in read(clean / "front_page.csv"):
        born, admitted = dt.date.fromisoformat(page["A13"]), dt.date.fromisoformat(page["B12"][:10])
        had_birthday = (admitted.month, admitted.day) >= (born.month, born.day)
        assert int(page["A14"]) == admitted.year - born.year - (not had_birthday)
        assert page["A16"] == "-" or int(page["A16"]) == (admitted - born).days


def test_the_list_of_defects_matches_the_files(clean: Path, with_defects: Path) -> None:
    before, after = read(clean / "plain.csv"), read(with_defects / "plain.csv")
    defects = {int(defect["row"]): defect for defect in read(with_defects / "defects.csv")}
    for row, (was, now) in enumerate(zip(before, after, strict=True), start=1):
        changed = [name for name in was if was[name] != now[name]]
        if row not in defects:
            assert changed == []
            continue
        defect = defects[row]
        assert changed == [defect["field"]]
        assert now["case_id"] == defect["case_id"]
        whole = defect["field"] not in ("dx", "proc") or defect["defect"] == "missing_procedure"
        assert part(was, defect["field"], whole) == defect["clean_value"]
        assert part(now, defect["field"], whole) == defect["as_written"]


def part(case: dict[str, str], field: str, whole: bool) -> str:
    return case[field] if whole else case[field].split("|")[0]


def test_the_front_page_shows_the_same_defects(with_defects: Path) -> None:
    pages = read(with_defects / "front_page.csv")
    column = {
        "dx": "C03C",
        "proc": "C14x01C",
        "case_id": "A48",
        "sex": "A12C",
        "age": "A14",
        "age_days": "A16",
    }
    for defect in read(with_defects / "defects.csv"):
        cell = pages[int(defect["row"]) - 1][column[defect["field"]]]
        assert ("" if cell == "-" else cell) == defect["as_written_front_page"]


def test_every_kind_of_defect_occurs_and_occurs_early() -> None:
    defects = read(SAMPLE / "defects.csv")
    kinds = load_defect_settings()["kinds"]
    assert Counter(defect["defect"] for defect in defects) == dict.fromkeys(kinds, 6)
    assert {defect["defect"] for defect in defects if int(defect["row"]) <= command.SAMPLE_RECORDS} == set(
        kinds
    )


def test_records_option_shortens_the_long_formats(tmp_path: Path) -> None:
    command.generate(tmp_path, ALL_FORMATS, 30, seed=1, defects=True, records=10)
    assert len(read(tmp_path / "plain.csv")) == 30
    assert len(read(tmp_path / "front_page.csv")) == 10
    assert len(json.loads((tmp_path / "settlement_4101a.json").read_text("utf-8"))) == 10


def test_an_empty_settlement_file_is_an_empty_array(tmp_path: Path) -> None:
    command.generate(tmp_path, ["settlement"], 0, seed=1, defects=False)
    assert json.loads((tmp_path / "settlement_4101a.json").read_text("utf-8")) == []


def test_unknown_format_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        command.main(["--out", str(tmp_path), "--formats", "fax"])
    assert "unknown format fax" in capsys.readouterr().err


@given(st.integers(1, 10**8), st.dates(dt.date(1920, 1, 1), dt.date(2026, 12, 31)), st.sampled_from([1, 2]))
def test_identity_numbers_pass_the_check_and_name_nobody(number: int, born: dt.date, sex: int) -> None:
    text = identity_number(number, born, sex)
    weights = [2 ** (17 - place) % 11 for place in range(18)]
    digits = [10 if sign == "X" else int(sign) for sign in text]
    assert sum(weight * digit for weight, digit in zip(weights, digits, strict=True)) % 11 == 1
    assert text.startswith("999999")
    assert int(text[16]) % 2 == sex % 2
