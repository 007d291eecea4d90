"""Cells of a chunk as the text columns of the record table: joined parts, durations, and rows of a group as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.quality.columns import Cell, Position
from drg.records import values

SEPARATOR = "|"
"""Between the rows of a group in one cell (plain table)."""
_HOUR = r"^([01]?\d|2[0-3])(?:\D.*)?$"
_DATE_ONLY = r"^\d{4}([-/.]?)\d{1,2}([-/.]?)\d{1,2}$"

Columns = Mapping[str, pa.Array]


def as_text(cells: pa.Array) -> pa.Array:
    """Cells as stripped strings, null where nothing or a null marker stands; moments to the second."""
    if pa.types.is_timestamp(cells.type):
        cells = pc.cast(cells, pa.timestamp("s"), safe=False)
    if cells.null_count == len(cells):
        return pa.nulls(len(cells), pa.string())
    texts = values.as_text(cells)
    if _content_bytes(texts) == 0:
        return pa.nulls(len(cells), pa.string())
    return values.without_markers(texts, values.null_markers())


def _content_bytes(texts: pa.Array) -> int:
    """How many bytes the strings have together: a whole column of empty cells is told at once."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)
    return int(offsets[texts.offset + len(texts)] - offsets[texts.offset])


def text_at(position: Position, columns: Columns) -> pa.Array | None:
    """The texts of one position, of each row the first alternative that has something; None if there is nothing."""
    texts = [text for cell in position if (text := _cell(cell, columns)) is not None]
    if len(texts) < 2:
        return texts[0] if texts else None
    return pc.coalesce(*texts)


def _cell(cell: Cell, columns: Columns) -> pa.Array | None:
    parts = [as_text(columns[name]) if name else None for name in cell.columns]
    given = [part for part in parts if part is not None and part.null_count < len(part)]
    if not given:
        return None
    if len(parts) == 1 or (cell.glue == "@" and len(given) == 1):
        return given[0]
    if cell.glue == "@":
        return _with_hour(given[0], given[1])
    absent = pa.nulls(len(given[0]), pa.string())
    filled = [pc.fill_null(absent if part is None else part, "") for part in parts]
    joined = pc.binary_join_element_wise(*filled, "" if cell.glue == "+" else cell.glue)
    something = pc.invert(pc.equal(pc.binary_join_element_wise(*filled, ""), ""))
    return pc.if_else(something, joined, pa.scalar(None, pa.string()))


def _with_hour(dates: pa.Array, hours: pa.Array) -> pa.Array:
    """Dates without a time of day, with the full hour that stands in a column of its own."""
    dated = pc.match_substring_regex(dates, _DATE_ONLY)
    timed = pc.match_substring_regex(hours, _HOUR)
    hour = pc.utf8_lpad(pc.replace_substring_regex(hours, r"^(\d+).*$", r"\1"), 2, "0")
    both = pc.fill_null(pc.and_(dated, timed), False)
    joined = pc.binary_join_element_wise(dates, pc.binary_join_element_wise(hour, "00:00", ":"), " ")
    return pc.if_else(both, joined, dates)


def hours_of(durations: pa.Array) -> pa.Array:
    """Durations ``days/hours/minutes`` as hours (text with at most two decimals); null for other texts."""
    hours, known = values.read_durations(durations, values.null_markers())
    texts = pc.cast(pa.array(np.round(hours, 2), mask=~known), pa.string())
    return pc.replace_substring_regex(texts, r"\.0$", "")


def rows_of_group(cells: Mapping[str, Sequence[pa.Array | None]], count: int) -> dict[str, pa.Array]:
    """The positions of each field of a group as lists of equal length; blank positions at the end are cut.

    ``cells``: field -> one array of ``count`` texts a position, None where nothing stands there.
    """
    width = max(len(positions) for positions in cells.values())
    filled = np.zeros((count, width), np.bool_)
    for positions in cells.values():
        for place, texts in enumerate(positions):
            if texts is not None:
                filled[:, place] |= values.as_mask(pc.is_valid(texts))
    lengths = np.where(filled.any(axis=1), width - filled[:, ::-1].argmax(axis=1), 0)
    width = int(lengths.max(initial=0))
    rows, places = np.nonzero(np.arange(width) < lengths[:, None])
    chosen = pa.array(places * count + rows)
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
    absent = pa.nulls(count, pa.string())
    lists = {}
    for name, positions in cells.items():
        there = [texts if texts is not None else absent for texts in positions[:width]]
        there += [absent] * (width - len(there))
        if all(texts is absent for texts in there):
            flat = pa.nulls(len(rows), pa.string())
        else:
            flat = pa.concat_arrays(there).take(chosen)
        lists[name] = pa.ListArray.from_arrays(offsets, flat)
    return lists


def split_rows(cells: pa.Array) -> pa.Array:
    """A column with all rows of a group (a list, or texts separated by ``|``) as lists; markers become null."""
    if not pa.types.is_list(cells.type):
        texts = as_text(cells)
        cells = pc.split_pattern(pc.fill_null(texts, ""), SEPARATOR)
    lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = as_text(cells.flatten())
    parents = np.repeat(np.arange(len(cells)), lengths)
    starts = np.cumsum(lengths) - lengths
    given = np.flatnonzero(values.as_mask(pc.is_valid(flat)))
    kept_lengths = np.zeros(len(cells), np.int64)
    np.maximum.at(kept_lengths, parents[given], given - starts[parents[given]] + 1)
    kept = np.arange(len(flat)) - starts[parents] < kept_lengths[parents]
    offsets = pa.array(np.concatenate(([0], np.cumsum(kept_lengths))).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, flat.filter(pa.array(kept)))


def empty_lists(count: int) -> pa.Array:
    """Null lists: a group that the source does not carry."""
    return pa.nulls(count, pa.list_(pa.string()))
