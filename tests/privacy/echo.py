"""A protocol for tests: the responder sends back what it gets, and the sum of its column."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from pydantic import Field

from privacy import protocols
from privacy.errors import Refused
from privacy.job import Job
from privacy.message import Message
from privacy.protocols import JobParameters, JobResult, JointProtocol, Role, TableUse
from privacy.session import Session


class Say(Message):
    TYPE: ClassVar[str] = "echo.say"
    MAX_BLOBS: ClassVar[int] = 2
    MAX_BLOB_BYTES: ClassVar[int] = 10_000

    text: str = Field(max_length=100)


class Said(Message):
    TYPE: ClassVar[str] = "echo.said"
    MAX_BLOBS: ClassVar[int] = 2
    MAX_BLOB_BYTES: ClassVar[int] = 10_000

    text: str
    total: float
    count: int


class Never(Message):
    TYPE: ClassVar[str] = "echo.never"


class Parameters(JobParameters):
    column: str
    times: int = Field(default=1, ge=1, le=100)
    seconds: float = 0.0

    def table_use(self, role: Role) -> TableUse:
        return TableUse(numbers=(self.column,)) if role == "responder" else TableUse()


class EchoResponder:
    def __init__(self, job: Job):
        self._job = job
        self._count = 0
        self.expects: frozenset[type[Message]] = frozenset({Say})

    def handle(self, message: Message) -> Message:
        assert isinstance(message, Say)
        time.sleep(self._job.parameters.seconds)
        if message.text == "refuse":
            raise Refused("echo.refused", why="asked to")
        if message.text == "break":
            raise ZeroDivisionError("with 310101199001011234 in it")
        self._count += 1
        (self._job.folder / "count").write_text(str(self._count), encoding="ascii")
        total = float(self._job.table.columns[self._job.parameters.column].sum())
        return Said(text=message.text, total=total, count=self._count, blobs=message.blobs)


def run(session: Session) -> JobResult:
    for turn in range(session.parameters.times):
        said = session.ask(Say(text=f"turn {turn}", blobs=(b"b" * turn,)), Said)
        assert said.blobs == (b"b" * turn,)
        session.progress(turn + 1, session.parameters.times, "turns")
    return JobResult({"total": said.total, "count": said.count, "rows": session.peer_rows})


# Under the name of a protocol of the product, because policies know the uses of those only.
NAME = "stats"
PROTOCOL = JointProtocol(NAME, Parameters, EchoResponder, run)


@contextmanager
def registered() -> Iterator[None]:
    """The echo under its name; afterwards the product's protocol again, for the tests that come then."""
    protocols.register(NAME, "tests.privacy.echo")
    try:
        yield
    finally:
        protocols.register(NAME, f"privacy.protocols.{NAME}")
