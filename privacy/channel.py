"""The way to the peer's node: HTTPS with our certificate, and a peer whose certificate is pinned."""

from __future__ import annotations

import hmac
import http.client
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

from privacy import message as envelope
from privacy.errors import PeerRefused, Refused
from privacy.job_messages import JobRefused
from privacy.message import Envelope, M, Message, Sealed
from privacy.party import PartyConfig, certificate_sha256
from privacy.trail import Trail

CONNECT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
LASTING_SECONDS = 5.0
"""A connection that lasted this long was a good one: when it drops, the patience starts anew."""
BUSY = 503
CERTIFICATE_EXPIRED = 10
"""OpenSSL's ``X509_V_ERR_CERT_HAS_EXPIRED``: of the peer's certificate or of the pair's authority."""
KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
"""A peer whose machine went away without a word is noticed within 35 seconds."""


def tls_context(config: PartyConfig, purpose: ssl.Purpose) -> ssl.SSLContext:
    """TLS 1.3 with our certificate; the other end must show one of the pair's authority."""
    side = ssl.PROTOCOL_TLS_CLIENT if purpose is ssl.Purpose.SERVER_AUTH else ssl.PROTOCOL_TLS_SERVER
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # The very certificate is pinned, which says more than a host name would.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    if side is ssl.PROTOCOL_TLS_SERVER:
        # Every connection shows its certificate anew.
        context.num_tickets = 0
    try:
        context.load_verify_locations(config.tls.authority)
        context.load_cert_chain(config.tls.certificate, config.tls.key)
    except OSError as error:
        raise Refused("party.certificate_unusable", path=str(config.tls.certificate)) from error
    return context


class _PinnedConnection(http.client.HTTPSConnection):
    """A connection over which nothing is sent before the peer has shown the pinned certificate."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, pinned: str):
        super().__init__(host, port, timeout=CONNECT_SECONDS, context=context)
        self._pinned = pinned

    def connect(self) -> None:
        super().connect()
        tls: ssl.SSLSocket = self.sock
        shown = tls.getpeercert(binary_form=True) or b""
        if not hmac.compare_digest(certificate_sha256(shown), self._pinned):
            self.close()
            raise Refused("channel.certificate", peer=self.host)
        for option in KEEPALIVE:
            tls.setsockopt(*option)


class Channel:
    """Asks the peer's node. One request at a time; the connection is kept between requests."""

    def __init__(self, config: PartyConfig, trail: Trail):
        self._config = config
        self._trail = trail
        self._context = tls_context(config, ssl.Purpose.SERVER_AUTH)
        self._connection: _PinnedConnection | None = None
        self._connected_at = 0.0
        self.bytes_sent = 0
        self.bytes_received = 0

    def ask(self, job: str, sequence: int, message: Message, replies: Sequence[type[M]], seconds: float) -> M:
        """Send a request and wait at most ``seconds`` for its reply, of one of the types ``replies``.

        After a dropped connection the same bytes are sent again, for ``limits.reconnect_seconds``. Raises
        ``PeerRefused`` with what the peer refuses, ``Refused`` where there is no reply that can be trusted.
        """
        config = self._config
        sealed = envelope.encode(
            message,
            config.key,
            job=job,
            sequence=sequence,
            kind="request",
            sender=config.party,
            recipient=config.peer.name,
        )
        if len(sealed.data) > config.limits.message_bytes:
            raise Refused("message.too_large", bytes=len(sealed.data), most=config.limits.message_bytes)
        self._trail.sent(sealed)
        data = self._exchange(job, sealed.data, time.monotonic() + seconds)
        reply = envelope.decode(
            data,
            config.peer.signing_key,
            sender=config.peer.name,
            recipient=config.party,
            kind="reply",
            max_bytes=config.limits.message_bytes,
        )
        _check_belongs(reply, job, sequence, sealed)
        if reply.header.sequence:
            self._trail.received(reply)
        allowed: tuple[type[Message], ...] = (*replies, JobRefused)
        answer = envelope.read(reply, allowed)
        if isinstance(answer, JobRefused):
            raise PeerRefused(config.peer.name, answer.code, **answer.params)
        return cast(M, answer)

    def close(self) -> None:
        """Drop the connection; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, job: str, data: bytes, deadline: float) -> bytes:
        pause = FIRST_PAUSE_SECONDS
        patience = time.monotonic() + self._config.limits.reconnect_seconds
        while True:
            if time.monotonic() >= deadline:
                raise Refused("channel.timeout", peer=self._config.peer.name)
            was_kept = self._connection is not None
            try:
                return self._once(job, data, deadline)
            except (OSError, http.client.HTTPException) as error:
                # One that does not come about, however long that takes, is none.
                is_lasting = (
                    self._connection is not None and time.monotonic() - self._connected_at > LASTING_SECONDS
                )
                self.close()
                _raise_if_final(error, self._config.peer.name)
                if was_kept or is_lasting:
                    # One that was idle may have been closed by the peer: nothing is wrong yet.
                    patience = time.monotonic() + self._config.limits.reconnect_seconds
                    continue
                if time.monotonic() + pause > min(patience, deadline):
                    raise Refused("channel.unreachable", peer=self._config.peer.name) from error
            except Refused:
                self.close()
                raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _once(self, job: str, data: bytes, deadline: float) -> bytes:
        connection = self._connected()
        connection.sock.settimeout(max(1.0, deadline - time.monotonic()))
        # A node that refuses a request may answer before it has read all of it.
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            connection.request("POST", f"/jobs/{job}", data, {"Content-Type": "application/octet-stream"})
        with connection.getresponse() as response:
            if response.status == BUSY:
                raise http.client.HTTPException("busy")
            if response.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise Refused("channel.peer_takes_less", bytes=len(data))
            if response.status != http.HTTPStatus.OK:
                raise Refused("channel.status", status=response.status)
            reply = self._read_capped(response)
        self.bytes_sent += len(data)
        self.bytes_received += len(reply)
        return reply

    def _read_capped(self, response: http.client.HTTPResponse) -> bytes:
        most = self._config.limits.message_bytes
        if response.length is None or response.length > most:
            raise Refused("message.too_large", bytes=response.length or 0, most=most)
        return response.read()

    def _connected(self) -> _PinnedConnection:
        if self._connection is None:
            address = urlsplit(self._config.peer.url)
            peer = self._config.peer
            connection = _PinnedConnection(
                address.hostname or "", address.port or 0, self._context, peer.certificate_sha256
            )
            connection.connect()
            self._connection = connection
            self._connected_at = time.monotonic()
        return self._connection


def _raise_if_final(error: Exception, peer: str) -> None:
    """Another try does not mend a certificate."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == CERTIFICATE_EXPIRED:
        raise Refused("channel.certificate_expired", peer=peer) from error
    if isinstance(error, ssl.SSLCertVerificationError):
        raise Refused("channel.certificate", peer=peer) from error
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        raise Refused("channel.certificate_refused", peer=peer) from error


def _check_belongs(reply: Envelope, job: str, sequence: int, sent: Sealed) -> None:
    header = reply.header
    # A request that could not be read is refused under sequence 0.
    is_refusal = header.type == JobRefused.TYPE and header.sequence == 0
    if header.job != job or not (header.sequence == sequence or is_refusal):
        raise Refused("message.sequence", got=header.sequence, expected=sequence)
    if header.request_sha256 != sent.sha256:
        raise Refused("message.request")
