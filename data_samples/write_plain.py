"""The plain table: ``plain.csv`` (one row a case, codes joined by ``|``) and ``plain.parquet`` (``CASE_SCHEMA``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from data_samples.codebook import CodeBook
from data_samples.draw import MISSING, Discharges, Ints
from data_samples.rows import doctor, person
from data_samples.templates import load_settings
from drg.case import CASE_SCHEMA

CSV_COLUMNS = (
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
    "dx",
    "proc",
    "region",
    "admission_date",
    "discharge_date",
    "hospital",
    "hospital_level",
    "insurance_type",
    "doctor",
    "person",
    "total_cost_yuan",
    "drug_cost_yuan",
    "consumable_cost_yuan",
    "patient_paid_yuan",
)
MONEY = ("total_cost", "drug_cost", "consumable_cost", "patient_paid")
DRUG_ITEMS = ("D23", "D24", "D25")
CONSUMABLE_ITEMS = ("D31", "D32", "D33")


def case_table(cases: Discharges) -> pa.Table:
    """The cases as an Arrow table in ``CASE_SCHEMA``; needs their fees."""
    settings = load_settings()
    insurance = pa.array([settings["insurance"][kind]["nhsa"] for kind in ("resident", "employee")])
    departments = pa.array([template.department for template in cases.templates])
    columns: dict[str, Any] = {
        "case_id": pa.array(cases.case_ids),
        "sex": _numbers(cases.sex),
        "age": _numbers(cases.age),
        "age_days": _numbers(cases.age_days),
        "birth_weight_g": _numbers(cases.birth_weight),
        "admission_weight_g": _numbers(cases.admission_weight),
        "los_days": _numbers(cases.los),
        "discharge_way": _numbers(cases.discharge_way),
        "icu_hours": _numbers(cases.icu_hours),
        "department": departments.take(pa.array(cases.template)),
        "region": pa.array([settings["region"]] * len(cases)),
        "admission_date": pa.array(cases.admitted),
        "discharge_date": pa.array(cases.discharged),
        "hospital": pa.array([settings["hospital_id"]] * len(cases)),
        "hospital_level": pa.array([settings["hospital_level"]] * len(cases)),
        "insurance_type": insurance.take(pa.array(cases.is_employee.astype(np.int64))),
        "doctor": _doctors(cases),
        "person": pa.array([person(number) for number in cases.numbers.tolist()]),
        "total_cost_fen": pa.array(cases.total_fen),
        "drug_cost_fen": pa.array(_sum(cases, DRUG_ITEMS)),
        "consumable_cost_fen": pa.array(_sum(cases, CONSUMABLE_ITEMS)),
        "patient_paid_fen": pa.array(cases.fees["D09"]),
        "dx": _code_lists(cases.dx, cases.dx_book),
        "proc": _code_lists(cases.proc, cases.proc_book),
    }
    return pa.table(
        {name: pc.cast(columns[name], CASE_SCHEMA.field(name).type) for name in CASE_SCHEMA.names}
    )


class PlainParquet:
    """Writes ``plain.parquet``, one row group a chunk."""

    def __init__(self, folder: Path) -> None:
        self._writer = pq.ParquetWriter(folder / "plain.parquet", CASE_SCHEMA, compression="zstd")

    def write(self, cases: Discharges) -> None:
        self._writer.write_table(case_table(cases))

    def close(self) -> None:
        self._writer.close()


class PlainCsv:
    """Writes ``plain.csv``: UTF-8, no quotes needed, empty where there is no value."""

    def __init__(self, folder: Path) -> None:
        self._file = pa.OSFile(str(folder / "plain.csv"), "wb")
        self._file.write((",".join(CSV_COLUMNS) + "\n").encode())

    def write(self, cases: Discharges) -> None:
        table = case_table(cases)
        columns = {name: table.column(name) for name in table.column_names}
        columns["weight_g"] = columns["birth_weight_g"]
        columns["icu_hours"] = pc.cast(columns["icu_hours"], pa.int64())
        for name in ("dx", "proc"):
            columns[name] = pc.binary_join(columns[name].combine_chunks(), "|")
        for name in MONEY:
            columns[f"{name}_yuan"] = yuan(columns[f"{name}_fen"].to_numpy())
        rows = pa.table({name: columns[name] for name in CSV_COLUMNS})
        options = pcsv.WriteOptions(include_header=False, quoting_style="none")
        pcsv.write_csv(rows, self._file, options)

    def close(self) -> None:
        self._file.close()


def _doctors(cases: Discharges) -> pa.Array:
    several = load_settings()["doctors_per_department"]
    names = pa.array(
        [doctor(template.department, number) for template in cases.templates for number in range(several)]
    )
    return names.take(pa.array(cases.template * several + cases.numbers % several))


def _sum(cases: Discharges, items: Sequence[str]) -> Ints:
    total = np.zeros(len(cases), np.int64)
    for item in items:
        total += cases.fees.get(item, 0)
    return total


def yuan(fen: Ints) -> pa.Array:
    """Whole fen as text in yuan with two decimals."""
    cents = pc.utf8_lpad(pc.cast(pa.array(fen % 100), pa.string()), 2, "0")
    return pc.binary_join_element_wise(pc.cast(pa.array(fen // 100), pa.string()), cents, ".")


def _numbers(values: Ints) -> pa.Array:
    return pa.array(values, mask=values == MISSING)


def _code_lists(numbers: Ints, book: CodeBook) -> pa.ListArray:
    present = numbers != MISSING
    offsets = np.concatenate([[0], present.sum(axis=1).cumsum()]).astype(np.int32)
    codes = pa.array([entry.nhsa_code for entry in book.entries])
    return pa.ListArray.from_arrays(pa.array(offsets), codes.take(pa.array(numbers[present])))
