"""What either party does in a round: its own columns, weights and key, and the work under the peer's key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import SLOTS, Integers, add, centred, reduce, subtract, uniform_masks
from privacy.he.worker import Worker
from privacy.protocols.train import fixed
from privacy.protocols.train.fixed import Features, Rates, Weights
from privacy.protocols.train.packing import Packing

PLAINTEXTS_AT_ONCE = 256
"""16 MB of factors go to the worker at once, whatever the size of the table."""


class Half:
    """One party's half of the training. ``label`` is None at the responder, whose last product is the loss's.

    A round is ``begin``, ``encrypted``, ``products`` and ``sums_for_peer`` in this order, then ``learn``.
    """

    def __init__(
        self,
        features: Features,
        label: Integers | None,
        rates: Rates,
        worker: Worker,
        peer_columns: int,
        batch_rows: int,
    ):
        own_columns = len(features)
        self._features = features
        self._label = label
        self._rates = rates
        self._worker = worker
        self._has_label = label is not None
        # Under the responder's residuals come the initiator's columns; under the initiator's also the loss.
        self._own_packing = Packing.cheapest(batch_rows, own_columns + int(not self._has_label))
        self._peer_packing = Packing.cheapest(batch_rows, peer_columns + int(self._has_label))
        self.weights = Weights.zero(own_columns, with_intercept=self._has_label)
        self._batch = slice(0)
        self.residual = np.empty(0, np.int64)
        self._masks = np.empty(0, np.int64)

    @property
    def rows(self) -> int:
        """Aligned rows."""
        return int(self._features.shape[1])

    def begin(self, batch: slice) -> None:
        """Reckon the residual part of this round's rows with the weights as they are."""
        self._batch = batch
        label = None if self._label is None else self._label[batch]
        self.residual = fixed.residual_part(self._features[:, batch], self.weights.values, label)

    def encrypted(self) -> tuple[bytes, ...]:
        """The residual part under our key."""
        return tuple(self._worker.encrypt(self._peer_packing.residual_slots(self.residual)))

    def products(self, peer_residual: Sequence[bytes]) -> tuple[bytes, ...]:
        """Our columns times the peer's residual part under its key, each slot masked."""
        packing = self._own_packing
        columns = self._columns()
        blocks = packing.blocks(len(self.residual))
        at_once = max(1, PLAINTEXTS_AT_ONCE // blocks)
        masks = uniform_masks(packing.results, SLOTS)
        self._masks = packing.sums(masks)
        found: list[bytes] = []
        for first in range(0, packing.results, at_once):
            after = min(first + at_once, packing.results)
            factors = np.stack([packing.column_slots(columns, result) for result in range(first, after)])
            found += self._worker.combine(peer_residual, factors, masks[first:after])
        return tuple(found)

    def sums_for_peer(self, products: Sequence[bytes]) -> Integers:
        """The sums of what the peer made of our residual part; its masks are still on them."""
        if len(products) != self._peer_packing.results:
            raise Refused("train.shape", what="products")
        return self._peer_packing.sums(self._worker.decrypt(products))

    def learn(self, sums: Sequence[int]) -> None:
        """Take our masks off the sums that the peer returned, add our own part, and step."""
        columns = len(self._features)
        if len(sums) != columns:
            raise Refused("train.shape", what="sums")
        under_key = centred(subtract(np.array(sums, np.int64), self._masks[:columns]))
        own = fixed.gradient_part(self._features[:, self._batch], self.residual)
        self.weights = fixed.step(self.weights, own + under_key, len(self.residual), self._rates)

    def loss_rest(self) -> int:
        """At the responder: minus twice the mask of the loss's product, plus our squares, modulo t."""
        squares = np.array(fixed.squares(self.residual))
        mask = self._masks[-1]
        return int(subtract(subtract(reduce(squares), mask), mask))

    def loss(self, masked: int, rest: int) -> float:
        """At the initiator: the mean loss of the round."""
        twice = add(np.array(masked), np.array(masked))
        from_peer = int(centred(add(twice, np.array(rest))))
        return fixed.loss(fixed.squares(self.residual) + from_peer, len(self.residual))

    def _columns(self) -> Features:
        columns = self._features[:, self._batch]
        if self._has_label:
            return columns
        return np.vstack([columns, fixed.for_loss(self.residual).astype(np.int16)])
