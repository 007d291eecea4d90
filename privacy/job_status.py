"""How far a job is, as a file that another process reads: whole at every moment, owner-only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from privacy.errors import Param, PeerRefused, Refused
from privacy.files import replace
from privacy.job_messages import Estimate
from privacy.node.records import now

SECONDS_BETWEEN_WRITES = 0.5
MOST_BYTES = 20_000_000

State = Literal["running", "waiting", "planned", "done", "refused", "failed"]


class Refusal(BaseModel):
    """A ``Refused``; ``by`` is the peer that refuses, "" for our own side."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    params: dict[str, Param] = {}
    by: str = ""

    @classmethod
    def of(cls, refused: Refused) -> Refusal:
        by = refused.by if isinstance(refused, PeerRefused) else ""
        return cls(code=refused.code, params=dict(refused.params), by=by)

    def refused(self) -> Refused:
        """As the exception that it was."""
        return (
            PeerRefused(self.by, self.code, **self.params) if self.by else Refused(self.code, **self.params)
        )


class Plan(BaseModel):
    """What a job would take, and what it would do with our rows, before anything is sent.

    ``rows`` of our table take part; the others have no valid id or no consent. ``foretold``: what the peer will
    refuse by its policy as we know it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    invalid_ids: int
    without_consent: int
    policy_sha256: str
    estimate: Estimate
    foretold: Refusal | None = None


class JobStatus(BaseModel):
    """``done`` of ``total`` ``what`` are done; ``summary`` and ``facts`` are those of ``JobResult``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: State
    protocol: str
    begun: str
    changed: str
    job: str = ""
    done: int = 0
    total: int = 0
    what: str = ""
    plan: Plan | None = None
    refusal: Refusal | None = None
    summary: dict[str, Any] = {}
    facts: dict[str, Any] = {}


class StatusFile:
    """Writes the status of one job to ``path``."""

    def __init__(self, path: Path, protocol: str):
        self._path = path
        self._status = JobStatus(state="running", protocol=protocol, begun=now(), changed=now())
        self._written = 0.0
        self.set()

    def set(self, **changes: Any) -> None:
        """Change fields and write them."""
        self._status = self._status.model_copy(update={**changes, "changed": now()})
        replace(self._path, self._status.model_dump_json().encode())
        self._written = time.monotonic()

    def progress(self, done: int, total: int, what: str) -> None:
        """A ``Progress`` of a job; written now and then."""
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            self.set(state="running", done=done, total=total, what=what)

    def pending(self, job: str) -> None:
        """The job waits for a person at the peer."""
        self.set(state="waiting", job=job)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Write how the block ends where it does not end well."""
        try:
            yield
        except Refused as refused:
            self.set(state="refused", refusal=Refusal.of(refused))
            raise
        except BaseException:
            self.set(state="failed")
            raise


def read(path: Path) -> JobStatus | None:
    """The status in a file; None where there is none that can be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        return JobStatus.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
