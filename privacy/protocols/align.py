"""The same rows in the same order at both parties: the intersection with which a joint protocol begins.

Both learn which of their rows the other has too, and how many rows the other brought. The order is that of the
blinded elements: it is new in every job and says nothing of either table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from privacy.message import Message
from privacy.protocols.psi import IntersectionResponder, intersect, job_keyed_ids, require_told_size
from privacy.protocols.psi.messages import PsiStart
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.job import Job
    from privacy.session import Session


def align(session: Session) -> Table:
    """The initiator's half: our rows that the responder has too, in the common order.

    Raises ``Refused`` as ``intersect`` does, and ``table.id_repeated``, ``psi.rows_told``.
    """
    found = intersect(session, job_keyed_ids(session), "both")
    require_told_size(session, found.peer_size)
    assert found.rows is not None  # noqa: S101 - None only where nobody learns the rows
    return session.table.take(found.rows)


class AlignmentResponder:
    """The responder's half: ``expects`` and ``handle`` as a responder has them.

    Once ``table`` is not None the alignment is over: it has our rows that the initiator has too, in the common order.
    """

    def __init__(self, job: Job):
        self._job = job
        self._core = IntersectionResponder(job_keyed_ids(job), "both", job.log)
        self.table: Table | None = None

    @property
    def expects(self) -> frozenset[type[Message]]:
        return self._core.expects

    def handle(self, message: Message) -> Message:
        """The reply to a message that was expected. Raises ``Refused`` as ``IntersectionResponder`` does."""
        if isinstance(message, PsiStart):
            require_told_size(self._job, message.elements)
        reply = self._core.handle(message)
        if self._core.is_finished:
            assert self._core.rows is not None  # noqa: S101 - None only where nobody learns the rows
            self.table = self._job.table.take(self._core.rows)
        return reply

    def close(self) -> None:
        """Let go of the threads; also called at the end."""
        self._core.close()
