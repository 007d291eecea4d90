"""Tasks done by a Dask cluster (extra ``dask``): the workers see the same folders under the same paths.

TLS: a TOML file with ``ca``, ``cert`` and ``key`` (PEM files), for a scheduler at ``tls://HOST:PORT``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from claims.errors import input_error
from claims.nightly.runners import Interrupted, Partition, Result, Stop

CONNECT_S = 10
TLS_KEYS = ("ca", "cert", "key")


class DaskRunner:
    """Tasks sent to the scheduler at ``address``. Raises ``InputError`` where it does not answer."""

    def __init__(self, address: str, stop: Stop, tls: Path | None = None):
        try:
            from distributed import Client
        except ImportError:
            raise input_error("nightly.dask_missing") from None
        self._stop = stop
        security = None if tls is None else _security(tls)
        try:
            self._client: Any = Client(  # type: ignore[no-untyped-call]
                address, timeout=CONNECT_S, security=security, set_as_default=False
            )
        except (OSError, ValueError, TypeError) as error:
            raise input_error("nightly.dask_unreachable", address, detail=type(error).__name__) from None

    def run(
        self,
        partitions: Sequence[Partition],
        function: Callable[[Partition], Result],
        out: Callable[[Result], None],
    ) -> None:
        """See ``Runner``. As many tasks are begun as the cluster has threads, and one more each."""
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        waiting = list(reversed(partitions))
        running = as_completed(loop=self._client.loop, with_results=False)  # type: ignore[no-untyped-call]
        try:
            for _ in range(2 * max(1, sum(self._client.nthreads().values()))):
                self._begin(waiting, running, function)
            for future in running:
                out(future.result())
                if not self._stop.is_set():
                    self._begin(waiting, running, function)
        except KilledWorker:
            raise Interrupted("nightly.worker_died") from None
        self._stop.check()

    def _begin(self, waiting: list[Any], running: Any, function: Callable[[Any], Any]) -> None:
        if waiting:
            # The same task may be done again another night, so it must not be remembered by what it is.
            running.add(self._client.submit(function, waiting.pop(), pure=False))

    def close(self) -> None:
        """See ``Runner``."""
        self._client.close()


def _security(path: Path) -> Any:
    from distributed.security import Security

    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        files = {key: str((path.parent / told[key]).absolute()) for key in TLS_KEYS}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise input_error("nightly.dask_tls", str(path), detail=str(error)[:200]) from None
    if missing := [one for one in files.values() if not Path(one).is_file()]:
        raise input_error("nightly.dask_tls", str(path), detail=missing[0])
    return Security(  # type: ignore[no-untyped-call]
        tls_ca_file=files["ca"],
        tls_client_cert=files["cert"],
        tls_client_key=files["key"],
        require_encryption=True,
    )
