"""The messages of joint statistics, after those of the intersection. Blobs are ciphertexts unless said otherwise."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from privacy.he.fixed_point import SLOTS
from privacy.message import Message
from privacy.protocols.stats.layout import MOST_BLOCKS, MOST_GROUPS, MOST_QUANTITIES, MOST_TESTS

PUBLIC_KEY_BYTES = 600_000
FRESH_BYTES = 210_000
RESULT_BYTES = 150_000
MOST_CHUNKS = MOST_TESTS // SLOTS
MOST_CELLS = MOST_GROUPS * MOST_QUANTITIES
INTEGER_BYTES = 8

Bits = Annotated[bytes, Field(max_length=MOST_CELLS // 8)]
"""A bit a count, group after group, the first in the highest bit (``numpy.packbits``)."""


class StatsStart(Message):
    """How many groups the initiator has, and the public key of this job."""

    TYPE: ClassVar[str] = "stats.start"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = PUBLIC_KEY_BYTES
    groups: Annotated[int, Field(ge=1, le=MOST_GROUPS)]


class StatsStarted(Message):
    """The responder holds ``rows`` common rows and its columns are as declared."""

    TYPE: ClassVar[str] = "stats.started"
    rows: Annotated[int, Field(ge=0, le=MOST_BLOCKS * SLOTS)]


class StatsGroup(Message):
    """The rows of the next group, as 0 and 1: a blob a block of rows."""

    TYPE: ClassVar[str] = "stats.group"
    MAX_BLOBS: ClassVar[int] = MOST_BLOCKS
    MAX_BLOB_BYTES: ClassVar[int] = FRESH_BYTES


class StatsMasked(Message):
    """The quantities of the group, a blob each, slot by slot under masks."""

    TYPE: ClassVar[str] = "stats.masked"
    MAX_BLOBS: ClassVar[int] = MOST_QUANTITIES
    MAX_BLOB_BYTES: ClassVar[int] = RESULT_BYTES


class StatsCompare(Message):
    """The masked counts of all groups, each as often as it is tested."""

    TYPE: ClassVar[str] = "stats.compare"
    MAX_BLOBS: ClassVar[int] = MOST_CHUNKS
    MAX_BLOB_BYTES: ClassVar[int] = FRESH_BYTES


class StatsCompared(Message):
    """The tests: 0 in one of a count's slots where the count is too small, else random numbers only."""

    TYPE: ClassVar[str] = "stats.compared"
    MAX_BLOBS: ClassVar[int] = MOST_CHUNKS
    MAX_BLOB_BYTES: ClassVar[int] = RESULT_BYTES


class StatsClaim(Message):
    """Which counts passed."""

    TYPE: ClassVar[str] = "stats.claim"
    passed: Bits


class StatsReleased(Message):
    """Which counts are released; the blob has the sums of the masks of what they guard, as int64, little-endian."""

    TYPE: ClassVar[str] = "stats.released"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = INTEGER_BYTES * MOST_CELLS
    released: Bits
