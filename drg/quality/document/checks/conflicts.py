"""Contradictions within a record: sides, sex, age, marriage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drg.quality.document.checks.registry import check
from drg.quality.document.found import Found, Outcome, Value, cell, in_note, scalar, span
from drg.quality.document.reading import Span
from drg.quality.document.record import Document, WholeRecord
from drg.quality.document.rule import Settings
from drg.quality.document.words import any_of

LEFT, RIGHT, BOTH = "左", "右", "双"
_CLAUSE_ENDS = re.compile(r"[。；;，,\n：:]")
_SENTENCE_ENDS = re.compile(r"[。；;\n]")
MAX_CLAUSE = 30
"""Characters before a word in which its clause is looked at."""
_DENIED = re.compile(r"未见|未及|无(?!明显诱因|诱因)|否认|排除|非|对侧|健侧|卧位$")


@dataclass(frozen=True)
class _Told:
    """A side that a text names for a part of the body."""

    part: str
    side: str
    text: str
    span: Span | None
    value: Value | None = None


def _clause_before(text: str, place: int, ends: re.Pattern[str] = _CLAUSE_ENDS) -> str:
    """What stands before a place in its clause, or in its sentence by other ``ends``."""
    return ends.split(text[max(0, place - MAX_CLAUSE) : place])[-1]


def _sides(text: str, parts: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str, int, int]]:
    """Part of the body, side, start and end, where a text names a side of a part and does not deny it."""
    for part, names in parts.items():
        named = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        for found in re.finditer(
            rf"(左|右|双)(?:侧)?(?:人工|全|外|内|前|后|近端|远端|单侧)?(?:{named})", text
        ):
            if not _DENIED.search(_clause_before(text, found.start())):
                yield part, found[1], found.start(), found.end()


def _of_notes(
    record: WholeRecord, kinds: tuple[str, ...], skipped: tuple[str, ...], parts: dict[str, tuple[str, ...]]
) -> list[_Told]:
    told = []
    for note in record.of_kind(*kinds):
        hits = list(_sides(note.body, parts))
        places = note.reading.sections(*skipped) if hits and skipped else ()
        told += [
            _Told(part, side, note.body[start:end], span(note, start, end))
            for part, side, start, end in hits
            if not any(first <= start < last for first, last in places)
        ]
    return told


def _of_names(record: WholeRecord, group: str, parts: dict[str, tuple[str, ...]]) -> list[_Told]:
    return [
        _Told(part, side, row.text("name")[start:end], None, cell(row, group, "name"))
        for row in record.rows(group)
        for part, side, start, end in _sides(row.text("name"), parts)
    ]


def _against(told: Iterable[_Told], others: Iterable[_Told]) -> Iterator[tuple[_Told, _Told]]:
    """What names a side of a part of which the others name only the opposite one, with one of those others."""
    known: dict[str, list[_Told]] = {}
    for one in others:
        known.setdefault(one.part, []).append(one)
    for one in told:
        beside = known.get(one.part, [])
        if beside and one.side != BOTH and {other.side for other in beside} == {_opposite(one.side)}:
            yield one, beside[0]


def _opposite(side: str) -> str:
    return RIGHT if side == LEFT else LEFT


def _conflict(one: _Told, other: _Told) -> Found:
    spans = tuple(found.span for found in (one, other) if found.span is not None)
    values = tuple(found.value for found in (one, other) if found.value is not None)
    named = (Value("one", one.text), Value("other", other.text))
    return Found((*named, *values), spans, one.span.position if one.span else None)


@check
def side_of_operation_differs(record: WholeRecord, settings: Settings) -> Outcome:
    """The documents of the operation (``operation``) name the other side than complaint, findings and imaging
    (``reference``), the diagnoses or the procedures of the front page; ``parts``: part of the body -> its names."""
    parts = settings.lists("parts")
    operation = _of_notes(record, settings.words("operation"), (), parts)
    reference = _of_notes(record, settings.words("reference"), settings.words("skipped_sections"), parts)
    coded = [*_of_names(record, "diagnoses", parts), *_of_names(record, "procedures", parts)]
    if not operation or not (reference or coded):
        return None
    return tuple(_first_of_each(_against(operation, [*reference, *coded])))


@check
def side_of_findings_differs(record: WholeRecord, settings: Settings) -> Outcome:
    """A coded diagnosis names the other side than the notes (``reference``)."""
    parts = settings.lists("parts")
    reference = _of_notes(record, settings.words("reference"), settings.words("skipped_sections"), parts)
    coded = _of_names(record, "diagnoses", parts)
    if not reference or not coded:
        return None
    return tuple(_first_of_each(_against(coded, reference)))


def _first_of_each(conflicts: Iterable[tuple[_Told, _Told]]) -> Iterator[Found]:
    """One finding a part of the body and note."""
    told = set()
    for one, other in conflicts:
        key = one.part, one.span.position if one.span else 0
        if key not in told:
            told.add(key)
            yield _conflict(one, other)


@check
def words_of_the_other_sex(record: WholeRecord, settings: Settings) -> Outcome:
    """``words``: sex -> words that cannot be said of a patient of it; denied ones and those about somebody else
    (``others``) or in ``skipped_sections`` do not count. From ``min_age`` years on, because newborns have mothers."""
    sex = record.text("sex")
    listed = settings.lists("words").get(sex)
    if listed is None or not record.documents or (record.age or 0) < settings.number("min_age"):
        return None
    words, others = any_of(listed), settings.pattern("others")
    found = []
    for note in record.documents:
        hits = [hit for hit in words.finditer(note.body) if not _about_others(note, hit.start(), others)]
        if not hits:
            continue
        skipped = note.reading.sections(*settings.words("skipped_sections"))
        hits = [
            hit
            for hit in hits
            if not any(start <= hit.start() < end for start, end in skipped)
            and not note.reading.negated(*hit.span())
        ]
        if hits:
            values = (scalar(record, "sex"), Value("word", hits[0][0]))
            found.append(in_note(note, *(hit.span() for hit in hits), values=values))
    return tuple(found)


def _about_others(note: Document, place: int, others: re.Pattern[str]) -> bool:
    """Whether a word is denied in its clause or speaks of somebody else."""
    clause = _clause_before(note.body, place)
    return _DENIED.search(clause) is not None or others.search(clause) is not None


@check
def stated_differently(record: WholeRecord, settings: Settings) -> Outcome:
    """What a note states (``pattern`` with the groups of ``states``: pattern of the text -> values of ``field``) is
    not what the record has."""
    known = record.text(settings.text("field"))
    states = settings.lists("states")
    pattern, others = settings.pattern("pattern"), settings.pattern("others")
    told = [
        (note, found)
        for note in record.of_kind(*settings.words("documents"))
        for found in pattern.finditer(note.body)
        if not others.search(_clause_before(note.body, found.start(), _SENTENCE_ENDS))
    ]
    if not told or not any(known in allowed for allowed in states.values()):
        return None
    return tuple(
        in_note(note, found.span(), values=(scalar(record, settings.text("field")), Value("told", found[0])))
        for note, found in told
        if known not in states[found[1]]
    )


@check
def age_differs(record: WholeRecord, settings: Settings) -> Outcome:
    """The age that a note states (``pattern`` with one group) differs from the record's by more than ``years``."""
    pattern = settings.pattern("pattern")
    told = [
        (note, found)
        for note in record.of_kind(*settings.words("documents"))
        if (found := pattern.search(note.body))
    ]
    if record.age is None or not told:
        return None
    return tuple(
        in_note(note, found.span(1), values=(scalar(record, "age"), Value("told", found[1])))
        for note, found in told
        if abs(float(found[1]) - record.age) > settings.number("years")
    )
