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

COSTS = Path(__file__).with_name("preflight.toml")


def estimate(protocol: str, parameters: JobParameters, own_rows: int, peer_rows: int = 0) -> Estimate:
    """The estimate for two tables of these sizes; ``peer_rows`` is 0 as long as it is not known."""
    costs = _costs().get(protocol) or _costs()["default"]
    rows = max(own_rows, peer_rows)
    columns = sum(len(parameters.table_use(role).columns) for role in ("initiator", "responder"))
    amounts = {name: _total(costs[name], rows, rows * columns, parameters.rounds()) for name in costs}
    return Estimate(
        rows=rows,
        bytes=math.ceil(amounts["bytes"]),
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


def _total(cost: dict[str, float], rows: int, cells: int, rounds: int) -> float:
    once = cost.get("job", 0) + cost.get("row", 0) * rows + cost.get("cell", 0) * cells
    a_round = cost.get("round", 0) + cost.get("row_round", 0) * rows + cost.get("cell_round", 0) * cells
    return once + rounds * a_round


@cache
def _costs() -> dict[str, Any]:
    return tomllib.loads(COSTS.read_text(encoding="utf-8"))
