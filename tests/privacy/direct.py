"""Two parties in one process whose messages cross as signed envelopes, and a record of every byte that crossed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.message import Message, decode, encode, read
from privacy.party import Limits
from privacy.protocols import Responder
from privacy.session import Session

JOB = "0" * 32
LARGEST = 1 << 26


@dataclass
class DirectSession:
    """What a protocol uses of a session; ``change`` may tamper with a reply before it is sealed."""

    responder: Responder
    change: Callable[[Message], Message] = lambda message: message
    transcript: list[bytes] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    initiator_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    responder_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def ask(self, message: Message, reply_type: type[Message]) -> Message:
        asked = self._cross(message, self.initiator_key, "request", self.responder.expects)
        return self._cross(
            self.change(self.responder.handle(asked)), self.responder_key, "reply", [reply_type]
        )

    def log(self, event: str, **fields: Any) -> None:
        self.events.append({"event": event, **fields})

    def progress(self, done: int, total: int, what: str) -> None:
        assert 0 <= done <= total, what

    def as_session(self) -> Session:
        """For the type checker: a session is all that a protocol sees."""
        return cast(Session, self)

    def _cross(self, message: Message, key: Ed25519PrivateKey, kind: Any, allowed: Any) -> Message:
        names = {"sender": "one", "recipient": "other"}
        sealed = encode(message, key, job=JOB, sequence=len(self.transcript), kind=kind, **names)
        self.transcript.append(sealed.data)
        envelope = decode(sealed.data, key.public_key(), kind=kind, max_bytes=LARGEST, **names)
        return cast(Message, read(envelope, allowed))
