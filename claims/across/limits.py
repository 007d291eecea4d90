"""The knowledge points that count over many visits, as a table for SQL."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.knowledge.points import Knowledge

KINDS = ("course_days", "per_month", "per_year")


def limit_table(knowledge: Knowledge) -> pa.Table:
    """``kind_of_limit``, ``code``, ``first_day`` and ``last_day`` (days since 1970), ``value``: one row a point."""
    tables = []
    for kind in KINDS:
        points = knowledge.limits[kind]
        place = np.repeat(np.arange(len(points.codes)), np.diff(points.first))
        columns = {
            "kind_of_limit": pa.array([kind] * len(place), pa.string()),
            "code": points.codes.take(pa.array(place)),
            "first_day": pa.array(points.begins.astype(np.int32)),
            "last_day": pa.array(points.ends.astype(np.int32)),
            "value": pc.cast(points.values, pa.decimal128(18, 6)),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)
