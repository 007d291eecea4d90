"""What is stored because it takes seconds to derive: the NHSA names as compared, the clinical names, their words.

The files are made by ``python -m drg.coding.build names``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from drg.codes.catalogue import System
from drg.coding.suggestion.normal import DATA

NAMES_SCHEMA = pa.schema([("term", pa.string()), ("words", pa.list_(pa.string()))])
"""One row a row of the catalogue: the name as compared, and its words."""
CLINICAL_SCHEMA = pa.schema([("term", pa.string()), ("row", pa.int32()), ("words", pa.list_(pa.string()))])
"""One row a clinical name that the catalogue writes otherwise: as compared, its row of the catalogue, its words."""


@dataclass(frozen=True)
class Names:
    """Terms with their words, one a row of a catalogue."""

    terms: list[str]
    words: list[list[str]]


def names_path(system: System) -> Path:
    """The names of an NHSA catalogue, in ``NAMES_SCHEMA``."""
    return DATA / "names" / f"{system}.parquet"


def clinical_path(system: System) -> Path:
    """The clinical names of an NHSA catalogue, in ``CLINICAL_SCHEMA``."""
    return DATA / "clinical" / f"{system}.parquet"


def names_of(table: pa.Table) -> Names:
    """The names of a table in ``NAMES_SCHEMA`` or ``CLINICAL_SCHEMA``."""
    return Names(table.column("term").to_pylist(), _lists(table.column("words")))


def _lists(column: pa.ChunkedArray) -> list[list[str]]:
    """A column of lists as Python lists, each word made once: ten times faster than value by value."""
    lists = column.combine_chunks()
    encoded = lists.flatten().dictionary_encode()
    words = encoded.dictionary.to_pylist()
    flat = [words[number] for number in encoded.indices.to_pylist()]
    ends = lists.value_lengths().to_numpy().cumsum().tolist()
    return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def names_table(terms: Sequence[str], words: Sequence[Sequence[str]]) -> pa.Table:
    """Terms with their words in ``NAMES_SCHEMA``."""
    return pa.table([list(terms), [list(of_term) for of_term in words]], schema=NAMES_SCHEMA)


def read_names(system: System) -> Names:
    """The names that ship for an NHSA catalogue."""
    return names_of(_read(names_path(system)))


def read_clinical(system: System) -> tuple[Names, list[int]]:
    """The clinical names that ship for an NHSA catalogue, and the row of each."""
    table = _read(clinical_path(system))
    return names_of(table), table.column("row").to_pylist()


def _read(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as parquet:
        return parquet.read(use_threads=False)


def write(path: Path, table: pa.Table) -> None:
    """Write a table of this module, small and the same each time."""
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path, compression="zstd", compression_level=19, write_statistics=False)
