"""Draws discharges from the templates, whole tables at a time.

Only integer arithmetic on the bits of PCG64, so that a seed gives the same cases on every machine: no logarithm,
no floating-point sum whose last digit may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from data_samples.codebook import CodeBook
from data_samples.templates import FiveNumbers, Template, load_settings, load_templates

Ints = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]

CHUNK = 50_000
MISSING = -1
RECORD_PREFIX = "SYN"
FIRST_ADMISSION = "-1"
"""End of a case id: record number, hyphen, number of the admission, as on the front page (A48, A49)."""
FEN = 100
DAYS_OF_18_YEARS = 6_575
_BITS = 32
_ONE = 1 << _BITS
_FINE = 16


@dataclass
class Discharges:
    """Drawn cases as arrays, one element a case; ``MISSING`` where there is no value. Money in fen.

    ``dx`` and ``proc`` are matrices of numbers in the code books, the principal code in column 0. ``fees`` is filled by
    :func:`data_samples.fees.split_fees`.
    """

    first_number: int
    dx_book: CodeBook
    proc_book: CodeBook
    template: Ints
    sex: Ints
    age: Ints
    age_days: Ints
    birth_weight: Ints
    admission_weight: Ints
    los: Ints
    discharge_way: Ints
    icu_hours: Ints
    vent_hours: Ints
    blood_units: Ints
    external_cause: Ints
    dx: Ints
    proc: Ints
    admitted: Dates
    discharged: Dates
    born: Dates
    stay_fen: Ints
    day_fen: Ints
    icu_fen: Ints
    blood_fen: Ints
    case_ids: list[str] = field(default_factory=list)
    fees: dict[str, Ints] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.template)

    @property
    def total_fen(self) -> Ints:
        return self.stay_fen + self.day_fen + self.icu_fen + self.blood_fen

    @property
    def numbers(self) -> Ints:
        """Number of each case, from 1."""
        return np.arange(self.first_number, self.first_number + len(self))

    @property
    def is_employee(self) -> npt.NDArray[np.bool_]:
        """Who is insured as an employee, the others as residents."""
        adult = (self.admitted - self.born).astype(np.int64) >= DAYS_OF_18_YEARS
        return np.asarray(adult & (self.numbers % 3 != 0))

    def first(self, count: int) -> Discharges:
        """The first ``count`` cases; none when ``count`` is not positive."""
        kept = slice(0, max(0, count))
        fees = {item: amounts[kept] for item, amounts in self.fees.items()}
        return replace(self, fees=fees, **{name: getattr(self, name)[kept] for name in _COLUMNS})

    @property
    def templates(self) -> tuple[Template, ...]:
        return load_templates()


def draw_chunks(cases: int, seed: int) -> Iterator[Discharges]:
    """``cases`` discharges in chunks of at most ``CHUNK``; the random numbers of a chunk depend on seed and chunk."""
    for index, first in enumerate(range(0, cases, CHUNK)):
        count = min(CHUNK, cases - first)
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index])))
        yield _Drawer(generator).draw(first + 1, count)


class _Drawer:
    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.settings = load_settings()
        self.templates = load_templates()
        self.dx_book = CodeBook("icd10", _all_dx(self.templates))
        self.proc_book = CodeBook("icd9cm3", _all_proc(self.templates))

    def draw(self, first_number: int, count: int) -> Discharges:
        weights = {index: template.weight for index, template in enumerate(self.templates)}
        cases = self._empty(first_number, self._choice(weights, count))
        for index, template in enumerate(self.templates):
            rows = np.flatnonzero(cases.template == index)
            if len(rows):
                self._fill(cases, rows, template)
        self._dates(cases)
        cases.case_ids = [
            f"{RECORD_PREFIX}{number:08d}{FIRST_ADMISSION}"
            for number in range(first_number, first_number + count)
        ]
        return cases

    def _empty(self, first_number: int, template: Ints) -> Discharges:
        count = len(template)
        dx_width = 1 + max(len(item.other_dx) for item in self.templates)
        proc_width = 1 + max(len(item.other_proc) for item in self.templates)
        day = np.zeros(count, "datetime64[D]")
        drawn: dict[str, Any] = {name: np.full(count, MISSING, np.int64) for name in _DRAWN}
        return Discharges(
            first_number=first_number,
            dx_book=self.dx_book,
            proc_book=self.proc_book,
            template=template,
            dx=np.full((count, dx_width), MISSING, np.int64),
            proc=np.full((count, proc_width), MISSING, np.int64),
            admitted=day,
            discharged=day.copy(),
            born=day.copy(),
            **drawn,
        )

    def _fill(self, cases: Discharges, rows: Ints, template: Template) -> None:
        count = len(rows)
        cases.sex[rows] = np.where(self._chance(template.male, count), 1, 2)
        self._ages(cases, rows, template)
        self._codes(cases, rows, template)
        cases.los[rows] = self._five(template.los, count)
        cases.discharge_way[rows] = self._choice(template.discharge, count)
        if template.external_cause:
            chosen = self._choice(_numbered(template.external_cause, self.dx_book), count)
            cases.external_cause[rows] = chosen
        self._intensive_care(cases, rows, template)
        self._costs(cases, rows, template)

    def _ages(self, cases: Discharges, rows: Ints, template: Template) -> None:
        count = len(rows)
        age = np.zeros(count, np.int64) if template.age_days else self._five(template.age, count)
        days = self._five(template.age_days or (29, 90, 180, 270, 364), count)
        cases.age[rows] = age
        cases.age_days[rows] = np.where(age == 0, days, MISSING)
        if template.birth_weight is not None:
            birth = self._five(template.birth_weight, count) // 10 * 10
            cases.birth_weight[rows] = birth
            cases.admission_weight[rows] = (birth * 97 // 100 + 22 * days) // 10 * 10

    def _codes(self, cases: Discharges, rows: Ints, template: Template) -> None:
        count = len(rows)
        cases.dx[rows, 0] = self._choice(_numbered(template.dx, self.dx_book), count)
        for column, other in enumerate(template.other_dx, start=1):
            number = self.dx_book.numbers[other.code]
            occurs = self._chance(other.probability, count) & (cases.age[rows] >= other.from_age)
            occurs &= cases.dx[rows, 0] != number
            cases.dx[rows, column] = np.where(occurs, number, MISSING)
        principal = self._choice(_numbered(template.proc, self.proc_book), count)
        cases.proc[rows, 0] = np.where(principal == 0, MISSING, principal)
        for column, (code, probability) in enumerate(template.other_proc.items(), start=1):
            number = self.proc_book.numbers[code]
            occurs = self._chance(probability, count) & (principal != number)
            cases.proc[rows, column] = np.where(occurs, number, MISSING)

    def _intensive_care(self, cases: Discharges, rows: Ints, template: Template) -> None:
        """Hours of ventilation lie within those of intensive care, and these within the stay."""
        count = len(rows)
        longest = cases.los[rows] * 24 - 4
        vent = np.full(count, MISSING, np.int64)
        if template.vent_hours is not None:
            codes = [self.proc_book.numbers[code] for code in self.settings["ventilation_codes"]]
            ventilated = np.isin(cases.proc[rows], codes).any(axis=1)
            hours = np.minimum(self._five(template.vent_hours, count), longest - 4)
            vent = np.where(ventilated, hours, MISSING)
        cases.vent_hours[rows] = vent
        if template.icu_hours is not None:
            hours = np.maximum(self._five(template.icu_hours, count), vent + 2)
            admitted = self._chance(template.icu_share, count)
            cases.icu_hours[rows] = np.where(admitted, np.minimum(hours, longest), MISSING)

    def _costs(self, cases: Discharges, rows: Ints, template: Template) -> None:
        count = len(rows)
        units = self._five(self.settings["transfused_units"], count)
        transfused = self._chance(template.blood, count)
        cases.blood_units[rows] = np.where(transfused, units, MISSING)
        cases.blood_fen[rows] = np.where(transfused, units, 0) * self.settings["blood_unit"] * FEN
        cases.icu_fen[rows] = np.maximum(cases.icu_hours[rows], 0) * self.settings["icu_hour"] * FEN
        cases.stay_fen[rows] = self._five(_fen(template.stay_cost), count)
        cases.day_fen[rows] = self._five(_fen(template.day_cost), count) * cases.los[rows]

    def _dates(self, cases: Discharges) -> None:
        count = len(cases)
        year = np.datetime64(str(self.settings["year"]), "D")
        cases.discharged[:] = year + (self._uniform(count) * 365 >> _BITS).astype("timedelta64[D]")
        day_surgery = np.array([template.day_surgery for template in self.templates])[cases.template]
        cases.admitted[:] = cases.discharged - np.where(day_surgery, 0, cases.los).astype("timedelta64[D]")
        within_year = (self._uniform(count) * 365 >> _BITS).astype("timedelta64[D]")
        birthday = years_before(cases.admitted, cases.age) - within_year
        cases.born[:] = np.where(
            cases.age > 0, birthday, cases.admitted - cases.age_days.astype("timedelta64[D]")
        )

    def _uniform(self, count: int) -> Ints:
        """Whole numbers from 0 to 2**32 - 1."""
        return self.generator.integers(0, _ONE, count, dtype=np.uint32).astype(np.int64)

    def _chance(self, probability: float, count: int) -> npt.NDArray[np.bool_]:
        return self._uniform(count) < int(probability * _ONE)

    def _choice(self, weights: dict[int, float], count: int) -> Ints:
        """Keys of ``weights``, drawn by their relative weight."""
        total = sum(weights.values())
        limits, reached = [], 0.0
        for weight in weights.values():
            reached += weight
            limits.append(int(reached / total * _ONE))
        limits[-1] = _ONE
        position = np.searchsorted(np.array(limits), self._uniform(count), side="right")
        return np.array(list(weights), np.int64)[position]

    def _five(self, numbers: FiveNumbers, count: int) -> Ints:
        """A quantity with the given quartiles; in the outer quarters most values lie near the quartile."""
        points = np.array(numbers, np.int64)
        scaled = self._uniform(count) * 4
        quarter = scaled >> _BITS
        share = (scaled & (_ONE - 1)) >> (_BITS - _FINE)
        top = 1 << _FINE
        rare_high = share * share * share >> 2 * _FINE
        rest = top - share
        rare_low = top - (rest * rest * rest >> 2 * _FINE)
        share = np.where(quarter == 3, rare_high, np.where(quarter == 0, rare_low, share))
        values: Ints = points[quarter] + ((points[quarter + 1] - points[quarter]) * share >> _FINE)
        return values


_DRAWN = (
    "sex",
    "age",
    "age_days",
    "birth_weight",
    "admission_weight",
    "los",
    "discharge_way",
    "icu_hours",
    "vent_hours",
    "blood_units",
    "external_cause",
    "stay_fen",
    "day_fen",
    "icu_fen",
    "blood_fen",
)
_COLUMNS = (*_DRAWN, "template", "dx", "proc", "admitted", "discharged", "born", "case_ids")


def _all_dx(templates: tuple[Template, ...]) -> set[str]:
    return {
        code
        for item in templates
        for code in (*item.dx, *(other.code for other in item.other_dx), *item.external_cause)
    }


def _all_proc(templates: tuple[Template, ...]) -> set[str]:
    return {code for item in templates for code in (*item.proc, *item.other_proc)}


def _numbered(weights: dict[str, float], book: CodeBook) -> dict[int, float]:
    return {book.numbers[code]: weight for code, weight in weights.items()}


def _fen(yuan: FiveNumbers) -> FiveNumbers:
    low, first, middle, third, high = (amount * FEN for amount in yuan)
    return low, first, middle, third, high


def years_before(dates: Dates, years: Ints) -> Dates:
    """The same day of the year, ``years`` earlier; the last day of February where there is no 29th."""
    months = dates.astype("datetime64[M]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64)
    earlier = months - (years * 12).astype("timedelta64[M]")
    last_day = ((earlier + 1).astype("datetime64[D]") - earlier.astype("datetime64[D]")).astype(np.int64) - 1
    moved: Dates = earlier.astype("datetime64[D]") + np.minimum(day, last_day).astype("timedelta64[D]")
    return moved
