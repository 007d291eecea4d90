"""Tables that people bring: columns found by their names and cast; rows that do not fit are rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.risk.values import days, numbers

Mask = npt.NDArray[np.bool_]

MOST_ID_LENGTH = 64
MOST_FEN = 99_999_999_999
REJECTED_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("row", pa.int64()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
    ]
)
"""``row``: from 1. ``value``: of dates, amounts and choices only, never of ids. ``reason``: a message id."""


def bound(
    path: Path, columns: Mapping[str, Sequence[str]], names: Sequence[str], needed: Sequence[Sequence[str]]
) -> dict[str, str]:
    """The column of a file for each of ours that it has. ``columns``: ours with the names that they may have.

    ``needed``: of each group at least one must be there. Raises ``InputError``.
    """
    found = {
        ours: next(name for name in known if name in names)
        for ours, known in columns.items()
        if any(name in names for name in known)
    }
    lacking = [" / ".join(group) for group in needed if not any(name in found for name in group)]
    if lacking:
        shown = ", ".join(names[:20])
        raise input_error("intake.columns", str(path), lacking=", ".join(lacking), found=shown)
    return found


class Rejections:
    """Rows of a file that cannot be used, with what is wrong; a row is told once."""

    def __init__(self, source: Path, rows: int):
        self._source = source
        self._parts: list[pa.Table] = [REJECTED_SCHEMA.empty_table()]
        self.is_wrong = np.zeros(rows, np.bool_)

    def add(self, mask: Mask, field: str, reason: str, values: pa.ChunkedArray | None = None) -> None:
        """Reject the rows of ``mask`` that are not rejected yet; ``values`` are told."""
        places = np.flatnonzero(mask & ~self.is_wrong)
        if not len(places):
            return
        self.is_wrong[places] = True
        count = len(places)
        told = pa.nulls(count, pa.string()) if values is None else as_text(values).take(pa.array(places))
        columns = [
            pa.repeat(str(self._source), count),
            pa.array(places + 1),
            pa.repeat(field, count),
            pc.utf8_slice_codeunits(told, 0, MOST_ID_LENGTH),
            pa.repeat(reason, count),
        ]
        self._parts.append(pa.table(columns, schema=REJECTED_SCHEMA))

    def table(self) -> pa.Table:
        """All rejections, in ``REJECTED_SCHEMA``."""
        return pa.concat_tables(self._parts)


def ids(given: pa.ChunkedArray, name: str, rejections: Rejections) -> pa.Array:
    """Texts without blanks around them; null where there is none; too long ones rejected."""
    texts = pc.utf8_trim_whitespace(as_text(given)).combine_chunks()
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    too_long = pc.greater(pc.utf8_length(texts), MOST_ID_LENGTH)
    rejections.add(as_mask(pc.fill_null(too_long, False)), name, "intake.id_long")
    return texts


def dates(given: pa.ChunkedArray, name: str, rejections: Rejections) -> pa.Array:
    """Days; what is no day rejected."""
    if pa.types.is_null(given.type):
        return pa.nulls(len(given), pa.date32())
    if not (pa.types.is_string(given.type) or pa.types.is_temporal(given.type)):
        given = as_text(given)
    found = days(given)
    unreadable = np.isnan(found) & as_mask(pc.is_valid(given))
    rejections.add(unreadable, name, "intake.value_unreadable", given)
    return pa.array(found, from_pandas=True).cast(pa.int32()).cast(pa.date32())


def amounts(given: pa.ChunkedArray, name: str, rejections: Rejections) -> pa.Array:
    """Whole fen that are not negative; everything else rejected."""
    found = numbers(given if pa.types.is_string(given.type) else given.cast(pa.float64(), safe=False))
    usable = (found >= 0) & (found <= MOST_FEN) & (found == np.floor(found))
    rejections.add(~usable & as_mask(pc.is_valid(given)), name, "intake.value_unreadable", given)
    return pa.array(np.where(usable, found, np.nan), from_pandas=True).cast(pa.int64())


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as texts."""
    return values.cast(pa.string())


def as_mask(values: pa.Array | pa.ChunkedArray) -> Mask:
    """Truth values without nulls as an array."""
    return np.asarray(values, dtype=np.bool_)
