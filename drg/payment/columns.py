"""The columns of a case table that payment reads, as numpy arrays of whole numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.errors import InputError, Problem

GROUP_COLUMNS = ("drg", "adrg")
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_TYPES: dict[str, pa.DataType] = {
    "total_cost_fen": pa.int64(),
    "patient_paid_fen": pa.int64(),
    "los_days": pa.int64(),
    "discharge_date": pa.date32(),
}
_TEXTS = (
    "case_id",
    "region",
    "department",
    "hospital",
    "hospital_level",
    "insurance_type",
    "status",
    *GROUP_COLUMNS,
)


def readable(table: pa.Table, needed: Iterable[str] = ("status", "drg")) -> pa.Table:
    """The columns that pricing reads, in one type each; absent ones as nulls.

    Raises ``InputError`` with every column of ``needed`` that is absent and every one that cannot be read.
    """
    problems = []
    columns: dict[str, pa.ChunkedArray] = {}
    for name in needed:
        if name not in table.column_names:
            problems.append(Problem("payment.column_missing", "", {"column": name}))
    for name in (*_TEXTS, *_TYPES):
        wanted = _TYPES.get(name, pa.string())
        if name not in table.column_names:
            columns[name] = pa.chunked_array([pa.nulls(len(table), wanted)])
            continue
        column = table.column(name)
        is_codes = pa.types.is_dictionary(column.type) and name in _TEXTS
        try:
            columns[name] = column if is_codes or column.type == wanted else column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            params = {"column": name, "found": str(column.type), "expected": str(wanted)}
            problems.append(Problem("payment.column_type", "", params))
    if problems:
        raise InputError(problems)
    return pa.table(columns)


def unlisted(names: tuple[str, ...]) -> str:
    """A text that is none of ``names``: stands for every text that no contract names."""
    return "?" * (1 + max((len(name) for name in names), default=0))


def coded(table: pa.Table, column: str, known: list[str]) -> Ints:
    """Texts by their place in ``known``; ``len(known)`` for other texts, one more where there is none."""
    texts = table.column(column).combine_chunks()
    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], texts.type)
    encoded = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    values = encoded.dictionary.cast(pa.string())
    found = pc.index_in(values, value_set=pa.array(known, pa.string())).fill_null(len(known))
    nothing = np.array([len(known) + 1])
    of_value = np.concatenate((np.from_dlpack(found.cast(pa.int64())), nothing))
    of_value[:-1][np.from_dlpack(pc.is_null(values).cast(pa.int8())) == 1] = len(known) + 1
    indices = encoded.indices.cast(pa.int64()).fill_null(len(values))
    return np.asarray(of_value[np.from_dlpack(indices)])


def numbers(table: pa.Table, column: str) -> tuple[Ints, Mask]:
    """Numbers (days since 1970 for dates), 0 where there is none; and where there is one."""
    values = table.column(column)
    if pa.types.is_date(values.type):
        values = values.cast(pa.int32())
    values = values.cast(pa.int64()).combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], pa.int64())
    known = np.from_dlpack(pc.is_valid(values).cast(pa.int8())) == 1
    return np.asarray(np.from_dlpack(values.fill_null(0)), np.int64), np.asarray(known)


def text_of(table: pa.Table, column: str) -> pa.Array:
    """A column of texts as one array."""
    texts = table.column(column).cast(pa.string()).combine_chunks()
    return pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts


def day_number(day: dt.date) -> int:
    """Days since 1970, as :func:`numbers` gives dates."""
    return (day - dt.date(1970, 1, 1)).days
