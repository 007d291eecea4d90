"""Local supervision indicators by hospital. None is official: the formula of each is given with its result."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from drg.dip.matcher import one_chunk, whole_numbers
from drg.grouper.table import flat_codes, readable

NO_HOSPITAL = ""

INDICATOR_SCHEMA = pa.schema(
    [
        ("hospital", pa.string()),
        ("indicator", pa.string()),
        ("name", pa.string()),
        ("numerator", pa.float64()),
        ("denominator", pa.int64()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("formula", pa.string()),
    ]
)
"""One row a hospital and indicator. ``value`` = numerator / denominator, null where the denominator is zero: what
cannot be known is empty, never zero."""

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Counted = tuple[npt.NDArray[np.float64], Mask]
"""What a case adds to the numerator, and whether it is in the denominator."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Indicator(_Model):
    """How an indicator is called and computed, in words."""

    name: str
    name_en: str
    formula: str
    formula_en: str
    unit: str


class Thresholds(_Model):
    """The numbers in the formulas."""

    readmission_days: int
    dx_category_length: int
    died_discharge_way: int
    low_stay_days: int
    low_cost_ratio: float
    long_stay_days: int
    low_risk_z: float


class Definitions(_Model):
    """``supervision.toml``."""

    record_quality: Indicator
    readmission: Indicator
    low_standard: Indicator
    long_stay: Indicator
    low_risk_death: Indicator
    thresholds: Thresholds


@cache
def load_definitions() -> Definitions:
    """The indicators and their thresholds."""
    text = Path(__file__).with_name("supervision.toml").read_text(encoding="utf-8")
    return Definitions.model_validate(tomllib.loads(text))


@dataclass(frozen=True)
class _Cases:
    """What the indicators read; -1 stands for a missing number."""

    table: pa.Table
    grouping: pa.Table
    thresholds: Thresholds

    @property
    def count(self) -> int:
        return len(self.table)

    def numbers(self, column: str) -> Longs:
        return whole_numbers(self.table, column)

    def days(self, column: str) -> Longs:
        """Days since 1970, the least number of all where there is no date."""
        if column not in self.table.column_names:
            return np.full(self.count, np.iinfo(np.int32).min, np.int64)
        dates = self.table.column(column).cast(pa.date32()).cast(pa.int32())
        days: Longs = pc.fill_null(dates, np.iinfo(np.int32).min).to_numpy().astype(np.int64)
        return days

    @property
    def died(self) -> Mask:
        died: Mask = self.numbers("discharge_way") == self.thresholds.died_discharge_way
        return died


def supervise(cases: pa.Table, grouping: pa.Table, lang: str = "en") -> pa.Table:
    """The indicators of every hospital in ``INDICATOR_SCHEMA``; cases without a hospital stand under an empty name.

    ``grouping`` from ``matcher.group`` over the same rows. Optional columns: ``record_quality`` (number),
    ``hospital``, ``person``, ``admission_date``.
    """
    definitions = load_definitions()
    seen = _Cases(readable(cases), grouping, definitions.thresholds)
    names, of_case = _hospitals(seen)
    lines: list[dict[str, object]] = []
    for key, count in _COUNTS.items():
        definition: Indicator = getattr(definitions, key)
        adds, is_in = count(seen)
        numerators = np.bincount(of_case, weights=np.where(is_in, adds, 0.0), minlength=len(names))
        denominators = np.bincount(of_case, weights=is_in, minlength=len(names)).astype(np.int64)
        formula = definition.formula if lang == "zh" else definition.formula_en
        lines += [
            {
                "hospital": name,
                "indicator": key,
                "name": definition.name if lang == "zh" else definition.name_en,
                "numerator": float(numerator) if denominator else None,
                "denominator": int(denominator),
                "value": float(numerator / denominator) if denominator else None,
                "unit": definition.unit,
                "formula": formula.format(**definitions.thresholds.model_dump()),
            }
            for name, numerator, denominator in zip(names, numerators, denominators, strict=True)
        ]
    return pa.Table.from_pylist(lines, schema=INDICATOR_SCHEMA)


