"""One job of a joint night: its file, the run through the node, and what it means when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims.errors import input_error
from claims.joint.settings import states
from privacy.errors import PeerRefused, Refused
from privacy.job_file import JobFile
from privacy.party import PartyConfig
from privacy.protocols import JobResult
from privacy.session import run as run_session

Tell = Callable[[str], None]
"""Told the id of a job that waits for a person at the peer."""


@dataclass(frozen=True)
class Problem:
    """Why a joint night stopped. ``state``: of ``states.toml``; ``by``: the party that refuses, "" for our own side.

    ``code`` and ``params``: of the refusal, for the sentence. ``later``: it may go well without a change of ours.
    """

    state: str
    code: str
    params: Mapping[str, str | int | float]
    by: str
    later: bool

    @classmethod
    def of(cls, refused: Refused) -> Problem:
        """What a refusal means."""
        state = next((name for name, one in states().items() if refused.code in one["codes"]), "refused")
        by = refused.by if isinstance(refused, PeerRefused) else ""
        return cls(state, refused.code, dict(refused.params), by, bool(states()[state]["later"]))

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "params": dict(self.params)}

    def refused(self) -> Refused:
        """As the exception that it was."""
        if self.by:
            return PeerRefused(self.by, self.code, **self.params)
        return Refused(self.code, **self.params)


def load_job(path: Path) -> JobFile:
    """A job file of the night. Raises ``Refused``; ``InputError`` where it names a file for its result."""
    job = JobFile.load(path)
    if job.out is not None:
        raise input_error("joint.job_out", str(path))
    return job


def run_job(
    config: PartyConfig,
    protocol: str,
    job: JobFile,
    parameters: Mapping[str, Any],
    on_pending: Tell | None,
) -> JobResult:
    """Run a job as its initiator, with these parameters. Raises ``Refused``."""
    return run_session(
        config,
        protocol,
        dict(parameters),
        table=job.table,
        peer_table=job.peer_table,
        purpose=job.purpose,
        on_pending=on_pending,
    )


def filled(job: JobFile, path: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a job file with those that are ``known``.

    Raises ``InputError`` where the file has another value for one of them: it is for another model or other columns.
    """
    for name, value in known.items():
        told = job.parameters.get(name, value)
        if (tuple(told) if isinstance(told, list) else told) != (
            tuple(value) if isinstance(value, list) else value
        ):
            raise input_error("joint.job_differs", str(path), name=name)
    return {**job.parameters, **known}
