"""How a model does on units that it was not trained on; training units are found by their keys and left out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.errors import input_error
from claims.risk.columns import detect
from claims.risk.frame import Frame
from claims.risk.metrics import Figure, at_capacity, figures
from claims.risk.settings import settings
from claims.risk.split import Split
from claims.risk.values import Floats, Ints, Mask, levels_of, numbers

SPLIT_SCHEMA = pa.schema([("key", pa.uint64()), ("fold", pa.int8())])
Keys = npt.NDArray[np.uint64]
QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Units:
    """What is judged: (units,) labels; amounts, NaN where not known; subgroup of each unit by column; clusters
    that are drawn together.
    """

    labels: Ints
    amounts: Floats | None
    subgroups: dict[str, list[str]]
    clusters: Ints | None

    def take(self, chosen: Mask) -> Units:
        return Units(
            self.labels[chosen],
            None if self.amounts is None else self.amounts[chosen],
            {
                name: [level for level, is_in in zip(levels, chosen.tolist(), strict=True) if is_in]
                for name, levels in self.subgroups.items()
            },
            None if self.clusters is None else self.clusters[chosen],
        )


@dataclass(frozen=True)
class Subgroup:
    """The figures of the units with one level of a column; ``metrics`` is empty where there are too few."""

    column: str
    level: str
    units: int
    positives: int
    mean_probability: float
    metrics: dict[str, Figure]


@dataclass(frozen=True)
class Evaluation:
    """Figures on unseen units. ``capacity``: how many of them a person can look at. ``seen``: were trained on."""

    units: int
    positives: int
    metrics: dict[str, Figure]
    capacity: int
    by_probability: dict[str, float]
    by_expected_amount: dict[str, float] | None
    subgroups: tuple[Subgroup, ...]
    seen: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "positives": self.positives,
            "training_units_left_out": self.seen,
            "metrics": {name: figure.as_json() for name, figure in self.metrics.items()},
            "capacity": self.capacity,
            "by_probability": _rounded(self.by_probability),
            "by_expected_amount": None
            if self.by_expected_amount is None
            else _rounded(self.by_expected_amount),
            "subgroups": [
                {
                    "column": one.column,
                    "level": one.level,
                    "units": one.units,
                    "positives": one.positives,
                    "mean_probability": round(one.mean_probability, 6),
                    "metrics": {name: figure.as_json() for name, figure in one.metrics.items()},
                }
                for one in self.subgroups
            ],
        }


def _rounded(told: dict[str, float]) -> dict[str, float | None]:
    return {name: round(value, 6) if np.isfinite(value) else None for name, value in told.items()}


def units_of(
    table: pa.Table,
    made: Frame,
    labels: Ints,
    amount: str | None,
    subgroups: Collection[str],
    groups_of_rows: Ints,
) -> Units:
    """The units of a frame. ``groups_of_rows``: (rows,) numbers; each row its own where there are no groups."""
    count = len(made.values)
    amounts = numbers(table.column(amount)) if amount is not None else None
    first = np.zeros(count, np.int64)
    first[made.unit_of_row[::-1]] = np.arange(len(table))[::-1]
    if amounts is not None and made.names is not None:
        of_unit = np.bincount(made.unit_of_row, weights=np.nan_to_num(amounts), minlength=count)
        amounts = of_unit.astype(np.float64)
    bands = {name: _levels(table.column(name).take(pa.array(first)), name) for name in subgroups}
    clusters = (
        None if made.names is not None or len(set(groups_of_rows.tolist())) == count else groups_of_rows
    )
    return Units(labels, amounts, bands, clusters)


def _levels(column: pa.ChunkedArray, name: str) -> list[str]:
    """The level of each unit: a text as it is; a number with many values by quarters."""
    found = detect(name, column, "\0")
    values = numbers(column) if found.kind in ("number", "identifier") else None
    if (
        values is None
        or len(np.unique(values[np.isfinite(values)])) <= settings("bootstrap")["most_subgroups"] // 3
    ):
        return [level if level is not None else "" for level in column.cast(pa.string()).to_pylist()]
    edges = np.unique(np.nanquantile(values, QUARTERS))
    names = [f"<= {edges[0]:g}"]
    names += [f"{low:g} – {high:g}" for low, high in pairwise(edges)] + [f"> {edges[-1]:g}"]
    places = np.searchsorted(edges, values)
    return [
        names[place] if known else ""
        for place, known in zip(places.tolist(), np.isfinite(values), strict=True)
    ]


def evaluate(
    units: Units, scores: Floats, probabilities: Floats, capacity: int | None, seen: int = 0
) -> Evaluation:
    """Figures of scores and probabilities of the same units. ``capacity``: by default that of positives."""
    chosen = min(capacity or int(units.labels.sum()), len(units.labels))
    expected = None
    if units.amounts is not None:
        worth = probabilities * np.nan_to_num(units.amounts)
        expected = at_capacity(units.labels, worth, units.amounts, chosen)
    return Evaluation(
        units=len(units.labels),
        positives=int(units.labels.sum()),
        metrics=figures(units.labels, probabilities, scores, units.clusters),
        capacity=chosen,
        by_probability=at_capacity(units.labels, scores, units.amounts, chosen),
        by_expected_amount=expected,
        subgroups=tuple(_subgroups(units, scores, probabilities)),
        seen=seen,
    )


def _subgroups(units: Units, scores: Floats, probabilities: Floats) -> list[Subgroup]:
    limits = settings("bootstrap")
    found = []
    for name, of_unit in units.subgroups.items():
        levels, _ = levels_of(pa.chunked_array([pa.array(of_unit, pa.string())]))
        for level in sorted(levels[: limits["most_subgroups"]]):
            chosen = np.array(of_unit, object) == level
            part = units.take(chosen)
            ones = int(part.labels.sum())
            enough = min(ones, len(part.labels) - ones) >= limits["least_subgroup"]
            metrics = (
                figures(part.labels, probabilities[chosen], scores[chosen], part.clusters) if enough else {}
            )
            mean = float(probabilities[chosen].mean())
            found.append(Subgroup(name, level, len(part.labels), ones, mean, metrics))
    return found


def keys_of(table: pa.Table, made: Frame, column: str | None, labels: Ints) -> Keys:
    """(units,) what a unit is recognised by: its group or id in ``column``, else its values and label."""
    if made.names is not None:
        return _hashed(made.names)
    if column is None:
        return _fingerprints(np.column_stack([made.values, labels]))
    encoded = table.column(column).cast(pa.string()).combine_chunks().dictionary_encode()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    places = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    known = np.append(_hashed(encoded.dictionary.to_pylist()), np.uint64(0))
    return np.asarray(known[places], np.uint64)


def _hashed(names: list[str]) -> Keys:
    found = [int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") for name in names]
    return np.array(found, np.uint64)


def _fingerprints(values: Floats) -> Keys:
    """(rows,) a mix of the bits of each row (SplitMix64)."""
    bits = (np.where(np.isnan(values), np.nan, values) + 0.0).view(np.uint64)
    found = np.zeros(len(values), np.uint64)
    with np.errstate(over="ignore"):
        for column in bits.T:
            mixed = found ^ column
            mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            found = mixed ^ (mixed >> np.uint64(31))
    return found


def split_table(table: pa.Table, made: Frame, split: Split, column: str | None, labels: Ints) -> pa.Table:
    """The fold of each key, in the order of the keys; a key with units in training is of training.

    ``column`` as in :func:`keys_of`.
    """
    keys = keys_of(table, made, column, labels)
    distinct, place = np.unique(keys, return_inverse=True)
    folds = np.full(len(distinct), np.iinfo(np.int8).min, np.int8)
    np.maximum.at(folds, place, split.folds)
    return pa.table([pa.array(distinct, pa.uint64()), pa.array(folds, pa.int8())], schema=SPLIT_SCHEMA)


def unseen(keys: Keys, split: pa.Table) -> Mask:
    """(units,) which units were not trained on. Raises ``InputError`` where all were."""
    trained = split.filter(pa.compute.greater_equal(split.column("fold"), 0)).column("key").to_numpy()
    found = ~np.isin(keys, trained)
    if not found.any():
        raise input_error("risk.all_seen")
    return np.asarray(found, np.bool_)
