"""The node's side of the SPU worker: a child process in its own environment that runs SPU's RR22.

It gets keyed ids only. Its files are in the job's folder and go with it; what it prints is dropped. It has no network:
its one way out is the relay. With bubblewrap it cannot have one and sees no files but SPU's and its own folder;
without, only the resource limits hold, which the log says.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from privacy.errors import Refused
from privacy.files import OWNER_FOLDER
from privacy.protocols.psi.messages import Reveal
from privacy.protocols.psi.sets import Elements, Rows, random_order
from privacy.protocols.psi.spu_install import WORKER, worker_python
from privacy.protocols.psi.spu_relay import OWN_SOCKET, Relay

if TYPE_CHECKING:
    from privacy.job import Job

IDS, RESULT = "in.csv", "out.csv"
READY, GO = "ready", "go"
HEAD = b'"id"\n'
ID_BYTES = 16
"""SPU gets the first half of a keyed id: with a million ids a side, two of them agree with a chance of 2^-88."""
HEX = 2 * ID_BYTES
SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache")
SECONDS_TO_START = 60.0
POLL_SECONDS = 0.005


class SpuWorker:
    """A running worker for one job. ``relay`` is the way to the other one."""

    def __init__(self, job: Job, keyed_ids: Sequence[bytes], reveal: Reveal):
        python = worker_python(job.state, job.party)
        self._party = job.party
        self._own = np.frombuffer(b"".join([keyed_id[:ID_BYTES] for keyed_id in keyed_ids]), f"S{ID_BYTES}")
        self._folder = job.folder.resolve() / "psi_spu"
        self._folder.mkdir(mode=OWNER_FOLDER)
        is_initiator = job.role == "initiator"
        self.relay = Relay(self._folder, 0 if is_initiator else 1)
        cores = len(os.sched_getaffinity(0))
        numbers = (job.limits.memory_mb << 20, cores * job.limits.seconds, 1000 * job.limits.seconds)
        arguments = ["run", "0" if is_initiator else "1", reveal, *map(str, numbers)]
        command, sandbox = worker_command(python, self._folder, arguments)
        job.log("psi.spu_started", sandbox=sandbox)
        self._process = subprocess.Popen(  # noqa: S603 - our own script, no shell, no input of others
            command,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # SPU writes the common ids to temporary files, and calls sort.
            env={"TMPDIR": str(self._folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            start_new_session=True,
        )
        # A job that is dropped without an end takes its worker and its files with it.
        self._end = weakref.finalize(self, _end, self._process, self.relay, self._folder)
        # While it imports SPU, which takes longer: it reads them once it is let go.
        _write_ids(self._folder / IDS, self._own)

    def wait_until_ready(self) -> None:
        """Return once it can be let go; ``Refused`` (``psi.spu_failed``) where it does not come up."""
        self._wait_for(READY)

    def let_go(self) -> None:
        """Let it connect, which the peer's does at the same time, and return once it can be connected to."""
        (self._folder / GO).touch()
        self._wait_for(OWN_SOCKET)

    def is_done(self) -> bool:
        """Whether it has ended well; ``Refused`` (``psi.spu_failed``) where it ended otherwise."""
        status = self._process.poll()
        if status:
            raise Refused("psi.spu_failed", party=self._party, exit=status)
        return status is not None

    def common(self) -> tuple[Rows, bytes]:
        """The rows of the common ids, in the order of the keyed ids, and the halves of these.

        Raises ``Refused`` (``psi.spu_result``) where the result is not a part of our own set.
        """
        found = np.sort(self._read_result())
        order = np.argsort(self._own)
        ordered = self._own[order]
        places = np.searchsorted(ordered, found)
        inside = places < len(ordered)
        if not inside.all() or (ordered[places] != found).any() or (found[1:] == found[:-1]).any():
            raise Refused("psi.spu_result")
        return order[places].astype(np.int64), found.tobytes()

    def close(self) -> None:
        """End the process and remove its files; safe to call twice."""
        self._end()

    def _wait_for(self, name: str) -> None:
        give_up = time.monotonic() + SECONDS_TO_START
        while not (self._folder / name).exists():
            if self.is_done() or time.monotonic() > give_up:
                raise Refused("psi.spu_failed", party=self._party, exit=0)
            time.sleep(POLL_SECONDS)

    def _read_result(self) -> Elements:
        most = len(HEAD) + (HEX + 1) * len(self._own)
        try:
            with (self._folder / RESULT).open("rb") as file:
                read = file.read(most + 1)
            lines = np.frombuffer(read, np.uint8)[len(HEAD) :].reshape(-1, HEX + 1)
            if len(read) <= most and read.startswith(HEAD) and (lines[:, HEX] == ord("\n")).all():
                found = bytes.fromhex(lines[:, :HEX].tobytes().decode("ascii"))
                return np.frombuffer(found, f"S{ID_BYTES}")
        except (OSError, ValueError) as error:
            raise Refused("psi.spu_result") from error
        raise Refused("psi.spu_result")


def worker_command(python: Path, folder: Path, arguments: list[str]) -> tuple[list[str], str]:
    """The command line, and how the process is confined: ``bubblewrap`` or ``limits``."""
    command = [str(python), "-I", str(WORKER), *arguments]
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        return command, "limits"
    return [bubblewrap, *_bubblewrap_options(python, folder), "--", *command], "bubblewrap"


def _bubblewrap_options(python: Path, folder: Path) -> list[str]:
    """No network, no processes of others, no files but Python's, SPU's and the working folder."""
    shown = [Path(each) for each in SYSTEM_FOLDERS]
    # The environment, the Python it was made from, the script.
    shown += [python.parents[1], python.resolve().parents[1], WORKER]
    binds = [part for each in shown if os.path.lexists(each) for part in ("--ro-bind", str(each), str(each))]
    working = ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    return ["--unshare-all", *binds, "--proc", "/proc", "--dev", "/dev", *working]


def _write_ids(path: Path, ids: Elements) -> None:
    """Shuffled, so that no place in the file tells of the table."""
    shuffled = ids[random_order(len(ids))].tobytes().hex().encode()
    lines = np.full((len(ids), HEX + 1), ord("\n"), np.uint8)
    lines[:, :HEX] = np.frombuffer(shuffled, np.uint8).reshape(len(ids), HEX)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"id\n")
        file.write(lines.tobytes())


def _end(process: subprocess.Popen[bytes], relay: Relay, folder: Path) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.close()
    if process.poll() is None:
        # Its children too: SPU runs sort.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    relay.close()
    shutil.rmtree(folder, ignore_errors=True)
