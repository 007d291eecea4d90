"""Cases of whole records: what a front page would say of them, read by the same rules as any other file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drg.records import Batch, read

DIALECT = Path(__file__).with_name("record-cases.toml")
FIRST_OF_GROUP = {"icu_stays.entered": ("icu_in", 5), "icu_stays.left": ("icu_out", 5)}
FIRST_OF_GROUP |= {"birth_weights.weight_g": ("birth_weight", 1)}
"""Groups of which the first rows are columns: path -> name and how many."""
LISTS = ("diagnoses.code", "procedures.code")


def cases_of_records(records: pa.Table) -> Batch:
    """The cases of a record table; rows and rejections are numbered by its column ``row``."""
    with tempfile.TemporaryDirectory(prefix="drgbridge-cases-") as folder:
        path = Path(folder) / "records.parquet"
        pq.write_table(_flat(records), path)
        (batch,) = read(path, DIALECT, max(len(records), 1)).batches()
    rows = records.column("row").combine_chunks()
    rejections = batch.rejections
    renumbered = rows.take(pc.subtract(rejections.column("row").combine_chunks(), 1))
    return Batch(
        batch.first_row,
        batch.row_count,
        batch.cases,
        rows.take(pc.subtract(batch.case_rows, 1)),
        rejections.set_column(0, "row", renumbered),
        batch.notes,
    )


def _flat(records: pa.Table) -> pa.Table:
    columns = dict(_columns(records))
    for name in LISTS:
        columns.setdefault(name, pa.nulls(len(records), pa.list_(pa.string())))
    return pa.table(columns)


def _columns(records: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    for name in records.column_names:
        column = records.column(name).combine_chunks()
        if name in FIRST_OF_GROUP:
            title, count = FIRST_OF_GROUP[name]
            for number in range(count):
                one = pc.list_slice(column, number, number + 1, return_fixed_size_list=True)
                yield f"{title}_{number + 1}", one.flatten()
        elif name in LISTS or not pa.types.is_list(column.type):
            yield name, column
