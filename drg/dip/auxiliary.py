"""The auxiliary catalogue: groups whose costs vary much are split by a dimension that explains the variation.

Dimensions (``auxiliary.toml``): comorbidity index, severity, tumour treatment, age bands, days of intensive care. A
dimension splits a group when the group has more cases than a floor, its coefficient of variation (CV) is high, and the
CV inside the classes, weighted by their cases, is lower by a share. A class pays m_j / M, its mean cost / the mean
cost of the group; where a case is in classes of several dimensions the largest coefficient counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from drg.codes.index import CodeIndex, code_index
from drg.dip.build import decimal_of
from drg.dip.catalogue import check_size, load_toml
from drg.dip.matcher import whole_numbers
from drg.dip.payment import COEFFICIENT_PARTS, parts_of
from drg.errors import input_error
from drg.grouper.table import flat_codes, readable

PARAMETERS_FILE = Path(__file__).with_name("auxiliary.toml")
NO_CLASS = -1
MAX_COEFFICIENT = 100

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Classes = npt.NDArray[np.int8]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Model):
    """Classes of a number: the least number of each, and their names."""

    kind: str
    bounds: list[int]
    names: list[str]


class Severity(_Model):
    """How severe the case is, by death, stay and other diagnoses."""

    kind: str
    died_discharge_way: int
    early_death_days: int
    names: list[str] = Field(min_length=5, max_length=5)
    severe: list[str]
    moderate: list[str]


class Tumour(_Model):
    """How a tumour is treated, by codes; the last class is what is left."""

    kind: str
    principal_dx: list[str]
    names: list[str]
    proc: list[list[str]]
    dx: list[list[str]]


class Age(_Model):
    """Age bands: newborn by days, then by years."""

    kind: str
    names: list[str]
    newborn_days: int
    year_bounds: list[int]


class Comorbidity(_Model):
    """One disease of the Charlson index; ``unless`` a severer one is there."""

    weight: int
    codes: list[str]
    unless: str | None = None


class Parameters(_Model):
    """``auxiliary.toml``."""

    cases_above: int = Field(ge=1)
    cv_from: float = Field(ge=0)
    cv_falls_by: float = Field(ge=0, lt=1)
    class_cases: int = Field(ge=1)
    cci: Bounds
    severity: Severity
    tumour: Tumour
    age: Age
    icu: Bounds
    charlson: dict[str, Comorbidity]


@dataclass(frozen=True)
class Split:
    """One class of a group that is split. ``coefficient`` is m_j / M."""

    dip: str
    dimension: str
    name: str
    cases: int
    mean_cost_fen: int
    coefficient: Decimal
    cv_before: Decimal
    cv_after: Decimal


def load_parameters(path: Path | None = None) -> Parameters:
    """The parameters in a file, by default ``auxiliary.toml``. Raises ``InputError`` with every wrong key."""
    return load_toml(path or PARAMETERS_FILE, Parameters)


DIMENSIONS = ("cci", "severity", "tumour", "age", "icu")


def class_names(parameters: Parameters, dimension: str) -> Sequence[str]:
    """The names of the classes of a dimension, by number."""
    names: Sequence[str] = getattr(parameters, dimension).names
    return names


def classify(cases: pa.Table, parameters: Parameters) -> dict[str, Classes]:
    """The class of every case in every dimension, ``NO_CLASS`` where a value is missing or the dimension is not for
    the case."""
    cases = readable(cases)
    codes = CaseCodes(cases)
    return {
        "cci": _by_bounds(charlson_index(codes, parameters), parameters.cci.bounds),
        "severity": _severity(cases, codes, parameters.severity),
        "tumour": _tumour(codes, parameters.tumour),
        "age": _age(cases, parameters.age),
        "icu": _by_bounds(_icu_days(cases), parameters.icu.bounds),
    }


class CaseCodes:
    """The codes of a case table as rows of the indexes, and which case each belongs to."""

    def __init__(self, cases: pa.Table):
        self.count = len(cases)
        self.dx_index, self.proc_index = code_index("icd10"), code_index("icd9cm3")
        starts, written = flat_codes(cases, "dx")
        self.dx = self.dx_index.find(written)
        self.dx_case = np.repeat(np.arange(self.count), np.diff(starts))
        self.is_other = np.ones(len(self.dx), np.bool_)
        self.is_other[starts[:-1][np.diff(starts) > 0]] = False
        proc_starts, proc_written = flat_codes(cases, "proc")
        self.proc = self.proc_index.find(proc_written)
        self.proc_case = np.repeat(np.arange(self.count), np.diff(proc_starts))

    def with_other_dx(self, beginnings: Sequence[str]) -> Mask:
        """Cases with an other diagnosis that begins so."""
        return self._cases(self.dx_case, _begins(self.dx_index, beginnings)[self.dx] & self.is_other)

    def with_dx(self, beginnings: Sequence[str]) -> Mask:
        """Cases with a diagnosis that begins so."""
        return self._cases(self.dx_case, _begins(self.dx_index, beginnings)[self.dx])

    def with_principal_dx(self, beginnings: Sequence[str]) -> Mask:
        """Cases whose principal diagnosis begins so."""
        return self._cases(self.dx_case, _begins(self.dx_index, beginnings)[self.dx] & ~self.is_other)

    def with_proc(self, beginnings: Sequence[str]) -> Mask:
        """Cases with a procedure that begins so."""
        return self._cases(self.proc_case, _begins(self.proc_index, beginnings)[self.proc])

    def _cases(self, case_of: Longs, which: Mask) -> Mask:
        found = np.zeros(self.count, np.bool_)
        found[case_of[which]] = True
        return found


def _begins(index: CodeIndex, beginnings: Sequence[str]) -> Mask:
    """Which rows of an index hold a code that begins so; row 0 (unknown) does not."""
    found = np.zeros(len(index.names), np.bool_)
    for beginning in beginnings:
        found |= pc.fill_null(pc.starts_with(index.names, beginning), False).to_numpy(zero_copy_only=False)
    return found


def charlson_index(codes: CaseCodes, parameters: Parameters) -> Longs:
    """The Charlson comorbidity index of every case from its other diagnoses."""
    has = {name: codes.with_other_dx(disease.codes) for name, disease in parameters.charlson.items()}
    index = np.zeros(codes.count, np.int64)
    for name, disease in parameters.charlson.items():
        counts = has[name] & ~has[disease.unless] if disease.unless else has[name]
        index += counts * disease.weight
    return index


def _by_bounds(values: Longs, bounds: Sequence[int]) -> Classes:
    return np.where(values < 0, NO_CLASS, np.searchsorted(bounds, values, side="right") - 1).astype(np.int8)


def _severity(cases: pa.Table, codes: CaseCodes, severity: Severity) -> Classes:
    died = whole_numbers(cases, "discharge_way") == severity.died_discharge_way
    stay = whole_numbers(cases, "los_days")
    severe, moderate = codes.with_other_dx(severity.severe), codes.with_other_dx(severity.moderate)
    return np.select(
        [died & (stay < 0), died & (stay < severity.early_death_days), died, severe, moderate],
        [NO_CLASS, 0, 1, 2, 3],
        4,
    ).astype(np.int8)


def _tumour(codes: CaseCodes, tumour: Tumour) -> Classes:
    treated = [
        codes.with_proc(proc) | codes.with_principal_dx(dx)
        for proc, dx in zip(tumour.proc[:-1], tumour.dx[:-1], strict=True)
    ]
    classes = np.select(treated, list(range(len(treated))), len(treated))
    return np.where(codes.with_principal_dx(tumour.principal_dx), classes, NO_CLASS).astype(np.int8)


def _age(cases: pa.Table, age: Age) -> Classes:
    years, days = whole_numbers(cases, "age"), whole_numbers(cases, "age_days")
    band = np.searchsorted(age.year_bounds, years, side="right") + 1
    under_one = np.where(days < 0, NO_CLASS, np.where(days <= age.newborn_days, 0, 1))
    is_infant = (years == 0) | ((years < 0) & (days >= 0))
    return np.where(is_infant, under_one, np.where(years < 0, NO_CLASS, band)).astype(np.int8)


def _icu_days(cases: pa.Table) -> Longs:
    if "icu_hours" not in cases.column_names:
        return np.full(len(cases), NO_CLASS, np.int64)
    hours = pc.fill_null(cases.column("icu_hours").cast(pa.float64()), -1.0).to_numpy()
    return np.where(hours < 0, NO_CLASS, np.ceil(hours / 24)).astype(np.int64)


def build_auxiliary(cases: pa.Table, grouping: pa.Table, parameters: Parameters) -> list[Split]:
    """The splits of the groups of a grouping (``matcher.group`` over the same rows), by group and dimension.

    Only grouped cases with a cost above zero count. Raises ``InputError`` where the cases have no column of costs.
    """
    if "total_cost_fen" not in cases.column_names:
        raise input_error("dip.column_missing", "total_cost_fen", column="total_cost_fen")
    ids, group_of = _groups(grouping)
    cost = whole_numbers(cases, "total_cost_fen")
    counts = (group_of >= 0) & (cost > 0)
    splits: list[Split] = []
    for dimension, class_of in classify(cases, parameters).items():
        which = counts & (class_of != NO_CLASS)
        splits += _split(dimension, ids, group_of[which], class_of[which], cost[which], parameters)
    return sorted(splits, key=lambda split: (split.dip, DIMENSIONS.index(split.dimension)))


def _groups(grouping: pa.Table) -> tuple[list[str], Longs]:
    """The ids of the groups in order, and the number of each case's, -1 where it has none."""
    column = grouping.column("dip").cast(pa.string())
    ids = sorted(pc.unique(column).drop_null().to_pylist())
    numbers: Longs = (
        pc.fill_null(pc.index_in(column, pa.array(ids, pa.string())), -1).to_numpy().astype(np.int64)
    )
    return ids, numbers


