"""A FHIR file as a source of claim records."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from claims.fhir.claim import Fields, converted
from claims.fhir.resources import FhirFile, Unusable
from drg.quality.layout import Field
from drg.quality.record import OBJECT_ROWS, Part, Records, Rows
from drg.quality.record_objects import WHOLE_RECORD, ObjectReader
from drg.records.findings import REJECTION_SCHEMA
from drg.records.source import uncut_rows

DIALECT = "fhir"
EDITION = "nhsa"


def open_fhir(path: Path, batch_rows: int, known: Mapping[str, Field]) -> Records:
    """The claims of a FHIR file as ``drg.quality.record.Records``. Raises ``InputError``."""
    return Records(path, FhirRows(path, known), min(batch_rows, OBJECT_ROWS))


class FhirRows(Rows):
    """The claims of a file; a row is a claim, numbered from 1."""

    def __init__(self, path: Path, known: Mapping[str, Field]):
        self._file = FhirFile(path)
        self.known = known
        self.file_type, self.encoding, self.dialect, self.edition = "json", "utf-8", DIALECT, EDITION
        self.columns, self.ignored_columns = (), ()
        self._reader = ObjectReader(WHOLE_RECORD, None, known)

    def parts(self, wanted: set[str], batch_rows: int) -> Iterator[Part]:
        """See ``drg.quality.record.Rows``."""
        numbered = enumerate(self._file.claims(), start=1)
        while group := list(itertools.islice(numbered, batch_rows)):
            good: list[tuple[int, Fields]] = []
            rejections = [REJECTION_SCHEMA.empty_table()]
            for row, found in group:
                read = found if isinstance(found, Unusable) else converted(found)
                if isinstance(read, Unusable):
                    rejections.append(uncut_rows(read.message, [(row, read.told)]))
                else:
                    good.append((row, read))
            yield self._reader.part(good, wanted, pa.concat_tables(rejections))
