"""What a party's audit log keeps of its jobs, and the exchange of signed tree heads with the peer."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from privacy.audit import AuditLog, TreeHead
from privacy.message import Envelope, Header, Sealed
from privacy.party import PartyConfig


class Trail:
    """The audit log of a party, as the node and the session write it."""

    def __init__(self, config: PartyConfig):
        self.log = AuditLog(config.state / "audit", config.key, config.peer.signing_key)

    def sent(self, sealed: Sealed) -> None:
        """A message of ours, logged before it leaves."""
        self._message("message_sent", sealed.header, sealed.sha256, len(sealed.data))

    def received(self, envelope: Envelope) -> None:
        """A message that the peer signed."""
        self._message("message_received", envelope.header, envelope.sha256, envelope.bytes)

    def event(self, event: str, job: str, **fields: object) -> None:
        """Something that happened in a job."""
        self.log.append({"event": event, "job": job, **fields})

    def known_size(self) -> int:
        """The size of the peer's log in the newest head that we accepted; 0 before the first."""
        head = self.log.peer_head()
        return head.size if head is not None else 0

    def head_since(self, known_size: int) -> tuple[TreeHead, tuple[str, ...]]:
        """Our newest head, and the proof that the first ``known_size`` entries are as they were."""
        head = self.log.tree_head()
        proof = self.log.consistency_proof(known_size, head.size) if known_size else []
        return head, tuple(node.hex() for node in proof)

    def accept(self, head: TreeHead, proof: tuple[str, ...], since: int) -> None:
        """Keep the peer's head, whose proof starts at ``since``. Raises ``Refused`` where the peer's log was changed.

        Another job may have brought a newer head in the meantime; then this one says nothing new.
        """
        with self._heads_locked():
            if self.known_size() == since:
                self.log.accept_peer_head(head, [bytes.fromhex(node) for node in proof])

    def _message(self, event: str, header: Header, sha256: str, size: int) -> None:
        self.event(
            event,
            header.job,
            message_kind=header.kind,
            type=header.type,
            sequence=header.sequence,
            message_sha256=sha256,
            bytes=size,
        )

    @contextmanager
    def _heads_locked(self) -> Iterator[None]:
        with (self.log.folder / "heads.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
