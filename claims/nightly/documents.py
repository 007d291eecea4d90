"""The checks of whole records in a partition: time limits, what the notes say and leave out, the grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from drg.quality.appeals import Appeal, Appeals
from drg.quality.dictionary import Edition

NOTES = "documents.text"
"""The column of the record table that only whole records have."""
GRADES = pa.schema(
    [
        ("case_id", pa.string()),
        ("document_score", pa.float64()),
        ("document_grade", pa.string()),
        ("document_findings", pa.int64()),
    ]
)
"""``document_score``: of the notes, 0 to 100; ``document_findings``: open ones, without those that an
appeal silenced."""


@dataclass(frozen=True)
class Documents:
    """``findings``: as ``drg.quality.document.found``; ``grades``: of the records with notes, in ``GRADES``."""

    findings: pa.Table
    grades: pa.Table

    def beside(self, scores: pa.Table) -> pa.Table:
        """The scores with the columns of ``grades``, null for a record without notes."""
        place = pc.index_in(
            scores.column("case_id").combine_chunks(),
            value_set=self.grades.column("case_id").combine_chunks(),
        )
        for name in GRADES.names[1:]:
            scores = scores.append_column(name, self.grades.column(name).combine_chunks().take(place))
        return scores


def check_documents(records: pa.Table, edition: Edition, appeals: Sequence[Appeal]) -> Documents:
    """Check the records of a table that have notes, one by one: copies are found among these records."""
    from drg.quality.document.engine import DocumentChecker
    from drg.quality.document.found import finding_table
    from drg.quality.document.record import whole_records

    checker = DocumentChecker(Appeals(tuple(appeals)))
    has_notes = pc.greater(pc.fill_null(pc.list_value_length(records.column(NOTES)), 0), 0)
    checked = [checker.check(one) for one in whole_records(records.filter(has_notes), edition)]
    rows = [row for one in checked for row in one.findings()]
    grades = [
        (one.record.case_id, one.grade.score, one.grade.title.en, sum(len(hit.found) for hit in one.hits))
        for one in checked
    ]
    columns = list(zip(*grades, strict=True)) or [()] * len(GRADES)
    return Documents(finding_table(rows), pa.table([pa.array(one) for one in columns], GRADES))
