"""The operation note against the plan, the codes and the signatures."""

from __future__ import annotations

import re
from collections.abc import Iterable

from drg.quality.document.checks.registry import check
from drg.quality.document.found import Found, Outcome, Value, cell, in_note
from drg.quality.document.record import Document, WholeRecord
from drg.quality.document.rule import Settings

_SPLIT = re.compile(r"[、；;，,+＋]|\d+[.．、)]")
_IDLE = re.compile(r"[左右双]侧?|[\W_]|[术行]$")
_PEOPLE = re.compile(r"[、，,/\s]")
CATEGORY = 4
"""Characters of a code that two names of one thing share: the category of a diagnosis or of a procedure (``81.5``)."""
ALIKE = 0.5
"""Share of common pairs of characters from which two names count as the same thing (Dice)."""


def _terms(note: Document, place: tuple[int, int]) -> list[tuple[str, frozenset[str]]]:
    """The names in a place of a note, with the codes that the text reader knows for them."""
    start, end = place
    coded = [
        (one.text, frozenset(code[:CATEGORY] for code in one.codes))
        for one in note.reading.mentions
        if start <= one.start < end and one.codes
    ]
    return [
        (part, frozenset().union(*(codes for text, codes in coded if text in part)))
        for part in (piece.strip() for piece in _SPLIT.split(note.body[start:end]))
        if part
    ]


def _same(one: tuple[str, frozenset[str]], others: Iterable[tuple[str, frozenset[str]]]) -> bool:
    """Whether a name is among others: by code, as a part of one, or by common pairs of characters."""
    name, codes = _IDLE.sub("", one[0]), one[1]
    for text, known in others:
        other = _IDLE.sub("", text)
        if codes & known or name in other or other in name or _dice(name, other) >= ALIKE:
            return True
    return False


def _dice(one: str, other: str) -> float:
    pairs = [{text[place : place + 2] for place in range(len(text) - 1)} for text in (one, other)]
    sizes = len(pairs[0]) + len(pairs[1])
    return 2 * len(pairs[0] & pairs[1]) / sizes if sizes else 0.0


def _coded(record: WholeRecord, group: str) -> list[tuple[str, frozenset[str]]]:
    """The names of the diagnoses or procedures of the front page."""
    return [
        (row.text("name"), frozenset({row.text("code")[:CATEGORY]}))
        for row in record.rows(group)
        if row.text("name")
    ]


@check
def operation_note_missing(record: WholeRecord, settings: Settings) -> Outcome:
    """An operation among the procedures, but no note of ``documents``."""
    if not record.carries("documents") or not record.operations:
        return None
    if record.of_kind(*settings.words("documents")):
        return ()
    return tuple(
        Found((cell(one, "procedures", "code"), cell(one, "procedures", "name")), position=one.position)
        for one in record.operations
    )


@check
def planned_operation_differs(record: WholeRecord, settings: Settings) -> Outcome:
    """The operation that was planned (``planned`` labels in ``plans``) is not the one of the operation note."""
    done = _labelled(record, settings.words("documents"), settings.words("labels"))
    planned = _labelled(record, settings.words("plans"), settings.words("planned"))
    if not done or not planned:
        return None
    known = [term for note, place in done for term in _terms(note, place)]
    found = []
    for note, place in planned:
        if not any(_same(term, known) for term in _terms(note, place)):
            other, (start, end) = done[0]
            values = (Value("planned", note.body[slice(*place)]), Value("done", other.body[start:end]))
            found.append(in_note(note, place, values=values))
    return tuple(found)


def _labelled(
    record: WholeRecord, kinds: tuple[str, ...], labels: tuple[str, ...]
) -> list[tuple[Document, tuple[int, int]]]:
    """The values behind labels in the notes of some kinds."""
    places = [(note, note.reading.labelled(*labels)) for note in record.of_kind(*kinds)]
    return [(note, place) for note, place in places if place is not None]


@check
def named_differently_than_coded(record: WholeRecord, settings: Settings) -> Outcome:
    """None of the names behind ``labels`` in a note of ``documents`` is among those of the front page (``group``)."""
    known = _coded(record, settings.text("group"))
    notes = _labelled(record, settings.words("documents"), settings.words("labels"))
    if not known or not notes:
        return None
    coded = "、".join(name for name, _ in known)
    found = []
    for note, place in notes:
        if not any(_same(term, known) for term in _terms(note, place)):
            values = (Value("named", note.body[slice(*place)]), Value("coded", coded))
            found.append(in_note(note, place, values=values))
    return tuple(found)


def _same_person(some: set[str], others: set[str]) -> bool:
    """Whether a name is among others; a title may stand behind it."""
    pairs = ((one, other) for one in some for other in others)
    return any(one.startswith(other) or other.startswith(one) for one, other in pairs if one and other)


@check
def surgeon_differs(record: WholeRecord, settings: Settings) -> Outcome:
    """Who operated by the note (``labels``) is not who signed it (``signatures``), nor a surgeon of the front page."""
    surgeons = {one.text("surgeon").strip() for one in record.operations} - {""}
    found, looked = [], False
    for note, place in _labelled(record, settings.words("documents"), settings.words("labels")):
        named = set(_PEOPLE.split(note.body[slice(*place)]))
        signed = note.reading.labelled(*settings.words("signatures"))
        looked = looked or signed is not None or bool(surgeons)
        for other, places in (
            (note.body[slice(*signed)] if signed else "", (place, *([signed] if signed else []))),
            ("、".join(sorted(surgeons)), (place,)),
        ):
            if other and not _same_person(named, set(_PEOPLE.split(other))):
                values = (Value("named", note.body[slice(*place)]), Value("other", other))
                found.append(in_note(note, *places, values=values))
    return tuple(found) if looked else None
