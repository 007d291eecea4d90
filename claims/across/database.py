"""A DuckDB of one run: within a limit of memory, beyond it in a folder of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

HOME = Path(__file__).parent


@contextmanager
def opened(
    memory: str = "2GB", threads: int = 2, folder: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose tables spill into a new folder in ``folder`` (the system's by default), removed at the end.

    ``memory``: as DuckDB writes it (``2GB``). The network is not used: no extension is loaded or looked for.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="drgbridge-", dir=folder) as own:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "threads": threads,
            "temp_directory": own,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute((HOME / "start.sql").read_text(encoding="utf-8"))
            yield connection
