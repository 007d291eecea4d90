"""The messages of the intersection. Elements are 32 bytes each; numbers of rows are uint32, little-endian."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from privacy.errors import Refused
from privacy.message import Message, Sha256
from privacy.protocols import JobParameters, Role, TableUse

Reveal = Literal["initiator", "both", "cardinality"]
Engine = Literal["ecdh", "spu"]
# 0.5 MB a blob: about a second of work on two cores, so that a request never waits long.
ELEMENTS_A_MESSAGE = 16_384
BLOB_BYTES = 32 * ELEMENTS_A_MESSAGE
PLACES_A_MESSAGE = BLOB_BYTES // 4
MOST_ELEMENTS = 1 << 26

Count = Annotated[int, Field(ge=0, le=MOST_ELEMENTS)]


class PsiParameters(JobParameters):
    """Who learns the rows in common: the initiator, both, or nobody (``cardinality``: the initiator, how many).

    ``engine`` is what computes it: our own, or the SPU worker, which both parties have to have installed.
    """

    reveal: Reveal = "initiator"
    engine: Engine = "ecdh"

    @model_validator(mode="after")
    def _spu_reveals_rows(self) -> PsiParameters:
        if self.engine == "spu" and self.reveal == "cardinality":
            raise Refused("psi.spu_cardinality")
        return self

    def table_use(self, role: Role) -> TableUse:
        return TableUse(id_use="id_count" if self.reveal == "cardinality" else "id")


class PsiStart(Message):
    """The initiator's commitment to the size of its set."""

    TYPE: ClassVar[str] = "psi.start"
    elements: Count
    reveal: Reveal


class PsiStarted(Message):
    """The responder's commitment to the size of its set."""

    TYPE: ClassVar[str] = "psi.started"
    elements: Count


class PsiElements(Message):
    """The next blinded elements of the initiator; none once all are sent."""

    TYPE: ClassVar[str] = "psi.elements"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = BLOB_BYTES


class PsiElementsReply(Message):
    """The responder's next blinded elements; and the initiator's, blinded again in the order they came in.

    The second blob is empty for ``cardinality``.
    """

    TYPE: ClassVar[str] = "psi.elements_reply"
    LEAST_BLOBS: ClassVar[int] = 2
    MAX_BLOBS: ClassVar[int] = 2
    MAX_BLOB_BYTES: ClassVar[int] = BLOB_BYTES


class PsiCollect(Message):
    """Asks for the initiator's elements, blinded again and shuffled, from ``first`` on (``cardinality`` only)."""

    TYPE: ClassVar[str] = "psi.collect"
    first: Count


class PsiCollected(Message):
    """The next of them."""

    TYPE: ClassVar[str] = "psi.collected"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = BLOB_BYTES


class PsiMatches(Message):
    """The places in the responder's blinded elements that matched, in the common order (``both`` only)."""

    TYPE: ClassVar[str] = "psi.matches"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = BLOB_BYTES
    is_last: bool

    def check_blobs(self) -> None:
        if len(self.blobs[0]) % 4:
            raise ValueError("the blob is not whole numbers")


class PsiMatchesTaken(Message):
    """They are noted."""

    TYPE: ClassVar[str] = "psi.matches_taken"


class PsiFinish(Message):
    """The digests of all elements that crossed, as the initiator saw them: both parties log the same two."""

    TYPE: ClassVar[str] = "psi.finish"
    initiator_sha256: Sha256
    responder_sha256: Sha256


class PsiFinished(Message):
    """The responder saw the same."""

    TYPE: ClassVar[str] = "psi.finished"
