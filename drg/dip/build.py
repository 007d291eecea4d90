"""Builds a DIP catalogue from cases.

Steps (facts: reference/dip.md): leave out what cannot be used; key every case by the subcategory of its principal
diagnosis and its treatment-relevant procedures; keys with enough cases a year are core groups; the rest falls into
comprehensive groups of category and treatment; trim the costs inside each group; weight the years; relative weight
= mean cost of the group / mean cost of all, score = relative weight x base. The same cases in the same order give
the same catalogue, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from drg import messages
from drg.codes.catalogue import load_catalogue
from drg.dip import kernel
from drg.dip.catalogue import (
    Catalogue,
    Criterion,
    Label,
    Matching,
    Row,
    Settings,
    default_matching,
    load_toml,
)
from drg.dip.matcher import Compiled, Matches, compile_catalogue, match, whole_numbers
from drg.errors import input_error
from drg.grouper.table import flat_codes, readable
from drg.scheme.notation import with_prefix

PARAMETERS_FILE = Path(__file__).with_name("build.toml")
LAYERS = ("core", "comprehensive")
WITHOUT_PROCEDURE = "0"
"""What stands for no procedure in the id of a core group."""

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Parameters(BaseModel):
    """The thresholds of the builder; ``build.toml`` explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    longest_stay_days: int = Field(ge=1)
    last_year: int | None = None
    year_weights: list[Annotated[int, Field(ge=1)]] = Field(min_length=1, max_length=10)
    core_cases: int = Field(ge=1)
    comprehensive_cases: int = Field(ge=1)
    trim_low_per_mille: int = Field(ge=0, le=400)
    trim_high_per_mille: int = Field(ge=0, le=400)
    key_treatments: list[str]
    core_dx_length: int = Field(ge=3, le=7)
    comprehensive_dx_length: int = Field(ge=1, le=7)
    excluded_dx: list[str]
    score_base: int = Field(gt=0, le=100_000)
    rw_decimals: int = Field(ge=1, le=6)
    score_decimals: int = Field(ge=0, le=2)
    aimed_cv: float = Field(gt=0)
    strategy: list[Criterion]


@dataclass(frozen=True)
class Identity:
    """What a catalogue is called and where it comes from."""

    id: str
    name: str
    name_en: str
    source: str
    label: Label = "local"


@dataclass(frozen=True)
class BuildReport:
    """How a catalogue was built.

    ``dropped``: cases left out, by message id; ``years``: cases used, by year; ``coverage``: share of the used cases
    in core groups; ``r_squared``: share of the variance of the costs that the groups explain, after trimming;
    ``wide``: groups whose coefficient of variation is above the aim.
    """

    read: int
    dropped: Mapping[str, int]
    years: Mapping[int, int]
    used: int
    trimmed: int
    core_groups: int
    comprehensive_groups: int
    blank: int
    coverage: Decimal
    r_squared: Decimal
    reference_cost_fen: int
    wide: Sequence[str]

    def render(self, lang: str = "en") -> str:
        """The report as text."""

        def say(key: str, **params: object) -> str:
            return messages.text(f"dip.{key}", lang, **params)

        lines = [say("built_read", read=f"{self.read:,}", used=f"{self.used:,}")]
        lines += [
            "  " + say("built_dropped", count=f"{count:,}", why=messages.text(id, lang))
            for id, count in self.dropped.items()
        ]
        lines += [
            "  " + say("built_year", year=year, cases=f"{cases:,}") for year, cases in self.years.items()
        ]
        lines.append(say("built_groups", core=self.core_groups, comprehensive=self.comprehensive_groups))
        lines.append(say("built_trimmed", count=f"{self.trimmed:,}", blank=f"{self.blank:,}"))
        mean = f"{Decimal(self.reference_cost_fen) / 100:,.2f}"
        lines.append(say("built_quality", coverage=self.coverage, r_squared=self.r_squared, mean=mean))
        lines.append(say("built_wide", count=len(self.wide), examples=" ".join(self.wide[:5])))
        return "\n".join(lines)


def load_parameters(path: Path | None = None) -> Parameters:
    """The parameters in a file, by default ``build.toml``. Raises ``InputError`` with every key that is wrong."""
    return load_toml(path or PARAMETERS_FILE, Parameters)


def build(table: pa.Table, identity: Identity, parameters: Parameters) -> tuple[Catalogue, BuildReport]:
    """A catalogue from a case table (``CASE_SCHEMA`` with ``total_cost_fen``, ``los_days``, ``discharge_date``).

    Raises ``InputError`` where a column is missing or no case can be used.
    """
    table = readable(table)
    for column in ("dx", "proc", "total_cost_fen", "los_days", "discharge_date"):
        if column not in table.column_names:
            raise input_error("dip.column_missing", column, column=column)
    return _Builder(table, identity, parameters).build()


