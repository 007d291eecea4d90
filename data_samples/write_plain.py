"""The plain table: ``plain.csv`` (one row a case, codes joined by ``|``) and ``plain.parquet`` (``CASE_SCHEMA``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from data_samples.codebook import CodeBook
from data_samples.draw import MISSING, Discharges, Ints
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
    "discharge_date",
    "total_cost_yuan",
)


def case_table(cases: Discharges) -> pa.Table:
    """The cases as an Arrow table in ``CASE_SCHEMA``."""
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
        "region": pa.array([load_settings()["region"]] * len(cases)),
        "discharge_date": pa.array(cases.discharged),
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
        columns["total_cost_yuan"] = yuan(cases.total_fen)
        rows = pa.table({name: columns[name] for name in CSV_COLUMNS})
        options = pcsv.WriteOptions(include_header=False, quoting_style="none")
        pcsv.write_csv(rows, self._file, options)

    def close(self) -> None:
        self._file.close()


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
