"""Why a claim has its score, in words; which known cases are like it; what would change its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims import messages
from claims.risk.catalogue import catalogue, texts_of
from claims.risk.frame import Feature
from claims.risk.model import Model
from claims.risk.settings import settings
from claims.risk.values import Floats, Ints

CASES_SCHEMA = pa.schema(
    [("case", pa.string()), ("label", pa.int8()), ("contributions", pa.list_(pa.float32()))]
)


@dataclass(frozen=True)
class Reason:
    """What one feature adds to the log odds of a claim. ``value`` and ``middle`` (of the training units) as shown."""

    feature: Feature
    value: str | None
    middle: str | None
    contribution: float

    def sentence(self, lang: str) -> str:
        """The reason in ``lang``: the feature, its value, what is usual, the direction."""
        name, unit = texts_of(self.feature, lang)
        key = "raises" if self.contribution > 0 else "lowers"
        if self.value is None:
            return messages.text(f"risk.reason_missing_{key}", lang, name=name)
        middle = self.middle if self.middle is not None else "–"
        unit = f" {unit}" if unit else ""
        kind = "level_" if self.feature.levels else ""
        return messages.text(
            f"risk.reason_{kind}{key}", lang, name=name, value=self.value, middle=middle, unit=unit
        )


@dataclass(frozen=True)
class Sensitivity:
    """Another value of one feature, within what training units had, with which the claim would be in another band."""

    feature: Feature
    value: str | None
    other: str
    band: str

    def sentence(self, lang: str) -> str:
        name, unit = texts_of(self.feature, lang)
        value = self.value if self.value is not None else messages.text("risk.unknown", lang)
        unit = f" {unit}" if unit else ""
        band = messages.text(f"risk.band_{self.band}", lang)
        return messages.text(
            "risk.sensitivity", lang, name=name, value=value, other=self.other, unit=unit, band=band
        )


def reasons(model: Model, values: Floats) -> list[list[Reason]]:
    """For each row of ``values`` (rows, features) its reasons, the strongest first."""
    limits = settings("reasons")
    found = []
    for row, of_row in zip(values, model.contributions(values)[:, :-1], strict=True):
        least = limits["least_share"] * np.abs(of_row).sum()
        order = np.argsort(-np.abs(of_row), kind="stable")[: limits["most"]]
        found.append(
            [
                _reason(model, place, row, float(of_row[place]))
                for place in order.tolist()
                if abs(of_row[place]) > least
            ]
        )
    return found


def _reason(model: Model, place: int, row: Floats, contribution: float) -> Reason:
    feature = model.features[place]
    middle = model.reference["features"][place]["middle"]
    return Reason(feature, shown(feature, float(row[place])), shown(feature, middle), contribution)


def shown(feature: Feature, value: float | None) -> str | None:
    """A value of a feature as text: a level by its name, a number with at most five digits; None where not known."""
    if value is None or not np.isfinite(value):
        return None
    if feature.levels:
        return feature.levels[int(value)]
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.5g}"


def reference_cases(model: Model, values: Floats, labels: Ints, names: npt.NDArray[np.object_]) -> pa.Table:
    """Training units with their contributions, for :func:`similar`: up to half positives, then others, spread."""
    most = settings("reasons")["reference_cases"]
    ones, zeros = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    ones = _spread(ones, min(len(ones), most // 2))
    chosen = np.concatenate([ones, _spread(zeros, min(len(zeros), most - len(ones)))])
    told = model.contributions(values[chosen])[:, :-1].astype(np.float32)
    return pa.table(
        [names[chosen].tolist(), labels[chosen].tolist(), list(told)],
        schema=CASES_SCHEMA,
    )


def _spread(places: Ints, count: int) -> Ints:
    return places[np.linspace(0, len(places) - 1, count).astype(np.int64)] if count else places[:0]


def similar(model: Model, cases: pa.Table, row: Floats) -> list[tuple[str, int]]:
    """The training units whose reasons are most like those of a row: name and label, the nearest first."""
    asked = model.contributions(row[None, :])[0, :-1]
    width = len(model.features)
    known = cases.column("contributions").combine_chunks().flatten().to_numpy().reshape(-1, width)
    distance = np.sqrt(((known - asked) ** 2).sum(axis=1))
    order = np.argsort(distance, kind="stable")[: settings("reasons")["similar"]]
    names, labels = cases.column("case").to_pylist(), cases.column("label").to_pylist()
    return [(names[place], int(labels[place])) for place in order.tolist()]


def sensitivities(model: Model, row: Floats, fixed: Sequence[str]) -> list[Sensitivity]:
    """Single features whose other value alone would put the row into a lower band; the nearest value of each.

    Only values within the range of training units are tried. ``fixed``: columns that cannot change, beside those that
    the catalogue says cannot.
    """
    limits = settings("reasons")
    probability = model.probabilities(model.scores(row[None, :]))
    band = int(model.band_of(probability)[0])
    if band == len(model.bands):
        return []
    found: list[tuple[float, Sensitivity]] = []
    for place, feature in enumerate(model.features):
        told = model.reference["features"][place]
        if feature.column in fixed or not _changeable(feature) or told["low"] is None:
            continue
        tried = _other_values(feature, told, float(row[place]))
        rows = np.repeat(row[None, :], len(tried), axis=0)
        rows[:, place] = tried
        bands = model.band_of(model.probabilities(model.scores(rows)))
        better = np.flatnonzero(bands > band)
        if not len(better):
            continue
        middle = told["middle"] if np.isnan(row[place]) else row[place]
        nearest = better[np.argmin(np.abs(tried[better] - middle))]
        changed = model.band_names[int(bands[nearest])]
        other = shown(feature, float(tried[nearest])) or ""
        scale = (told["high"] - told["low"]) or 1.0
        step = 1.0 if feature.levels else abs(float(tried[nearest]) - middle) / scale
        found.append((step, Sensitivity(feature, shown(feature, float(row[place])), other, changed)))
    found.sort(key=lambda one: one[0])
    return [one for _, one in found[: limits["most_sensitivities"]]]


def _changeable(feature: Feature) -> bool:
    entry = catalogue().get(feature.column)
    return entry is None or entry.changeable


def _other_values(feature: Feature, told: Mapping[str, Any], value: float) -> Floats:
    if feature.levels:
        return np.array([place for place in range(len(feature.levels)) if place != value], np.float64)
    points = np.linspace(told["low"], told["high"], settings("reasons")["sensitivity_points"])
    return np.unique(np.concatenate([points, told["edges"]]))
