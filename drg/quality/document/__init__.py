"""Checks of whole records: time limits, what the notes say and leave out, the grade of the record, the indicators.

    from drg.quality.document import DocumentChecker, whole_records
    checker = DocumentChecker()
    for record in whole_records(table):
        checker.check(record)

``docs/record-quality.md`` tells what is checked and how it is scored.
"""

from drg.quality.document.engine import CheckedRecord, DocumentChecker
from drg.quality.document.record import WholeRecord, whole_records

__all__ = ["CheckedRecord", "DocumentChecker", "WholeRecord", "whole_records"]
