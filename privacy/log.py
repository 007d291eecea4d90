"""The log of a party: one JSON object a line, no personal data."""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import orjson

LogValue = str | int | float | bool | None
MAX_TEXT = 300
MAX_FILE_BYTES = 10_000_000


class EventLog:
    """Lines go to ``path`` (one older file is kept) and, with ``echo``, to stderr."""

    def __init__(self, path: Path, echo: bool = False):
        self._path = path
        self._echo = echo
        self._lock = threading.Lock()

    def write(self, event: str, **fields: LogValue) -> None:
        """Append a line: time (UTC), event, fields. Texts are cut to ``MAX_TEXT`` characters."""
        cut = {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in fields.items()}
        line = orjson.dumps({"at": datetime.now(UTC).isoformat(), "event": event, **cut}) + b"\n"
        with self._lock:
            if self._path.exists() and self._path.stat().st_size > MAX_FILE_BYTES:
                self._path.replace(self._path.with_suffix(".old"))
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
            if self._echo:
                sys.stderr.write(line.decode())
                sys.stderr.flush()
