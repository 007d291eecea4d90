"""Developer's tool: makes the data files of this package from the reference tables.

    python -m drg.codes.build ../shared/reference/codes

Source: NHSA code catalogues, edition 2.0, and the maps from the clinical editions (ICD-10 2.0,
ICD-9-CM-3 3.0).
Deterministic: the same tables, ``polyphones.tsv`` and library versions give the same files.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from drg.codes.catalogue import DATA, SYSTEMS, System
from drg.codes.pinyin import Polyphones

CATALOGUE_FILES: dict[System, str] = {"icd10": "icd10_nhsa_2.tsv", "icd9cm3": "icd9cm3_nhsa_2.tsv"}
CROSSWALK_FILES: dict[System, str] = {
    "icd10": "icd10_clinical_2_to_nhsa_2.tsv",
    "icd9cm3": "icd9cm3_clinical_3_to_nhsa_2.tsv",
}
CATALOGUE_SCHEMA = pa.schema(
    [
        ("code", pa.string()),
        ("name", pa.string()),
        ("gray", pa.bool_()),
        ("operation_type", pa.string()),
        ("initials", pa.list_(pa.string())),
    ]
)
CROSSWALK_SCHEMA = pa.schema(
    [("clinical_code", pa.string()), ("clinical_name", pa.string()), ("nhsa_code", pa.string())]
)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a reference table: UTF-8, tab-separated, a header, no quoting."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def catalogue_table(rows: list[dict[str, str]], polyphones: Polyphones) -> pa.Table:
    """One row a code in plain string order, in ``CATALOGUE_SCHEMA``."""
    entries = [
        {
            "code": row["code"],
            "name": row["name"],
            "gray": {"0": False, "1": True}[row["gray"]],
            "operation_type": row.get("type") or None,
            "initials": polyphones.initials(row["name"]),
        }
        for row in sorted(rows, key=lambda row: row["code"])
    ]
    return pa.Table.from_pylist(entries, schema=CATALOGUE_SCHEMA)


def crosswalk_table(rows: list[dict[str, str]]) -> pa.Table:
    """One row a clinical code in plain string order, in ``CROSSWALK_SCHEMA``."""
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["clinical_code"]), schema=CROSSWALK_SCHEMA)


def build(source: Path, target: Path = DATA) -> None:
    """Writes the two catalogues and the two maps into ``target`` as Parquet (zstd)."""
    polyphones = Polyphones.load(DATA / "polyphones.tsv")
    for system in SYSTEMS:
        catalogue = catalogue_table(read_rows(source / CATALOGUE_FILES[system]), polyphones)
        crosswalk = crosswalk_table(read_rows(source / CROSSWALK_FILES[system]))
        write(catalogue, target / f"{system}.parquet")
        write(crosswalk, target / f"{system}_clinical.parquet")


def write(table: pa.Table, path: Path) -> None:
    """One row group, no dictionary for unique strings: small, and quick to read whole."""
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        row_group_size=len(table),
        use_dictionary=["operation_type"],
        write_statistics=False,
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]))
