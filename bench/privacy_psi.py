"""``python -m bench.privacy_psi [--ids N]``: the intersection of two sets of N ids, each party a process of its own.

The parties are on the same cores and talk over a socket in signed envelopes, without TLS and HTTP. ``--engine spu``
finds its worker (``drgbridge node install-spu --venv DIR``) in ``DRGBRIDGE_SPU_VENV``. With ``ecdh`` the operations of
libsodium alone are timed in the same run: no protocol over it can be faster on these cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import socket
import struct
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.limits import judged
from privacy.ids import keyed
from privacy.job import Job
from privacy.message import Message, decode, encode, read
from privacy.party import Limits
from privacy.protocols import Role
from privacy.protocols.psi import IntersectionResponder, intersect
from privacy.protocols.psi.group import GroupPool
from privacy.protocols.psi.messages import Engine, Reveal
from privacy.protocols.psi.spu import SpuResponder, intersect_with_spu
from privacy.protocols.psi.spu_install import use
from privacy.session import Session

LENGTH = struct.Struct(">Q")
LARGEST = 1 << 26
JOB = "0" * 32
KEY = bytes(range(32))
SAMPLE = 20_000
"""Ids whose libsodium operations are timed."""
LIMIT = {"ecdh": "psi_ecdh_seconds", "spu": "psi_spu_seconds"}
NAMES = {"sender": "one", "recipient": "other"}


@dataclass(kw_only=True)
class BenchJob:
    """The part of a job that the intersection uses."""

    role: Role
    folder: Path
    party: str = "bench"
    limits: Limits = field(default_factory=Limits)

    @property
    def state(self) -> Path:
        return self.folder

    def log(self, event: str, **fields: Any) -> None:
        pass


@dataclass(kw_only=True)
class SocketSession(BenchJob):
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

    def progress(self, done: int, total: int, what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{done:,} of {total:,} {what}", end="", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--reveal", choices=["initiator", "both", "cardinality"], default="both")
    parser.add_argument("--engine", choices=["ecdh", "spu"], default="ecdh")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores")
    here, there = socket.socketpair()
    key = Ed25519PrivateKey.generate()
    with tempfile.TemporaryDirectory() as folder:
        # Made before the clock starts, by both: SPU's processes are children, and their time counts.
        jobs = [job_folder(Path(folder), role, options.engine) for role in ("initiator", "responder")]
        child = os.fork()
        if child == 0:
            here.close()
            job = BenchJob(role="responder", folder=jobs[1])
            respond(there, key, job, ids_from(options.ids // 2, options.ids), options.reveal, options.engine)
            os._exit(0)
        there.close()
        session = SocketSession(role="initiator", folder=jobs[0], peer=here, key=key)
        own = ids_from(0, options.ids)
        engine = intersect_with_spu if options.engine == "spu" else intersect
        start = time.perf_counter()
        found = engine(cast(Session, session), own, options.reveal)
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
        f"{options.ids:,} x {options.ids:,}, {options.engine}, {options.reveal}: "
        f"{seconds:.1f} s, {session.crossed / 1e6:.1f} MB in {session.sequence} requests"
    )
    print(f"  processor time of both {cpu:.1f} s, memory {[each.ru_maxrss // 1024 for each in used]} MB")
    print(f"  {judged(LIMIT[options.engine], seconds, f'{options.ids:,} x {options.ids:,}')}")
    print(f"  plain sets: {plain:.2f} s; ratio {seconds / plain:,.0f}")
    if options.engine == "ecdh":
        floor = operations_alone(options.ids)
        print(f"  libsodium's operations alone, on all cores: {floor:.1f} s; ratio {seconds / floor:.2f}")


def operations_alone(ids: int) -> float:
    """Seconds that the operations of both parties take without anything around them: a map and two products an id."""
    pool = GroupPool()
    sample = ids_from(0, SAMPLE)
    pool.blind(sample[:1000])()
    start = time.perf_counter()
    pool.blind_again(pool.blind(sample)())()
    seconds = time.perf_counter() - start
    pool.close()
    return 2 * seconds * ids / SAMPLE


def ids_from(first: int, count: int) -> list[bytes]:
    return keyed((f"{number:018}" for number in range(first, first + count)), KEY, "bench")


def job_folder(base: Path, role: str, engine: Engine) -> Path:
    folder = base / role
    folder.mkdir(mode=0o700)
    if engine == "spu":
        use(folder, Path(os.environ["DRGBRIDGE_SPU_VENV"]))
    return folder


def respond(
    peer: socket.socket,
    key: Ed25519PrivateKey,
    job: BenchJob,
    ids: list[bytes],
    reveal: Reveal,
    engine: Engine,
) -> None:
    responder: SpuResponder | IntersectionResponder
    if engine == "spu":
        responder = SpuResponder(cast(Job, job), ids, reveal)
    else:
        responder = IntersectionResponder(ids, reveal, job.log)
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
