"""What a job will take, reckoned before it starts; a job over the limits is refused early."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from privacy.errors import Refused
from privacy.job_messages import Estimate
from privacy.party import Limits
from privacy.protocols import JobParameters

ONCE, A_ROUND = ("job", "row", "cell"), ("round", "row_round", "cell_round")
"""A cost for all, a row and a cell."""
COSTS = Path(__file__).with_name("preflight.toml")


def estimate(protocol: str, parameters: JobParameters, own_rows: int, peer_rows: int = 0) -> Estimate:
    """The estimate for two tables of these sizes; ``peer_rows`` is 0 as long as it is not known."""
    costs = _costs().get(protocol) or _costs()["default"]
    rows = max(own_rows, peer_rows)
    columns = sum(len(parameters.table_use(role).columns) for role in ("initiator", "responder"))
    rounds, round_rows = parameters.rounds(), parameters.round_rows(rows)
    amounts = {
        name: _amount(cost, ONCE, rows, columns) + rounds * _amount(cost, A_ROUND, round_rows, columns)
        for name, cost in costs.items()
    }
    return Estimate(
        rows=rows,
        bytes=math.ceil(amounts["bytes"]) + rounds * parameters.round_bytes(rows),
        seconds=round(amounts["seconds"], 1),
        memory_mb=math.ceil(amounts["memory_mb"]),
    )


def check(estimate: Estimate, limits: Limits, party: str) -> None:
    """Raise ``Refused`` with the first limit of ``party`` that the estimate is over."""
    wanted = {
        "rows": (estimate.rows, limits.rows),
        "job_bytes": (estimate.bytes, limits.job_bytes),
        "seconds": (estimate.seconds, limits.seconds),
        "memory_mb": (estimate.memory_mb, limits.memory_mb),
    }
    for name, (amount, most) in wanted.items():
        if amount > most:
            raise Refused("job.over_limit", party=party, limit=name, needed=amount, most=most)


def _amount(cost: dict[str, float], names: tuple[str, str, str], rows: int, columns: int) -> float:
    """What a job takes ``ONCE`` or in ``A_ROUND``, with ``rows`` rows of ``columns`` columns."""
    return sum(
        cost.get(name, 0) * times for name, times in zip(names, (1, rows, rows * columns), strict=True)
    )


@cache
def _costs() -> dict[str, Any]:
    return tomllib.loads(COSTS.read_text(encoding="utf-8"))
