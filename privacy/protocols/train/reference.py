"""The same training in one process on both parties' plain features: what the protocol must equal bit for bit.

For tests and the bench: the step, the residual and the loss are those of the protocol, the encryption is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from privacy.he.fixed_point import Integers
from privacy.protocols.train import fixed
from privacy.protocols.train.fixed import Features, Rates, Weights
from privacy.protocols.train.messages import TrainParameters
from privacy.protocols.train.schedule import Schedule


@dataclass(frozen=True)
class Trained:
    """Weights of both parties (the initiator's begin with the intercept) and the loss of every round."""

    initiator: Integers
    responder: Integers
    losses: list[float]


def train(initiator: Features, responder: Features, label: Integers, parameters: TrainParameters) -> Trained:
    """Train on features (columns, rows); the initiator's first column is of ones."""
    schedule = Schedule(parameters, len(label), max(len(initiator), len(responder)))
    rates = Rates.of(parameters.learning_rate, parameters.momentum, parameters.l2)
    first = Weights.zero(len(initiator), with_intercept=True)
    second = Weights.zero(len(responder), with_intercept=False)
    losses: list[float] = []
    is_over = False
    while not is_over:
        batch = schedule.batch(len(losses))
        own, peer = initiator[:, batch], responder[:, batch]
        own_part = fixed.residual_part(own, first.values, label[batch])
        peer_part = fixed.residual_part(peer, second.values, None)
        residual = own_part + peer_part
        losses.append(_loss(own_part, peer_part))
        first = fixed.step(first, fixed.gradient_part(own, residual), len(residual), rates)
        second = fixed.step(second, fixed.gradient_part(peer, residual), len(residual), rates)
        is_over = schedule.is_over(losses[-1])
    return Trained(first.values, second.values, losses)


def _loss(own: Integers, peer: Integers) -> float:
    total = fixed.squares(own) + 2 * int(own @ fixed.for_loss(peer)) + fixed.squares(peer)
    return fixed.loss(total, len(own))
