"""The jobs of a party as its audit log and its event log have them: sizes, bytes, seconds, how they ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from privacy import audit
from privacy.protocols import Role

Outcome = Literal["asked", "waiting", "open", "done", "failed", "refused"]
"""``asked``: no answer is logged; ``open``: begun and not closed, so it runs or broke off."""
MOST_LOG_BYTES = 2_000_000
"""Of a longer event log the end is read."""


@dataclass
class PastJob:
    """A job. Row counts are None before it was opened; ``bytes`` are those of its messages, both ways."""

    id: str
    begun: datetime
    ended: datetime
    outcome: Outcome = "asked"
    code: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    messages: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    decided_by: str = ""
    decision: str = ""

    @property
    def role(self) -> Role | None:
        """Ours, None where the log does not say."""
        return self.facts.get("role")

    @property
    def protocol(self) -> str:
        """Its name; empty for a job that was refused before it was opened."""
        return str(self.facts.get("protocol", ""))

    @property
    def purpose(self) -> str:
        return str(self.facts.get("purpose", ""))

    @property
    def seconds(self) -> float:
        """From its first entry to its last."""
        return (self.ended - self.begun).total_seconds()

    def rows(self, role: Role) -> int | None:
        """The rows that a party brought."""
        return self.facts.get(f"{role}_set_size")

    def policy(self, role: Role) -> str | None:
        """The hash of the policy that a party went by."""
        return self.facts.get(f"{role}_policy_sha256")


def jobs(state: Path) -> list[PastJob]:
    """The jobs of a party's state folder, the newest first; the log is not verified by this."""
    found: dict[str, PastJob] = {}
    for entry in audit.entries(state / "audit"):
        job = entry.get("job")
        if job is not None:
            _take(found.setdefault(job, _new(job, entry)), entry)
    for told in _events(state / "log.jsonl"):
        job = found.get(str(told.get("job")))
        if job is not None and job.outcome != "done":
            _complete(job, told)
    return sorted(found.values(), key=lambda job: job.begun, reverse=True)


def peer_policies(past: Iterable[PastJob]) -> dict[str, tuple[datetime, datetime, int]]:
    """The policies by which the peer took part: hash to its first and last moment and how many jobs."""
    moments: dict[str, list[datetime]] = {}
    for job in past:
        sha256 = job.policy("responder" if job.role == "initiator" else "initiator")
        if sha256 is not None:
            moments.setdefault(sha256, []).append(job.begun)
    return {sha256: (min(times), max(times), len(times)) for sha256, times in moments.items()}


def _new(job: str, entry: Mapping[str, Any]) -> PastJob:
    at = _moment(entry)
    return PastJob(job, at, at)


def _take(job: PastJob, entry: Mapping[str, Any]) -> None:
    """What one entry says of a job."""
    job.ended = max(job.ended, _moment(entry))
    event = entry.get("event")
    if event in ("message_sent", "message_received"):
        job.messages += 1
        size = int(entry.get("bytes", 0))
        job.bytes_sent += size if event == "message_sent" else 0
        job.bytes_received += size if event == "message_received" else 0
        if entry.get("type") == "job.refused" and job.outcome == "asked":
            job.outcome = "refused"
    elif event == "job_waits":
        job.outcome = "waiting"
        job.facts |= {name: entry[name] for name in ("role", "protocol") if name in entry}
    elif event == "job_decided":
        job.decided_by, job.decision = str(entry.get("operator", "")), str(entry.get("state", ""))
    elif event == "job_opened":
        job.outcome = "open"
        job.facts |= {name: value for name, value in entry.items() if name not in ("event", "index", "time")}
    elif event == "job_closed" and job.outcome != "refused":
        job.outcome = "done" if entry.get("state") == "done" and job.outcome == "open" else "failed"
    elif event == "refused" and job.outcome in ("asked", "waiting"):
        job.outcome, job.code = "refused", str(entry.get("code", ""))


def _complete(job: PastJob, told: Mapping[str, Any]) -> None:
    """What the event log says of a job that was not opened, or did not go well."""
    event = told.get("event")
    code = told.get("reason") if event == "job.failed" else told.get("code") if event == "job.end" else None
    if code and not job.code:
        job.code = str(code)
    if event == "job.open" and not job.facts:
        job.facts = {"role": "initiator", "protocol": told.get("protocol", "")}
        job.facts["initiator_set_size"] = told.get("rows")


def _events(path: Path) -> Iterator[Mapping[str, Any]]:
    """The events of the log's end."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MOST_LOG_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        # The part of a line at the beginning or the end is left out.
        with suppress(orjson.JSONDecodeError):
            yield orjson.loads(line)


def _moment(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(entry["time"]))
