"""How rows and columns lie in the slots of ciphertexts.

The slots are cut into ``copies`` segments of ``width`` rows. A block of rows is encrypted with its residuals repeated
in every segment; each segment is multiplied by another column. So one result brings the sums of ``copies`` columns:
more ciphertexts of residuals, fewer of results. Both parties choose the number of copies that costs the fewest bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privacy.he.fixed_point import SLOTS, Integers, sum_modulo
from privacy.protocols.train.fixed import Features

# What a ciphertext of each kind takes, for the choice only.
FRESH_BYTES, RESULT_BYTES = 197_000, 131_300


@dataclass(frozen=True)
class Packing:
    """``columns`` columns against residuals that are repeated ``copies`` times."""

    columns: int
    copies: int

    @classmethod
    def cheapest(cls, rows: int, columns: int) -> Packing:
        """The packing with the fewest bytes a round for a batch of at most ``rows`` rows."""
        packings = [cls(columns, copies) for copies in range(1, columns + 1) if copies <= SLOTS]
        return min(packings, key=lambda packing: packing.round_bytes(rows))

    @property
    def width(self) -> int:
        """Rows in a block."""
        return SLOTS // self.copies

    @property
    def results(self) -> int:
        """Ciphertexts that come back."""
        return -(-self.columns // self.copies)

    def blocks(self, rows: int) -> int:
        """Ciphertexts of residuals."""
        return -(-rows // self.width)

    def round_bytes(self, rows: int) -> int:
        """Bytes of the residuals and their results."""
        return self.blocks(rows) * FRESH_BYTES + self.results * RESULT_BYTES

    def residual_slots(self, residual: Integers) -> Integers:
        """(rows) -> (blocks, SLOTS); slots beyond the rows are 0."""
        blocks = self.blocks(len(residual))
        rows = np.zeros((blocks, 1, self.width), np.int64)
        rows.reshape(-1)[: len(residual)] = residual
        slots = np.zeros((blocks, SLOTS), np.int64)
        used = self.copies * self.width
        slots[:, :used] = np.broadcast_to(rows, (blocks, self.copies, self.width)).reshape(blocks, used)
        return slots

    def column_slots(self, columns: Features, result: int) -> Integers:
        """The factors of one result: (columns, rows) -> (blocks, SLOTS)."""
        rows = columns.shape[1]
        blocks = self.blocks(rows)
        mine = columns[result * self.copies : (result + 1) * self.copies]
        padded = np.zeros((len(mine), blocks * self.width), np.int64)
        padded[:, :rows] = mine
        slots = np.zeros((blocks, SLOTS), np.int64)
        segments = padded.reshape(len(mine), blocks, self.width).transpose(1, 0, 2)
        slots[:, : len(mine) * self.width] = segments.reshape(blocks, -1)
        return slots

    def sums(self, slots: Integers) -> Integers:
        """Residues (results, SLOTS) -> the sum modulo t of each column's segment (columns)."""
        segments = slots[:, : self.copies * self.width].reshape(-1, self.width)
        return sum_modulo(segments[: self.columns])
