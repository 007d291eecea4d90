"""The scores as a table, and the responder's own file of them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa

from privacy.files import owner_folder, replace
from privacy.he.fixed_point import Floats
from privacy.protocols.score.linear import probabilities
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.job import Job

RESULTS_FOLDER = "results"


def scored_table(table: Table, scores: Floats) -> pa.Table:
    """``id``, ``score`` (before the link) and ``probability`` (logistic link) of each row."""
    columns = {"id": pa.array(table.ids, pa.string()), "score": scores, "probability": probabilities(scores)}
    return pa.table(columns)


def keep_result(job: Job, table: pa.Table) -> None:
    """Write ``state/results/<job>.parquet``, whole or not at all."""
    import pyarrow.parquet as pq

    buffer = BytesIO()
    pq.write_table(table, buffer)
    replace(owner_folder(job.state / RESULTS_FOLDER) / f"{job.id}.parquet", buffer.getvalue())
