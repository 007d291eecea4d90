"""What a check finds in a record, and findings as a table: those of ``drg.quality.finding`` with quoted spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from drg.quality.document.reading import Span
from drg.quality.document.record import Document, Row, WholeRecord
from drg.quality.document.rule import DocumentRule
from drg.quality.finding import FINDING_SCHEMA, OPEN, SILENCED, FindingText, render, texts_of

if TYPE_CHECKING:
    from drg.quality.rule import Rule

DOCUMENT_TEXT = "documents.text"
MAX_QUOTE = 160
"""Characters of a note that a finding quotes; the offsets tell where the rest is."""

SPAN_TYPE = pa.list_(
    pa.struct(
        [
            ("case_id", pa.string()),
            ("position", pa.int32()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("text", pa.string()),
        ]
    )
)
DOCUMENT_FINDING_SCHEMA = FINDING_SCHEMA.append(pa.field("spans", SPAN_TYPE))
"""``FINDING_SCHEMA`` with ``spans``: the places in the notes, by position of the document from 1 and offsets in its
text; ``case_id`` is null unless the note belongs to another record."""


@dataclass(frozen=True)
class Value:
    """A value that the check saw: a field of the record (with its row), or a number that it computed."""

    field: str
    text: str
    position: int | None = None


@dataclass(frozen=True)
class Found:
    """One finding in a record: which question of the rule, what was seen, the places in the notes."""

    values: tuple[Value, ...] = ()
    spans: tuple[Span, ...] = ()
    position: int | None = None
    check: int = 0


Outcome = tuple[Found, ...] | None
"""What a check finds: nothing is a pass, ``None`` is not applicable."""


def span(note: Document, start: int, end: int) -> Span:
    """A place in a note."""
    return Span(note.position, start, end, note.body[start : min(end, start + MAX_QUOTE)])


def heading(note: Document) -> Span:
    """The beginning of a note, for findings about the note as a whole."""
    end = note.body.find("\n", note.body.find("\n") + 1)
    return span(note, 0, min(end if end > 0 else len(note.body), MAX_QUOTE))


def cell(row: Row, group: str, name: str) -> Value:
    """A field of a row as a value that was seen."""
    return Value(f"{group}.{name}", row.text(name), row.position)


def scalar(record: WholeRecord, name: str) -> Value:
    """A field of the record as a value that was seen."""
    return Value(name, record.text(name))


def in_note(note: Document, *places: tuple[int, int], values: Iterable[Value] = ()) -> Found:
    """A finding about a note: its places, or its beginning."""
    spans = tuple(span(note, start, end) for start, end in places) or (heading(note),)
    return Found((*values, cell(note, "documents", "kind")), spans, note.position)


def finding_row(record: WholeRecord, rule: DocumentRule, found: Found, silenced: bool) -> dict[str, Any]:
    """A finding as a row of ``DOCUMENT_FINDING_SCHEMA``."""
    quotes = [
        {"field": DOCUMENT_TEXT, "position": one.position, "value": one.text}
        for one in found.spans
        if not one.case_id
    ]
    seen = [{"field": one.field, "position": one.position, "value": one.text} for one in found.values]
    return {
        "rule": rule.id,
        "version": rule.version,
        "severity": rule.severity,
        "case_id": record.case_id,
        "row": record.row,
        "check": found.check,
        "field": rule.checks[found.check].field,
        "position": found.position,
        "value": next((one.text for one in found.values if one.position is not None), None),
        "evidence": seen + quotes,
        "status": SILENCED if silenced else OPEN,
        "spans": [
            {
                "case_id": one.case_id or None,
                "position": one.position,
                "start": one.start,
                "end": one.end,
                "text": one.text,
            }
            for one in found.spans
        ],
    }


def finding_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of :func:`finding_row` as a table in ``DOCUMENT_FINDING_SCHEMA``."""
    return pa.Table.from_pylist(list(rows), schema=DOCUMENT_FINDING_SCHEMA)


def in_words(row: Mapping[str, Any], rule: DocumentRule, lang: str) -> FindingText:
    """A finding in words."""
    return render(row, cast("Rule", rule), lang)


def texts_table(findings: pa.Table, rules: Mapping[str, DocumentRule], lang: str) -> pa.Table:
    """The findings with columns in words, as ``drg.quality.finding.texts_of``; the spans as one text."""
    words = texts_of(findings.drop_columns(["spans"]), cast("Mapping[str, Rule]", rules), lang)
    spans = [spans_text(row) for row in findings.column("spans").to_pylist()]
    return words.append_column("spans", pa.array(spans, pa.string()))


def spans_text(spans: Sequence[Mapping[str, Any]] | None) -> str:
    """Places in notes as one line: ``documents[3] 12-40 "…"``, with the case where it is another."""
    return "; ".join(
        f"{one['case_id'] + ' ' if one['case_id'] else ''}documents[{one['position']}]"
        f' {one["start"]}-{one["end"]} "{" ".join(one["text"].split())}"'
        for one in spans or ()
    )