def _hospitals(seen: _Cases) -> tuple[list[str], Longs]:
    if "hospital" not in seen.table.column_names:
        return [NO_HOSPITAL], np.zeros(seen.count, np.int64)
    column = pc.fill_null(seen.table.column("hospital").cast(pa.string()), NO_HOSPITAL)
    names = sorted(pc.unique(column).to_pylist())
    return names, pc.index_in(column, pa.array(names, pa.string())).to_numpy().astype(np.int64)


def _record_quality(seen: _Cases) -> Counted:
    if "record_quality" not in seen.table.column_names:
        return np.zeros(seen.count), np.zeros(seen.count, np.bool_)
    column = seen.table.column("record_quality").cast(pa.float64())
    return pc.fill_null(column, 0.0).to_numpy(), pc.is_valid(column).to_numpy()


def _readmission(seen: _Cases) -> Counted:
    """For every discharge whether the next admission of the person for the category is near."""
    count = seen.count
    admitted, discharged = seen.days("admission_date"), seen.days("discharge_date")
    unknown = np.iinfo(np.int32).min
    if "person" not in seen.table.column_names:
        return np.zeros(count), np.zeros(count, np.bool_)
    persons = one_chunk(seen.table.column("person").cast(pa.string())).dictionary_encode()
    person_of = pc.fill_null(persons.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    category = _categories(seen)
    known = (person_of >= 0) & (category >= 0) & (admitted != unknown) & (discharged != unknown)
    rows = np.flatnonzero(known)
    rows = rows[np.lexsort((discharged[rows], admitted[rows], category[rows], person_of[rows]))]
    this, following = rows[:-1], rows[1:]
    same = (person_of[this] == person_of[following]) & (category[this] == category[following])
    gap = admitted[following] - discharged[this]
    again = np.zeros(count)
    again[this[same & (gap >= 0) & (gap <= seen.thresholds.readmission_days)]] = 1
    return again, known & ~seen.died


def _categories(seen: _Cases) -> Longs:
    """The number of the category of each principal diagnosis, -1 where there is none."""
    starts, written = flat_codes(seen.table, "dx")
    has = starts[1:] > starts[:-1]
    first = written.take(pa.array(starts[:-1], mask=~has))
    cut = pc.utf8_slice_codeunits(first, 0, seen.thresholds.dx_category_length).dictionary_encode()
    numbers: Longs = pc.fill_null(cut.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _low_standard(seen: _Cases) -> Counted:
    limits = seen.thresholds
    stay, cost = seen.numbers("los_days"), seen.numbers("total_cost_fen")
    mean = pc.fill_null(seen.grouping.column("mean_cost_fen"), -1).to_numpy()
    conservative = pc.is_null(seen.grouping.column("principal_proc")).to_numpy()
    low = (stay <= limits.low_stay_days) & conservative & (cost < limits.low_cost_ratio * mean)
    return low.astype(np.float64), (stay >= 0) & (cost > 0) & (mean > 0)


def _long_stay(seen: _Cases) -> Counted:
    stay = seen.numbers("los_days")
    return (stay > seen.thresholds.long_stay_days).astype(np.float64), stay >= 0


def _low_risk_death(seen: _Cases) -> Counted:
    ways = seen.numbers("discharge_way")
    ids = one_chunk(seen.grouping.column("dip").cast(pa.string())).dictionary_encode()
    group = pc.fill_null(ids.indices, -1).to_numpy(zero_copy_only=False)
    known = (group >= 0) & (ways >= 0)
    count = len(ids.dictionary)
    deaths = np.bincount(group[known & seen.died], minlength=count)
    cases = np.bincount(group[known], minlength=count)
    low = deaths == 0
    if (deaths > 0).any():
        logs = np.log(deaths[deaths > 0] / cases[deaths > 0])
        spread = float(logs.std())
        if spread > 0:
            low[deaths > 0] = (logs - logs.mean()) / spread < seen.thresholds.low_risk_z
    return seen.died.astype(np.float64), known & np.append(low, False)[group]


_COUNTS: dict[str, Callable[[_Cases], Counted]] = {
    "record_quality": _record_quality,
    "readmission": _readmission,
    "low_standard": _low_standard,
    "long_stay": _long_stay,
    "low_risk_death": _low_risk_death,
}
