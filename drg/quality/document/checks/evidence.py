"""Diagnoses without evidence, and evidence without a diagnosis (``evidence.toml``)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from drg.quality.document.checks.registry import check
from drg.quality.document.codes import members
from drg.quality.document.found import Found, Outcome, Value, cell
from drg.quality.document.labs import LabLimit, beyond, told
from drg.quality.document.record import Document, Row, WholeRecord, number
from drg.quality.document.rule import Settings
from drg.quality.document.words import any_of
from drg.scheme.pack import read_toml

_LIST_LABEL = re.compile(r"诊断[^。\n:：]{0,4}[:：]")


class Evidence(BaseModel):
    """What supports the diagnoses of ``codes``: one result beyond its limit, one order, or one word in a note."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: str
    labs: tuple[LabLimit, ...] = ()
    drugs: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Missed(BaseModel):
    """Results (and orders, where ``drugs`` has some) that call for a diagnosis of ``codes``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    codes: str
    labs: tuple[LabLimit, ...]
    drugs: tuple[str, ...] = ()
    rise: float | None = None
    words: tuple[str, ...] = ()


class EvidenceFile(BaseModel):
    """``evidence.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evidence: tuple[Evidence, ...]
    missed: tuple[Missed, ...]


@cache
def evidence_data() -> EvidenceFile:
    """The shipped evidence table."""
    return read_toml(Path(__file__).parents[1] / "evidence.toml", EvidenceFile)


def _in_list_of_diagnoses(body: str, place: int) -> bool:
    """Whether a place stands behind ``诊断：`` in the same sentence: to name a diagnosis is no evidence for it."""
    line = body.rfind("\n", 0, place) + 1
    sentence = max(line, body.rfind("。", 0, place) + 1)
    return _LIST_LABEL.search(body, sentence, place) is not None


def _told(note: Document, words: re.Pattern[str]) -> bool:
    return any(
        not _in_list_of_diagnoses(note.body, hit.start()) and not note.reading.negated(*hit.span())
        for hit in words.finditer(note.body)
    )


def _supported(record: WholeRecord, evidence: Evidence, kinds: tuple[str, ...]) -> bool:
    if evidence.drugs:
        drugs = any_of(evidence.drugs)
        if any(drugs.search(row.text("name")) for row in record.rows("orders")):
            return True
    if beyond(record, evidence.labs):
        return True
    return bool(evidence.words) and any(
        _told(note, any_of(evidence.words)) for note in record.of_kind(*kinds)
    )


@check
def diagnosis_without_evidence(record: WholeRecord, settings: Settings) -> Outcome:
    """A diagnosis of the evidence table for which no result, order or note of ``documents`` speaks."""
    if not record.carries("documents", "orders", "labs", "diagnoses"):
        return None
    found, looked = [], False
    for row in record.rows("diagnoses"):
        code = row.text("code").strip().upper()
        known = [one for one in evidence_data().evidence if members([code], one.codes)]
        looked = looked or bool(known)
        if known and not any(_supported(record, one, settings.words("documents")) for one in known):
            values = (cell(row, "diagnoses", "code"), cell(row, "diagnoses", "name"))
            found.append(Found(values, position=row.position))
    return tuple(found) if looked else None


@check
def evidence_without_diagnosis(record: WholeRecord, settings: Settings) -> Outcome:
    """Results beyond the limits of the table, but none of the diagnoses that they call for."""
    if not record.carries("labs", "diagnoses") or not record.rows("labs"):
        return None
    found = []
    for missed in evidence_data().missed:
        results = beyond(record, missed.labs) if missed.rise is None else _risen(record, missed)
        if not results or members(record.codes, missed.codes):
            continue
        drugs = any_of(missed.drugs) if missed.drugs else None
        ordered = [
            row for row in record.rows("orders") if drugs is not None and drugs.search(row.text("name"))
        ]
        spoken = any_of(missed.words) if missed.words else None
        if spoken is not None and not any(_told(note, spoken) for note in record.documents):
            continue
        values = (
            Value("expected", missed.name),
            told(results[0]),
            *(cell(lab, "labs", name) for lab in results[:3] for name in ("name", "value")),
            *(cell(row, "orders", "name") for row in ordered[:3]),
        )
        found.append(Found(values, position=results[0].position))
    return tuple(found)


def _risen(record: WholeRecord, missed: Missed) -> list[Row]:
    """The first and the highest result of a test, where the highest is ``rise`` times the first or more."""
    timed = sorted(
        (
            (time, lab)
            for lab in beyond(record, missed.labs)
            if (time := lab.time("time")) is not None and number(lab.text("value"))
        ),
        key=lambda one: one[0],
    )
    results = [lab for _, lab in timed]
    if not results or missed.rise is None:
        return []
    highest = max(results, key=lambda lab: number(lab.text("value")) or 0)
    first = number(results[0].text("value")) or 0
    return [results[0], highest] if (number(highest.text("value")) or 0) >= missed.rise * first else []
