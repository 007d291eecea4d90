"""The SPU worker: runs in its own virtual environment, so it imports SPU and Python's own library only.

``python -I spu_worker_main.py check`` imports SPU. ``... run RANK REVEAL MEMORY_BYTES CPU_SECONDS WAIT_MS`` intersects
the ids of ``in.csv`` in the working folder with the peer's and writes ``out.csv``. ``own.sock`` is where this worker
listens, ``peer.sock`` is the way to the other worker. It makes the file ``ready``
and waits for ``go``. Nothing it prints is kept.
"""

import fcntl
import os
import resource
import select
import sys
import time
from contextlib import suppress
from pathlib import Path

OWN, PEER = "unix:own.sock", "unix:peer.sock"
READY, GO = "ready", "go"
PAUSE_SECONDS = 0.005
LATE_MS = 60_000
INITIATOR_RANK = 0
BUCKET_ROWS = 1 << 20


def main(arguments: list[str]) -> None:
    """See the module."""
    if arguments == ["check"]:
        import spu.psi  # type: ignore[import-not-found]  # noqa: F401

        return
    rank, reveal, *numbers = arguments[1:]
    memory_bytes, cpu_seconds, wait_ms = map(int, numbers)
    end_with_parent()
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    # A core dump would hold the ids.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    intersect(int(rank), reveal, wait_ms)


def end_with_parent() -> None:
    """Have the kernel end this process (SIGIO) once standard input is closed: native code may never look."""
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    # Nothing is ever written to it, so it can be read only if it was closed before the signal was asked for.
    if select.select([0], [], [], 0)[0]:
        sys.exit(1)


def wait_for_peer() -> None:
    """Both workers connect at the same time: SPU may wait for ever for a first message that was late by seconds."""
    Path(READY).touch()
    while not Path(GO).exists():
        time.sleep(PAUSE_SECONDS)


def intersect(rank: int, reveal: str, wait_ms: int) -> None:
    """RR22, semi-honest, 128 bits; the initiator gets the result, with ``both`` the responder too."""
    from spu import psi
    from spu.libspu import link  # type: ignore[import-not-found]

    wait_for_peer()
    description = link.Desc()
    description.id = "psi"
    for party in (0, 1):
        description.add_party(str(party), OWN if party == rank else PEER)
    # The node ends a job that takes too long, and resumes a dropped connection: one message may be late by that.
    description.recv_timeout_ms = wait_ms
    description.http_timeout_ms = min(wait_ms, LATE_MS)
    context = link.create_brpc(description, rank)
    # A bare file name makes SPU fail.
    folder = Path.cwd()
    protocol = psi.PsiProtocolConfig(
        protocol=psi.PsiProtocol.PROTOCOL_RR22,
        receiver_rank=INITIATOR_RANK,
        broadcast_result=reveal == "both",
        bucket_size=BUCKET_ROWS,
    )
    config = psi.PsiExecuteConfig(
        protocol_conf=protocol,
        input_params=psi.InputParams(path=str(folder / "in.csv"), selected_keys=["id"], keys_unique=True),
        output_params=psi.OutputParams(path=str(folder / "out.csv"), disable_alignment=True),
    )
    start = time.time()
    psi.psi_execute(config, context)
    context.stop_link()
    remove_traces(start)


def remove_traces(since: float) -> None:
    """SPU leaves a trace of its phases in /tmp at every run, wherever TMPDIR is; no ids are in it."""
    for trace in Path("/tmp").glob("psi_*.trace"):  # noqa: S108 - SPU's place, not ours
        with suppress(OSError):
            if trace.stat().st_uid == os.getuid() and trace.stat().st_mtime >= since:
                trace.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
