"""The jobs of a node as files in its state folder, for a person to see and to decide on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from privacy import audit
from privacy.errors import Refused
from privacy.files import owner_folder, replace, write_new
from privacy.job_messages import Estimate
from privacy.message import JobId

MOST_RECORDS = 500
State = Literal["waiting", "running", "done", "failed", "refused", "lost"]
Choice = Literal["approve", "refuse"]


class JobRecord(BaseModel):
    """A job that the peer asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: JobId
    peer: str
    protocol: str
    parameters: dict[str, Any]
    table: str
    purpose: str
    rows: int
    peer_rows: int
    estimate: Estimate
    opened_at: str
    state: State
    code: str = ""


class Decision(BaseModel):
    """What a person decided on a waiting job. ``operator`` and ``reason``, which may be empty, go to the audit log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: Choice
    operator: str
    reason: str = ""
    at: str

    def logged(self) -> dict[str, str]:
        """The fields of its entry in the audit log."""
        state = "approved" if self.choice == "approve" else "refused"
        reason = {"reason": self.reason} if self.reason else {}
        return {"state": state, "operator": self.operator, **reason}


class JobRecords:
    """The records in ``state/jobs``: ``<id>.json``, and ``<id>.decision.json`` where a person decided."""

    def __init__(self, state: Path):
        self._folder = owner_folder(state / "jobs")

    def save(self, record: JobRecord) -> None:
        """Write a record, in place of an older one of the same job."""
        replace(self._folder / f"{record.id}.json", record.model_dump_json(indent=1).encode())

    def require_new(self, job: str) -> None:
        """Raise ``Refused`` for an id that was used: what a person decided on it was about another job."""
        if (self._folder / f"{job}.json").exists() or self._decision_file(job).exists():
            raise Refused("job.id_used", job=job)

    def all(self) -> list[JobRecord]:
        """The records, the oldest first."""
        return sorted(self._read_all(), key=lambda record: record.opened_at)

    def decide(self, job: str, choice: Choice, operator: str, reason: str = "") -> None:
        """Keep the decision of ``operator`` on a waiting job; the node logs it when it acts on it.

        Raises ``Refused``: ``job.not_waiting``, ``job.decided_already``, and ``job.operator`` for what the audit log
        does not take as a name, such as a person's number.
        """
        for what, word in (("by", operator), ("reason", reason or "none")):
            if not audit.is_name(word):
                raise Refused("job.operator", option=what)
        record = next((record for record in self._read_all() if record.id == job), None)
        if record is None or record.state != "waiting":
            raise Refused("job.not_waiting", job=job[:32])
        decision = Decision(choice=choice, operator=operator, reason=reason, at=now())
        try:
            write_new(self._decision_file(job), decision.model_dump_json().encode())
        except Refused as error:
            raise Refused("job.decided_already", job=job) from error

    def decision(self, job: str) -> Decision | None:
        """A person's decision, or None as long as there is none."""
        try:
            return Decision.model_validate_json(self._decision_file(job).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            # Being written at this moment.
            return None

    def mark_lost(self) -> int:
        """Mark what an earlier process of this node left unfinished, and drop the oldest records over the cap."""
        unfinished = [record for record in self.all() if record.state in ("waiting", "running")]
        for record in unfinished:
            self.save(record.model_copy(update={"state": "lost"}))
        for record in self.all()[:-MOST_RECORDS]:
            (self._folder / f"{record.id}.json").unlink(missing_ok=True)
            self._decision_file(record.id).unlink(missing_ok=True)
        return len(unfinished)

    def _decision_file(self, job: str) -> Path:
        return self._folder / f"{job}.decision.json"

    def _read_all(self) -> Iterator[JobRecord]:
        for path in self._folder.glob("????????????????????????????????.json"):
            try:
                yield JobRecord.model_validate_json(path.read_bytes())
            except (OSError, ValidationError) as error:
                raise Refused("job.record_damaged", path=str(path)) from error


def now() -> str:
    """The time (UTC) in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
