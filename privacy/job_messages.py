"""The messages that open, await, refuse and close a job, of whatever protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from privacy.audit import TreeHead
from privacy.errors import Param, Refused
from privacy.message import JobId, Message, Sha256

ProtocolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,80}$")]
"""What the audit log takes as a name."""
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Proof = Annotated[tuple[Hash, ...], Field(max_length=128)]
Count = Annotated[int, Field(ge=0, le=1 << 48)]
MOST_ABANDONED = 64
"""Named in one message; any others end by their silence."""


class Estimate(BaseModel):
    """What a job will take, as reckoned beforehand: bytes sent both ways, seconds, peak memory."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    rows: Count
    bytes: Count
    seconds: Annotated[float, Field(ge=0, le=1e9)]
    memory_mb: Count


class JobOpen(Message):
    """The initiator asks for a job on the responder's ``table``.

    ``rows`` is the number of rows of the initiator's own table; ``known_size`` the size of the responder's log in
    the newest head that the initiator has of it. ``abandoned``: earlier jobs of the initiator whose process died, so
    that the responder need not hold their places.
    """

    TYPE: ClassVar[str] = "job.open"

    protocol: ProtocolName
    parameters: dict[str, Any]
    table: Name
    purpose: Name
    rows: Count
    estimate: Estimate
    policy_sha256: Sha256
    known_size: Count
    abandoned: Annotated[tuple[JobId, ...], Field(max_length=MOST_ABANDONED)] = ()


class JobStatus(Message):
    """The initiator asks whether a person has decided."""

    TYPE: ClassVar[str] = "job.status"


class JobPending(Message):
    """A person at the responder has to decide first."""

    TYPE: ClassVar[str] = "job.pending"


class JobAccepted(Message):
    """The job runs. ``rows`` of the responder's table take part; ``message_bytes`` is the most it takes in one message.

    ``tree_head`` is the newest head of the responder's log and ``proof`` its consistency with ``JobOpen.known_size``.
    """

    TYPE: ClassVar[str] = "job.accepted"

    rows: Count
    message_bytes: Count
    policy_sha256: Sha256
    tree_head: TreeHead
    proof: Proof
    known_size: Count


class JobRefused(Message):
    """The other party refuses the job or the message."""

    TYPE: ClassVar[str] = "job.refused"

    code: Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z_]+$", max_length=64)]
    params: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")],
        Annotated[str, StringConstraints(max_length=300)] | int | float,
    ] = Field(max_length=16)

    @classmethod
    def of(cls, refused: Refused) -> JobRefused:
        """The message for an error; long texts are cut, and of a path only the file's name is told."""
        return cls(
            code=refused.code, params={name: _told(name, value) for name, value in refused.params.items()}
        )


class JobClose(Message):
    """The initiator has ended the job. ``proof`` starts at ``JobAccepted.known_size``."""

    TYPE: ClassVar[str] = "job.close"

    outcome: Literal["done", "failed"]
    tree_head: TreeHead
    proof: Proof
    known_size: Count


class JobClosed(Message):
    """The responder has let go of all that belonged to the job. ``proof`` starts at ``JobClose.known_size``."""

    TYPE: ClassVar[str] = "job.closed"

    tree_head: TreeHead
    proof: Proof


def _told(name: str, value: Param) -> Param:
    if not isinstance(value, str):
        return value
    return (Path(value).name if name in ("path", "folder") else value)[:300]
