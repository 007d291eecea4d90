"""Whatever a file holds, each of its rows is a case or rejected; and all file types give the same cases."""

from __future__ import annotations

import csv
import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drg.case import CASE_SCHEMA, Case, to_table
from drg.records import Batch, read
from drg.records.fingerprints import SeenIds
from drg.records.values import seconds_of

COLUMNS = (
    "case_id",
    "sex",
    "age",
    "age_days",
    "weight_g",
    "los_days",
    "icu_hours",
    "discharge_date",
    "dx",
    "proc",
)

Rows = list[tuple[str, ...]]


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *rows])


def write_xlsx(path: Path, rows: Rows) -> None:
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    for number, row in enumerate([COLUMNS, *rows]):
        for place, cell in enumerate(row):
            sheet.write_string(number, place, cell)
    book.close()


def write_parquet(path: Path, rows: Rows) -> None:
    columns = zip(*rows, strict=True)
    pq.write_table(
        pa.table({name: pa.array(column) for name, column in zip(COLUMNS, columns, strict=True)}), path
    )


def write_json(path: Path, rows: Rows) -> None:
    path.write_bytes(orjson.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows]))


def write_json_lines(path: Path, rows: Rows) -> None:
    path.write_bytes(b"\n".join(orjson.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows))


WRITERS = {
    "csv": (write_csv, 2),
    "xlsx": (write_xlsx, 2),
    "parquet": (write_parquet, 1),
    "json": (write_json, 1),
    "json lines": (write_json_lines, 1),
}

# No zero bytes and no surrogates: neither can stand in a text file (a test of its own shows the error for zero bytes).
text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
plausible_numbers = [
    "",
    "-",
    "0",
    "1",
    "2",
    "9",
    "63",
    "63.0",
    "-1",
    "151",
    "６３",
    "1E+05",
    "#REF!",
    "NULL",
    "男",
    " 7 ",
]
plausible_texts = [
    "I10|E11.900",
    "|I10",
    "I10",
    "|",
    "2024-01-31",
    "20240230",
    "2024/1/5 8:00",
    "45321",
    "1-Mar",
    "3200",
]
plausible = st.sampled_from([*plausible_numbers, *plausible_texts])
rows_of_strings = st.lists(st.tuples(*[st.one_of(plausible, text)] * len(COLUMNS)), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=rows_of_strings, batch_rows=st.integers(1, 5))
def test_every_row_is_a_case_or_rejected(kind: str, rows: Rows, batch_rows: int) -> None:
    write, first = WRITERS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.data"
        write(path, rows)
        batches = list(read(path, profile="plain", batch_rows=batch_rows).batches())

    if kind == "xlsx":
        blank = [first + place for place, row in enumerate(rows) if not any(row)]
        _check_rows(batches, len(rows), first, blank)
    else:
        _check_rows(batches, len(rows), first)


def _check_rows(batches: list[Batch], count: int, first: int, blank: Sequence[int] = ()) -> None:
    """Each of ``count`` rows but the ``blank`` ones is exactly one of case and rejected, and cases are valid."""
    cases = [row for batch in batches for row in batch.case_rows.to_pylist()]
    rejected = {row for batch in batches for row in batch.rejections.column("row").to_pylist()}
    expected = [row for row in range(first, first + count) if row not in blank]
    assert not rejected & set(cases)
    assert sorted([*cases, *rejected]) == expected
    assert sum(batch.row_count for batch in batches) == len(expected)
    for batch in batches:
        assert batch.cases.schema == CASE_SCHEMA
        assert batch.cases.num_rows == len(batch.case_rows)
        for row in batch.cases.to_pylist():
            Case.model_validate(row)


FRONT_PAGE = (
    "A48",
    "A49",
    "A12C",
    "A14",
    "A16",
    "A13",
    "B12",
    "B15",
    "B20",
    "C03C",
    "C06x01C",
    "C49x01",
    "C50x01",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.tuples(*[st.one_of(plausible, text)] * len(FRONT_PAGE)), min_size=1, max_size=8),
    batch_rows=st.integers(1, 5),
)
def test_every_front_page_is_a_case_or_rejected(rows: Rows, batch_rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([FRONT_PAGE, *rows])
        _check_rows(list(read(path, batch_rows=batch_rows).batches()), len(rows), first=2)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 100), st.floats(allow_nan=False), plausible, text
)
entries = st.dictionaries(
    st.sampled_from(["diag_code", "maindiag_flag", "diag_type", "oprn_oprt_code", "scs_cutd_inpool_time"]),
    scalars,
)
nodes = st.one_of(scalars, st.lists(st.one_of(entries, entries, scalars), max_size=4), entries)
messages = st.fixed_dictionaries(
    {"setl_id": scalars, "diseinfo": nodes},
    optional={"oprninfo": nodes, "icuinfo": nodes, "age": scalars, "nwb_age": nodes, "setlinfo": entries},
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.lists(st.one_of(messages, messages, scalars), max_size=6), batch_rows=st.integers(1, 5))
def test_every_settlement_list_is_a_case_or_rejected(records: list[object], batch_rows: int) -> None:
    whole = [{"setl_id": "S", "diseinfo": [{"diag_code": "I10"}]}, *records]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.json"
        path.write_bytes(orjson.dumps(whole))
        _check_rows(list(read(path, batch_rows=batch_rows).batches()), len(whole), first=1)


