"""Which rows a round goes through, how many rows are enough, and when the training has stopped to improve."""

from __future__ import annotations

from itertools import pairwise

from privacy.errors import Refused
from privacy.protocols.train.fixed import require_room
from privacy.protocols.train.messages import TrainParameters

# A round tells each party one sum a column of its own over the rows of the batch. With few rows a column such sums
# would tell single labels.
ROWS_A_COLUMN = 20
DIFFERING_A_BATCH = 20
PATIENCE = 3
"""Passes over the rows without improvement before the training stops."""


class Schedule:
    """The rounds of a training over ``rows`` aligned rows, cut into batches of nearly equal size in their order."""

    def __init__(self, parameters: TrainParameters, rows: int, columns: int):
        """``columns``: the larger number of columns of the two parties.

        Raises ``Refused``: ``train.rows_few``, ``he.overflow``.
        """
        batches = -(-rows // (parameters.batch_rows or max(rows, 1)))
        bounds = [rows * batch // batches for batch in range(batches + 1)] if batches else []
        self.batches = [slice(first, after) for first, after in pairwise(bounds)]
        self.largest = max((_size(batch) for batch in self.batches), default=0)
        self._parameters = parameters
        self._losses: list[float] = []
        self._passes: list[float] = []
        least = max(parameters.minimum_rows, ROWS_A_COLUMN * columns)
        smallest = min((_size(batch) for batch in self.batches), default=0)
        if smallest < least:
            raise Refused("train.rows_few", rows=smallest, least=least)
        require_room(self.largest)

    @property
    def least_differing(self) -> int:
        """Fewest rows that must differ from the commonest value of a feature, so that some do in each batch."""
        return DIFFERING_A_BATCH * len(self.batches)

    def batch(self, number: int) -> slice:
        """The rows of a round; rounds count from 0."""
        return self.batches[number % len(self.batches)]

    def is_over(self, loss: float) -> bool:
        """Whether the round whose loss this is was the last. Called once a round, in order."""
        self._losses.append(loss)
        done = len(self._losses)
        if done >= self._parameters.max_rounds:
            return True
        if self._parameters.early_stop is None or done % len(self.batches):
            return False
        last = self._losses[-len(self.batches) :]
        self._passes.append(sum(last) / len(last))
        earlier, recent = self._passes[:-PATIENCE], self._passes[-PATIENCE:]
        return bool(earlier) and min(earlier) - min(recent) < self._parameters.early_stop


def _size(batch: slice) -> int:
    return int(batch.stop - batch.start)
