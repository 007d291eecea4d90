"""One case as the nightly run left it, and its record after an edit of the codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from claims.coding_desk.version import Version
from claims.errors import input_error
from claims.nightly.results import Results
from drg.case import Case, from_row
from drg.codes.catalogue import System, load_catalogue
from drg.coding.review.settings import load_settings
from drg.coding.review.variants import GROUP_OF, SYSTEM_OF_GROUP, Row, base_row, record_table
from drg.quality.record import record_schema

CASES, RECORDS, FINDINGS = "cases", "records", "findings"


@dataclass(frozen=True)
class CaseFile:
    """A case with its codes as submitted (NHSA edition), its ``record`` (one row of the record table, the columns that
    its source carries), and the ``findings`` of the run about it (rows of ``FINDING_SCHEMA``)."""

    submitted: Case
    record: pa.Table
    findings: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def row(self) -> Row:
        """The record as Python values; made once, not to be changed."""
        found: Row = self.record.to_pylist()[0]
        return found


def load_case(results: Results, case_id: str) -> CaseFile:
    """A case of the results. Raises ``InputError`` where they have none of this id."""
    found = results.table(CASES, case_ids=[case_id]).to_pylist()
    if not found:
        raise input_error("coding_desk.case_unknown", case_id, folder=str(results.folder))
    case = from_row(found[-1])
    return CaseFile(case, _record(results, case), _findings(results, case_id))


def _record(results: Results, case: Case) -> pa.Table:
    """The row of the record table; made of the case itself where the run kept no records.

    Read from its own partition: columns of another one would count as carried, and their emptiness as a defect.
    """
    for path in reversed(results.files(RECORDS)):
        kept = pq.read_table(path, filters=[("case_id", "==", case.case_id)], partitioning=None)
        if len(kept):
            return kept.slice(len(kept) - 1)
    return record_of_case(case)


def record_of_case(case: Case, more: Mapping[str, Any] | None = None) -> pa.Table:
    """What a case alone tells, as a row of the record table; ``more`` are further columns of it."""
    row = {**base_row(case, None), **(more or {})}
    return record_table([row], [name for name in record_schema().names if name not in ("row", "case_id")])


def _findings(results: Results, case_id: str) -> tuple[Mapping[str, Any], ...]:
    if not results.has(FINDINGS):
        return ()
    return tuple(results.table(FINDINGS, case_ids=[case_id]).to_pylist())


def record_after(file: CaseFile, version: Version) -> pa.Table:
    """As :func:`row_after`, as a table with the columns of the file; what no edit changes is not copied."""
    row, schema = row_after(file, version), _schema_with_codes(file.record.schema)
    groups = tuple(GROUP_OF.values())
    columns = [
        pa.array([row[field.name]], field.type)
        if field.name.partition(".")[0] in groups
        else file.record.column(field.name)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def row_after(file: CaseFile, version: Version) -> Row:
    """The record with the codes of ``version`` as Python values.

    A code that was submitted keeps the values of its row (date, surgeon, present on admission), wherever it stands
    now; a new one has its name, and what was filled in.
    """
    row = base_row(file.submitted, file.row)
    for kind, group in GROUP_OF.items():
        codes = getattr(version.case, kind)
        places = _places(getattr(file.submitted, kind), codes)
        for name in [name for name in row if name.startswith(f"{group}.")]:
            # Every carried column of a group has all rows, also where it is null in this record.
            values = row[name] or [None] * len(getattr(file.submitted, kind))
            row[name] = [None if place is None else values[place] for place in places]
        row[f"{group}.code"] = list(codes)
        _name_new(row, group, places)
        _fill(row, group, version)
    return row


def _places(before: Sequence[str], after: Sequence[str]) -> list[int | None]:
    """Where each code stood before; ``None`` for one that is new."""
    free: dict[str, list[int]] = {}
    for place, code in enumerate(before):
        free.setdefault(code, []).append(place)
    return [free[code].pop(0) if free.get(code) else None for code in after]


def _name_new(row: Row, group: str, places: Sequence[int | None]) -> None:
    names = row.get(f"{group}.name")
    if names is None:
        return
    catalogue = load_catalogue(cast(System, SYSTEM_OF_GROUP[group]))
    for number, (place, code) in enumerate(zip(places, row[f"{group}.code"], strict=True)):
        if place is None:
            names[number] = catalogue.name(code)


def _fill(row: Row, group: str, version: Version) -> None:
    codes = row[f"{group}.code"]
    for (path, filled), text in version.filled.items():
        if path.startswith(f"{group}.") and row.get(path) is not None:
            row[path] = [
                text if code == filled else value for code, value in zip(codes, row[path], strict=True)
            ]


def _schema_with_codes(schema: pa.Schema) -> pa.Schema:
    """The columns of the file; those of the codes also where the source carries none."""
    for group in GROUP_OF.values():
        name = f"{group}.code"
        if name not in schema.names:
            schema = schema.append(record_schema().field(name))
    return schema


def first_to_read(file: CaseFile) -> int:
    """The document that sums the stay up, from 1; 0 where there is none, and the front page has to do."""
    kinds = file.row.get("documents.kind") or []
    summaries = load_settings().summary_documents
    return next((place for place, kind in enumerate(kinds, start=1) if kind in summaries), 0)


def document_texts(file: CaseFile) -> Sequence[str]:
    """The texts of the documents in the order of the record; empty where it carries none."""
    return [text or "" for text in file.row.get("documents.text") or []]