codes = st.lists(
    st.from_regex(r"[A-Z][0-9]{2}\.[0-9]{1,3}(x[0-9]{3})?", fullmatch=True), min_size=1, max_size=5
)


@st.composite
def good_cases(draw: st.DrawFn) -> list[Case]:
    count = draw(st.integers(1, 8))
    cases = []
    for number in range(count):
        age = draw(st.none() | st.integers(0, 150))
        cases.append(
            Case(
                case_id=f"{draw(st.sampled_from(['ZY', '病案']))}{number}",
                sex=draw(st.sampled_from([None, 1, 2])),
                age=age,
                age_days=draw(st.integers(0, 365)) if age == 0 else None,
                birth_weight_g=draw(st.none() | st.integers(100, 20_000)),
                admission_weight_g=draw(st.none() | st.integers(100, 20_000)),
                los_days=draw(st.none() | st.integers(0, 400)),
                discharge_way=draw(st.sampled_from([None, 1, 2, 3, 4, 5, 9])),
                icu_hours=draw(st.none() | st.floats(0, 10_000)),
                department=draw(st.sampled_from([None, "0304", "A07"])),
                region=draw(st.sampled_from([None, "110000"])),
                discharge_date=draw(st.none() | st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))),
                dx=draw(codes),
                proc=draw(st.just([]) | codes),
            )
        )
    return cases


def _write_cases(path: Path, kind: str, cases: list[Case]) -> None:
    if kind == "parquet":
        pq.write_table(to_table(cases), path)
        return
    rows = [case.model_dump(mode="json") for case in cases]
    if kind == "json":
        path.write_bytes(orjson.dumps(rows))
        return
    flat = [
        {key: "|".join(value) if isinstance(value, list) else value for key, value in row.items()}
        for row in rows
    ]
    if kind == "csv":
        with path.open("w", encoding="gb18030", newline="") as file:
            writer = csv.DictWriter(file, CASE_SCHEMA.names)
            writer.writeheader()
            writer.writerows(flat)
        return
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, CASE_SCHEMA.names)
    for number, row in enumerate(flat, start=1):
        sheet.write_row(number, 0, list(row.values()))
    book.close()


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet", "json"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases=good_cases())
def test_every_file_type_gives_the_same_cases(kind: str, cases: list[Case]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.data"
        _write_cases(path, kind, cases)
        batches = list(read(path).batches())
    assert [row for batch in batches for row in batch.rejections.to_pylist()] == []
    read_back = [Case.model_validate(row) for batch in batches for row in batch.cases.to_pylist()]
    assert [_rounded(case) for case in read_back] == [_rounded(case) for case in cases]


def _rounded(case: Case) -> Case:
    """Excel keeps 15 to 16 digits of a number, so hours are compared to a billionth."""
    return case.model_copy(update={"icu_hours": None if case.icu_hours is None else round(case.icu_hours, 9)})


@settings(max_examples=50, deadline=None)
@given(ids=st.lists(st.text(max_size=20), max_size=200), cut=st.integers(0, 200))
def test_seen_ids_are_those_that_a_dictionary_would_know(ids: list[str], cut: int) -> None:
    seen, known = SeenIds(), dict[str, int]()
    for start, part in ((0, ids[:cut]), (min(cut, len(ids)), ids[cut:])):
        rows = np.arange(start, start + len(part), dtype=np.int64)
        found = seen.first_rows(pa.array(part, pa.string()), rows).tolist()
        expected = []
        for row, name in zip(rows.tolist(), part, strict=True):
            expected.append(known.get(name, -1))
            known.setdefault(name, row)
        assert found == expected


def test_seen_ids_grow_and_keep_what_they_know() -> None:
    seen = SeenIds()
    names = pa.array([f"ZY{number:07d}" for number in range(200_000)])
    assert (seen.first_rows(names, np.arange(200_000)) == -1).all()
    assert (seen.first_rows(names, np.arange(200_000, 400_000)) == np.arange(200_000)).all()


@settings(deadline=None)
@given(moment=st.datetimes(dt.datetime(1850, 1, 1), dt.datetime(2150, 1, 1)), form=st.integers(0, 4))
def test_dates_in_every_accepted_form(moment: dt.datetime, form: int) -> None:
    whole = moment.replace(microsecond=0)
    texts = [
        f"{whole:%Y-%m-%d %H:%M:%S}",
        f"{whole.year}/{whole.month}/{whole.day} {whole:%H:%M:%S}",
        f"{whole:%Y%m%d%H%M%S}",
        f"{whole:%Y-%m-%dT%H:%M:%S}",
        f"{whole:%Y%m%d}",
    ]
    expected = whole if form < 4 else whole.replace(hour=0, minute=0, second=0)
    seconds, good = seconds_of(pa.array([texts[form]]))
    assert good[0]
    assert np.datetime64(int(seconds[0]), "s") == np.datetime64(expected)
