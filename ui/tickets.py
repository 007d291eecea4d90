"""One-time tickets: how a browser gets its cookie without any script of the page ever seeing the token.

The page gives the browser a ticket over the connection that just signed in; the browser posts it to the server, which
answers with the cookie. A ticket is good once and for a minute, and only in the process that made it.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass

SECONDS = 60
TICKET_BYTES = 32
MOST_WAITING = 10_000


@dataclass(frozen=True)
class _Waiting:
    token: str
    secure: bool
    until: float


_waiting: dict[str, _Waiting] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Redeemed:
    """The token that a ticket stands for, and whether its cookie goes over TLS only."""

    token: str
    secure: bool


def issue(token: str, secure: bool) -> str:
    """A new ticket for the token of a session."""
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    now = time.monotonic()
    with _lock:
        for old in [name for name, waiting in _waiting.items() if waiting.until <= now]:
            del _waiting[old]
        while len(_waiting) >= MOST_WAITING:
            del _waiting[next(iter(_waiting))]
        _waiting[ticket] = _Waiting(token, secure, now + SECONDS)
    return ticket


def redeem(ticket: str) -> Redeemed | None:
    """What a ticket stands for, once; ``None`` for one that is unknown, used or too old."""
    with _lock:
        found = _waiting.pop(ticket, None)
    return Redeemed(found.token, found.secure) if found and time.monotonic() < found.until else None