class _Builder:
    def __init__(self, table: pa.Table, identity: Identity, parameters: Parameters):
        self.identity, self.parameters = identity, parameters
        self.read = len(table)
        years = pc.fill_null(pc.year(table.column("discharge_date")), 0).to_numpy()
        self.without_rows = self._compile(())
        used, self.dropped, self.newest = self._clean(table, years, match(table, self.without_rows))
        self.table = table.filter(pa.array(used))
        if not len(self.table):
            raise input_error("dip.no_usable_case", "", read=self.read)
        self.cost = whole_numbers(self.table, "total_cost_fen")
        self.oldest = self.newest - len(parameters.year_weights) + 1
        self.year = years[used].astype(np.int64) - self.oldest
        present = np.bincount(self.year, minlength=len(parameters.year_weights)) > 0
        self.weights = np.where(present, np.array(parameters.year_weights, np.int64), 0)

    def build(self) -> tuple[Catalogue, BuildReport]:
        core = self._core_rows()
        found = match(self.table, self._compile(core))
        rows = (*core, *self._comprehensive_rows(found))
        compiled = self._compile(rows)
        group_of = match(self.table, compiled).row_of.astype(np.int64)
        kept = self._trim(group_of)
        weighed, reference, cv = self._weigh(rows, group_of, kept)
        settings = compiled.catalogue.settings.model_copy(update={"reference_cost_fen": _rounded(reference)})
        catalogue = self._catalogue(weighed, settings)
        return catalogue, self._report(rows, group_of, kept, reference, cv)

    def _settings(self) -> Settings:
        identity = self.identity
        default = default_matching()
        matching = Matching(
            layers=list(LAYERS),
            dx_lengths=[0, self.parameters.core_dx_length, self.parameters.comprehensive_dx_length],
            proc_lengths=default.proc_lengths,
            principal_procedure=default.principal_procedure,
            counted_treatments=self.parameters.key_treatments,
            strategy={"default": self.parameters.strategy},
            treatments=default.treatments,
        )
        return Settings(
            id=identity.id,
            name=identity.name,
            name_en=identity.name_en,
            label=identity.label,
            source=identity.source,
            score_base=self.parameters.score_base,
            matching=matching,
        )

    def _catalogue(self, rows: Sequence[Row], settings: Settings) -> Catalogue:
        excluded = dict.fromkeys(self.parameters.excluded_dx, "")
        return Catalogue(settings, tuple(rows), excluded, (), {}, ())

    def _compile(self, rows: Sequence[Row]) -> Compiled:
        return compile_catalogue(self._catalogue(rows, self._settings()))

    def _clean(self, table: pa.Table, years: Longs, found: Matches) -> tuple[Mask, dict[str, int], int]:
        """Which cases can be used, how many not and why (the first reason of each), the newest year."""
        cost = whole_numbers(table, "total_cost_fen")
        stay = whole_numbers(table, "los_days")
        used = np.ones(len(table), np.bool_)
        dropped: dict[str, int] = {}

        def drop(reason: str, which: Mask) -> None:
            dropped[reason] = int((used & which).sum())
            used[which] = False

        reasons = ("dip.dropped_dx_excluded", "dip.dropped_dx_unknown", "dip.dropped_dx_missing")
        for number, reason in enumerate(reasons, start=2):
            drop(reason, found.status_of == number)
        drop("dip.dropped_no_cost", pc.is_null(table.column("total_cost_fen")).to_numpy())
        drop("dip.dropped_cost_not_positive", cost <= 0)
        drop("dip.dropped_long_stay", stay > self.parameters.longest_stay_days)
        drop("dip.dropped_no_date", years == 0)
        last_year = self.parameters.last_year
        if last_year is not None:
            drop("dip.dropped_too_new", years > last_year)
        newest = last_year or (int(years[used].max()) if used.any() else 0)
        drop("dip.dropped_too_old", years <= newest - len(self.parameters.year_weights))
        return used, {reason: count for reason, count in dropped.items() if count}, newest

    def _frequent(self, key_of: Longs, year: Longs, cases_a_year: int) -> Longs:
        """The keys with enough cases a year, the years by their weights."""
        years = len(self.weights)
        keys, place_of = np.unique(key_of, return_inverse=True)
        counts = np.bincount(place_of * years + year, minlength=len(keys) * years).reshape(-1, years)
        frequent: Longs = keys[counts @ self.weights >= cases_a_year * int(self.weights.sum())]
        return frequent

    def _core_rows(self) -> tuple[Row, ...]:
        """A row for every frequent pair of subcategory and set of treatment-relevant procedures."""
        dx_of, dx_keys = self._dx_keys(self.parameters.core_dx_length)
        set_of, proc_sets = self._proc_sets()
        frequent = self._frequent(dx_of * len(proc_sets) + set_of, self.year, self.parameters.core_cases)
        keys = sorted(
            (dx_keys[key // len(proc_sets)], proc_sets[key % len(proc_sets)]) for key in frequent.tolist()
        )
        return tuple(_core_row(dx, procedures) for dx, procedures in keys)

    def _comprehensive_rows(self, found: Matches) -> tuple[Row, ...]:
        """A row for every category and treatment of the cases that no core group takes."""
        left = np.flatnonzero(found.row_of == kernel.NOTHING)
        dx_of, dx_keys = self._dx_keys(self.parameters.comprehensive_dx_length)
        treatments = default_matching().treatments
        key_of = dx_of[left] * len(treatments) + found.treatment_of[left]
        frequent = np.flatnonzero(np.bincount(key_of) >= self.parameters.comprehensive_cases)
        pairs = [(dx_keys[key // len(treatments)], key % len(treatments)) for key in frequent.tolist()]
        names = [(treatment, step.name) for treatment, step in treatments.items()]
        return tuple(
            Row(
                id=f"{dx}-{names[rank][0]}",
                layer=LAYERS[1],
                name=f"{dx_name(dx)} {names[rank][1]}",
                dx=((dx,),),
                proc_place="ignored",
                treatment=names[rank][0],
            )
            for dx, rank in sorted(pairs)
        )

    def _dx_keys(self, length: int) -> tuple[Longs, list[str]]:
        """The number of each case's principal diagnosis cut to ``length``, and what the numbers stand for."""
        dx_index = self.without_rows.dx_index
        starts, written = flat_codes(self.table, "dx")
        principal = dx_index.find(written.take(pa.array(starts[:-1])))
        cut = pc.utf8_slice_codeunits(dx_index.names, 0, length).fill_null("").dictionary_encode()
        numbers: Longs = cut.indices.to_numpy(zero_copy_only=False)[principal].astype(np.int64)
        return numbers, cut.dictionary.to_pylist()

    def _proc_sets(self) -> tuple[Longs, list[str]]:
        """The number of each case's set of procedures that may be principal, and the sets, codes joined by ``+``."""
        compiled = self.without_rows
        starts, written = flat_codes(self.table, "proc")
        rows = compiled.proc_index.find(written).astype(np.int64)
        case_of = np.repeat(np.arange(len(self.table)), np.diff(starts))
        counts = compiled.rules.proc_rule[rows] == kernel.MAY_BE_PRINCIPAL
        # Rows of the index are in the order of the codes, so that a set is written in one way only.
        pairs = np.unique(case_of[counts] << 32 | rows[counts])
        offsets = np.zeros(len(self.table) + 1, np.int32)
        np.cumsum(np.bincount(pairs >> 32, minlength=len(self.table)), out=offsets[1:])
        codes = compiled.proc_index.names.take(pa.array(pairs & 0xFFFFFFFF))
        sets = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), codes), "+").dictionary_encode()
        return sets.indices.to_numpy(zero_copy_only=False).astype(np.int64), sets.dictionary.to_pylist()

    def _trim(self, group_of: Longs) -> Mask:
        """Which cases are left when the cheapest and dearest of each group (and cases without one) are left out."""
        order = np.lexsort((self.cost, group_of))
        ordered = group_of[order]
        starts = np.searchsorted(ordered, ordered, side="left")
        sizes = np.searchsorted(ordered, ordered, side="right") - starts
        place = np.arange(len(ordered)) - starts
        low = sizes * self.parameters.trim_low_per_mille // 1000
        high = sizes * self.parameters.trim_high_per_mille // 1000
        kept = np.empty(len(ordered), np.bool_)
        kept[order] = (place >= low) & (place < sizes - high) & (ordered != kernel.NOTHING)
        return kept

    def _weigh(
        self, rows: Sequence[Row], group_of: Longs, kept: Mask
    ) -> tuple[list[Row], Fraction, list[float | None]]:
        """The rows with cases, mean cost, weight and score; the mean cost of all; each group's variation."""
        years = len(self.weights)
        group, cost = group_of[kept], self.cost[kept]
        cell = group * years + self.year[kept]
        sums = np.zeros(len(rows) * years, np.int64)
        np.add.at(sums, cell, cost)
        counts = np.bincount(cell, minlength=len(sums)).reshape(-1, years)
        by_year = sums.reshape(-1, years)
        reference = self._weighted_mean(by_year.sum(axis=0), counts.sum(axis=0))
        if reference is None:
            raise input_error("dip.no_group", "", used=len(self.table))
        all_cases = np.bincount(group_of[group_of >= 0], minlength=len(rows))
        variation = _variation(group, cost, len(rows))
        weighed = []
        for place, row in enumerate(rows):
            mean = self._weighted_mean(by_year[place], counts[place])
            if mean is None:
                raise AssertionError("trimming leaves at least one case of a group")
            weighed.append(self._weighed(row, int(all_cases[place]), mean, reference, variation[place]))
        return weighed, reference, variation

    def _weighted_mean(self, sums: Longs, counts: Longs) -> Fraction | None:
        """The mean of the yearly means by the weights of the years that have cases."""
        means = [
            (Fraction(total, count), weight)
            for total, count, weight in zip(
                sums.tolist(), counts.tolist(), self.weights.tolist(), strict=True
            )
            if count and weight
        ]
        whole = sum(weight for _, weight in means)
        return sum((mean * weight for mean, weight in means), Fraction(0)) / whole if whole else None

    def _weighed(self, row: Row, cases: int, mean: Fraction, reference: Fraction, cv: float | None) -> Row:
        rw = mean / reference
        return replace(
            row,
            cases=cases,
            mean_cost_fen=_rounded(mean),
            cv=None if cv is None else Decimal(f"{cv:.4f}"),
            rw=decimal_of(rw, self.parameters.rw_decimals),
            score=decimal_of(rw * self.parameters.score_base, self.parameters.score_decimals),
        )

    def _report(
        self,
        rows: Sequence[Row],
        group_of: Longs,
        kept: Mask,
        reference: Fraction,
        cv: Sequence[float | None],
    ) -> BuildReport:
        is_core = np.array([row.layer == LAYERS[0] for row in rows], np.bool_)
        grouped = group_of != kernel.NOTHING
        per_year = np.bincount(self.year, minlength=len(self.weights)).tolist()
        wide = [
            row.id
            for row, variation in zip(rows, cv, strict=True)
            if variation is not None and variation >= self.parameters.aimed_cv
        ]
        return BuildReport(
            read=self.read,
            dropped=self.dropped,
            years={self.oldest + place: cases for place, cases in enumerate(per_year) if cases},
            used=len(self.table),
            trimmed=int((grouped & ~kept).sum()),
            core_groups=int(is_core.sum()),
            comprehensive_groups=int((~is_core).sum()),
            blank=int((~grouped).sum()),
            coverage=decimal_of(Fraction(int(is_core[group_of[grouped]].sum()), len(self.table)), 4),
            r_squared=Decimal(f"{_r_squared(group_of[kept], self.cost[kept], len(rows)):.4f}"),
            reference_cost_fen=_rounded(reference),
            wide=wide,
        )


def _core_row(dx: str, procedures: str) -> Row:
    codes = tuple(procedures.split("+")) if procedures else ()
    names = [load_catalogue("icd9cm3").name(code) or code for code in codes]
    treatment = list(default_matching().treatments.values())[-1].name
    return Row(
        id=f"{dx}-{procedures or WITHOUT_PROCEDURE}",
        layer=LAYERS[0],
        name=f"{dx_name(dx)} {' + '.join(names) or treatment}",
        dx=((dx,),),
        proc=(codes,) if codes else (),
    )


def dx_name(key: str) -> str:
    """The name of the first diagnosis that begins with ``key``, the nearest there is to the name of a category."""
    catalogue = load_catalogue("icd10")
    codes = with_prefix(key, catalogue.codes)
    return (catalogue.name(codes[0]) if codes else None) or key


def decimal_of(number: Fraction, decimals: int) -> Decimal:
    """A fraction with so many decimals, halves rounded up."""
    scaled = number * 10**decimals
    return Decimal(_rounded(scaled)).scaleb(-decimals)


def _rounded(number: Fraction) -> int:
    """The nearest whole number, halves up; for numbers that are not negative."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def _means(group: Longs, cost: Longs, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Cases and mean cost of every group, in floats: for measures of spread, not for money."""
    cases = np.bincount(group, minlength=count).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return cases, np.bincount(group, weights=cost, minlength=count) / cases


def _variation(group: Longs, cost: Longs, count: int) -> list[float | None]:
    """Standard deviation / mean of every group; ``None`` for fewer than two cases."""
    cases, means = _means(group, cost, count)
    squares = np.bincount(group, weights=(cost - means[group]) ** 2, minlength=count)
    with np.errstate(invalid="ignore"):
        variation = np.sqrt(squares / cases) / means
    return [float(value) if number >= 2 else None for value, number in zip(variation, cases, strict=True)]


def _r_squared(group: Longs, cost: Longs, count: int) -> float:
    """1 - variance inside the groups / variance of all."""
    _, means = _means(group, cost, count)
    whole = float(((cost - cost.mean()) ** 2).sum())
    return 1 - float(((cost - means[group]) ** 2).sum()) / whole if whole else 0.0
