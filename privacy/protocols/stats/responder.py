"""The responder's side of joint statistics: encrypted groups times its columns, and which sums may leave."""

from __future__ import annotations

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import (
    SLOTS,
    Integers,
    block_count,
    reduce,
    subtract,
    sum_modulo,
    to_blocks,
    uniform_masks,
)
from privacy.he.worker import Worker, WorkerLimits
from privacy.job import Job
from privacy.message import Message
from privacy.protocols.align import AlignmentResponder
from privacy.protocols.stats import small_counts
from privacy.protocols.stats.budget import BudgetLedger
from privacy.protocols.stats.layout import layout, require_groups
from privacy.protocols.stats.messages import (
    StatsClaim,
    StatsCompare,
    StatsCompared,
    StatsGroup,
    StatsMasked,
    StatsReleased,
    StatsStart,
    StatsStarted,
)
from privacy.protocols.stats.noise import draw_noise, noise_scales
from privacy.protocols.stats.parameters import StatsParameters
from privacy.protocols.stats.quantities import quantity_rows
from privacy.protocols.stats.release import guarded, packed, released, unpacked
from privacy.table import Table

# Plaintexts given to the worker at once.
BLOCKS_AT_ONCE = 2048


class StatsResponder:
    """Alignment, then ``StatsStart``, a ``StatsGroup`` a group, ``StatsCompare``, ``StatsClaim``."""

    def __init__(self, job: Job):
        self._job = job
        self._parameters: StatsParameters = job.parameters
        self._ledger = BudgetLedger(job.state)
        self._ledger.require_allowed(*self._spending())
        self._alignment = AlignmentResponder(job)
        self._core: StatsCore | None = None

    @property
    def expects(self) -> frozenset[type[Message]]:
        if self._core is not None:
            return self._core.expects
        return self._alignment.expects if self._alignment.table is None else frozenset({StatsStart})

    def handle(self, message: Message) -> Message:
        if self._alignment.table is None:
            return self._alignment.handle(message)
        if self._core is None:
            self._core = StatsCore(self._job, self._alignment.table)
        if isinstance(message, StatsCompare):
            # What is not paid for does not leave; which counts are small tells something already.
            self._ledger.spend(self._job.id, *self._spending())
        reply = self._core.handle(message)
        if isinstance(message, StatsClaim):
            self.close()
        return reply

    def close(self) -> None:
        """Let go of the worker and the threads."""
        self._alignment.close()
        if self._core is not None:
            self._core.close()

    def _spending(self) -> tuple[str, str, tuple[str, ...], int]:
        columns = tuple(self._parameters.columns)
        return self._job.peer, self._job.table_name, columns, self._parameters.micro_epsilon


class StatsCore:
    """The computing, on common rows in the common order."""

    def __init__(self, job: Job, table: Table):
        self._job = job
        self._parameters: StatsParameters = job.parameters
        self._rows = len(table)
        self._layout = layout(self._parameters, self._rows)
        self._scales = noise_scales(self._layout, self._parameters, self._rows)
        rows = quantity_rows(self._layout, self._parameters, table)
        self._totals: Integers = rows.sum(axis=1)
        self._blocks = to_blocks(rows)
        self._worker: Worker | None = None
        self._groups = 0
        self._noise: Integers = np.zeros((0, 0), np.int64)
        # By group: what the initiator has to take off a sum of its masked slots for the figure, with its noise.
        self._subtrahends: list[Integers] = []
        self.expects: frozenset[type[Message]] = frozenset({StatsStart})

    def handle(self, message: Message) -> Message:
        match message:
            case StatsStart():
                return self._start(message)
            case StatsGroup():
                return self._group(message)
            case StatsCompare():
                return self._compare(message)
            case StatsClaim():
                return self._claim(message)
        raise Refused("message.type", got=message.TYPE)

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()

    def _start(self, message: StatsStart) -> StatsStarted:
        require_groups(self._parameters, self._layout, message.groups)
        self._groups = message.groups
        self._noise = draw_noise(self._scales, self._groups, len(self._layout.quantities))
        self._worker = Worker("bfv", WorkerLimits.of(self._job.limits), self._job.log)
        key = self._worker.use_public_key(message.blobs[0])
        self._job.log("stats.start", rows=self._rows, groups=message.groups, key=key)
        self.expects = frozenset({StatsGroup})
        return StatsStarted(rows=self._rows)

    def _group(self, message: StatsGroup) -> StatsMasked:
        _require_blobs(message, block_count(self._rows))
        masks = uniform_masks(len(self._layout.quantities), SLOTS)
        results: list[bytes] = []
        at_once = max(1, BLOCKS_AT_ONCE // block_count(self._rows))
        for first in range(0, len(masks), at_once):
            part = slice(first, first + at_once)
            results += self._working.combine(message.blobs, self._blocks[part], masks[part])
        noise = self._noise[len(self._subtrahends)]
        self._subtrahends.append(subtract(sum_modulo(masks), reduce(noise)))
        if len(self._subtrahends) == self._groups:
            self.expects = frozenset({StatsCompare})
        return StatsMasked(blobs=tuple(results))

    def _compare(self, message: StatsCompare) -> StatsCompared:
        # The noise is in what is tested too: a test on exact counts would be no part of the budget.
        subtrahends = np.stack(self._subtrahends)[:, self._layout.counts].ravel()
        factors, addends = small_counts.tests(subtrahends, self._parameters.minimum_group)
        _require_blobs(message, len(factors))
        results = [
            self._working.combine([blob], factor.reshape(1, 1, SLOTS), addend.reshape(1, SLOTS))[0]
            for blob, factor, addend in zip(message.blobs, factors, addends, strict=True)
        ]
        self.expects = frozenset({StatsClaim})
        return StatsCompared(blobs=tuple(results))

    def _claim(self, message: StatsClaim) -> StatsReleased:
        passed = unpacked(message.passed, self._groups, len(self._layout.counts))
        counts = released(passed, self._layout, self._parameters, self._totals)
        sums = np.stack(self._subtrahends)[guarded(counts, self._layout)]
        self._job.log("stats.released", counts=int(counts.sum()), suppressed=int((~counts).sum()))
        self.expects = frozenset()
        return StatsReleased(released=packed(counts), blobs=(sums.astype("<i8").tobytes(),))

    @property
    def _working(self) -> Worker:
        assert self._worker is not None  # noqa: S101 - nothing else is expected before the start
        return self._worker


def _require_blobs(message: Message, count: int) -> None:
    if len(message.blobs) != count:
        raise Refused("stats.size")
