"""The parameters and the messages of the training. A message's ciphertexts are its blobs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from privacy.he.fixed_point import PLAIN_MODULUS
from privacy.message import Message, Sha256
from privacy.protocols import JobParameters, Role, TableUse
from privacy.protocols.train.packing import Packing

MOST_ROUNDS = 500
MOST_COLUMNS = 512
"""Columns of one party after missing values and leaves have got theirs."""
MOST_CIPHERTEXTS = 1024
FRESH_BYTES = 220_000
RESULT_BYTES = 145_000
PUBLIC_KEY_BYTES = 600_000

ColumnName = Annotated[str, Field(min_length=1, max_length=80)]
ColumnNames = Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=256)]
Residue = Annotated[int, Field(ge=0, lt=PLAIN_MODULUS)]
Sums = Annotated[tuple[Residue, ...], Field(max_length=MOST_COLUMNS)]
Round = Annotated[int, Field(ge=0, lt=MOST_ROUNDS)]


class Trees(BaseModel):
    """How each party trains its own LightGBM, where the features are its leaves."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    count: int = Field(default=10, ge=1, le=50)
    leaves: int = Field(default=8, ge=2, le=16)
    rows_a_leaf: int = Field(default=50, ge=20)
    learning_rate: float = Field(default=0.1, gt=0, le=1)


class TrainParameters(JobParameters):
    """What is trained on what.

    ``label`` (0 or 1) is a column of the initiator. ``features``: the columns themselves, or the leaves of a LightGBM
    that each party trains for itself: the initiator for the label, the responder for ``responder_target``, a column
    of its own. ``batch_rows``: rows a round goes through, None for all. ``early_stop``: the training ends once the
    loss has not gone down by this much in the last passes over the rows. ``minimum_rows``: fewer are refused.
    ``seed`` is LightGBM's.
    """

    label: ColumnName
    initiator_columns: ColumnNames
    responder_columns: ColumnNames
    features: Literal["raw", "leaves"] = "raw"
    responder_target: ColumnName | None = None
    trees: Trees = Trees()
    max_rounds: int = Field(default=20, ge=1, le=MOST_ROUNDS)
    batch_rows: int | None = Field(default=None, ge=100)
    learning_rate: float = Field(default=1.0, gt=0, le=16)
    momentum: float = Field(default=0.5, ge=0, le=0.99)
    l2: float = Field(default=1e-4, ge=0, le=1)
    early_stop: float | None = Field(default=None, gt=0)
    minimum_rows: int = Field(default=100, ge=100)
    seed: int = Field(default=0, ge=0, lt=1 << 31)

    @model_validator(mode="after")
    def _columns_fit(self) -> TrainParameters:
        for names in (self.initiator_columns, self.responder_columns):
            if len(set(names)) < len(names):
                raise ValueError("a column is named twice")
        if self.label in self.initiator_columns or self.responder_target in self.responder_columns:
            raise ValueError("what is to be predicted cannot be a feature")
        if (self.features == "leaves") != (self.responder_target is not None):
            raise ValueError("responder_target goes with features = leaves")
        return self

    def table_use(self, role: Role) -> TableUse:
        """Values cross encrypted only; sums over at least ``minimum_rows`` rows come out."""
        if role == "initiator":
            return TableUse(numbers=(*self.initiator_columns, self.label), minimum_group=self.minimum_rows)
        target = () if self.responder_target is None else (self.responder_target,)
        return TableUse(numbers=(*self.responder_columns, *target), minimum_group=self.minimum_rows)

    def rounds(self) -> int:
        return self.max_rounds

    def round_rows(self, rows: int) -> int:
        batches = -(-rows // (self.batch_rows or max(rows, 1)))
        return -(-rows // max(batches, 1))

    def round_bytes(self, rows: int) -> int:
        """The ciphertexts of both parties; indicators of missing numbers are not known beforehand."""
        leaves = self.trees.count * self.trees.leaves
        own, peer = (
            leaves if self.features == "leaves" else len(names)
            for names in (self.initiator_columns, self.responder_columns)
        )
        batch = self.round_rows(rows)
        # Beside the columns there are the initiator's intercept and the responder's product for the loss.
        return sum(Packing.cheapest(batch, columns + 1).round_bytes(batch) for columns in (own, peer))


class _WithPublicKey(Message):
    LEAST_BLOBS: ClassVar[int] = 1
    MAX_BLOBS: ClassVar[int] = 1
    MAX_BLOB_BYTES: ClassVar[int] = PUBLIC_KEY_BYTES
    rows: int = Field(ge=0)
    columns: int = Field(ge=1, le=MOST_COLUMNS)


class TrainStart(_WithPublicKey):
    """The initiator's public key, and how many columns it has with the intercept."""

    TYPE: ClassVar[str] = "train.start"


class TrainStarted(_WithPublicKey):
    """The responder's."""

    TYPE: ClassVar[str] = "train.started"


class TrainResiduals(Message):
    """The initiator's residual parts of this round under its own key; ``sums`` of the round before."""

    TYPE: ClassVar[str] = "train.residuals"
    MAX_BLOBS: ClassVar[int] = MOST_CIPHERTEXTS
    MAX_BLOB_BYTES: ClassVar[int] = FRESH_BYTES
    round: Round
    sums: Sums


class TrainResidualsReply(Message):
    """The responder's, under its own key."""

    TYPE: ClassVar[str] = "train.residuals_reply"
    MAX_BLOBS: ClassVar[int] = MOST_CIPHERTEXTS
    MAX_BLOB_BYTES: ClassVar[int] = FRESH_BYTES


class TrainProducts(Message):
    """The initiator's columns times the responder's residual parts, under the responder's key, masked."""

    TYPE: ClassVar[str] = "train.products"
    MAX_BLOBS: ClassVar[int] = MOST_COLUMNS
    MAX_BLOB_BYTES: ClassVar[int] = RESULT_BYTES
    round: Round


class TrainProductsReply(Message):
    """The masked sums of those; and the responder's columns times the initiator's residual parts, masked.

    The last of these columns is the responder's own residual part. ``loss_rest`` takes the mask off twice its sum
    and adds the responder's squares, so that the initiator learns the loss and neither of the two.
    """

    TYPE: ClassVar[str] = "train.products_reply"
    MAX_BLOBS: ClassVar[int] = MOST_COLUMNS
    MAX_BLOB_BYTES: ClassVar[int] = RESULT_BYTES
    sums: Sums
    loss_rest: Residue


class TrainFinish(Message):
    """The ``sums`` of the last round; the hash of the initiator's part of the model."""

    TYPE: ClassVar[str] = "train.finish"
    sums: Sums
    model_sha256: Sha256


class TrainFinished(Message):
    """The responder has written its part; its hash."""

    TYPE: ClassVar[str] = "train.finished"
    model_sha256: Sha256
