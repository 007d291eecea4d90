"""Whole records of a file or folder, checked one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from drg.errors import input_error
from drg.quality.dictionary import CLINICAL, NHSA, Edition
from drg.quality.document.engine import CheckedRecord, DocumentChecker
from drg.quality.document.record import whole_records
from drg.quality.record import open_records
from drg.quality.record_objects import WHOLE_RECORD


def carries_documents(path: Path, profile: str | None = None) -> bool:
    """Whether a source may have notes: a folder of cases, or JSON of whole records. Raises ``InputError``."""
    return open_records(path, profile).dialect == WHOLE_RECORD


def check_documents(
    path: Path,
    checker: DocumentChecker,
    profile: str | None = None,
    edition: Edition | None = None,
) -> Iterator[CheckedRecord]:
    """Every record of a source checked, in the order of the file. Raises ``InputError`` where it has no notes."""
    source = open_records(path, profile)
    if source.dialect != WHOLE_RECORD:
        raise input_error("document.not_whole_records", str(path))
    codes = edition or (CLINICAL if source.edition == "clinical" else NHSA)
    for batch in source.batches():
        for record in whole_records(batch.records, codes):
            yield checker.check(record)
