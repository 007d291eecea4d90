"""Tasks done in this process, or in a pool of processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any

from claims.nightly.runners import Interrupted, Partition, Result, Stop

LOOK_EVERY_S = 0.5
"""How often a waiting run looks whether it was asked to stop."""


class HereRunner:
    """One task after the other in this process."""

    def __init__(self, stop: Stop):
        self._stop = stop

    def run(
        self,
        partitions: Sequence[Partition],
        function: Callable[[Partition], Result],
        out: Callable[[Result], None],
    ) -> None:
        """See ``Runner``."""
        for partition in partitions:
            self._stop.check()
            out(function(partition))
        self._stop.check()

    def close(self) -> None:
        """See ``Runner``."""


class PoolRunner:
    """Tasks in processes that are started anew (spawn), so that nothing of this one is inherited."""

    def __init__(self, workers: int, stop: Stop):
        self._workers, self._stop = workers, stop
        self._pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker)

    def run(
        self,
        partitions: Sequence[Partition],
        function: Callable[[Partition], Result],
        out: Callable[[Result], None],
    ) -> None:
        """See ``Runner``. No more tasks are begun than there are workers, so that a stop has nothing to take back."""
        waiting = list(reversed(partitions))
        running: set[Future[Any]] = set()
        try:
            while running or (waiting and not self._stop.is_set()):
                while waiting and len(running) < self._workers and not self._stop.is_set():
                    running.add(self._pool.submit(function, waiting.pop()))
                ended, running = wait(running, LOOK_EVERY_S, FIRST_COMPLETED)
                for future in ended:
                    out(future.result())
        except BrokenProcessPool:
            raise Interrupted("nightly.worker_died") from None
        self._stop.check()

    def close(self) -> None:
        """See ``Runner``."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Signals are for the main process, which lets a worker finish; without the main process a worker ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
