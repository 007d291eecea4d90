"""The initiator's side of the training: it has the label, leads the rounds, and alone learns the loss."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import Floats, Integers
from privacy.he.worker import Worker, WorkerLimits
from privacy.protocols import JobResult
from privacy.protocols.align import align
from privacy.protocols.train import fixed, model
from privacy.protocols.train.features import FeatureMaker
from privacy.protocols.train.fixed import Rates
from privacy.protocols.train.half import Half
from privacy.protocols.train.messages import (
    TrainFinish,
    TrainFinished,
    TrainParameters,
    TrainProducts,
    TrainProductsReply,
    TrainResiduals,
    TrainResidualsReply,
    TrainStart,
    TrainStarted,
)
from privacy.protocols.train.schedule import Schedule

if TYPE_CHECKING:
    from privacy.session import Session


@dataclass(frozen=True)
class _Trained:
    weights: Integers
    losses: list[float]
    sums: tuple[int, ...]


def run(session: Session) -> JobResult:
    """The job at the initiator. Raises ``Refused``: ``train.*``, ``he.*``, and what ``session.ask`` raises."""
    begun = time.monotonic()
    parameters: TrainParameters = session.parameters
    table = align(session)
    # Few rows are told as such, not as a label of one kind.
    schedule = Schedule(parameters, len(table), 1)
    label = labels(table.columns[parameters.label], schedule.least_differing)
    target = table.columns[parameters.label] if parameters.features == "leaves" else None
    maker = FeatureMaker.fit(
        table, parameters.initiator_columns, target, parameters, schedule.least_differing
    )
    features = with_intercept(maker.features(table))
    with Worker("bfv", WorkerLimits.of(session.limits), session.log) as worker:
        trained = _train(session, worker, features, label)
    part = model.Part.of(
        session, maker, len(table), len(trained.losses), int(trained.weights[0]), trained.weights[1:]
    )
    finished = session.ask(TrainFinish(sums=trained.sums, model_sha256=part.sha256), TrainFinished)
    file = model.write(session.state, part, finished.model_sha256)
    session.log(
        "train.done",
        rows=len(table),
        rounds=len(trained.losses),
        sha256=part.sha256,
        peer_sha256=finished.model_sha256,
        split_sha256=file.split_sha256,
    )
    return JobResult(
        {
            "rows": len(table),
            "rounds": len(trained.losses),
            "losses": trained.losses,
            "weights": part.named_weights(),
            "left_out": list(maker.left_out),
            # What a scoring job names the model by.
            "training_job": session.id,
            "split_model_sha256": file.split_sha256,
            "own_part_sha256": file.sha256,
            "peer_part_sha256": file.peer_sha256,
            "bytes_sent": session.channel.bytes_sent,
            "bytes_received": session.channel.bytes_received,
            "seconds": round(time.monotonic() - begun, 3),
        }
    )


def labels(column: Floats, least: int) -> Integers:
    """The label as integers; ``Refused`` (``train.label``) unless it is 0 or 1 in every row, each ``least`` times.

    The responder learns the sums of its columns over the rows of each label: over few rows they would say which.
    """
    ones, zeros = int((column == 1).sum()), int((column == 0).sum())
    if ones + zeros != len(column) or min(ones, zeros) < least:
        raise Refused("train.label", rows=len(column), least=least)
    return column.astype(np.int64)


def with_intercept(features: fixed.Features) -> fixed.Features:
    """The features after a column of ones, whose weight is the intercept."""
    return np.vstack([np.full((1, features.shape[1]), fixed.ONE), features])


def _train(session: Session, worker: Worker, features: fixed.Features, label: Integers) -> _Trained:
    parameters: TrainParameters = session.parameters
    rows = features.shape[1]
    # Our own column count first: what we would refuse anyway, the peer need not hear of.
    Schedule(parameters, rows, len(features))
    key = worker.make_key()
    own_key = worker.use_secret_key(key.secret)
    started = session.ask(TrainStart(rows=rows, columns=len(features), blobs=(key.public,)), TrainStarted)
    if started.rows != rows:
        raise Refused("train.shape", what="rows")
    peer_key = worker.use_public_key(started.blobs[0])
    session.log("train.keys", initiator=own_key, responder=peer_key)
    schedule = Schedule(parameters, rows, max(len(features), started.columns))
    rates = Rates.of(parameters.learning_rate, parameters.momentum, parameters.l2)
    half = Half(features, label, rates, worker, started.columns, schedule.largest)
    losses: list[float] = []
    sums: tuple[int, ...] = ()
    is_over = False
    while not is_over:
        number = len(losses)
        half.begin(schedule.batch(number))
        asked = TrainResiduals(round=number, sums=sums, blobs=half.encrypted())
        # The peer multiplies while we do.
        residuals = session.ask(asked, TrainResidualsReply)
        products = half.products(residuals.blobs)
        reply = session.ask(TrainProducts(round=number, blobs=products), TrainProductsReply)
        found = half.sums_for_peer(reply.blobs).tolist()
        half.learn(reply.sums)
        losses.append(half.loss(found[-1], reply.loss_rest))
        sums = tuple(found[:-1])
        is_over = schedule.is_over(losses[-1])
        session.progress(len(losses), parameters.max_rounds, "rounds")
    return _Trained(half.weights.values, losses, sums)
