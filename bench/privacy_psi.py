"""``python -m bench.privacy_psi [--ids N]``: the intersection of two sets of N ids, each party a process of its own.

The parties are on the same cores and talk over a socket in signed envelopes, without TLS and HTTP.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.ids import keyed
from privacy.message import Message, decode, encode, read
from privacy.protocols.psi import IntersectionResponder, intersect
from privacy.protocols.psi.messages import Reveal
from privacy.session import Session

LENGTH = struct.Struct(">Q")
LARGEST = 1 << 26
JOB = "0" * 32
KEY = bytes(range(32))
NAMES = {"sender": "one", "recipient": "other"}


@dataclass
class SocketSession:
    """The part of a session that the intersection uses, over a socket."""

    peer: socket.socket
    key: Ed25519PrivateKey
    crossed: int = 0
    sequence: int = 0

    def ask(self, message: Message, reply_type: type[Message]) -> Message:
        self.sequence += 1
        data = encode(message, self.key, job=JOB, sequence=self.sequence, kind="request", **NAMES).data
        send(self.peer, data)
        reply = receive(self.peer)
        self.crossed += len(data) + len(reply)
        opened = decode(reply, self.key.public_key(), kind="reply", max_bytes=LARGEST, **NAMES)
        return read(opened, [reply_type])

    def log(self, event: str, **fields: Any) -> None:
        pass

    def progress(self, done: int, total: int, what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{done:,} of {total:,} {what}", end="", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--reveal", choices=["initiator", "both", "cardinality"], default="both")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores")
    here, there = socket.socketpair()
    key = Ed25519PrivateKey.generate()
    child = os.fork()
    if child == 0:
        here.close()
        respond(there, key, ids_from(options.ids // 2, options.ids), options.reveal)
        os._exit(0)
    there.close()
    session = SocketSession(here, key)
    own = ids_from(0, options.ids)
    start = time.perf_counter()
    found = intersect(cast(Session, session), own, options.reveal)
    seconds = time.perf_counter() - start
    send(here, b"")
    os.waitpid(child, 0)
    expected = options.ids - options.ids // 2
    if found.common != expected:
        sys.exit(f"{found.common} in common instead of {expected}: no figure means anything")
    plain = time.perf_counter()
    assert len(set(own) & set(ids_from(options.ids // 2, options.ids))) == expected
    plain = time.perf_counter() - plain
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    print(
        f"{options.ids:,} x {options.ids:,}, {options.reveal}: {seconds:.1f} s, {session.crossed / 1e6:.1f} MB"
    )
    print(f"  processor time of both {cpu:.1f} s, memory {[each.ru_maxrss // 1024 for each in used]} MB")
    print(f"  plain sets: {plain:.2f} s; ratio {seconds / plain:,.0f}")


def ids_from(first: int, count: int) -> list[bytes]:
    return keyed((f"{number:018}" for number in range(first, first + count)), KEY, "bench")


def respond(peer: socket.socket, key: Ed25519PrivateKey, ids: list[bytes], reveal: Reveal) -> None:
    responder = IntersectionResponder(ids, reveal, lambda event, **fields: None)
    sequence = 0
    while request := receive(peer):
        sequence += 1
        opened = decode(request, key.public_key(), kind="request", max_bytes=LARGEST, **NAMES)
        reply = responder.handle(read(opened, responder.expects))
        send(peer, encode(reply, key, job=JOB, sequence=sequence, kind="reply", **NAMES).data)


def send(peer: socket.socket, data: bytes) -> None:
    peer.sendall(LENGTH.pack(len(data)) + data)


def receive(peer: socket.socket) -> bytes:
    (length,) = LENGTH.unpack(_exactly(peer, LENGTH.size))
    return _exactly(peer, length)


def _exactly(peer: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = peer.recv(min(count - len(parts), 1 << 20))
        if not part:
            raise ConnectionError("the other party is gone")
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    main()
