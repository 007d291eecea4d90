"""The intersection by the SPU worker: the same interface and result as ``initiator`` and ``responder``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from privacy.errors import Refused
from privacy.message import Message
from privacy.protocols.psi.initiator import Intersection
from privacy.protocols.psi.messages import PsiFinished, PsiStart, PsiStarted, Reveal
from privacy.protocols.psi.sets import Rows, require_a_set
from privacy.protocols.psi.spu_install import worker_python
from privacy.protocols.psi.spu_messages import PsiSpuBytes, PsiSpuBytesReply, PsiSpuFinish
from privacy.protocols.psi.spu_worker import SpuWorker

if TYPE_CHECKING:
    from privacy.job import Job
    from privacy.session import Session

# While the workers compute, the pause grows; what one sends then is late by less than it has waited already.
SHORTEST_WAIT_MS = 5
LONGEST_WAIT_MS = 200
OWN_WAIT_SECONDS = 0.002
NO_ROWS: Rows = np.zeros(0, np.int64)


def intersect_with_spu(session: Session, keyed_ids: Sequence[bytes], reveal: Reveal) -> Intersection:
    """Intersect our keyed ids (``privacy.ids.keyed``) with the responder's. ``reveal`` is not ``cardinality``.

    Raises ``Refused``: ``psi.duplicate_id``, ``psi.too_many`` for our own set; ``psi.spu_*``, ``psi.size``.
    """
    require_a_set(keyed_ids)
    worker_python(session.state, session.party)
    # SPU fails on an empty set, of which all is known. Ours starts while the responder's does.
    with closing(SpuWorker(session, keyed_ids, reveal)) if keyed_ids else nullcontext() as worker:
        started = session.ask(PsiStart(elements=len(keyed_ids), reveal=reveal), PsiStarted)
        session.log("psi.sizes", initiator=len(keyed_ids), responder=started.elements, reveal=reveal)
        rows, common = NO_ROWS, b""
        if worker is not None and started.elements:
            _carry(session, worker)
            rows, common = worker.common()
    if len(rows) > started.elements:
        raise Refused("psi.size")
    digest = hashlib.sha256(common).hexdigest() if reveal == "both" else ""
    session.ask(PsiSpuFinish(common_sha256=digest), PsiFinished)
    session.log("psi.done", common=len(rows))
    return Intersection(len(keyed_ids), started.elements, len(rows), rows)


def _carry(session: Session, worker: SpuWorker) -> None:
    """Carry bytes between the two workers until both have ended well."""
    worker.wait_until_ready()
    # The first request carries nothing: it is answered once the other worker is ready too.
    session.ask(PsiSpuBytes(segments=(), is_done=False, wait_ms=0, blobs=(b"",)), PsiSpuBytesReply)
    worker.let_go()
    wait_ms = SHORTEST_WAIT_MS
    while True:
        is_done = worker.is_done()
        segments, data = worker.relay.take(0 if is_done else OWN_WAIT_SECONDS)
        message = PsiSpuBytes(segments=segments, is_done=is_done, wait_ms=wait_ms, blobs=(data,))
        reply = session.ask(message, PsiSpuBytesReply)
        worker.relay.give(reply.segments, reply.blobs[0])
        if is_done and reply.is_done:
            return
        is_idle = not (segments or reply.segments)
        wait_ms = min(2 * wait_ms, LONGEST_WAIT_MS) if is_idle else SHORTEST_WAIT_MS


class SpuResponder:
    """Answers the messages of one intersection; as ``IntersectionResponder``, with the rows in the common order."""

    def __init__(self, job: Job, keyed_ids: Sequence[bytes], reveal: Reveal):
        require_a_set(keyed_ids)
        worker_python(job.state, job.party)
        self._job = job
        self._keyed_ids = keyed_ids
        self._reveal = reveal
        self._worker: SpuWorker | None = None
        self._is_let_go = False
        self._peer_size = 0
        self._common = b""
        self.expects: frozenset[type[Message]] = frozenset({PsiStart})
        self.is_finished = False
        self.rows: Rows | None = NO_ROWS if reveal == "both" else None

    def handle(self, message: Message) -> Message:
        """The reply to a message that was expected. Raises ``Refused`` as ``intersect_with_spu`` does."""
        try:
            match message:
                case PsiStart():
                    return self._start(message)
                case PsiSpuBytes():
                    return self._carry(message)
                case PsiSpuFinish():
                    return self._finish(message)
            raise Refused("message.type", got=message.TYPE)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the worker; also called at the end."""
        if self._worker is not None:
            self._worker.close()

    def _start(self, message: PsiStart) -> PsiStarted:
        if message.reveal != self._reveal:
            raise Refused("psi.reveal")
        self._peer_size = message.elements
        own_size = len(self._keyed_ids)
        self._job.log("psi.sizes", initiator=self._peer_size, responder=own_size, reveal=message.reveal)
        self.expects = frozenset({PsiSpuFinish})
        if self._keyed_ids and self._peer_size:
            self._worker = SpuWorker(self._job, self._keyed_ids, self._reveal)
            self.expects = frozenset({PsiSpuBytes})
        return PsiStarted(elements=own_size)

    def _carry(self, message: PsiSpuBytes) -> PsiSpuBytesReply:
        worker = self._worker
        assert worker is not None  # noqa: S101 - it was started, or these are not expected
        if not self._is_let_go:
            self._is_let_go = True
            worker.wait_until_ready()
            worker.let_go()
            return PsiSpuBytesReply(segments=(), is_done=False, blobs=(b"",))
        worker.relay.give(message.segments, message.blobs[0])
        is_done = worker.is_done()
        segments, data = worker.relay.take(0 if is_done else message.wait_ms / 1000)
        if is_done and message.is_done:
            if self._reveal == "both":
                self.rows, self._common = worker.common()
            self.expects = frozenset({PsiSpuFinish})
            worker.close()
        return PsiSpuBytesReply(segments=segments, is_done=is_done, blobs=(data,))

    def _finish(self, message: PsiSpuFinish) -> PsiFinished:
        if self.rows is not None:
            if len(self.rows) > self._peer_size:
                raise Refused("psi.size")
            if message.common_sha256 != hashlib.sha256(self._common).hexdigest():
                raise Refused("psi.digest")
        self._job.log("psi.done", **({} if self.rows is None else {"common": len(self.rows)}))
        self.expects = frozenset()
        self.is_finished = True
        return PsiFinished()
