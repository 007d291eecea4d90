"""A job: one run of a protocol, as one party sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privacy.log import EventLog, LogValue
from privacy.party import Limits
from privacy.protocols import Role
from privacy.table import Table

SECONDS_BETWEEN_PROGRESS_LINES = 60.0
Progress = Callable[[int, int, str], None]
"""Called with done, total, and what is counted."""


@dataclass(kw_only=True)
class Job:
    """What a protocol knows of its run. ``parameters`` is of the class that the protocol declares.

    ``peer_rows`` rows of the peer's table take part, as it told when the job was opened; None before that.
    ``folder`` is for the working files of this job and is removed at its end; ``state`` is the party's folder for
    what outlives the job (models, quotas). Both are owner-only. ``pair_secret`` (32 bytes) keys ids.
    """

    id: str
    role: Role
    protocol: str
    parameters: Any
    purpose: str
    table_name: str
    table: Table
    party: str
    peer: str
    limits: Limits
    folder: Path
    state: Path
    pair_secret: bytes = field(repr=False)
    event_log: EventLog = field(repr=False)
    peer_rows: int | None = None
    on_progress: Progress | None = None
    _last_progress: float = field(default_factory=time.monotonic, repr=False)

    def log(self, event: str, **fields: LogValue) -> None:
        """A line in this party's log. No ids, no features, no labels."""
        self.event_log.write(event, job=self.id, protocol=self.protocol, role=self.role, **fields)

    def progress(self, done: int, total: int, what: str) -> None:
        """Tell how far the job is; the log gets at most a line a minute."""
        if self.on_progress is not None:
            self.on_progress(done, total, what)
        if time.monotonic() - self._last_progress >= SECONDS_BETWEEN_PROGRESS_LINES:
            self._last_progress = time.monotonic()
            self.log("job.progress", done=done, total=total, what=what)
