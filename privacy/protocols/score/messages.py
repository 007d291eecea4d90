"""The parameters and messages of a scoring job. Whole numbers in blobs are int64, little-endian."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from privacy.canonical import canonical_json
from privacy.he.parameters import bfv_parameters
from privacy.message import JobId, Message, Sha256
from privacy.protocols import JobParameters, Role, TableUse

Mode = Literal["model_score", "model_for_responder", "split_score", "split_bucket"]
OWN_MODEL_MODES: tuple[Mode, ...] = ("model_score", "model_for_responder")

MOST_COLUMNS = 256
MOST_ROWS = 1 << 24
MOST_THRESHOLDS = 20
CIPHERTEXTS_A_MESSAGE = 32
ROWS_A_MESSAGE = 65_536
# Above a fresh ciphertext (0.2 MB) and a public key (0.5 MB) of either scheme.
CIPHERTEXT_BYTES = 8 * 2 * 3 * bfv_parameters().degree + 16_384
PUBLIC_KEY_BYTES = 8 * 2 * 4 * bfv_parameters().degree + 16_384
NUMBER_BYTES = 8

ColumnName = Annotated[str, Field(min_length=1, max_length=80)]
Columns = Annotated[tuple[ColumnName, ...], Field(max_length=MOST_COLUMNS)]
Threshold = Annotated[float, Field(gt=0, lt=1)]
Place = Annotated[int, Field(ge=0, le=MOST_ROWS)]


class Precision(JobParameters):
    """Fixed point: a number is a whole number of 2^-scale_bits.

    ``feature_bits``: a feature's whole number is at most 2^feature_bits in magnitude.
    """

    feature_scale_bits: int = Field(default=10, ge=0, le=30)
    feature_bits: int = Field(default=24, ge=1, le=40)
    weight_scale_bits: int = Field(default=16, ge=0, le=30)

    @property
    def score_scale_bits(self) -> int:
        """Of a product of a feature and a weight."""
        return self.feature_scale_bits + self.weight_scale_bits


class ScoreParameters(JobParameters):
    """What is scored, by what, and who learns it (PROTOCOL.md has a table of the modes).

    ``columns`` are the responder's features, ``own_columns`` the initiator's; ``rows`` the most rows that are scored.
    ``model_sha256`` names the initiator's own model (``model_*``) or, both parts together, the split model that
    ``training_job`` left (``split_*``).
    ``thresholds`` (probabilities, rising) cut the buckets of ``split_bucket``: bucket 0 is below the first.
    ``may_show_weights``: the initiator's agreement that the responder may work the weights out of the scores.
    """

    mode: Mode
    model_sha256: Sha256
    training_job: JobId | None = None
    columns: Annotated[Columns, Field(min_length=1)]
    own_columns: Columns = ()
    rows: int = Field(ge=1, le=MOST_ROWS)
    precision: Precision = Precision()
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=MOST_THRESHOLDS)] = ()
    may_show_weights: bool = False

    @model_validator(mode="after")
    def _fits_the_mode(self) -> Self:
        if (self.mode == "split_bucket") != bool(self.thresholds):
            raise ValueError("thresholds are for split_bucket, which needs them")
        if (self.mode in OWN_MODEL_MODES) == (self.training_job is not None):
            raise ValueError("training_job is for split models, which need it")
        if list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError("thresholds must rise")
        if any(len(set(names)) != len(names) for names in (self.columns, self.own_columns)):
            raise ValueError("a column is named twice")
        if self.mode == "model_for_responder" and (self.own_columns or not self.may_show_weights):
            raise ValueError("model_for_responder needs may_show_weights and takes no own_columns")
        return self

    @property
    def approved_sha256(self) -> str:
        """What the responder's policy approves: the model, over which of its columns, and what comes out of it."""
        approved = {
            "mode": self.mode,
            "model": self.model_sha256,
            "columns": list(self.columns),
            "thresholds": list(self.thresholds),
        }
        return hashlib.sha256(canonical_json(approved)).hexdigest()

    def table_use(self, role: Role) -> TableUse:
        if role == "initiator":
            return TableUse(numbers=self.own_columns, queries=self.rows)
        return TableUse(
            numbers=self.columns,
            value_use="model_value" if self.mode in OWN_MODEL_MODES else "value",
            queries=self.rows,
            model_sha256=self.approved_sha256,
        )


class ScoreStart(Message):
    """The rows are aligned; the scoring begins."""

    TYPE: ClassVar[str] = "score.start"


class ScoreStarted(Message):
    """The responder agrees. The blob is its public key for this job, where the mode encrypts."""

    TYPE: ClassVar[str] = "score.started"
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = PUBLIC_KEY_BYTES


class ScoreFeatures(Message):
    """Asks for the next encrypted columns: those from ``first_column`` on, of one block of rows."""

    TYPE: ClassVar[str] = "score.features"
    block: Place
    first_column: Place


class ScoreFeaturesReply(Message):
    """One ciphertext a column."""

    TYPE: ClassVar[str] = "score.features_reply"
    MAX_BLOBS: ClassVar[int] = CIPHERTEXTS_A_MESSAGE
    MAX_BLOB_BYTES: ClassVar[int] = CIPHERTEXT_BYTES


class ScoreMasked(Message):
    """The encrypted scores of a block, each plus a mask uniform modulo t (``model_score``)."""

    TYPE: ClassVar[str] = "score.masked"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = CIPHERTEXT_BYTES
    block: Place


class ScoreMaskedReply(Message):
    """The masked scores, residues modulo t."""

    TYPE: ClassVar[str] = "score.masked_reply"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = NUMBER_BYTES * bfv_parameters().degree


class ScoreForResponder(Message):
    """The encrypted scores of a block, for the responder to keep (``model_for_responder``)."""

    TYPE: ClassVar[str] = "score.for_responder"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = CIPHERTEXT_BYTES
    block: Place


class ScoreKept(Message):
    """The block is noted; nothing of it goes back."""

    TYPE: ClassVar[str] = "score.kept"


class ScorePartial(Message):
    """Asks for the responder's partial scores from row ``first`` on (``split_score``)."""

    TYPE: ClassVar[str] = "score.partial"
    first: Place


class ScorePartialReply(Message):
    """The partial scores of the next rows."""

    TYPE: ClassVar[str] = "score.partial_reply"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = NUMBER_BYTES * ROWS_A_MESSAGE


class ScoreOwnPartial(Message):
    """The initiator's partial scores of the rows from ``first`` on (``split_bucket``)."""

    TYPE: ClassVar[str] = "score.own_partial"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = NUMBER_BYTES * ROWS_A_MESSAGE
    first: Place


class ScoreBuckets(Message):
    """The buckets of these rows, one byte each."""

    TYPE: ClassVar[str] = "score.buckets"
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = ROWS_A_MESSAGE
