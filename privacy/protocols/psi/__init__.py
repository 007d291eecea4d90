"""Private set intersection as a job of its own; ``intersect`` and ``IntersectionResponder`` serve other protocols."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from privacy.errors import Refused
from privacy.files import owner_folder, replace
from privacy.ids import keyed
from privacy.message import Message
from privacy.protocols import JobResult, JointProtocol
from privacy.protocols.psi.initiator import Intersection, intersect
from privacy.protocols.psi.messages import PsiParameters, PsiStart
from privacy.protocols.psi.responder import IntersectionResponder
from privacy.protocols.psi.spu import SpuResponder, intersect_with_spu

if TYPE_CHECKING:
    from privacy.job import Job
    from privacy.session import Session

__all__ = [
    "PROTOCOL",
    "Intersection",
    "IntersectionResponder",
    "PsiResponder",
    "intersect",
    "job_keyed_ids",
    "require_told_size",
]

RESULTS_FOLDER = "results"


def job_keyed_ids(job: Job) -> list[bytes]:
    """The ids of the job's table, keyed for this job alone: two jobs cannot be compared from outside the pair.

    The table holds only rows with consent. Raises ``Refused`` (``table.id_repeated``).
    """
    job.table.require_unique_ids()
    return keyed(job.table.ids, job.pair_secret, f"psi {job.id}")


def require_told_size(job: Job, elements: int) -> None:
    """Raise ``Refused`` (``psi.rows_told``) where the peer brings another set than the job was checked with."""
    if job.peer_rows not in (None, elements):
        raise Refused("psi.rows_told", told=job.peer_rows, elements=elements)


class PsiResponder:
    """The job at the responder. With ``both`` it writes the common ids, in the common order, to its own results."""

    def __init__(self, job: Job):
        self._job = job
        ids, reveal = job_keyed_ids(job), job.parameters.reveal
        uses_spu = job.parameters.engine == "spu"
        self._core = (
            SpuResponder(job, ids, reveal) if uses_spu else IntersectionResponder(ids, reveal, job.log)
        )

    @property
    def expects(self) -> frozenset[type[Message]]:
        return self._core.expects

    def handle(self, message: Message) -> Message:
        if isinstance(message, PsiStart):
            require_told_size(self._job, message.elements)
        reply = self._core.handle(message)
        if self._core.is_finished and self._core.rows is not None:
            self._write(common_table(self._job, self._core.rows))
        return reply

    def close(self) -> None:
        self._core.close()

    def _write(self, table: pa.Table) -> None:
        buffer = BytesIO()
        pq.write_table(table, buffer)
        folder = owner_folder(self._job.state / RESULTS_FOLDER)
        replace(folder / f"{self._job.id}.parquet", buffer.getvalue())


def run(session: Session) -> JobResult:
    """The job at the initiator."""
    engine = intersect_with_spu if session.parameters.engine == "spu" else intersect
    found = engine(session, job_keyed_ids(session), session.parameters.reveal)
    require_told_size(session, found.peer_size)
    summary = {"own_size": found.own_size, "peer_size": found.peer_size, "common": found.common}
    return JobResult(summary, None if found.rows is None else common_table(session, found.rows))


def common_table(job: Job, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    """The common ids, one a row."""
    return pa.table({"id": pa.array([job.table.ids[row] for row in rows.tolist()], pa.string())})


PROTOCOL = JointProtocol("psi", PsiParameters, PsiResponder, run)
