"""The values of a column as numbers, days or levels. Nothing that cannot be read becomes a number: it is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
CODE = r"^[+-]?0\d"
"""A number with leading zeros is a code: as a number it would lose them."""
DATE = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?$"
DAY = r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2}).*$"


def numbers(column: pa.ChunkedArray) -> Floats:
    """The values as numbers; NaN where a value is missing or is no finite number."""
    if pa.types.is_string(column.type):
        trimmed = pc.utf8_trim_whitespace(column)
        readable = pc.match_substring_regex(trimmed, NUMBER)
        column = pc.if_else(readable, trimmed, pa.scalar(None, pa.string()))
    values = np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def looks_like_code(column: pa.ChunkedArray) -> bool:
    """Whether any text of the column is a number with leading zeros."""
    return bool(pc.any(pc.match_substring_regex(column, CODE)).as_py())


def days(column: pa.ChunkedArray) -> Floats:
    """The values as days since 1970-01-01; NaN where a value is missing or is no date."""
    if pa.types.is_string(column.type):
        text = pc.utf8_trim_whitespace(column)
        readable = pc.match_substring_regex(text, DATE)
        day = pc.replace_substring_regex(text, DAY, r"\1-\2-\3")
        day = pc.if_else(readable, day, pa.scalar(None, pa.string()))
        column = pc.strptime(day, format="%Y-%m-%d", unit="s", error_is_null=True)
    elif not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return np.full(len(column), np.nan)
    as_days = column.cast(pa.timestamp("s"), safe=False).cast(pa.date32(), safe=False)
    return np.array(as_days.cast(pa.int32()).cast(pa.float64()).to_numpy(), dtype=np.float64)


def levels_of(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    """The distinct texts, the commonest first (equal ones by name), and how often each occurs."""
    counted = pc.value_counts(column.drop_null().cast(pa.string()))
    texts, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy()
    order = sorted(range(len(texts)), key=lambda place: (-int(counts[place]), texts[place]))
    return [texts[place] for place in order], np.array([counts[place] for place in order], np.int64)


def codes(column: pa.ChunkedArray, levels: Sequence[str]) -> Floats:
    """The place of each value among ``levels``; NaN where it is missing or not among them."""
    places = pc.index_in(column.cast(pa.string()), value_set=pa.array(list(levels), pa.string()))
    return np.array(places.cast(pa.float64()).to_numpy(), dtype=np.float64)


def groups(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """The number of each row's group, and the names of the groups in the order in which they first come.

    Rows without a group are each a group of their own, without a name.
    """
    encoded = pc.dictionary_encode(column.cast(pa.string())).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    found = np.array(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
    alone = np.flatnonzero(found < 0)
    found[alone] = len(names) + np.arange(len(alone))
    return found, [*names, *("" for _ in alone)]
