"""One case at a time, for the formats that are written record by record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from data_samples.codebook import Entry
from data_samples.draw import FIRST_ADMISSION, MISSING, RECORD_PREFIX, Discharges
from data_samples.templates import Template, load_settings

_ADMISSION_HOUR = dt.time(9)
_DISCHARGE_HOUR = dt.time(10)
_BEFORE_ICU = dt.timedelta(hours=2)
_SURGERY_AFTER = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Row:
    """A drawn case with plain Python values; ``None`` where there is no value. ``number`` counts from 1."""

    number: int
    position: int
    is_employee: bool
    case_id: str
    template: Template
    sex: int
    age: int
    age_days: int | None
    birth_weight: int | None
    admission_weight: int | None
    los: int
    discharge_way: int
    icu_hours: int | None
    vent_hours: int | None
    blood_units: int | None
    external_cause: Entry | None
    dx: list[Entry]
    proc: list[Entry]
    born: dt.date
    admitted: dt.datetime
    discharged: dt.datetime

    @property
    def record_number(self) -> str:
        """The case id without the number of the admission."""
        return self.case_id.removesuffix(FIRST_ADMISSION)

    @property
    def doctor(self) -> str:
        return doctor(self.template.department, self.number)

    @property
    def insurance(self) -> dict[str, str]:
        """Texts of the kind of insurance: ``nhsa`` and ``front_page``."""
        texts: dict[str, str] = load_settings()["insurance"]["employee" if self.is_employee else "resident"]
        return texts

    @property
    def icu(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Begin and end of intensive care."""
        if self.icu_hours is None:
            return None
        begin = self.admitted + _BEFORE_ICU
        return begin, begin + dt.timedelta(hours=self.icu_hours)

    @property
    def operated(self) -> dt.datetime:
        """When the procedures began."""
        return self.admitted if self.template.day_surgery else self.admitted + _SURGERY_AFTER

    @property
    def icu_ward(self) -> str:
        settings = load_settings()
        ward: str = settings["icu_ward"].get(self.template.department, settings["default_icu_ward"])
        return ward


def doctor(department: str, number: int) -> str:
    """The doctor of a case: one of a few in each department."""
    return f"{department}-{number % load_settings()['doctors_per_department'] + 1}"


def person(number: int) -> str:
    """Record number of a person; with the number of the admission it is the case id."""
    return f"{RECORD_PREFIX}{number:08d}"


def rows(cases: Discharges) -> Iterator[Row]:
    """The cases of a chunk, in order."""
    employees = cases.is_employee
    for position in range(len(cases)):
        yield _row(cases, position, bool(employees[position]))


def _row(cases: Discharges, position: int, is_employee: bool) -> Row:
    def value(name: str) -> int | None:
        number = int(getattr(cases, name)[position])
        return None if number == MISSING else number

    cause = value("external_cause")
    return Row(
        number=cases.first_number + position,
        position=position,
        is_employee=is_employee,
        case_id=cases.case_ids[position],
        template=cases.templates[cases.template[position]],
        sex=int(cases.sex[position]),
        age=int(cases.age[position]),
        age_days=value("age_days"),
        birth_weight=value("birth_weight"),
        admission_weight=value("admission_weight"),
        los=int(cases.los[position]),
        discharge_way=int(cases.discharge_way[position]),
        icu_hours=value("icu_hours"),
        vent_hours=value("vent_hours"),
        blood_units=value("blood_units"),
        external_cause=None if cause is None else cases.dx_book.entries[cause],
        dx=[cases.dx_book.entries[number] for number in cases.dx[position] if number != MISSING],
        proc=[cases.proc_book.entries[number] for number in cases.proc[position] if number != MISSING],
        born=cases.born[position].item(),
        admitted=dt.datetime.combine(cases.admitted[position].item(), _ADMISSION_HOUR),
        discharged=dt.datetime.combine(cases.discharged[position].item(), _DISCHARGE_HOUR),
    )
