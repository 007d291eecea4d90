"""The log of a run: one JSON object a line, with the run and the task; ids, counts and times, nothing of a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog


@contextmanager
def opened(path: Path, run_id: str) -> Iterator[Any]:
    """A logger that appends to a file, line by line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        yield structlog.wrap_logger(
            structlog.BytesLogger(file),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(serializer=_as_bytes),
            ],
            wrapper_class=structlog.BoundLogger,
            run_id=run_id,
        )


def _as_bytes(value: Any, **_: Any) -> bytes:
    return orjson.dumps(value, default=str)