def _split(
    dimension: str, ids: Sequence[str], group: Longs, class_of: Classes, cost: Longs, parameters: Parameters
) -> list[Split]:
    names = class_names(parameters, dimension)
    width = len(names)
    cell = group * width + class_of
    sums = np.zeros(len(ids) * width, np.int64)
    np.add.at(sums, cell, cost)
    cases = np.bincount(cell, minlength=len(sums))
    inside = _cv(cell, cost, len(sums))
    before = _cv(group, cost, len(ids))
    splits: list[Split] = []
    for place, id in enumerate(ids):
        own = range(place * width, (place + 1) * width)
        total = int(cases[place * width : (place + 1) * width].sum())
        if total <= parameters.cases_above or before[place] < parameters.cv_from:
            continue
        after = sum(float(inside[at]) * int(cases[at]) for at in own if cases[at]) / total
        if before[place] - after < parameters.cv_falls_by * before[place]:
            continue
        mean = Fraction(int(sums[own.start : own.stop].sum()), total)
        for at in own:
            if cases[at] >= parameters.class_cases:
                part = Fraction(int(sums[at]), int(cases[at]))
                splits.append(
                    Split(
                        dip=id,
                        dimension=dimension,
                        name=names[at - own.start],
                        cases=int(cases[at]),
                        mean_cost_fen=int(decimal_of(part, 0)),
                        coefficient=decimal_of(part / mean, 4),
                        cv_before=Decimal(f"{before[place]:.4f}"),
                        cv_after=Decimal(f"{after:.4f}"),
                    )
                )
    return splits


