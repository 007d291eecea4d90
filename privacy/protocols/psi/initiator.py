"""The initiator's side of the intersection."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from privacy.errors import Refused
from privacy.protocols.psi.group import GroupPool, Waiting
from privacy.protocols.psi.messages import (
    ELEMENTS_A_MESSAGE,
    PLACES_A_MESSAGE,
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
from privacy.protocols.psi.sets import Rows, as_elements, common_places, require_a_set, require_distinct

if TYPE_CHECKING:
    from privacy.session import Session


@dataclass(frozen=True)
class Intersection:
    """``rows`` are the places of the common ids in the initiator's list, None for ``cardinality``.

    With ``both`` the responder has the rows of the same persons in the same order.
    """

    own_size: int
    peer_size: int
    common: int
    rows: Rows | None


def intersect(session: Session, keyed_ids: Sequence[bytes], reveal: Reveal) -> Intersection:
    """Intersect our keyed ids (``privacy.ids.keyed``) with the responder's.

    Raises ``Refused``: ``psi.duplicate_id``, ``psi.too_many`` for our own set; ``psi.element``, ``psi.size``,
    ``psi.duplicate_element`` for what the peer sends.
    """
    require_a_set(keyed_ids)
    started = session.ask(PsiStart(elements=len(keyed_ids), reveal=reveal), PsiStarted)
    session.log("psi.sizes", initiator=len(keyed_ids), responder=started.elements, reveal=reveal)
    pool = GroupPool()
    try:
        exchanged = _exchange(session, pool, keyed_ids, started.elements, reveal)
        again = _collect(session, len(keyed_ids)) if reveal == "cardinality" else exchanged.own
        own = as_elements(again)
        # An element blinded twice is as good as once to find one that was sent twice.
        peer = as_elements([waiting() for waiting in exchanged.peer])
    finally:
        pool.close()
    require_distinct(own)
    require_distinct(peer)
    rows, peer_places = common_places(own, peer)
    if reveal == "both":
        _tell(session, peer_places)
    finish = PsiFinish(initiator_sha256=exchanged.sent_sha256, responder_sha256=exchanged.received_sha256)
    session.ask(finish, PsiFinished)
    session.log(
        "psi.elements", initiator_sha256=exchanged.sent_sha256, responder_sha256=exchanged.received_sha256
    )
    session.log("psi.done", common=len(rows))
    return Intersection(
        len(keyed_ids), started.elements, len(rows), None if reveal == "cardinality" else rows
    )


@dataclass(frozen=True)
class _Exchanged:
    """Our elements as the peer blinded them again, the peer's as we are blinding them, digests of what crossed."""

    own: list[bytes]
    peer: list[Waiting]
    sent_sha256: str
    received_sha256: str


def _exchange(
    session: Session, pool: GroupPool, keyed_ids: Sequence[bytes], peer_size: int, reveal: Reveal
) -> _Exchanged:
    own: list[bytes] = []
    peer: list[Waiting] = []
    sent, received = hashlib.sha256(), hashlib.sha256()
    total = max(len(keyed_ids), peer_size)
    ahead = pool.blind(keyed_ids[:ELEMENTS_A_MESSAGE])
    for first in range(0, total, ELEMENTS_A_MESSAGE):
        blinded = ahead()
        after = first + ELEMENTS_A_MESSAGE
        # Our cores work on the next elements while the peer works on these.
        ahead = pool.blind(keyed_ids[after : after + ELEMENTS_A_MESSAGE])
        reply = session.ask(PsiElements(blobs=(blinded,)), PsiElementsReply)
        theirs, ours = reply.blobs
        expected = 32 * min(max(peer_size - first, 0), ELEMENTS_A_MESSAGE)
        if len(theirs) != expected or len(ours) != (0 if reveal == "cardinality" else len(blinded)):
            raise Refused("psi.size")
        own.append(ours)
        peer.append(pool.blind_again(theirs))
        sent.update(blinded)
        received.update(theirs)
        session.progress(min(after, total), total, "ids")
    return _Exchanged(own, peer, sent.hexdigest(), received.hexdigest())


def _collect(session: Session, count: int) -> list[bytes]:
    blobs: list[bytes] = []
    for first in range(0, count, ELEMENTS_A_MESSAGE):
        blob = session.ask(PsiCollect(first=first), PsiCollected).blobs[0]
        if len(blob) != 32 * min(count - first, ELEMENTS_A_MESSAGE):
            raise Refused("psi.size")
        blobs.append(blob)
    return blobs


def _tell(session: Session, places: Rows) -> None:
    for first in range(0, max(len(places), 1), PLACES_A_MESSAGE):
        after = first + PLACES_A_MESSAGE
        part = places[first:after].astype("<u4").tobytes()
        session.ask(PsiMatches(is_last=after >= len(places), blobs=(part,)), PsiMatchesTaken)
