"""The rules over many visits as a person would count them: plain Python, one visit after the other."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

Visit = dict[str, Any]
Hit = tuple[str, dt.date, tuple[str, ...]]
"""Case, day on which the hit is known, other cases."""

OUTPATIENT = ("outpatient", "chronic", "internet")
WINDOW = 15
MOST_USES = 20


def known_on(visit: Visit) -> dt.date:
    day: dt.date = visit["discharge_date"]
    return day


def order(visit: Visit) -> tuple[dt.date, str]:
    return known_on(visit), visit["case_id"]


def stays(visits: list[Visit]) -> list[Visit]:
    return [one for one in visits if one["visit_kind"] == "inpatient"]


def overlap(visits: list[Visit]) -> set[Hit]:
    """C056: two hospitals on the same night."""
    found = set()
    for one in stays(visits):
        others = sorted(
            other["case_id"]
            for other in stays(visits)
            if other["person"] == one["person"]
            and other["hospital"] != one["hospital"]
            and order(other) < order(one)
            and other["admission_date"] < one["discharge_date"]
            and one["admission_date"] < other["discharge_date"]
        )
        if others:
            found.add((one["case_id"], known_on(one), tuple(others)))
    return found


def outpatient_during_stay(visits: list[Visit]) -> set[Hit]:
    """C057: an outpatient visit on a day strictly within a stay."""
    found = set()
    for one in visits:
        if one["visit_kind"] not in OUTPATIENT:
            continue
        within = [
            stay
            for stay in stays(visits)
            if stay["person"] == one["person"]
            and stay["admission_date"] < known_on(one) < stay["discharge_date"]
        ]
        if within:
            day = max(known_on(one), *(known_on(stay) for stay in within))
            found.add((one["case_id"], day, tuple(sorted(stay["case_id"] for stay in within))))
    return found


def readmission(visits: list[Visit]) -> set[Hit]:
    """C061: the last stay before, in the same hospital for the same disease, ended at most 15 days ago."""
    found = set()
    for one in stays(visits):
        if one["dx"][0].startswith("Z51.1"):
            continue
        before = [
            other
            for other in stays(visits)
            if other["person"] == one["person"]
            and other["hospital"] == one["hospital"]
            and order(other) < order(one)
            and 0 <= (one["admission_date"] - other["discharge_date"]).days <= WINDOW
            and other["dx"][0][:3] == one["dx"][0][:3]
            and other["planned_readmission"] is False
        ]
        if before:
            latest = max(other["discharge_date"] for other in before)
            chosen = min(other["case_id"] for other in before if other["discharge_date"] == latest)
            found.add((one["case_id"], known_on(one), (chosen,)))
    return found


def together(visits: list[Visit]) -> set[Hit]:
    """C085: three persons or more, each of whom was with another of them here on the same days before."""
    days: dict[tuple[str, dt.date, dt.date], dict[str, str]] = defaultdict(dict)
    for one in stays(visits):
        cases = days[(one["hospital"], one["discharge_date"], one["admission_date"])]
        cases[one["person"]] = min(one["case_id"], cases.get(one["person"], one["case_id"]))
    met: dict[tuple[str, str, str], int] = defaultdict(int)
    found = set()
    for (hospital, discharge, _), persons in sorted(days.items()):
        flagged = set()
        for a in persons:
            for b in persons:
                if a < b:
                    met[(hospital, a, b)] += 1
                    if met[(hospital, a, b)] >= 2:
                        flagged |= {persons[a], persons[b]}
        if len(flagged) >= 3:
            first, *others = sorted(flagged)
            found.add((first, discharge, tuple(others)))
    return found


def bill_twice(visits: list[Visit]) -> set[Hit]:
    """C089: a bill that was settled before and not reversed."""
    settled = sorted((one for one in visits if one["invoice"] and one["reversed"] is not True), key=order)
    found = set()
    for place, one in enumerate(settled):
        before = [other["case_id"] for other in settled[:place] if other["invoice"] == one["invoice"]]
        if 0 < len(before) < MOST_USES:
            found.add((one["case_id"], known_on(one), tuple(before)))
    return found


def type_changes(visits: list[Visit]) -> set[Hit]:
    """C096: type 1 diabetes after type 2, or the reverse."""
    found = set()
    last: dict[str, Visit] = {}
    for one in sorted(visits, key=order):
        disease = one["dx"][0][:3]
        if disease in ("E10", "E11"):
            before = last.get(one["person"])
            if before is not None and before["dx"][0][:3] != disease:
                found.add((one["case_id"], known_on(one), (before["case_id"],)))
            last[one["person"]] = one
    return found


RULES = {
    "C056": overlap,
    "C057": outpatient_during_stay,
    "C061": readmission,
    "C085": together,
    "C089": bill_twice,
    "C096": type_changes,
}


Day = tuple[str, dt.date]
"""Person and day on which a limit is passed."""


def _visits_by_day(visits: list[Visit], kinds: tuple[str, ...]) -> dict[str, dict[dt.date, int]]:
    counts: dict[str, dict[dt.date, int]] = defaultdict(lambda: defaultdict(int))
    for one in visits:
        if one["visit_kind"] in kinds:
            counts[one["person"]][known_on(one)] += 1
    return counts


def bought_too_often(visits: list[Visit]) -> set[Day]:
    """C083: the days on which the purchases of 30 days pass four; every visit buys the drug once."""
    found = set()
    for person, days in _visits_by_day(visits, (*OUTPATIENT, "emergency")).items():
        was_over = False
        for day in sorted(days):
            total = sum(count for other, count in days.items() if 0 <= (day - other).days < 30)
            if total > 4 and not was_over:
                found.add((person, day))
            was_over = total > 4
    return found


def over_the_month(visits: list[Visit]) -> set[Day]:
    """C012a: the day on which the third of two paid items of a calendar month is charged."""
    found = set()
    for person, days in _visits_by_day(visits, (*OUTPATIENT, "emergency", "inpatient")).items():
        totals: dict[tuple[int, int], int] = defaultdict(int)
        for day in sorted(days):
            month = day.year, day.month
            if totals[month] <= 2 < totals[month] + days[day]:
                found.add((person, day))
            totals[month] += days[day]
    return found


def over_the_course(visits: list[Visit]) -> set[Day]:
    """C011a: the day on which a course passes 14 days; every visit supplies 6, a gap of more than 30 days ends it."""
    found = set()
    for person, days in _visits_by_day(visits, (*OUTPATIENT, "emergency", "inpatient")).items():
        total, before = 0, None
        for day in sorted(days):
            if before is not None and (day - before).days > 30:
                total = 0
            if total <= 14 < total + 6 * days[day]:
                found.add((person, day))
            total, before = total + 6 * days[day], day
    return found


DAY_RULES = {"C083": bought_too_often, "C012a": over_the_month, "C011a": over_the_course}
ITEMS = {"C083": '"D1"', "C012a": '"SYN-S016"', "C011a": '"SYN-D013"'}
