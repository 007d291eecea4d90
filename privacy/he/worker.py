"""The node's side of the worker: a child process that alone loads and computes on ciphertexts and keys of the peer.

It dies alone: a crash, a limit or a deadline gives ``Refused("he.worker_failed")``. With bubblewrap it has no network
and sees no files but Python's own; without it only the resource limits hold, which the log says.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, cast

import numpy as np
import numpy.typing as npt

from privacy.errors import Refused
from privacy.he.frames import (
    Frame,
    FrameError,
    array_buffer,
    array_fields,
    read_array,
    read_frame,
    write_frame,
)
from privacy.he.parameters import bfv_parameters, ckks_parameters

if TYPE_CHECKING:
    from privacy.party import Limits

SchemeName = Literal["bfv", "ckks"]
SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache")
BFV_SLOTS = bfv_parameters().degree
CKKS_SLOTS = ckks_parameters().degree // 2
KEY_ID = re.compile("[0-9a-f]{64}")
SECONDS_TO_START = 60.0
SECONDS_TO_END = 1.0
Log = Callable[..., object]


@dataclass(frozen=True)
class WorkerLimits:
    """Address space and processor time of the whole process, seconds of one request, bytes of one frame."""

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 3600
    request_seconds: float = 600.0
    max_frame_bytes: int = 1 << 30

    @classmethod
    def of(cls, limits: Limits) -> WorkerLimits:
        """What a job's limits leave to its worker."""
        return cls(
            memory_bytes=limits.memory_mb << 20, cpu_seconds=limits.seconds, request_seconds=limits.seconds
        )


@dataclass(frozen=True)
class KeyPair:
    """``public`` may be sent; ``secret`` stays on this computer."""

    public: bytes
    secret: bytes


