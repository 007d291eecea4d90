"""Both sides of a job in one process, with a record of every byte that crosses: for transcript tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from privacy.job import Job
from privacy.log import EventLog
from privacy.message import Message
from privacy.party import Limits
from privacy.protocols import JobResult, JointProtocol, Role
from privacy.session import Session
from privacy.table import Table
from tests.privacy.direct import JOB, DirectSession
from tests.privacy.pairs import INITIATOR, PURPOSE, RESPONDER

SECRET = bytes(range(32))


def make_job(folder: Path, role: Role, protocol: JointProtocol, parameters: Any, table: Table) -> Job:
    """A job of one party with folders of its own."""
    state = folder / role
    for each in (folder, state, state / "work"):
        each.mkdir(mode=0o700, exist_ok=True)
    names = (INITIATOR, RESPONDER) if role == "initiator" else (RESPONDER, INITIATOR)
    return Job(
        id=JOB,
        role=role,
        protocol=protocol.name,
        parameters=parameters,
        purpose=PURPOSE,
        table_name="table",
        table=table,
        party=names[0],
        peer=names[1],
        limits=Limits(),
        folder=state / "work",
        state=state,
        pair_secret=SECRET,
        event_log=EventLog(state / "log.jsonl"),
    )


class LocalRun:
    """A job from begin to end; ``transcript`` are the envelopes that crossed, ``replies`` the responder's messages."""

    def __init__(
        self,
        folder: Path,
        protocol: JointProtocol,
        parameters: Any,
        mine: Table,
        theirs: Table,
        change: Callable[[Message], Message] = lambda message: message,
    ):
        self.replies: list[Message] = []

        def note(message: Message) -> Message:
            self.replies.append(message)
            return change(message)

        self._protocol = protocol
        self.responder = protocol.responder(make_job(folder, "responder", protocol, parameters, theirs))
        self._direct = DirectSession(self.responder, note)
        own = make_job(folder, "initiator", protocol, parameters, mine)
        fields = {name: getattr(own, name) for name in Job.__dataclass_fields__}
        self.session = cast(
            Session,
            SimpleNamespace(**{**fields, "log": own.log, "progress": own.progress, "ask": self._direct.ask}),
        )

    def run(self) -> JobResult:
        return self._protocol.run(self.session)

    @property
    def transcript(self) -> bytes:
        return b"".join(self._direct.transcript)
