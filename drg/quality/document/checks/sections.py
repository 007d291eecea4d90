"""What a note must contain: sections, elements, signatures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drg.quality.document.checks.registry import check
from drg.quality.document.codes import members
from drg.quality.document.found import Found, Outcome, Value, in_note
from drg.quality.document.record import Document, WholeRecord
from drg.quality.document.rule import Settings

_SIGNED = re.compile(r"签(?:名|字)[ \t]*[:：][ \t]*[^\s。；;，,]|签名齐全")
_MARKS = re.compile(r"\W")


def _section(note: Document, names: tuple[str, ...]) -> tuple[int, int] | None:
    """The first section with text in it."""
    return next((place for place in note.reading.sections(*names) if place[0] < place[1]), None)


@check
def section_missing(record: WholeRecord, settings: Settings) -> Outcome:
    """``sections``: label -> section names, one of which ``documents`` must have; from ``min_age`` years on."""
    notes = record.of_kind(*settings.words("documents"))
    if not notes or (record.age if record.age is not None else -1) < settings.number("min_age"):
        return None
    wanted = settings.lists("sections")
    found = []
    for note in notes:
        missing = [label for label, names in wanted.items() if _section(note, names) is None]
        if missing:
            found.append(in_note(note, values=(Value("missing", "、".join(missing)),)))
    return tuple(found)


@check
def section_length(record: WholeRecord, settings: Settings) -> Outcome:
    """A section of ``least`` to ``most`` characters, marks not counted; a missing one is another check's business."""
    places = list(_sections(record, settings))
    if not places:
        return None
    least, most = settings.number("least"), settings.number("most")
    found = []
    for note, (start, end) in places:
        length = len(_MARKS.sub("", note.body[start:end]))
        if not least <= length <= most:
            found.append(in_note(note, (start, end), values=(Value("length", str(length)),)))
    return tuple(found)


def _sections(record: WholeRecord, settings: Settings) -> Iterator[tuple[Document, tuple[int, int]]]:
    """The place of the section ``section`` in each of ``documents`` that has it; the whole note without a name."""
    name = settings.text("section")
    for note in record.of_kind(*settings.words("documents")):
        place = _section(note, (name,)) if name else (0, len(note.body))
        if place is not None:
            yield note, place


@check
def elements_missing(record: WholeRecord, settings: Settings) -> Outcome:
    """``elements``: label -> patterns, one of which must stand in the ``section``; from ``min_age`` years on."""
    places = list(_sections(record, settings))
    if not places or (record.age if record.age is not None else -1) < settings.number("min_age"):
        return None
    return tuple(_lacking(places, settings))


def _lacking(places: list[tuple[Document, tuple[int, int]]], settings: Settings) -> Iterator[Found]:
    elements = settings.patterns("elements")
    for note, (start, end) in places:
        missing = [label for label, pattern in elements.items() if not pattern.search(note.body, start, end)]
        if missing:
            yield in_note(note, (start, end), values=(Value("missing", "、".join(missing)),))


@check
def diagnosis_as_complaint(record: WholeRecord, settings: Settings) -> Outcome:
    """A complaint that names a disease; codes in ``symptoms`` and the patterns of ``allowed`` are none."""
    places = list(_sections(record, settings))
    if not places:
        return None
    allowed = settings.pattern("allowed")
    found = []
    for note, (start, end) in places:
        if allowed.search(note.body, start, end):
            continue
        for mention in note.reading.mentions:
            symptom = len(members(mention.codes, settings.text("symptoms"))) == len(set(mention.codes))
            if mention.kind == "diagnosis" and start <= mention.start < end and not symptom:
                values = (Value("term", mention.text),)
                found.append(in_note(note, (mention.start, mention.end), values=values))
    return tuple(found)


@check
def unsigned(record: WholeRecord, settings: Settings) -> Outcome:
    """Notes of ``documents`` without a signature in the text and without a time of signing."""
    notes = record.of_kind(*settings.words("documents"))
    signed = [bool(note.text("signed")) or _SIGNED.search(note.body) is not None for note in notes]
    if not any(signed):
        return None
    return tuple(in_note(note) for note, done in zip(notes, signed, strict=True) if not done)


@check
def tcm_without_reasoning(record: WholeRecord, settings: Settings) -> Outcome:
    """Chinese medicine given (a fee in ``fees``, an order in ``orders``), but no note tells its ``elements``."""
    notes = record.of_kind(*settings.words("documents"))
    ordered = settings.pattern("orders")
    given = any(ordered.search(row.text("name")) for row in record.rows("orders"))
    paid = any((record.text(name) or "0").strip("0.") for name in settings.words("fees"))
    if not notes or not (given or paid):
        return None
    text = "\n".join(note.body for note in notes)
    missing = [label for label, pattern in settings.patterns("elements").items() if not pattern.search(text)]
    return (in_note(notes[0], values=(Value("missing", "、".join(missing)),)),) if missing else ()
