"""Who does the tasks of a night: this process, a pool of processes on this machine, or a Dask cluster.

A runner has one method, ``run(partitions, function, out)``. The functions are the same for every runner.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from claims.errors import ClaimProblem
from drg.errors import InputError

Partition = TypeVar("Partition")
Result = TypeVar("Result")


class Interrupted(InputError):  # noqa: N818 - the name says what happened
    """The run ended before its end and can be resumed; ``code`` is the message id."""

    def __init__(self, code: str, where: str = "", **params: object):
        super().__init__([ClaimProblem(code, where, params)])


class Stop(threading.Event):
    """Set by a signal: what runs is finished, nothing new is begun."""

    def check(self) -> None:
        """Raises :class:`Interrupted` once it is set."""
        if self.is_set():
            raise Interrupted("nightly.stopped")


class Runner(Protocol):
    """Does tasks; made for one run."""

    def run(
        self,
        partitions: Sequence[Partition],
        function: Callable[[Partition], Result],
        out: Callable[[Result], None],
    ) -> None:
        """Call ``function`` with every partition, in any order and place, and ``out`` here with each result.

        Raises :class:`Interrupted` after what was running ended, where the run was asked to stop or a worker died; and
        what ``function`` or ``out`` raises.
        """

    def close(self) -> None:
        """Let go of the workers."""


def make_runner(workers: int, stop: Stop, dask: str | None = None, tls: Path | None = None) -> Runner:
    """The runner for a number of workers, or for a Dask cluster at an address."""
    if dask is not None:
        from claims.nightly.runners.dask import DaskRunner

        return DaskRunner(dask, stop, tls)
    from claims.nightly.runners.local import HereRunner, PoolRunner

    return HereRunner(stop) if workers == 1 else PoolRunner(workers, stop)
