"""The claim record table: what a settlement list, a whole record or a table of claims says, with its fee lines.

It is the record table of :mod:`drg.quality.record` with the fields of ``layout.csv`` more. Fee lines come with the
record, or from a file of their own that is joined by case id without being held in memory.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.fees import FeeFile
from claims.fhir.resources import is_fhir
from claims.fhir.rows import open_fhir
from drg.quality import layout
from drg.quality.layout import Field
from drg.quality.record import BATCH_ROWS, RecordBatch, Records, open_records

HOME = Path(__file__).parent
FEE_LINES = "fee_lines"


@cache
def claim_fields() -> Mapping[str, Field]:
    """All fields of a claim by path: those of a record, and those of ``layout.csv``."""
    return {**layout.fields(), **layout.read_fields(HOME / "layout.csv")}


@cache
def record_fields() -> Mapping[str, Field]:
    """The fields as a file of claims may have them: a flat table has no columns of fee lines."""
    return {
        path: replace(field, plain="") if field.group == FEE_LINES else field
        for path, field in claim_fields().items()
    }


def fee_fields() -> list[Field]:
    """The fields of a fee line."""
    return [field for field in claim_fields().values() if field.group == FEE_LINES]


@dataclass(frozen=True)
class Derived:
    """A field that follows from the values of another one."""

    field: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class ClaimSource:
    """Where claims come from: ``path`` as ``drg.quality.record`` takes it, ``fees`` a file of fee lines."""

    path: Path
    fees: Path | None = None
    profile: str | None = None


def open_claims(source: ClaimSource, batch_rows: int = BATCH_ROWS) -> Records:
    """The claims without the file of fee lines. Raises ``InputError`` where it cannot be used at all."""
    if source.profile is None and is_fhir(source.path):
        return open_fhir(source.path, batch_rows, claim_fields())
    return open_records(source.path, source.profile, batch_rows, record_fields())


def read_claims(source: ClaimSource, batch_rows: int = BATCH_ROWS) -> Iterator[RecordBatch]:
    """The claims with their fee lines, in the order of the file, at most ``batch_rows`` at a time.

    Fee lines that belong to no claim are rejections of a last batch without records. Raises ``InputError``.
    """
    records = open_claims(source, batch_rows)
    if source.fees is None:
        for batch in records.batches():
            yield replace(batch, records=completed(batch.records))
        return
    with tempfile.TemporaryDirectory(prefix="drgbridge-fees-") as folder:
        fees = FeeFile(source.fees, fee_fields(), Path(folder))
        yield RecordBatch(source.fees, records_schema().empty_table(), fees.rejections, 0)
        for batch in records.batches():
            if any(name.startswith(f"{FEE_LINES}.") for name in batch.records.column_names):
                raise input_error("claims.fees_twice", str(source.path), fees=source.fees.name)
            yield replace(batch, records=completed(fees.joined(batch.records)))
        yield RecordBatch(source.fees, records_schema().empty_table(), fees.orphans(), 0)


def records_schema() -> pa.Schema:
    """The identifying columns, which every claim record table has."""
    return pa.schema([("row", pa.int64()), ("case_id", pa.string()), ("dialect", pa.string())])


def completed(records: pa.Table) -> pa.Table:
    """Fields that follow from others where the source has not got them: ``derived.toml``, and the day of a fee line."""
    for name, rule in _derived().items():
        if name not in records.column_names and rule.field in records.column_names:
            given = records.column(rule.field).combine_chunks()
            places = pc.index_in(given, value_set=pa.array(list(rule.values), pa.string()))
            filled = pa.array(list(rule.values.values()), pa.string()).take(places)
            records = records.append_column(name, filled)
    day, time = f"{FEE_LINES}.date", f"{FEE_LINES}.time"
    if time in records.column_names and day not in records.column_names:
        times = records.column(time).combine_chunks()
        days = pc.utf8_slice_codeunits(times.flatten(), 0, 10)
        offsets = pa.concat_arrays([pa.array([0], pa.int64()), _ends(times)]).cast(pa.int32())
        records = records.append_column(day, pa.ListArray.from_arrays(offsets, days))
    return records


def _ends(lists: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).cast(pa.int64())
    return pc.cumulative_sum(lengths)


@cache
def _derived() -> Mapping[str, Derived]:
    entries = tomllib.loads((HOME / "derived.toml").read_text(encoding="utf-8"))
    return {name: Derived(entry["field"], entry["values"]) for name, entry in entries.items()}
