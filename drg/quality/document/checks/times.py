"""Times that contradict each other, and the plan of a readmission."""

from __future__ import annotations

import datetime as dt
import re

from drg.quality.document.checks.registry import check
from drg.quality.document.found import Found, Outcome, Value, cell, in_note, scalar
from drg.quality.document.record import WholeRecord, moment, number
from drg.quality.document.rule import Settings

_MOMENT = re.compile(r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})日?(?:\s*(\d{1,2})[:：时](\d{2}))?")


@check
def admission_times_differ(record: WholeRecord, settings: Settings) -> Outcome:
    """The time behind ``labels`` in a note is another than the ``field`` of the record, by more than ``minutes``."""
    known = record.time(settings.text("field"))
    if known is None:
        return None
    found, looked = [], False
    for note in record.of_kind(*settings.words("documents")):
        place = note.reading.labelled(*settings.words("labels"))
        told = _MOMENT.search(note.body, *place) if place else None
        if told is None:
            continue
        looked = True
        time = moment("-".join(part.zfill(2) for part in told.groups()[:3]))
        if time is None:
            continue
        if told[4]:
            clock = dt.timedelta(hours=int(told[4]), minutes=int(told[5]))
            far = abs(time + clock - known) > dt.timedelta(minutes=settings.number("minutes"))
        else:
            far = time.date() != known.date()
        if far:
            values = (Value("told", told[0]), scalar(record, settings.text("field")))
            found.append(in_note(note, told.span(), values=values))
    return tuple(found) if looked else None


@check
def days_differ(record: WholeRecord, settings: Settings) -> Outcome:
    """The length of stay in a note (``pattern`` with one group) differs from ``los_days`` by more than ``days``."""
    known = number(record.scalars.get("los_days"))
    told = [
        (note, found)
        for note in record.of_kind(*settings.words("documents"))
        if (found := settings.pattern("pattern").search(note.body))
    ]
    if known is None or not told:
        return None
    return tuple(
        in_note(note, found.span(), values=(Value("told", found[1]), scalar(record, "los_days")))
        for note, found in told
        if abs(float(found[1]) - known) > settings.number("days")
    )


@check
def outside_stay(record: WholeRecord, settings: Settings) -> Outcome:
    """Notes of ``documents`` written before the admission, those of ``during`` also after the discharge."""
    if record.admission is None or record.discharge is None or not record.documents:
        return None
    slack = dt.timedelta(minutes=settings.number("minutes"))
    during = settings.words("during")
    found = []
    for note in record.of_kind(*settings.words("documents"), *during):
        if note.written is None:
            continue
        early = note.written < record.admission - slack
        if early or (note.kind in during and note.written > record.discharge + slack):
            bound = scalar(record, "admission_time" if early else "discharge_time")
            found.append(
                in_note(note, values=(cell(note, "documents", "written"), bound, Value("bound", bound.text)))
            )
    return tuple(found)


@check
def operation_outside_stay(record: WholeRecord, settings: Settings) -> Outcome:
    """An operation whose day lies outside the stay."""
    timed = [one for one in record.operations if one.begin is not None]
    if record.admission is None or record.discharge is None or not timed:
        return None
    first, last = record.admission.date(), record.discharge.date()
    return tuple(
        Found((cell(one, "procedures", "date"), cell(one, "procedures", "name")), position=one.position)
        for one in timed
        if one.begin is not None and not first <= one.begin.date() <= last
    )


@check
def readmission_plan_differs(record: WholeRecord, settings: Settings) -> Outcome:
    """The front page plans a readmission (value ``planned``) and the discharge note denies it, or the reverse."""
    plan = record.text("readmission_plan")
    notes = record.of_kind(*settings.words("documents"))
    if not plan or not notes:
        return None
    denies, plans = settings.pattern("denies"), settings.pattern("plans")
    found, looked = [], False
    for note in notes:
        denied = denies.search(note.body)
        told = denied or plans.search(note.body)
        if told is None:
            continue
        looked = True
        if (plan == settings.text("planned")) == (denied is not None):
            found.append(in_note(note, told.span(), values=(scalar(record, "readmission_plan"),)))
    return tuple(found) if looked else None
