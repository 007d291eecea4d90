"""From the clinical editions (ICD-10 2.0, ICD-9-CM-3 3.0) to the NHSA edition 2.0, never silently.

Data: ``data/icd10_clinical.parquet`` (35,587 codes) and ``data/icd9cm3_clinical.parquet`` (13,653 codes),
made by :mod:`drg.codes.build` from the published maps.

A converted code has one of four outcomes:

``identity``
    The map leads to the same code: the text stays as it was read.
``mapped``
    The map leads to another code, and the NHSA edition has no code spelled like the clinical one.
``meaning_differs``
    The map leads to another code although the NHSA edition has a code spelled like the clinical one: read
    without conversion it would mean something else. 249 diagnoses (130 of them under another name, 119 under
    the same name, which the NHSA edition narrows) and 4 procedures.
``unmapped``
    The clinical edition has no such code: the text stays as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

import pyarrow as pa
import pyarrow.compute as pc

from drg.codes.catalogue import SYSTEMS, System, dagger_aliases, load_catalogue, read_columns, resolve_code

Outcome = Literal["identity", "mapped", "meaning_differs", "unmapped"]

CASE_COLUMNS: Mapping[System, str] = {"icd10": "dx", "icd9cm3": "proc"}
"""The column of a case table that holds the codes of a system."""

REPORT_SCHEMA = pa.schema(
    [
        ("system", pa.string()),
        ("clinical_code", pa.string()),
        ("clinical_name", pa.string()),
        ("nhsa_code", pa.string()),
        ("nhsa_name", pa.string()),
        ("outcome", pa.string()),
        ("count", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Conversion:
    """Converted codes, one value an input value, null where the input is null.

    ``codes``: NHSA codes, or the input text where the outcome is ``identity`` or ``unmapped``;
    ``outcomes``: an :data:`Outcome` each; ``clinical_codes``: the clinical edition's spelling of the input
    code, the input text where ``unmapped``. All are string arrays.
    """

    codes: pa.Array
    outcomes: pa.Array
    clinical_codes: pa.Array


@dataclass(frozen=True)
class Crosswalk:
    """The map of one system: clinical code -> NHSA code, and the clinical names."""

    system: System
    nhsa_codes: Mapping[str, str]
    clinical_names: Mapping[str, str]
    aliases: Mapping[str, str]

    def entry(self, text: str) -> tuple[str, Outcome, str]:
        """Converted code, outcome and clinical code of one text."""
        clinical_code = resolve_code(text, self.system, self.nhsa_codes, self.aliases).code
        if clinical_code is None:
            return text, "unmapped", text
        nhsa_code = self.nhsa_codes[clinical_code]
        if nhsa_code == clinical_code:
            return text, "identity", clinical_code
        if clinical_code in load_catalogue(self.system):
            return nhsa_code, "meaning_differs", clinical_code
        return nhsa_code, "mapped", clinical_code


@cache
def load_crosswalk(system: System) -> Crosswalk:
    """The map of a system, read once a process."""
    table = read_columns(f"{system}_clinical.parquet", ["clinical_code", "clinical_name", "nhsa_code"])
    clinical, names, nhsa = (cast(list[str], column.to_pylist()) for column in table.columns)
    nhsa_codes = dict(zip(clinical, nhsa, strict=True))
    return Crosswalk(
        system, nhsa_codes, dict(zip(clinical, names, strict=True)), dagger_aliases(clinical, nhsa_codes)
    )


def convert(codes: pa.Array | pa.ChunkedArray, system: System) -> Conversion:
    """Clinical codes (strings, as read) as NHSA codes. Every distinct text is looked up once."""
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.combine_chunks()
    encoded = codes.dictionary_encode()
    crosswalk = load_crosswalk(system)
    entries = [crosswalk.entry(text) for text in encoded.dictionary.to_pylist()]
    columns = zip(*entries, strict=True) if entries else ((), (), ())
    return Conversion(*(pa.array(column, pa.string()).take(encoded.indices) for column in columns))


def convert_cases(cases: pa.Table) -> tuple[pa.Table, pa.Table]:
    """A case table (``CASE_SCHEMA``) with NHSA codes, and the report of what was converted.

    The report (``REPORT_SCHEMA``) has one row a distinct code that was mapped, whose meaning differs or that
    is unmapped, with the number of its uses, and one ``identity`` row a system that only counts (codes and
    names null). ``nhsa_code`` is null where unmapped, ``nhsa_name`` also where the map leads to a code that
    the catalogue does not have. Rows are ordered by system, outcome and clinical code, ``identity`` first.
    """
    reports = []
    for system in SYSTEMS:
        column = CASE_COLUMNS[system]
        lists = cases.column(column).combine_chunks()
        conversion = convert(_values(lists), system)
        cases = cases.set_column(
            cases.schema.get_field_index(column),
            cases.schema.field(column),
            _with_values(lists, conversion.codes),
        )
        reports.append(_report(conversion, system))
    return cases, pa.concat_tables(reports)


def _values(lists: pa.ListArray) -> pa.Array:
    """The values that ``lists`` spans, also those a null list hides, so that the offsets stay true."""
    start, end = lists.offsets[0].as_py(), lists.offsets[-1].as_py()
    return lists.values.slice(start, end - start)


def _with_values(lists: pa.ListArray, values: pa.Array) -> pa.ListArray:
    """The same lists over other values, one for each of :func:`_values`."""
    offsets = pc.subtract(lists.offsets, lists.offsets[0])
    return pa.ListArray.from_arrays(offsets, values, type=lists.type, mask=lists.is_null())


def _report(conversion: Conversion, system: System) -> pa.Table:
    table = pa.table(
        {
            "clinical_code": conversion.clinical_codes,
            "nhsa_code": conversion.codes,
            "outcome": conversion.outcomes,
        }
    ).filter(pc.is_valid(conversion.outcomes))
    is_identity = pc.equal(table["outcome"], "identity")
    identities = pc.sum(is_identity, min_count=0).as_py()
    changes = table.filter(pc.invert(is_identity))
    counted = changes.group_by(["outcome", "clinical_code", "nhsa_code"]).aggregate([([], "count_all")])
    crosswalk, catalogue = load_crosswalk(system), load_catalogue(system)
    rows = [
        {
            "system": system,
            "clinical_code": row["clinical_code"],
            "clinical_name": crosswalk.clinical_names.get(row["clinical_code"]),
            "nhsa_code": None if row["outcome"] == "unmapped" else row["nhsa_code"],
            "nhsa_name": None if row["outcome"] == "unmapped" else catalogue.name(row["nhsa_code"]),
            "outcome": row["outcome"],
            "count": row["count_all"],
        }
        for row in counted.to_pylist()
    ]
    summary = {"system": system, "outcome": "identity", "count": identities}
    ordered = sorted(rows, key=lambda row: (row["outcome"], row["clinical_code"]))
    return pa.Table.from_pylist([summary, *ordered], schema=REPORT_SCHEMA)
