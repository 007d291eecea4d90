"""The earlier record of the same person in the same hospital, for each record of a table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.records import values

PERSON = ("hospital", "medical_record_number")
NEEDED = (*PERSON, "admission_time", "discharge_time", "admission_number")


def previous_admissions(records: pa.Table) -> pa.Table:
    """Times and number of the previous admission as ``previous_...`` columns (text), a row a record.

    ``records`` has the columns ``NEEDED`` as far as its sources carry them. The previous record is the last one with an
    earlier time of admission, or an equal one and standing before; null where there is none, or where number or time of
    admission is missing or unreadable.
    """
    columns = {name: _column(records, name) for name in NEEDED}
    seconds, known = values.seconds_of(columns["admission_time"])
    number = columns["medical_record_number"]
    known &= values.as_mask(pc.is_valid(number))
    hospital = pc.fill_null(columns["hospital"], "")
    person = pc.binary_join_element_wise(hospital, number, "\x1f").dictionary_encode().indices
    people = pc.fill_null(person, -1).to_numpy(zero_copy_only=False)
    order = np.lexsort((np.arange(len(people)), seconds, people))
    order = order[known[order]]
    same = people[order[1:]] == people[order[:-1]]
    earlier = np.full(len(people), -1, np.int64)
    earlier[order[1:][same]] = order[:-1][same]
    chosen = pa.array(earlier, mask=earlier < 0)
    return pa.table(
        {
            f"previous_{name}": columns[name].take(chosen)
            for name in ("admission_time", "discharge_time", "admission_number")
        }
    )


def _column(records: pa.Table, name: str) -> pa.Array:
    if name not in records.column_names:
        return pa.nulls(len(records), pa.string())
    return records.column(name).combine_chunks()
