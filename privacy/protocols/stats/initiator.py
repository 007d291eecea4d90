"""The initiator's side of joint statistics: it encrypts its groups and learns the sums that are released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from privacy.errors import Refused
from privacy.he.fixed_point import Integers, block_count, centred, subtract, sum_modulo, to_blocks
from privacy.he.worker import Worker, WorkerLimits
from privacy.protocols import JobResult
from privacy.protocols.align import align
from privacy.protocols.stats import small_counts
from privacy.protocols.stats.figures import Sums, figures_table, information_values
from privacy.protocols.stats.groups import Groups, groups_of
from privacy.protocols.stats.layout import Layout, layout, require_groups
from privacy.protocols.stats.messages import (
    INTEGER_BYTES,
    StatsClaim,
    StatsCompare,
    StatsCompared,
    StatsGroup,
    StatsMasked,
    StatsReleased,
    StatsStart,
    StatsStarted,
)
from privacy.protocols.stats.parameters import StatsParameters
from privacy.protocols.stats.release import guarded, packed, unpacked
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.session import Session


def run(session: Session) -> JobResult:
    """The job at the initiator."""
    return statistics(session, session.parameters, align(session))


def statistics(session: Session, parameters: StatsParameters, table: Table) -> JobResult:
    """The figures over our common rows, in the common order.

    Raises ``Refused`` as ``layout``, ``require_groups`` and ``groups_of`` do, before anything is encrypted;
    ``stats.rows``, ``stats.size`` for what the peer sends.
    """
    plan = layout(parameters, len(table))
    groups = groups_of(parameters, table)
    require_groups(parameters, plan, len(groups.names))
    sums = _sums(session, parameters, plan, groups)
    found = figures_table(parameters, plan, groups.names, groups.sizes, sums)
    kept_back = sum(own[place] is None for own in sums for place in plan.counts)
    summary: dict[str, Any] = {
        "rows": len(table),
        "rows_without_group": len(table) - sum(groups.sizes),
        "groups": len(groups.names),
        "suppressed": kept_back,
        "minimum_group": parameters.minimum_group,
    }
    if parameters.epsilon is not None:
        summary["epsilon"] = parameters.epsilon
    if parameters.label_column is not None:
        summary["information_values"] = information_values(parameters, plan, sums)
    return JobResult(summary, found)


def _sums(session: Session, parameters: StatsParameters, plan: Layout, groups: Groups) -> Sums:
    with Worker("bfv", WorkerLimits.of(session.limits), session.log) as worker:
        key = worker.make_key()
        key_id = worker.use_secret_key(key.secret)
        start = StatsStart(groups=len(groups.names), blobs=(key.public,))
        started = session.ask(start, StatsStarted)
        session.log("stats.start", rows=started.rows, groups=len(groups.names), key=key_id)
        if started.rows != groups.indicators.shape[1]:
            raise Refused("stats.rows")
        masked = _masked_sums(session, worker, plan, groups.indicators)
        passed = _passed(session, worker, masked[:, plan.counts], parameters.minimum_group)
    return _released(session, plan, masked, passed)


def _masked_sums(session: Session, worker: Worker, plan: Layout, indicators: Integers) -> Integers:
    found = np.empty((len(indicators), len(plan.quantities)), np.int64)
    for group, blocks in enumerate(to_blocks(indicators)):
        message = StatsGroup(blobs=tuple(worker.encrypt(blocks)))
        results = session.ask(message, StatsMasked).blobs
        if len(results) != len(plan.quantities):
            raise Refused("stats.size")
        found[group] = sum_modulo(worker.decrypt(results))
        session.progress(group + 1, len(indicators), "groups")
    return found


def _passed(session: Session, worker: Worker, masked_counts: Integers, minimum: int) -> small_counts.Flags:
    blocks = small_counts.repeated(masked_counts.ravel(), minimum)
    message = StatsCompare(blobs=tuple(worker.encrypt(blocks)))
    compared = session.ask(message, StatsCompared).blobs
    if len(compared) != block_count(masked_counts.size * minimum):
        raise Refused("stats.size")
    flags = small_counts.passed(worker.decrypt(compared), masked_counts.size, minimum)
    return flags.reshape(masked_counts.shape)


def _released(session: Session, plan: Layout, masked: Integers, passed: small_counts.Flags) -> Sums:
    answer = session.ask(StatsClaim(passed=packed(passed)), StatsReleased)
    counts = unpacked(answer.released, *passed.shape)
    free = guarded(counts, plan)
    (data,) = answer.blobs
    if len(data) != INTEGER_BYTES * int(free.sum()):
        raise Refused("stats.size")
    sums = centred(subtract(masked[free], np.frombuffer(data, "<i8").astype(np.int64)))
    found: list[list[int | None]] = [[None] * masked.shape[1] for _ in range(len(masked))]
    for (group, place), value in zip(np.argwhere(free).tolist(), sums.tolist(), strict=True):
        found[group][place] = value
    return found
