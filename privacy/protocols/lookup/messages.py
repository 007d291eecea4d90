"""The parameters and messages of a lookup job."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from privacy.he.parameters import bfv_parameters
from privacy.message import Message, Sha256
from privacy.protocols import JobParameters, Role, TableUse

MOST_QUESTIONS = 100_000
MOST_GROUPS = 1000
MOST_BLOCKS = 4
MOST_LAYERS = 64
ELEMENTS_A_MESSAGE = 4096
TABLE_PART_BYTES = 4_000_000
MOST_ENTRIES = 1 << 24
# Above a fresh ciphertext (0.2 MB), a result (0.13 MB) and a public key (0.5 MB).
CIPHERTEXT_BYTES = 8 * 2 * 3 * bfv_parameters().degree + 16_384
PUBLIC_KEY_BYTES = 8 * 2 * 4 * bfv_parameters().degree + 16_384

ColumnName = Annotated[str, Field(min_length=1, max_length=80)]
Group = Annotated[str, Field(min_length=1, max_length=80)]
Place = Annotated[int, Field(ge=0, le=MOST_ENTRIES * 32)]


class LookupParameters(JobParameters):
    """Did a person have a code group before a day? Both parties see these; who is asked about stays hidden.

    ``group_column`` and ``day_column`` are of the responder's table, ``own_group_column`` of the initiator's, whose
    every row is a question. ``groups``: those that may be asked for. ``before``: records of this day or later do not
    count. ``questions``: the most that are asked. ``mode``: ``index`` (encrypted index) or ``labelled`` (table under
    a key that is only evaluated obliviously).
    """

    mode: Literal["index", "labelled"]
    group_column: ColumnName
    day_column: ColumnName
    own_group_column: ColumnName
    groups: Annotated[tuple[Group, ...], Field(min_length=1, max_length=MOST_GROUPS)]
    before: date
    questions: int = Field(ge=1, le=MOST_QUESTIONS)

    def table_use(self, role: Role) -> TableUse:
        if role == "initiator":
            return TableUse(texts=(self.own_group_column,), queries=self.questions)
        return TableUse(texts=(self.group_column, self.day_column), queries=self.questions)

    def rounds(self) -> int:
        return self.questions if self.mode == "index" else 1


class LookupStart(Message):
    """The lookups begin. The blob is the initiator's public key for this job (``index``)."""

    TYPE: ClassVar[str] = "lookup.start"
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = PUBLIC_KEY_BYTES


class LookupIndexStarted(Message):
    """The shape of the index: ``blocks`` of 8192 buckets, ``layers`` of at most one entry a bucket."""

    TYPE: ClassVar[str] = "lookup.index_started"
    blocks: int = Field(ge=1, le=MOST_BLOCKS)
    layers: int = Field(ge=1, le=MOST_LAYERS)


class LookupQuestion(Message):
    """One question: the encrypted bucket, then the encrypted bucket times the fingerprint, a ciphertext a block."""

    TYPE: ClassVar[str] = "lookup.question"
    MAX_BLOBS: ClassVar[int] = 2 * MOST_BLOCKS
    MAX_BLOB_BYTES: ClassVar[int] = CIPHERTEXT_BYTES


class LookupAnswer(Message):
    """One ciphertext a layer: the slots add up to the month, or to a number that says nothing."""

    TYPE: ClassVar[str] = "lookup.answer"
    MAX_BLOBS: ClassVar[int] = MOST_LAYERS
    MAX_BLOB_BYTES: ClassVar[int] = CIPHERTEXT_BYTES


class LookupTableStarted(Message):
    """The labelled table that the questions are about, by its hash: the initiator may have it already."""

    TYPE: ClassVar[str] = "lookup.table_started"
    table_sha256: Sha256
    entries: int = Field(ge=0, le=MOST_ENTRIES)


class LookupTablePart(Message):
    """Asks for the labelled table from byte ``first`` on."""

    TYPE: ClassVar[str] = "lookup.table_part"
    first: Place


class LookupTablePartReply(Message):
    """The next bytes of it."""

    TYPE: ClassVar[str] = "lookup.table_part_reply"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = TABLE_PART_BYTES


class LookupBlinded(Message):
    """Blinded questions, 32 bytes each."""

    TYPE: ClassVar[str] = "lookup.blinded"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = 32 * ELEMENTS_A_MESSAGE


class LookupEvaluated(Message):
    """The same elements under the responder's key, in their order."""

    TYPE: ClassVar[str] = "lookup.evaluated"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = 32 * ELEMENTS_A_MESSAGE