class Worker:
    """A running worker; use it as a context manager. ``log(event, **fields)`` is told how it is confined."""

    def __init__(
        self, scheme: SchemeName = "bfv", limits: WorkerLimits | None = None, log: Log | None = None
    ):
        self._limits = limits or WorkerLimits()
        self._scheme = scheme
        self._lock = threading.Lock()
        command, sandbox = worker_command(scheme, self._limits)
        if log:
            log("he.worker_started", scheme=scheme, sandbox=sandbox)
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell, no input of others
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": str(_package_root()), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            close_fds=True,
            # A group of its own, so that bubblewrap and what it confines end together.
            start_new_session=True,
        )
        self._input = cast(BinaryIO, self._process.stdin)
        self._output = cast(BinaryIO, self._process.stdout)
        # A job that is dropped without an end takes its worker with it.
        weakref.finalize(self, end, self._process)
        with self._lock:
            self._within_time(SECONDS_TO_START, lambda: read_frame(self._output, 0))

    def make_key(self) -> KeyPair:
        """A new key pair of the pinned parameters. Keep one a job."""
        return KeyPair(*self._ask({"operation": "make_key"}, [], 2).buffers)

    def use_secret_key(self, secret: bytes) -> str:
        """Encrypt and decrypt with our own key; returns its key id (hex)."""
        return self._key_id(self._ask({"operation": "use_secret_key"}, [secret], 0))

    def use_public_key(self, public: bytes) -> str:
        """Combine ciphertexts of the peer's key; returns its key id (hex), to be logged by both sides."""
        return self._key_id(self._ask({"operation": "use_public_key"}, [public], 0))

    def encrypt(self, blocks: npt.NDArray[Any]) -> list[bytes]:
        """Blocks (count, SLOTS) of int64 (BFV) or float64 (CKKS) -> ciphertexts under our own key."""
        fields = {"operation": "encrypt", "arrays": [array_fields(blocks)]}
        return self._ask(fields, [array_buffer(blocks)], len(blocks)).buffers

    def combine(
        self,
        ciphertexts: Sequence[bytes],
        plaintexts: npt.NDArray[Any],
        masks: npt.NDArray[np.int64] | None = None,
    ) -> list[bytes]:
        """Sums of plaintext times ciphertext under the peer's key, ready to be sent: see ``Bfv.combine`` (always with
        masks) and ``Ckks.combine`` (never)."""
        arrays = [plaintexts] if masks is None else [plaintexts, masks]
        fields = {"operation": "combine", "arrays": [array_fields(array) for array in arrays]}
        return self._ask(fields, [*map(array_buffer, arrays), *ciphertexts], len(plaintexts)).buffers

    def decrypt(self, ciphertexts: Sequence[bytes]) -> npt.NDArray[Any]:
        """Results under our own key -> (count, SLOTS): residues in [0, t) (BFV) or float64 (CKKS)."""
        answer = self._ask({"operation": "decrypt"}, ciphertexts, 1)
        dtype, slots = ("int64", BFV_SLOTS) if self._scheme == "bfv" else ("float64", CKKS_SLOTS)
        try:
            return read_array(answer.buffers[0], {"dtype": dtype, "shape": (len(ciphertexts), slots)})
        except FrameError as error:
            raise self._failed() from error

    def close(self) -> None:
        """End the process; safe to call twice."""
        end(self._process)
        self._process.wait()
        self._output.close()
        # What was still buffered for a process that is gone.
        with suppress(BrokenPipeError):
            self._input.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self, fields: dict[str, Any], buffers: Sequence[bytes | memoryview], answer_buffers: int
    ) -> Frame:
        """The answer, of so many buffers. A worker that was taken over by harmful bytes is not believed either."""
        if sum(len(buffer) for buffer in buffers) > self._limits.max_frame_bytes:
            raise Refused("he.too_large", most_bytes=self._limits.max_frame_bytes)

        def exchange() -> Frame:
            write_frame(self._input, fields, buffers)
            return read_frame(self._output, self._limits.max_frame_bytes)

        with self._lock:
            answer = self._within_time(self._limits.request_seconds, exchange)
        if "refused" in answer.fields:
            raise self._refused(answer.fields)
        if len(answer.buffers) != answer_buffers:
            raise self._failed()
        return answer

    def _within_time(self, seconds: float, exchange: Callable[[], Frame]) -> Frame:
        timer = threading.Timer(seconds, end, [self._process])
        timer.start()
        try:
            return exchange()
        except (FrameError, OSError, ValueError) as error:
            raise self._failed() from error
        finally:
            timer.cancel()

    def _key_id(self, answer: Frame) -> str:
        found = answer.fields.get("key_id")
        if not isinstance(found, str) or not KEY_ID.fullmatch(found):
            raise self._failed()
        return found

    def _refused(self, fields: dict[str, Any]) -> Refused:
        code, params = fields["refused"], fields.get("params")
        if not (isinstance(code, str) and code.startswith("he.") and isinstance(params, dict)):
            return self._failed()
        if not all(isinstance(value, str | int | float) for value in params.values()):
            return self._failed()
        return Refused(code, **params)

    def _failed(self) -> Refused:
        # The exit status of a process that ended by itself says why; one that lives is ended.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        self.close()
        return Refused("he.worker_failed", exit=self._process.returncode)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker with all that it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def worker_command(scheme: SchemeName, limits: WorkerLimits) -> tuple[list[str], str]:
    """The command line, and how the process is confined: ``bubblewrap`` or ``limits``."""
    numbers = (limits.memory_bytes, limits.cpu_seconds, limits.max_frame_bytes)
    python = [sys.executable, "-P", "-m", "privacy.he.worker_main", scheme, *map(str, numbers)]
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        return python, "limits"
    return [bubblewrap, *bubblewrap_options(), "--", *python], "bubblewrap"


def bubblewrap_options() -> list[str]:
    """No network, no processes of others, no files but Python and its libraries, all read-only."""
    folders = {*SYSTEM_FOLDERS, sys.prefix, sys.base_prefix, str(_package_root() / "privacy")}
    shown = sorted(folder for folder in folders if os.path.lexists(folder))
    binds = [part for folder in shown for part in ("--ro-bind", folder, folder)]
    # Not --die-with-parent: the kernel ties it to the thread that started the worker, and a node's threads come and
    # go. The worker ends when its input does. It has no terminal and is in a session of its own already.
    return ["--unshare-all", *binds, "--proc", "/proc", "--dev", "/dev"]


def _package_root() -> Path:
    found = importlib.util.find_spec("privacy")
    assert found is not None  # noqa: S101 - this module is part of it
    assert found.origin is not None  # noqa: S101
    return Path(found.origin).parents[1]
