"""The messages with which the two SPU workers talk through the nodes. The start is that of ``messages``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from privacy.message import Message, Sha256

RELAY_BYTES = 4 << 20
MOST_SEGMENTS = 256
LONGEST_WAIT_MS = 1000


class SpuSegment(BaseModel):
    """The next ``size`` bytes of a connection, and whether they are its last in this direction."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    stream: Annotated[int, Field(ge=0, lt=1 << 16)]
    size: Annotated[int, Field(ge=0, le=RELAY_BYTES)]
    is_last: bool


class _Carried(Message):
    """Segments whose bytes are one after the other in the one blob."""

    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = RELAY_BYTES
    segments: Annotated[tuple[SpuSegment, ...], Field(max_length=MOST_SEGMENTS)]
    is_done: bool

    def check_blobs(self) -> None:
        if sum(segment.size for segment in self.segments) != len(self.blobs[0]):
            raise ValueError("the blob does not fit the segments")


class PsiSpuBytes(_Carried):
    """What the initiator's worker sent; ``is_done`` once it has ended well.

    The responder may wait ``wait_ms`` for something of its own worker to reply with.
    """

    TYPE: ClassVar[str] = "psi.spu_bytes"
    wait_ms: Annotated[int, Field(ge=0, le=LONGEST_WAIT_MS)]


class PsiSpuBytesReply(_Carried):
    """What the responder's worker sent; ``is_done`` once it has ended well."""

    TYPE: ClassVar[str] = "psi.spu_bytes_reply"


class PsiSpuFinish(Message):
    """Both workers have ended. With ``both``, the digest of the common ids that the initiator found."""

    TYPE: ClassVar[str] = "psi.spu_finish"
    common_sha256: Sha256 | Literal[""]
