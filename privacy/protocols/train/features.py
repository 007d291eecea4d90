"""A party's own columns as fixed point features; fitted on its aligned rows alone, so nothing crosses.

A missing number becomes the column's median, and a column with missing numbers gets an indicator beside it. Leaves
are one column each. A column in which few rows differ from its commonest value is left out: the sum of such a column
times the other party's residuals would nearly be the residuals of those few. The others are standardised and cut off
at ``FEATURE_CLIP`` deviations. What is fitted does not depend on the order of the rows, which is another in every job.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from privacy.errors import Refused
from privacy.he.fixed_point import Floats
from privacy.protocols.train import fixed, leaves
from privacy.protocols.train.messages import MOST_COLUMNS, TrainParameters
from privacy.table import Table

MISSING, LEAF = "{column}=missing", "tree{tree}=leaf{leaf}"


class Standardised(BaseModel):
    """A column of features: ``(value - mean) / deviation``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    mean: float
    deviation: float


class FeatureMaker(BaseModel):
    """From a party's table to its features; part of its model.

    ``medians``: of ``columns``, for the missing. ``indicators``: the columns that get one. ``booster``: LightGBM's
    text where the features are leaves. ``standardised``: the features in their order. ``left_out``: those in which
    too few rows differ.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["raw", "leaves"]
    columns: tuple[str, ...]
    medians: dict[str, float] = {}
    indicators: tuple[str, ...] = ()
    booster: str = ""
    standardised: tuple[Standardised, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        table: Table,
        columns: tuple[str, ...],
        target: Floats | None,
        parameters: TrainParameters,
        least_differing: int,
    ) -> FeatureMaker:
        """Fit on these rows; ``target`` where the features are leaves of trees that predict it.

        ``least_differing``: fewest rows that differ from the commonest value of a column that is not left out.
        Raises ``Refused``: ``train.column_empty``, ``train.column_range``, ``train.columns_none``,
        ``train.columns_many``, ``train.target``.
        """
        if target is None:
            medians = {column: _median(table, column) for column in columns}
            indicators = tuple(column for column in columns if np.isnan(table.columns[column]).any())
            maker = cls(kind="raw", columns=columns, medians=medians, indicators=indicators)
        else:
            booster = leaves.train(table, columns, target, parameters)
            maker = cls(kind="leaves", columns=columns, booster=booster)
        plain = maker._plain(table)
        left_out = tuple(name for name, values in plain.items() if _differing(values) < least_differing)
        for name in left_out:
            del plain[name]
        if not plain:
            raise Refused("train.columns_none", least=least_differing)
        if len(plain) > MOST_COLUMNS - 1:
            raise Refused("train.columns_many", columns=len(plain), most=MOST_COLUMNS - 1)
        standardised = tuple(_standardised(name, values) for name, values in plain.items())
        return maker.model_copy(update={"standardised": standardised, "left_out": left_out})

    def features(self, table: Table) -> fixed.Features:
        """The features (columns, rows) of any rows that have the columns."""
        plain = self._plain(table)
        found = np.empty((len(self.standardised), len(table)), np.int16)
        for row, each in zip(found, self.standardised, strict=True):
            deviations = (plain[each.name] - each.mean) / each.deviation
            deviations = np.clip(deviations, -fixed.FEATURE_CLIP, fixed.FEATURE_CLIP)
            row[:] = np.rint(np.ldexp(deviations, fixed.FEATURE_BITS))
        return found

    def _plain(self, table: Table) -> dict[str, npt.NDArray[np.float64]]:
        if self.kind == "leaves":
            return {
                LEAF.format(tree=tree, leaf=leaf): values
                for tree, leaf, values in leaves.one_hot(self.booster, table, self.columns)
            }
        plain = {}
        for column in self.columns:
            values = table.columns[column]
            is_missing = np.isnan(values)
            plain[column] = np.where(is_missing, self.medians[column], values)
            if column in self.indicators:
                plain[MISSING.format(column=column)] = is_missing.astype(np.float64)
        return plain


def _median(table: Table, column: str) -> float:
    """Of the numbers that are present."""
    values = table.columns[column]
    present = values[~np.isnan(values)]
    if not len(present):
        raise Refused("train.column_empty", column=column)
    # Halved first: the middle of two large numbers does not overflow.
    return float(np.median(present / 2) * 2)


def _differing(values: npt.NDArray[np.float64]) -> int:
    """Rows that differ from the commonest value."""
    _, counts = np.unique(values, return_counts=True)
    return len(values) - int(counts.max())


def _standardised(name: str, values: npt.NDArray[np.float64]) -> Standardised:
    # Sorted, so that rounding is the same in any order of the rows.
    ordered = np.sort(values)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(ordered.mean())
        deviation = float(np.sqrt(np.square(ordered - mean).mean()))
    if not (np.isfinite(deviation) and deviation > 0):
        raise Refused("train.column_range", column=name)
    return Standardised(name=name, mean=mean, deviation=deviation)
