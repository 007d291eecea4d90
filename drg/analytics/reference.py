"""The reference table: what is usual in each group, of a region, of peers or of the hospital's own last year."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from drg.analytics.database import query, with_columns
from drg.errors import input_error

REFERENCE_SCHEMA = pa.schema(
    [
        ("drg", pa.string()),
        ("adrg", pa.string()),
        ("cases", pa.int64()),
        ("mean_cost_fen", pa.float64()),
        ("mean_los_days", pa.float64()),
        ("mortality", pa.float64()),
        ("cc_share", pa.float64()),
        ("drug_share", pa.float64()),
        ("consumable_share", pa.float64()),
    ]
)
"""One row a group. ``mortality``: deaths / cases; ``cc_share``: of the cases of its ADRG, those with a CC or MCC."""

SHARES = ("mortality", "cc_share", "drug_share", "consumable_share")

MAX_BYTES = 64 << 20

_GROUP_FIGURES = """
SELECT drg, any_value(adrg) AS adrg, count(*) AS cases,
       avg(total_cost_fen) AS mean_cost_fen, avg(los_days) AS mean_los_days,
       avg((discharge_way = $died)::INTEGER) AS mortality,
       any_value(cc_share) AS cc_share,
       (sum(drug_cost_fen) FILTER (total_cost_fen IS NOT NULL))::DOUBLE
         / nullif(sum(total_cost_fen) FILTER (drug_cost_fen IS NOT NULL), 0) AS drug_share,
       (sum(consumable_cost_fen) FILTER (total_cost_fen IS NOT NULL))::DOUBLE
         / nullif(sum(total_cost_fen) FILTER (consumable_cost_fen IS NOT NULL), 0) AS consumable_share
FROM (SELECT *, avg(list_contains($complicated, cc_level)::INTEGER) OVER (PARTITION BY adrg) AS cc_share
      FROM cases WHERE status = $grouped)
WHERE drg IS NOT NULL
GROUP BY drg ORDER BY drg
"""


def make_reference(grouped: pa.Table) -> pa.Table:
    """The reference table (``REFERENCE_SCHEMA``) of grouped cases."""
    from drg.analytics.indicators import CASE_COLUMNS, with_settings

    cases = with_columns(grouped, CASE_COLUMNS)
    return query(with_settings(_GROUP_FIGURES), cases=cases).cast(REFERENCE_SCHEMA)


def read_reference(path: Path) -> pa.Table:
    """A reference table from CSV, TSV or Parquet with columns of ``REFERENCE_SCHEMA``; only ``drg`` is required.

    Raises ``InputError`` for a file that is no such table, names a group twice, or has a figure that cannot be.
    """
    table = _read(path)
    if "drg" not in table.column_names:
        raise input_error("analytics.reference_columns", str(path), columns=", ".join(REFERENCE_SCHEMA.names))
    try:
        kinds = {field.name: field.type for field in REFERENCE_SCHEMA}
        table = with_columns(table, kinds).cast(REFERENCE_SCHEMA)
    except pa.ArrowInvalid as error:
        raise input_error("analytics.reference_value", str(path), detail=str(error)[:200]) from None
    wrong = [f"{name} {value}" for name in REFERENCE_SCHEMA.names[2:] for value in _impossible(table, name)]
    if wrong:
        raise input_error("analytics.reference_figure", str(path), figures=", ".join(wrong[:10]))
    counts = pc.value_counts(table.column("drg"))
    twice = [entry["values"].as_py() for entry in counts if entry["counts"].as_py() > 1]
    if twice:
        raise input_error("analytics.reference_twice", str(path), groups=", ".join(map(str, twice[:10])))
    return table


def _impossible(table: pa.Table, name: str) -> list[float]:
    """Values of a column that are no number, infinite or negative, or over 1 in a share."""
    most = 1.0 if name in SHARES else float("inf")
    values = [value for value in table.column(name).to_pylist() if value is not None]
    return [value for value in values if not (0 <= value <= most and value < float("inf"))]


def _read(path: Path) -> pa.Table:
    from pyarrow import csv, parquet

    try:
        if path.stat().st_size > MAX_BYTES:
            raise input_error("analytics.reference_large", str(path), most=MAX_BYTES >> 20)
        if path.suffix.lower() == ".parquet":
            return parquet.read_table(path)
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        texts = dict.fromkeys(("drg", "adrg"), pa.string())
        return csv.read_csv(
            path,
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(column_types=texts, strings_can_be_null=True),
        )
    except (OSError, pa.ArrowException) as error:
        raise input_error("analytics.reference_unreadable", str(path), detail=str(error)[:200]) from None
