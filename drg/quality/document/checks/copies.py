"""Copied text and values that repeat: a suspicion with both places, because templates legitimately repeat."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise

import numpy as np

from drg.quality.document.checks.registry import across, check
from drg.quality.document.copying import Compared, Filed, NoteIndex, longest_shared
from drg.quality.document.found import MAX_QUOTE, Found, Outcome, Value, cell, in_note, span
from drg.quality.document.reading import Span
from drg.quality.document.record import Document, WholeRecord
from drg.quality.document.rule import Settings


def _comparable(record: WholeRecord, settings: Settings, name: str) -> list[tuple[Document, Compared]]:
    """The notes of the kinds in a setting that are at least ``min_length`` characters long without what is removed."""
    notes = [(note, note.comparable) for note in record.of_kind(*settings.words(name))]
    return [(note, text) for note, text in notes if len(text.text) >= settings.number("min_length")]


def _suspicion(one: tuple[Document, Compared], other: tuple[Document, Compared], similarity: float) -> Found:
    here, there = longest_shared(one[1], other[1])
    spans = (span(one[0], *here), span(other[0], *there))
    return Found((Value("similarity", f"{similarity:.2f}"),), spans, one[0].position)


@check
def copied_note(record: WholeRecord, settings: Settings) -> Outcome:
    """Two consecutive notes of ``documents`` with a similarity of ``threshold`` or more."""
    notes = _comparable(record, settings, "documents")
    if len(notes) < 2:
        return None
    return tuple(
        _suspicion(later, earlier, similarity)
        for earlier, later in pairwise(notes)
        if (similarity := later[1].similarity(earlier[1])) >= settings.number("threshold")
    )


@check
def round_repeats_first_note(record: WholeRecord, settings: Settings) -> Outcome:
    """A round of ``documents`` whose shingles stand for a share of ``threshold`` or more in the first note."""
    rounds, firsts = _comparable(record, settings, "documents"), _comparable(record, settings, "first")
    if not rounds or not firsts:
        return None
    found = []
    for note in rounds:
        shared = len(np.intersect1d(note[1].shingles, firsts[0][1].shingles, assume_unique=True))
        share = shared / len(note[1].shingles)
        if share >= settings.number("threshold"):
            found.append(_suspicion(note, firsts[0], share))
    return tuple(found)


@across
def copied_from_other_patient(record: WholeRecord, settings: Settings, seen: NoteIndex) -> Outcome:
    """A note of ``documents`` like one that the same author wrote about another patient before it in the file."""
    notes = [one for one in _comparable(record, settings, "documents") if one[0].author]
    if not notes:
        return None
    person = record.text("medical_record_number") or record.case_id
    found = []
    for note, text in notes:
        filed = Filed(record.case_id, person, note.position, note.body)
        nearest = seen.nearest(note.author, filed, text)
        if nearest is None or nearest[2] < settings.number("threshold"):
            continue
        other, other_text, similarity = nearest
        here, (start, end) = longest_shared(text, other_text)
        quote = other.body[start : min(end, start + MAX_QUOTE)]
        there = Span(other.position, start, end, quote, other.case_id)
        values = (Value("similarity", f"{similarity:.2f}"), Value("other_case", other.case_id))
        found.append(Found(values, (span(note, *here), there), note.position))
    return tuple(found)


@check
def vital_signs_repeat(record: WholeRecord, settings: Settings) -> Outcome:
    """The same vital signs (at least ``signs`` of the ``patterns``) in ``notes`` or more consecutive notes."""
    patterns = settings.patterns("patterns")
    told: list[tuple[Document, tuple[str, ...], list[tuple[int, int]]]] = []
    for note in record.of_kind(*settings.words("documents")):
        hits = [hit for pattern in patterns.values() if (hit := pattern.search(note.body))]
        if len(hits) >= settings.number("signs"):
            told.append((note, tuple(hit[1] for hit in hits), [hit.span() for hit in hits]))
    if len(told) < settings.number("notes"):
        return None
    found, run = [], 1
    for place, (note, values, places) in enumerate(told):
        run = run + 1 if place and told[place - 1][1] == values else 1
        if run == settings.number("notes"):
            before = told[place - 1]
            more = (Value("signs", " ".join(values)),)
            one = in_note(note, *places, values=more)
            other = tuple(span(before[0], start, end) for start, end in before[2])
            found.append(Found(one.values, (*one.spans, *other), one.position))
    return tuple(found)


@check
def results_repeat(record: WholeRecord, settings: Settings) -> Outcome:
    """Reports of two days that share at least ``tests`` tests with a decimal, all with the same results."""
    days: dict[str, dict[str, str]] = defaultdict(dict)
    for lab in record.rows("labs"):
        time = lab.time("time")
        if time is not None and re.fullmatch(r"\d+\.\d+", lab.text("value")):
            days[time.date().isoformat()][lab.text("name")] = lab.text("value")
    if len(days) < 2:
        return None
    found = []
    for earlier, later in pairwise(sorted(days)):
        shared = days[earlier].keys() & days[later].keys()
        if len(shared) >= settings.number("tests") and all(
            days[earlier][name] == days[later][name] for name in shared
        ):
            rows = [lab for lab in record.rows("labs") if lab.text("name") in shared]
            values = (Value("from", earlier), Value("to", later), Value("tests", "、".join(sorted(shared))))
            shown = [cell(lab, "labs", "value") for lab in rows]
            found.append(Found((*values, *shown), position=rows[0].position))
    return tuple(found)
