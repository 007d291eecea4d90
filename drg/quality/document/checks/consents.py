"""Consents: there, signed, and before what they are about."""

from __future__ import annotations

from drg.quality.document.checks.registry import check
from drg.quality.document.found import Found, Outcome, cell, heading, in_note
from drg.quality.document.record import Document, WholeRecord
from drg.quality.document.rule import Settings


@check
def no_consent_before(record: WholeRecord, settings: Settings) -> Outcome:
    """An operation without a consent (``documents`` with one of ``words``) written before it began."""
    timed = [one for one in record.operations if one.begin is not None]
    if not record.carries("documents") or not timed:
        return None
    consents = _consents(record, settings)
    found = []
    for operation in timed:
        begin = operation.begin
        if any(note.written is None or (begin is not None and note.written <= begin) for note in consents):
            continue
        values = (cell(operation, "procedures", "date"), cell(operation, "procedures", "name"))
        late = consents[0] if consents else None
        more = () if late is None else (cell(late, "documents", "written"),)
        spans = () if late is None else (heading(late),)
        found.append(Found((*values, *more), spans, late.position if late else None))
    return tuple(found)


def _consents(record: WholeRecord, settings: Settings) -> list[Document]:
    about = settings.pattern("words")
    return [note for note in record.of_kind(*settings.words("documents")) if about.search(note.body)]


@check
def consent_unsigned(record: WholeRecord, settings: Settings) -> Outcome:
    """A consent in which nobody signed for the patient: none of the ``signatures`` patterns stands in it."""
    consents = record.of_kind(*settings.words("documents"))
    if not consents:
        return None
    signed = settings.pattern("signatures")
    return tuple(in_note(note) for note in consents if not signed.search(note.body))