def _cv(group: Longs, cost: Longs, count: int) -> npt.NDArray[np.float64]:
    """Standard deviation / mean of each group, zero for groups without cases."""
    cases = np.maximum(np.bincount(group, minlength=count), 1)
    means = np.bincount(group, weights=cost, minlength=count) / cases
    squares = np.bincount(group, weights=(cost - means[group]) ** 2, minlength=count)
    return np.divide(np.sqrt(squares / cases), means, out=np.zeros(count), where=means > 0)


def coefficients(
    cases: pa.Table, grouping: pa.Table, splits: Sequence[Split], parameters: Parameters
) -> tuple[Longs, pa.Array]:
    """The coefficient of every case in ten-thousandths (10,000 where no split is for it), and the split that gave it as
    ``dimension: class`` (null where none did). Of several the largest counts, of equal ones the first dimension."""
    ids, group_of = _groups(grouping)
    best = np.zeros(len(cases), np.int64)
    source = np.full(len(cases), -1, np.int64)
    labels: list[str] = []
    place_of = {id: place for place, id in enumerate(ids)}
    for dimension, class_of in classify(cases, parameters).items():
        names = class_names(parameters, dimension)
        table = np.zeros((len(ids) + 1, len(names) + 1), np.int64)
        for split in splits:
            if split.dimension != dimension:
                continue
            if split.name not in names:
                raise input_error("dip.class_unknown", split.dip, dimension=dimension, text=split.name)
            if split.dip in place_of:
                table[place_of[split.dip], names.index(split.name)] = parts_of(
                    split.coefficient, COEFFICIENT_PARTS
                )
        # The last row and column (-1) stand for no group and no class.
        found = table[group_of, class_of]
        better = found > best
        best = np.where(better, found, best)
        source = np.where(better, len(labels) + class_of, source)
        labels += [f"{dimension}: {name}" for name in names]
    told = pa.array(labels, pa.string()).take(pa.array(source, mask=source < 0))
    return np.where(best > 0, best, COEFFICIENT_PARTS), told


