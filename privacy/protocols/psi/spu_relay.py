"""Carries the connections between the two SPU workers as pieces of declared messages.

A worker connects to ``peer.sock`` in its folder, where its own node listens. What it sends there crosses to the other
node, which passes it on to ``own.sock`` of its worker; and back. A connection is a numbered stream.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from privacy.errors import Refused
from privacy.protocols.psi.spu_messages import MOST_SEGMENTS, RELAY_BYTES, SpuSegment

OWN_SOCKET, PEER_SOCKET = "own.sock", "peer.sock"
MOST_STREAMS = 64
MOST_HELD = 8 * RELAY_BYTES
"""A worker that is ahead of the network by so many bytes has to wait."""
PIECE_BYTES = 1 << 18
WRITE_SECONDS = 60
DIAL_SECONDS = 2.0
DIAL_PAUSE = 0.02


class Relay:
    """One side; ``first_stream`` is 0 at the initiator, 1 at the responder: their streams are even and odd.

    ``take`` and ``give`` are called by one thread at a time. Threads read from the sockets until ``close``.
    """

    def __init__(self, folder: Path, first_stream: int):
        # A path of a socket has at most 107 bytes, the one below /proc is short.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._own_next, self._peer_next = first_stream, 1 - first_stream
        self._streams: dict[int, socket.socket] = {}
        self._waiting: deque[SpuSegment] = deque()
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._path(PEER_SOCKET))
        self._listener.listen(MOST_STREAMS)
        threading.Thread(target=self._accept, name="spu accept", daemon=True).start()

    def take(self, seconds: float) -> tuple[tuple[SpuSegment, ...], bytes]:
        """What our worker sent: waits until there is something, at most ``seconds``; one message full at most."""
        segments: list[SpuSegment] = []
        pieces: list[bytes] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, seconds)
            while self._waiting and len(segments) < MOST_SEGMENTS:
                if size + self._waiting[0].size > RELAY_BYTES:
                    break
                segments.append(self._waiting.popleft())
                pieces.append(self._pieces.popleft())
                size += segments[-1].size
            self._held -= size
            self._changed.notify_all()
        return tuple(segments), b"".join(pieces)

    def give(self, segments: Sequence[SpuSegment], data: bytes) -> None:
        """Pass on to our worker what the peer's sent.

        Raises ``Refused``: ``psi.spu_stream`` for streams that cannot be, ``psi.spu_stuck`` for a worker that does
        not read.
        """
        start = 0
        for segment in segments:
            stream = self._stream(segment.stream)
            part = data[start : start + segment.size]
            start += segment.size
            try:
                stream.sendall(part)
                if segment.is_last:
                    stream.shutdown(socket.SHUT_WR)
            except BlockingIOError as error:
                raise Refused("psi.spu_stuck", seconds=WRITE_SECONDS) from error
            except OSError:
                # Our worker closed this connection, which its peer is told by the other direction.
                continue

    def close(self) -> None:
        """Drop all connections and what was not taken."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
            streams = [self._listener, *self._streams.values()]
        for stream in streams:
            # A thread that waits on it wakes up.
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
            stream.close()
        os.close(self._folder)

    def _path(self, name: str) -> str:
        return f"/proc/self/fd/{self._folder}/{name}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                with self._changed:
                    number = self._own_next
                    self._own_next += 2
                    self._streams[number] = stream
                    # Tells the peer of it at once, so that it sees the numbers in their order.
                    self._note(SpuSegment(stream=number, size=0, is_last=False), b"")
                self._add(number, stream)

    def _stream(self, number: int) -> socket.socket:
        known = self._streams.get(number)
        if known is not None:
            return known
        if number != self._peer_next or len(self._streams) >= MOST_STREAMS:
            raise Refused("psi.spu_stream", stream=number)
        self._peer_next += 2
        stream = self._dial()
        self._add(number, stream)
        return stream

    def _dial(self) -> socket.socket:
        give_up = time.monotonic() + DIAL_SECONDS
        while True:
            stream = socket.socket(socket.AF_UNIX)
            try:
                stream.connect(self._path(OWN_SOCKET))
            except OSError as error:
                stream.close()
                if time.monotonic() > give_up:
                    raise Refused("psi.spu_stuck", seconds=DIAL_SECONDS) from error
                time.sleep(DIAL_PAUSE)
            else:
                return stream

    def _add(self, number: int, stream: socket.socket) -> None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", WRITE_SECONDS, 0))
        with self._changed:
            if self._is_closed or len(self._streams) >= MOST_STREAMS:
                stream.close()
                return
            self._streams[number] = stream
        threading.Thread(target=self._read, args=(number, stream), name="spu read", daemon=True).start()

    def _read(self, number: int, stream: socket.socket) -> None:
        piece = b"-"
        while piece:
            try:
                piece = stream.recv(PIECE_BYTES)
            except OSError:
                piece = b""
            with self._changed:
                self._changed.wait_for(lambda: self._held < MOST_HELD or self._is_closed)
                if self._is_closed:
                    return
                self._note(SpuSegment(stream=number, size=len(piece), is_last=not piece), piece)

    def _note(self, segment: SpuSegment, piece: bytes) -> None:
        self._waiting.append(segment)
        self._pieces.append(piece)
        self._held += len(piece)
        self._changed.notify_all()
