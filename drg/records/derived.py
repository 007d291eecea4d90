"""Fields that a record does not give but that follow from it, and rules between fields.

Sources: fields.md 1.2 (B20: in and out day count once, same day = 1; A16 only where A14 is 0).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.records import values
from drg.records.findings import Finding
from drg.records.mapping import Mapper
from drg.records.source import Chunk
from drg.records.values import Column, Mask, Moments

_DAY = 86_400
_HOUR = 3_600


def complete(columns: dict[str, Column], mapper: Mapper, chunk: Chunk) -> dict[str, Column]:
    """``columns`` with the fields computed that the file does not give, and the rules between fields checked."""
    times = mapper.binding.times
    if "admitted" in times:
        columns = _with_admission_date(columns, mapper, chunk)
        columns = _with_stay(columns, mapper, chunk)
        if "born" in times:
            columns = _with_age_days_from_birth(columns, mapper, chunk)
    if "icu_in" in times or "icu_duration" in times:
        columns = _with_icu_hours(columns, mapper, chunk)
    if "age_days" in columns:
        columns = _with_consistent_age(columns, mapper.binding.dialect.age_zero_when_days_given)
    return columns


def _positions(mask: Mask) -> npt.NDArray[np.int64]:
    return np.flatnonzero(mask).astype(np.int64)


def _known(columns: dict[str, Column], name: str, count: int) -> Mask:
    """Where a field has a value or a problem of its own."""
    if name not in columns:
        return np.zeros(count, np.bool_)
    known = values.as_mask(pc.is_valid(columns[name].values))
    for problem in columns[name].problems:
        known[problem.positions] = True
    return known


def _filled(
    columns: dict[str, Column], name: str, numbers: npt.NDArray[np.int64], where: Mask, note: str
) -> Column:
    """Field ``name`` with ``numbers`` at ``where``, each with a note."""
    before = columns.get(name, Column(pa.nulls(len(where), pa.int64())))
    positions = _positions(where)
    if not len(positions):
        return before
    new = values.read_scalar(name, pa.array(numbers, pa.int64(), mask=~where), {}, values.null_markers())
    shown = pc.cast(new.values.take(pa.array(positions)), pa.string())
    told = Finding(note, name, positions, pa.nulls(len(positions), pa.string()), shown)
    return Column(
        pc.coalesce(pc.cast(before.values, pa.int64()), new.values),
        (*before.problems, *new.problems),
        (*before.notes, told),
    )


def _with_admission_date(columns: dict[str, Column], mapper: Mapper, chunk: Chunk) -> dict[str, Column]:
    admitted = mapper.moment("admitted", chunk)
    if admitted is None:
        return columns
    moments = pa.array(admitted.seconds, pa.int64(), mask=~admitted.known).cast(pa.timestamp("s"))
    given = columns.get("admission_date", Column(pa.nulls(len(moments), pa.timestamp("s"))))
    unreadable = () if admitted.unreadable is None else (admitted.unreadable,)
    dated = replace(given, values=pc.coalesce(given.values, moments), notes=(*given.notes, *unreadable))
    return {**columns, "admission_date": dated}


def _with_stay(columns: dict[str, Column], mapper: Mapper, chunk: Chunk) -> dict[str, Column]:
    admitted, discharged = mapper.moment("admitted", chunk), mapper.moment("discharged", chunk)
    if admitted is None or discharged is None:
        return columns
    days = discharged.seconds // _DAY - admitted.seconds // _DAY
    both = admitted.known & discharged.known
    backwards = both & (days < 0)
    wanted = both & ~backwards & ~_known(columns, "los_days", len(both))
    stay = _filled(columns, "los_days", np.maximum(days, 1), wanted, "records.los_computed")
    if backwards.any():
        places = _positions(backwards)
        shown = pa.array(days[places]).cast(pa.string())
        problem = Finding("records.discharge_before_admission", "los_days", places, shown)
        stay = replace(stay, problems=(*stay.problems, problem))
    unreadable = () if discharged.unreadable is None else (discharged.unreadable,)
    return {**columns, "los_days": replace(stay, notes=(*stay.notes, *unreadable))}


def _with_age_days_from_birth(columns: dict[str, Column], mapper: Mapper, chunk: Chunk) -> dict[str, Column]:
    """Age in days of those under one year, from the dates of birth and admission, where it is not given."""
    born, admitted = mapper.moment("born", chunk), mapper.moment("admitted", chunk)
    if born is None or admitted is None or "age" not in columns:
        return columns
    days = admitted.seconds // _DAY - born.seconds // _DAY
    infant = values.as_mask(pc.equal(columns["age"].values, 0))
    wanted = born.known & admitted.known & infant & (days >= 0) & (days <= 366)
    wanted &= ~_known(columns, "age_days", len(wanted))
    return {**columns, "age_days": _filled(columns, "age_days", days, wanted, "records.age_days_computed")}


@dataclass(frozen=True)
class _Stay:
    """One stay in intensive care of each case: hours where ``known``, and where it lacks its beginning or end."""

    hours: npt.NDArray[np.float64]
    known: Mask
    incomplete: Mask
    backwards: Mask


def _with_icu_hours(columns: dict[str, Column], mapper: Mapper, chunk: Chunk) -> dict[str, Column]:
    """Hours in intensive care: the sum over the stays, each from its times or else its duration."""
    count = len(chunk.rows)
    entries, exits = mapper.moments("icu_in", chunk), mapper.moments("icu_out", chunk)
    stays = [
        _stay(count, entry, leave, duration)
        for entry, leave, duration in zip_longest(entries, exits, mapper.durations(chunk))
        if not entry is leave is duration is None
    ]
    if not stays:
        return columns
    hours = np.sum([stay.hours for stay in stays], axis=0)
    known = np.any([stay.known for stay in stays], axis=0)
    incomplete = np.any([stay.incomplete for stay in stays], axis=0)
    backwards = np.any([stay.backwards for stay in stays], axis=0)
    computed = pa.array(hours, pa.float64(), mask=~known | incomplete | backwards)
    checked = values.read_scalar("icu_hours", computed, {}, values.null_markers())
    given = columns.get("icu_hours", Column(pa.nulls(count, pa.float64())))
    unreadable = [moment.unreadable for moment in (*entries, *exits) if moment and moment.unreadable]
    merged = Column(
        pc.coalesce(given.values, checked.values),
        (*given.problems, *checked.problems, *_icu_findings("records.icu_out_before_in", backwards)),
        (*given.notes, *unreadable, *_icu_findings("records.icu_stay_incomplete", incomplete)),
    )
    return {**columns, "icu_hours": merged}


def _stay(
    count: int,
    entry: Moments | None,
    leave: Moments | None,
    duration: tuple[npt.NDArray[np.float64], Mask] | None,
) -> _Stay:
    nowhere = np.zeros(count, np.bool_)
    timed, seconds, begun = nowhere, np.zeros(count, np.int64), nowhere
    for moment in (entry, leave):
        if moment is not None:
            begun = begun | moment.given
    if entry is not None and leave is not None:
        timed = entry.known & leave.known
        seconds = leave.seconds - entry.seconds
    lasting_hours, lasting = duration if duration is not None else (np.zeros(count), nowhere)
    known = timed | lasting
    hours = np.where(timed, seconds / _HOUR, np.where(lasting, lasting_hours, 0))
    return _Stay(hours, known, begun & ~known, timed & (seconds < 0))


def _icu_findings(message: str, where: Mask) -> list[Finding]:
    places = _positions(where)
    empty = pa.nulls(len(places), pa.string())
    return [Finding(message, "icu_hours", places, empty, empty)] if len(places) else []


def _with_consistent_age(columns: dict[str, Column], zero_when_days_given: bool) -> dict[str, Column]:
    """Age in days belongs to age 0 only.

    0 days beside an age of a year or more is how many systems write "does not apply"; it is emptied, with a note.
    """
    days = columns["age_days"]
    count = len(days.values)
    age = columns.get("age", Column(pa.nulls(count, pa.int64())))
    has_days = values.as_mask(pc.is_valid(days.values))
    if not has_days.any():
        return columns
    older = values.as_mask(pc.greater_equal(age.values, 1)) & has_days
    filler = older & values.as_mask(pc.equal(days.values, 0))
    wrong = older & ~filler
    if filler.any():
        days = _emptied(days, filler)
    if wrong.any():
        places = _positions(wrong)
        shown = pc.cast(days.values.take(pa.array(places)), pa.string())
        problem = Finding("records.age_days_not_infant", "age_days", places, shown)
        days = replace(days, problems=(*days.problems, problem))
    ageless = has_days & ~_known({"age": age}, "age", count)
    if ageless.any() and zero_when_days_given:
        age = _filled({"age": age}, "age", np.zeros(count, np.int64), ageless, "records.age_zero_from_days")
    elif ageless.any():
        places = _positions(ageless)
        shown = pc.cast(days.values.take(pa.array(places)), pa.string())
        days = replace(
            days,
            problems=(*days.problems, Finding("records.age_days_without_age", "age_days", places, shown)),
        )
    return {**columns, "age": age, "age_days": days}


def _emptied(days: Column, where: Mask) -> Column:
    places = _positions(where)
    shown = pc.cast(days.values.take(pa.array(places)), pa.string())
    told = Finding(
        "records.age_days_zero_emptied", "age_days", places, shown, pa.nulls(len(places), pa.string())
    )
    kept = pc.if_else(pa.array(where), pa.scalar(None, days.values.type), days.values)
    return replace(days, values=kept, notes=(*days.notes, told))