SPLITS_FILE = "auxiliary.tsv"
_COLUMNS = tuple(Split.__dataclass_fields__)


def save_splits(splits: Sequence[Split], folder: Path) -> None:
    """Write ``auxiliary.tsv`` into the folder of a catalogue; no file where nothing is split."""
    if not splits:
        (folder / SPLITS_FILE).unlink(missing_ok=True)
        return
    lines = [
        "\t".join(_COLUMNS),
        *("\t".join(str(getattr(split, name)) for name in _COLUMNS) for split in splits),
    ]
    (folder / SPLITS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def load_splits(folder: Path) -> list[Split]:
    """The splits of a catalogue; none where it has no such file. Raises ``InputError`` for a line that is none."""
    path = folder / SPLITS_FILE
    if not path.is_file():
        return []
    check_size(path)
    try:
        header, *lines = path.read_text(encoding="utf-8-sig").splitlines() or [""]
    except UnicodeDecodeError as error:
        raise input_error("dip.not_utf8", SPLITS_FILE, detail=str(error)) from None
    if tuple(header.split("\t")) != _COLUMNS:
        raise input_error("dip.header", f"{SPLITS_FILE}:1", expected=" ".join(_COLUMNS))
    return [_split_of(line.split("\t"), number) for number, line in enumerate(lines, start=2)]


def _split_of(cells: Sequence[str], number: int) -> Split:
    try:
        dip, dimension, name, cases, mean, coefficient, before, after = cells
        if dimension not in DIMENSIONS:
            raise ValueError(dimension)
        worth = Decimal(coefficient)
        if not 0 < worth <= MAX_COEFFICIENT:
            raise ValueError(coefficient)
        return Split(dip, dimension, name, int(cases), int(mean), worth, Decimal(before), Decimal(after))
    except (ValueError, ArithmeticError) as error:
        raise input_error("dip.split_unreadable", f"{SPLITS_FILE}:{number}", text=str(error)[:80]) from None
