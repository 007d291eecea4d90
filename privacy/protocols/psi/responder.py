"""The responder's side of the intersection: a state machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from privacy.errors import Refused
from privacy.message import Message
from privacy.protocols.psi.group import GroupPool, Waiting
from privacy.protocols.psi.messages import (
    ELEMENTS_A_MESSAGE,
    PsiCollect,
    PsiCollected,
    PsiElements,
    PsiElementsReply,
    PsiFinish,
    PsiFinished,
    PsiMatches,
    PsiMatchesTaken,
    PsiStart,
    PsiStarted,
    Reveal,
)
from privacy.protocols.psi.sets import Rows, as_elements, random_order, require_a_set, require_distinct
from privacy.ristretto import ELEMENT_BYTES


class IntersectionResponder:
    """Answers the messages of one intersection; other protocols begin with one.

    ``is_finished`` after the last message; then, for ``both``, ``rows`` are the places of the common ids in
    ``keyed_ids``, in the same order of persons as the initiator's, else None. ``log(event, **fields)``.
    """

    def __init__(self, keyed_ids: Sequence[bytes], reveal: Reveal, log: Callable[..., object]):
        require_a_set(keyed_ids)
        self._reveal = reveal
        self._log = log
        self._order = random_order(len(keyed_ids))
        self._shuffled = [keyed_ids[place] for place in self._order]
        self._pool = GroupPool()
        self._ahead: Waiting | None = None
        self._peer_size = 0
        self._seen = 0
        self._received: list[bytes] = []
        self._blinded_again: list[bytes] = []
        self._to_collect = b""
        self._collected = 0
        self._places: list[Rows] = []
        self._sent_digest, self._received_digest = hashlib.sha256(), hashlib.sha256()
        self.expects: frozenset[type[Message]] = frozenset({PsiStart})
        self.is_finished = False
        self.rows: Rows | None = None

    def handle(self, message: Message) -> Message:
        """The reply to a message that was expected. Raises ``Refused`` as ``intersect`` does."""
        match message:
            case PsiStart():
                return self._start(message)
            case PsiElements():
                return self._elements(message.blobs[0])
            case PsiCollect():
                return self._collect(message.first)
            case PsiMatches():
                return self._matches(message)
            case PsiFinish():
                return self._finish(message)
        raise Refused("message.type", got=message.TYPE)

    def close(self) -> None:
        """Let go of the threads; also called at the end."""
        self._pool.close()

    def _start(self, message: PsiStart) -> PsiStarted:
        if message.reveal != self._reveal:
            raise Refused("psi.reveal")
        self._peer_size = message.elements
        self._log(
            "psi.sizes", initiator=self._peer_size, responder=len(self._shuffled), reveal=message.reveal
        )
        self._ahead = self._pool.blind(self._shuffled[:ELEMENTS_A_MESSAGE])
        self.expects = frozenset({PsiElements}) if self._total() else self._after_elements()
        return PsiStarted(elements=len(self._shuffled))

    def _elements(self, theirs: bytes) -> PsiElementsReply:
        expected = min(max(self._peer_size - self._seen, 0), ELEMENTS_A_MESSAGE)
        if len(theirs) != ELEMENT_BYTES * expected:
            raise Refused("psi.size")
        again = self._pool.blind_again(theirs)
        assert self._ahead is not None  # noqa: S101 - set when it started
        ours, again_bytes = self._ahead(), again()
        self._sent_digest.update(ours)
        self._received_digest.update(theirs)
        self._received.append(theirs)
        self._seen += ELEMENTS_A_MESSAGE
        self._ahead = self._pool.blind(self._shuffled[self._seen : self._seen + ELEMENTS_A_MESSAGE])
        if self._reveal == "cardinality":
            self._blinded_again.append(again_bytes)
            again_bytes = b""
        if self._seen >= self._total():
            require_distinct(as_elements(self._received))
            self._received.clear()
            self.expects = self._after_elements()
        return PsiElementsReply(blobs=(ours, again_bytes))

    def _after_elements(self) -> frozenset[type[Message]]:
        if self._reveal == "cardinality" and self._peer_size:
            # Only now, when all are here, can their order be lost.
            elements = np.frombuffer(b"".join(self._blinded_again), f"V{ELEMENT_BYTES}")
            self._to_collect = elements[random_order(len(elements))].tobytes()
            self._blinded_again.clear()
            return frozenset({PsiCollect})
        return frozenset({PsiMatches}) if self._reveal == "both" else frozenset({PsiFinish})

    def _collect(self, first: int) -> PsiCollected:
        if first != self._collected:
            raise Refused("psi.size")
        start = ELEMENT_BYTES * first
        self._collected += ELEMENTS_A_MESSAGE
        if self._collected >= self._peer_size:
            self.expects = frozenset({PsiFinish})
        return PsiCollected(blobs=(self._to_collect[start : ELEMENT_BYTES * self._collected],))

    def _matches(self, message: PsiMatches) -> PsiMatchesTaken:
        self._places.append(np.frombuffer(message.blobs[0], "<u4").astype(np.int64))
        most = min(self._peer_size, len(self._shuffled))
        if sum(map(len, self._places)) > most:
            raise Refused("psi.size")
        if message.is_last:
            places = np.concatenate(self._places)
            if len(np.unique(places)) != len(places) or places.max(initial=-1) >= len(self._shuffled):
                raise Refused("psi.size")
            self.rows = self._order[places]
            self.expects = frozenset({PsiFinish})
        return PsiMatchesTaken()

    def _finish(self, message: PsiFinish) -> PsiFinished:
        initiator, responder = self._received_digest.hexdigest(), self._sent_digest.hexdigest()
        if (message.initiator_sha256, message.responder_sha256) != (initiator, responder):
            raise Refused("psi.digest")
        self._log("psi.elements", initiator_sha256=initiator, responder_sha256=responder)
        self._log("psi.done", **({} if self.rows is None else {"common": len(self.rows)}))
        self.expects = frozenset()
        self.is_finished = True
        self.close()
        return PsiFinished()

    def _total(self) -> int:
        return max(self._peer_size, len(self._shuffled))
