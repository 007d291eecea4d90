"""Which rows of a repeated group belong to which record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from drg.quality.values import Mask


@dataclass(frozen=True)
class Rows:
    """The rows of one group over all records of a frame, one record after the other.

    ``offsets``: int64[records + 1]; ``carried``: records whose source has the group at all; ``blank``: rows in which
    no field is filled, which keep their place but count as no row.
    """

    offsets: npt.NDArray[np.int64]
    carried: Mask
    blank: Mask

    @property
    def record_count(self) -> int:
        return len(self.carried)

    @cached_property
    def record_of(self) -> npt.NDArray[np.int64]:
        """The record of each row."""
        return np.repeat(np.arange(self.record_count), np.diff(self.offsets))

    @cached_property
    def position(self) -> npt.NDArray[np.float64]:
        """The place of each row in its record, from 1."""
        return (np.arange(self.offsets[-1]) - self.offsets[self.record_of] + 1).astype(np.float64)

    @cached_property
    def firsts(self) -> npt.NDArray[np.int64]:
        """The first row of each record, -1 where it has none."""
        return np.where(np.diff(self.offsets) > 0, self.offsets[:-1], -1)

    def records_of(self, rows: npt.NDArray[np.int64]) -> Mask:
        """Which records have one of ``rows``."""
        found = np.zeros(self.record_count, np.bool_)
        found[self.record_of[rows]] = True
        return found

    def counts(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """How many of ``rows`` each record has."""
        return np.bincount(self.record_of[rows], minlength=self.record_count).astype(np.float64)

    def take(self, records: npt.NDArray[np.int64]) -> tuple[Rows, npt.NDArray[np.int64]]:
        """The rows of some records, and their places among these rows."""
        lengths = np.diff(self.offsets)[records]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[records] - offsets[:-1], lengths)
        return Rows(offsets, self.carried[records], self.blank[places]), places
