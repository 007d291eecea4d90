"""What the tests of joint statistics share: a job without a node, and the same figures from pandas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from privacy.files import owner_folder
from privacy.job import Job
from privacy.log import EventLog
from privacy.message import Message
from privacy.party import Limits
from privacy.protocols import JobResult
from privacy.protocols.stats.initiator import statistics
from privacy.protocols.stats.parameters import StatsParameters
from privacy.protocols.stats.responder import StatsCore
from privacy.table import Table
from tests.privacy.direct import DirectSession

COST = {"decimals": 2, "most": 1_000_000.0, "edges": [100.0, 5000.5]}


def job_of(folder: Path, parameters: StatsParameters, table: Table) -> Job:
    """The responder's job as the node would make it."""
    return Job(
        id="0" * 32,
        role="responder",
        protocol="stats",
        parameters=parameters,
        purpose="test",
        table_name="bills",
        table=table,
        party="hospital",
        peer="insurer",
        limits=Limits(),
        folder=folder,
        state=owner_folder(folder / "state"),
        pair_secret=bytes(32),
        event_log=EventLog(folder / "log.jsonl"),
    )


def compute(
    folder: Path,
    parameters: StatsParameters,
    own: Table,
    peer: Table,
    change: Callable[[Message], Message] = lambda message: message,
) -> tuple[JobResult, DirectSession]:
    """The protocol after the alignment: both tables have the same rows in the same order."""
    core = StatsCore(job_of(folder, parameters, peer), peer)
    session = DirectSession(core, change)
    try:
        return statistics(session.as_session(), parameters, own), session
    finally:
        core.close()


def table_of(texts: Mapping[str, Sequence[str | None]] | None = None, **numbers: Any) -> Table:
    """Rows without a meaning, with these columns."""
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in numbers.items()}
    lists = {name: list(values) for name, values in (texts or {}).items()}
    (count,) = {*map(len, columns.values()), *map(len, lists.values())}
    return Table([str(row) for row in range(count)], columns, lists)


def expected(joined: pd.DataFrame, column: str, minimum: int) -> pd.DataFrame:
    """Count, sum, mean and variance by ``group``, of the joined plaintext; groups below the minimum left out."""
    found = joined.groupby("group")[column].agg(["count", "sum", "mean", "var"])
    return found[found["count"] >= minimum]


def assert_like_pandas(result: JobResult, joined: pd.DataFrame, column: str, minimum: int) -> None:
    """The rows of the groups equal pandas': sums to the last unit, means and variances to the last bits."""
    assert result.table is not None
    rows = [
        row
        for row in result.table.to_pylist()
        if row["column"] == column and row["bin"] is None and row["group"] is not None
    ]
    told = {row["group"]: row for row in rows if row["count"] is not None}
    wanted = expected(joined, column, minimum)
    assert set(told) == set(wanted.index)
    for group, row in wanted.iterrows():
        found = told[str(group)]
        assert found["count"] == row["count"]
        assert float(found["sum"]) == round(row["sum"], 2)
        assert math.isclose(found["mean"], row["mean"], rel_tol=1e-12, abs_tol=1e-9)
        assert math.isclose(found["variance"], row["var"], rel_tol=1e-9, abs_tol=1e-6)
        size = int((joined["group"] == group).sum())
        assert (found["rows"], found["missing"]) == (size, size - row["count"])
