"""The responder's side of the training: a state machine."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from privacy.errors import Refused
from privacy.he.worker import Worker, WorkerLimits
from privacy.job import Job
from privacy.message import Message
from privacy.protocols.align import AlignmentResponder
from privacy.protocols.train import model
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
from privacy.table import Table


@dataclass
class _Training:
    """What there is once the initiator has started. ``made``: the products of this round, made in ``thread``."""

    maker: FeatureMaker
    half: Half
    schedule: Schedule
    worker: Worker
    thread: ThreadPoolExecutor
    made: Future[tuple[bytes, ...]]

    def close(self) -> None:
        self.worker.close()
        self.thread.shutdown(wait=False, cancel_futures=True)


class TrainResponder:
    """Aligns, then ``TrainStart``, then ``TrainResiduals`` and ``TrainProducts`` a round, then ``TrainFinish``."""

    def __init__(self, job: Job):
        self._job = job
        self._parameters: TrainParameters = job.parameters
        self._alignment = AlignmentResponder(job)
        self._training: _Training | None = None
        self._round = 0
        self._next: frozenset[type[Message]] = frozenset({TrainStart})

    @property
    def expects(self) -> frozenset[type[Message]]:
        return self._next if self._alignment.table is not None else self._alignment.expects

    @property
    def aligned(self) -> Table:
        """Our rows that the initiator has too, in the common order; once the alignment is over."""
        assert self._alignment.table is not None  # noqa: S101 - a programmer's mistake
        return self._alignment.table

    def handle(self, message: Message) -> Message:
        try:
            return self._answer(message)
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """End the worker."""
        self._alignment.close()
        if self._training is not None:
            self._training.close()

    def _answer(self, message: Message) -> Message:
        table, training = self._alignment.table, self._training
        if table is None:
            return self._alignment.handle(message)
        if training is None:
            assert isinstance(message, TrainStart)  # noqa: S101 - what is expected now
            return self._start(message, table)
        match message:
            case TrainResiduals():
                return self._residuals(message, training)
            case TrainProducts():
                return self._products(message, training)
            case TrainFinish():
                return self._finish(message, training)
        raise Refused("message.type", got=message.TYPE)

    def _start(self, message: TrainStart, table: Table) -> TrainStarted:
        parameters, rows = self._parameters, len(table)
        if message.rows != rows:
            raise Refused("train.shape", what="rows")
        # Trees are grown only for as many rows as are enough.
        least = Schedule(parameters, rows, message.columns).least_differing
        name = parameters.responder_target
        target = None if name is None else table.columns[name]
        maker = FeatureMaker.fit(table, parameters.responder_columns, target, parameters, least)
        features = maker.features(table)
        schedule = Schedule(parameters, rows, max(len(features), message.columns))
        worker = Worker("bfv", WorkerLimits.of(self._job.limits), self._job.log)
        rates = Rates.of(parameters.learning_rate, parameters.momentum, parameters.l2)
        half = Half(features, None, rates, worker, message.columns, schedule.largest)
        self._training = _Training(
            maker, half, schedule, worker, ThreadPoolExecutor(1, thread_name_prefix="train"), Future()
        )
        key = worker.make_key()
        own_key = worker.use_secret_key(key.secret)
        peer_key = worker.use_public_key(message.blobs[0])
        self._job.log("train.keys", initiator=peer_key, responder=own_key)
        self._next = frozenset({TrainResiduals})
        return TrainStarted(rows=rows, columns=len(features), blobs=(key.public,))

    def _residuals(self, message: TrainResiduals, training: _Training) -> TrainResidualsReply:
        self._require_round(message.round)
        half = training.half
        if self._round:
            half.learn(message.sums)
        half.begin(training.schedule.batch(self._round))
        encrypted = half.encrypted()
        # The initiator makes its products at the same time.
        training.made = training.thread.submit(half.products, message.blobs)
        self._next = frozenset({TrainProducts})
        return TrainResidualsReply(blobs=encrypted)

    def _products(self, message: TrainProducts, training: _Training) -> TrainProductsReply:
        self._require_round(message.round)
        half = training.half
        made = training.made.result()
        sums = tuple(half.sums_for_peer(message.blobs).tolist())
        self._round += 1
        self._job.progress(self._round, self._parameters.max_rounds, "rounds")
        more = {TrainResiduals} if self._round < self._parameters.max_rounds else set()
        self._next = frozenset({TrainFinish, *more})
        return TrainProductsReply(sums=sums, loss_rest=half.loss_rest(), blobs=made)

    def _finish(self, message: TrainFinish, training: _Training) -> TrainFinished:
        training.half.learn(message.sums)
        weights, rows = training.half.weights.values, training.half.rows
        part = model.Part.of(self._job, training.maker, rows, self._round, None, weights)
        file = model.write(self._job.state, part, message.model_sha256)
        self._job.log(
            "train.done",
            rows=rows,
            rounds=self._round,
            sha256=part.sha256,
            peer_sha256=message.model_sha256,
            split_sha256=file.split_sha256,
        )
        self._next = frozenset()
        self.close()
        return TrainFinished(model_sha256=part.sha256)

    def _require_round(self, number: int) -> None:
        if number != self._round:
            raise Refused("train.shape", what="round")
