"""A trained model: what it reads, its trees, its probabilities, its bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from claims.risk.boosting import Member
from claims.risk.calibration import Calibrator
from claims.risk.frame import Feature, Schema
from claims.risk.values import Floats, Ints

BLOCK = 100_000
"""Rows that are scored at once: bounds the memory."""
LOWEST = "low"


@dataclass(frozen=True)
class Band:
    """Claims whose probability is at least ``threshold`` and which are in no band above."""

    name: str
    threshold: float


@dataclass(frozen=True)
class Model:
    """``label``, ``id_column``: columns of the training table. ``manifest``: everything told about the training.

    ``reference``: the distributions of the training rows, for the drift monitor and the reasons.
    """

    schema: Schema
    features: tuple[Feature, ...]
    members: tuple[Member, ...]
    calibrator: Calibrator
    bands: tuple[Band, ...]
    label: str
    positive: str | None
    id_column: str | None
    amount: str | None
    reference: dict[str, Any]
    manifest: dict[str, Any]

    def scores(self, values: Floats) -> Floats:
        """(rows,) log odds before calibration: the order of the rows. ``values``: (rows, features)."""
        parts = [self._scores(values[start : start + BLOCK]) for start in range(0, len(values), BLOCK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _scores(self, values: Floats) -> Floats:
        found = np.zeros(len(values))
        for member in self.members:
            found += member.scores(values)
        return found / len(self.members)

    def probabilities(self, scores: Floats) -> Floats:
        """(rows,) calibrated probabilities of :meth:`scores`."""
        return self.calibrator.probabilities(scores)

    def contributions(self, values: Floats) -> Floats:
        """(rows, features + 1): what each feature adds to the log odds, and what is there without any."""
        found = np.zeros((len(values), values.shape[1] + 1))
        if not len(values):
            return found
        for member in self.members:
            found += member.contributions(values)
        return found / len(self.members)

    def band_of(self, probabilities: Floats) -> Ints:
        """(rows,) the place of each row's band in :attr:`band_names`."""
        place = np.full(len(probabilities), len(self.bands), np.int64)
        for number, band in reversed(list(enumerate(self.bands))):
            place[probabilities >= band.threshold] = number
        return place

    @property
    def band_names(self) -> tuple[str, ...]:
        """The bands, the highest first."""
        return (*(band.name for band in self.bands), LOWEST)
