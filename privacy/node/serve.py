"""Runs a node: mutual TLS, and only the peer whose certificate is pinned gets as far as HTTP."""

from __future__ import annotations

import asyncio
import fcntl
import hmac
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from privacy.channel import tls_context
from privacy.errors import Refused
from privacy.log import EventLog
from privacy.node.app import node_app
from privacy.node.jobs import Node
from privacy.party import PartyConfig, certificate_sha256, public_key_file, write_public_key

IDLE_CONNECTION_SECONDS = 75
SPARE_CONNECTIONS = 8
"""Beyond two a job: for status, and for those that are just being dropped. Each may hold one message in memory."""
GOODBYE_SECONDS = 5


def serve(config: PartyConfig) -> None:
    """Serve until the process is asked to end. Raises ``Refused`` where the node runs already or cannot listen."""
    with _alone(config.state):
        if not public_key_file(config.signing_key).exists():
            write_public_key(config)
        log = EventLog(config.state / "log.jsonl", echo=True)
        node = Node(config, log)
        try:
            _run(config, node, log)
        finally:
            node.close()
            log.write("node.stop", party=config.party)


def _run(config: PartyConfig, node: Node, log: EventLog) -> None:
    context = tls_context(config, ssl.Purpose.CLIENT_AUTH)
    server_log = logging.getLogger("uvicorn.error")
    server_log.addHandler(_ErrorLines(log))
    server_log.propagate = False
    server = uvicorn.Server(
        uvicorn.Config(
            node_app(node, config.limits),
            host=config.listen.host,
            port=config.listen.port,
            http=_pinned_protocol(config.peer.certificate_sha256, log),
            ssl_context_factory=lambda *_: context,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=2 * config.limits.jobs_at_once + SPARE_CONNECTIONS,
            timeout_keep_alive=IDLE_CONNECTION_SECONDS,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
        )
    )
    try:
        server.run()
    except SystemExit as error:
        raise Refused("node.cannot_listen", host=config.listen.host, port=config.listen.port) from error


def _pinned_protocol(pinned: str, log: EventLog) -> type[asyncio.Protocol]:
    """HTTP for the client that shows the pinned certificate; any other is cut off before its first byte is read."""

    class PinnedProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
            shown = (tls.getpeercert(binary_form=True) if tls is not None else None) or b""
            self.is_peer = hmac.compare_digest(certificate_sha256(shown), pinned)
            if self.is_peer:
                super().connection_made(transport)
            else:
                log.write("tls.other_certificate", sha256=certificate_sha256(shown))
                transport.abort()

        def data_received(self, data: bytes) -> None:
            if self.is_peer:
                super().data_received(data)

        def eof_received(self) -> None:
            if self.is_peer:
                super().eof_received()

        def connection_lost(self, exc: Exception | None) -> None:
            if self.is_peer:
                super().connection_lost(exc)

    return PinnedProtocol


class _ErrorLines(logging.Handler):
    """The server's own errors as lines of our log, without stack traces."""

    def __init__(self, log: EventLog):
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error: Any = record.exc_info[0] if record.exc_info else None
        self._log.write("server", level=record.levelname, error=error.__name__ if error else "")


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Two nodes on one state folder would not know of each other's jobs."""
    with (state / "node.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("node.runs_already", state=str(state)) from error
        yield
