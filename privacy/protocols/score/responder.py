"""The responder's side of a scoring job: a state machine for each mode, after the alignment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from privacy import ids
from privacy.errors import Refused
from privacy.he import fixed_point
from privacy.he.parameters import ckks_parameters
from privacy.he.worker import Worker, WorkerLimits
from privacy.message import Message
from privacy.protocols.align import AlignmentResponder
from privacy.protocols.score.ledger import AnswerLedger
from privacy.protocols.score.linear import buckets, feature_integers
from privacy.protocols.score.messages import (
    CIPHERTEXTS_A_MESSAGE,
    NUMBER_BYTES,
    ROWS_A_MESSAGE,
    Mode,
    ScoreBuckets,
    ScoreFeatures,
    ScoreFeaturesReply,
    ScoreForResponder,
    ScoreKept,
    ScoreMasked,
    ScoreMaskedReply,
    ScoreOwnPartial,
    ScoreParameters,
    ScorePartial,
    ScorePartialReply,
    ScoreStart,
    ScoreStarted,
)
from privacy.protocols.score.results import keep_result, scored_table
from privacy.protocols.score.split import own_part, partial_scores, score_numbers
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.job import Job

LEDGER = "score.sqlite"
PERSON_PURPOSE = "score ledger"
CKKS_SLOTS = ckks_parameters().degree // 2


class Scoring(Protocol):
    """What follows the alignment in one mode; ``opening`` are the blobs of ``ScoreStarted``."""

    expects: frozenset[type[Message]]
    opening: tuple[bytes, ...]

    def handle(self, message: Message) -> Message:
        """The reply to a message that was expected."""


class ScoreResponder:
    """Aligns the rows, then scores them in the mode of the job."""

    def __init__(self, job: Job):
        self._job = job
        self._alignment = AlignmentResponder(job)
        self._scoring: Scoring | None = None

    @property
    def expects(self) -> frozenset[type[Message]]:
        if self._scoring is not None:
            return self._scoring.expects
        if self._alignment.table is not None:
            return frozenset({ScoreStart})
        return self._alignment.expects

    def handle(self, message: Message) -> Message:
        if self._scoring is not None:
            return self._scoring.handle(message)
        if self._alignment.table is None:
            return self._alignment.handle(message)
        self._scoring = self._start(self._alignment.table)
        return ScoreStarted(blobs=self._scoring.opening)

    def close(self) -> None:
        """Let go of the threads and the worker."""
        self._alignment.close()
        if isinstance(self._scoring, _EncryptedFeatures):
            self._scoring.close()

    def _start(self, table: Table) -> Scoring:
        parameters: ScoreParameters = self._job.parameters
        if len(table) > parameters.rows:
            raise Refused("score.too_many_rows", most=parameters.rows)
        self._job.log("score.start", mode=parameters.mode, rows=len(table))
        return _SCORINGS[parameters.mode](self._job, table)


class _EncryptedFeatures:
    """Hands out the encrypted columns block after block and takes one result a block: no round more than that."""

    SCHEME: ClassVar[Literal["bfv", "ckks"]]
    SLOTS: ClassVar[int]
    RESULT: ClassVar[type[Message]]

    def __init__(self, job: Job, table: Table):
        self._job = job
        self._table = table
        # (columns, rows), as the scheme encrypts them.
        self._columns = self._encoded()
        self._worker = Worker(self.SCHEME, WorkerLimits.of(job.limits), job.log)
        key = self._worker.make_key()
        job.log("he.key", key_id=self._worker.use_secret_key(key.secret))
        self.opening: tuple[bytes, ...] = (key.public,)
        self._block = 0
        self._sent_columns = 0
        self.expects: frozenset[type[Message]] = frozenset({ScoreFeatures})
        if not len(table):
            self._finish()

    def handle(self, message: Message) -> Message:
        if isinstance(message, ScoreFeatures):
            return self._features(message)
        assert isinstance(message, ScoreMasked | ScoreForResponder)  # noqa: S101 - all that is expected
        return self._result(message)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def _encoded(self) -> npt.NDArray[Any]:
        """The columns (columns, rows) as they are encrypted."""
        raise NotImplementedError

    def _answer(self, values: npt.NDArray[Any]) -> Message:
        """The reply to a result that was decrypted to these values, one a row of the block."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Called before the first result is decrypted."""

    def _end(self) -> None:
        """Called after the last."""

    def _features(self, message: ScoreFeatures) -> ScoreFeaturesReply:
        if (message.block, message.first_column) != (self._block, self._sent_columns):
            raise Refused("score.out_of_turn")
        after = self._sent_columns + CIPHERTEXTS_A_MESSAGE
        columns = self._columns[self._sent_columns : after, self._rows]
        blocks = np.zeros((len(columns), self.SLOTS), columns.dtype)
        blocks[:, : columns.shape[1]] = columns
        self._sent_columns += len(columns)
        if self._sent_columns == len(self._columns):
            self.expects = frozenset({self.RESULT})
        return ScoreFeaturesReply(blobs=tuple(self._worker.encrypt(blocks)))

    @property
    def _rows(self) -> slice:
        return slice(self._block * self.SLOTS, min((self._block + 1) * self.SLOTS, len(self._table)))

    def _result(self, message: ScoreMasked | ScoreForResponder) -> Message:
        if message.block != self._block:
            raise Refused("score.out_of_turn")
        if self._block == 0:
            self._begin()
        rows = self._rows
        answer = self._answer(self._worker.decrypt([message.blobs[0]])[0, : rows.stop - rows.start])
        self._block += 1
        self._sent_columns = 0
        self.expects = frozenset({ScoreFeatures})
        self._job.progress(rows.stop, len(self._table), "rows")
        if rows.stop == len(self._table):
            self._finish()
        return answer

    def _finish(self) -> None:
        self.expects = frozenset()
        self._worker.close()
        self._end()


class _ModelScore(_EncryptedFeatures):
    """The initiator learns its model's scores; we decrypt only what it masked modulo t."""

    SCHEME = "bfv"
    SLOTS = fixed_point.SLOTS
    RESULT = ScoreMasked

    def _encoded(self) -> npt.NDArray[Any]:
        parameters: ScoreParameters = self._job.parameters
        return feature_integers(self._table, parameters.columns, parameters.precision)

    def _answer(self, values: npt.NDArray[Any]) -> Message:
        return ScoreMaskedReply(blobs=(values.astype("<i8").tobytes(),))

    def _begin(self) -> None:
        """Count the answers before the first is given: a job that fails after it counts too."""
        job = self._job
        most = len(job.parameters.columns) - 1
        persons = ids.keyed(self._table.ids, job.pair_secret, PERSON_PURPOSE)
        ledger = AnswerLedger(job.state / LEDGER)
        ledger.charge(job.peer, job.table_name, job.parameters.approved_sha256, persons, most)


class _ModelForResponder(_EncryptedFeatures):
    """We learn the score of our rows under the initiator's model; nothing that was decrypted goes back."""

    SCHEME = "ckks"
    SLOTS = CKKS_SLOTS
    RESULT = ScoreForResponder

    def _encoded(self) -> npt.NDArray[Any]:
        parameters: ScoreParameters = self._job.parameters
        # Checked as fixed point is, for the same bounds; what is encrypted are the values themselves.
        feature_integers(self._table, parameters.columns, parameters.precision)
        values = [self._table.columns[column] for column in parameters.columns]
        self._scores: list[fixed_point.Floats] = []
        # The column that the intercept is multiplied by.
        return np.stack([*values, np.ones(len(self._table))])

    def _answer(self, values: npt.NDArray[Any]) -> Message:
        self._scores.append(values)
        return ScoreKept()

    def _end(self) -> None:
        scores = np.concatenate(self._scores) if self._scores else np.empty(0)
        keep_result(self._job, scored_table(self._table, scores))


class _SplitScore:
    """The initiator learns the score; our partial scores go to it as they are, because it would work them out."""

    opening: tuple[bytes, ...] = ()

    def __init__(self, job: Job, table: Table):
        self._own = partial_scores(own_part(job), table)
        self._sent = 0
        self.expects: frozenset[type[Message]] = frozenset({ScorePartial} if len(table) else ())

    def handle(self, message: Message) -> Message:
        assert isinstance(message, ScorePartial)  # noqa: S101 - all that is expected
        if message.first != self._sent:
            raise Refused("score.out_of_turn")
        part = self._own[self._sent : self._sent + ROWS_A_MESSAGE]
        self._sent += len(part)
        if self._sent == len(self._own):
            self.expects = frozenset()
        return ScorePartialReply(blobs=(part.astype("<i8").tobytes(),))


class _SplitBucket:
    """We learn the score, apply link and thresholds, and return the bucket alone."""

    opening: tuple[bytes, ...] = ()

    def __init__(self, job: Job, table: Table):
        self._job = job
        self._table = table
        self._part = own_part(job)
        self._own = partial_scores(self._part, table)
        self._scores: list[fixed_point.Floats] = []
        self._seen = 0
        self.expects: frozenset[type[Message]] = frozenset({ScoreOwnPartial} if len(table) else ())

    def handle(self, message: Message) -> Message:
        assert isinstance(message, ScoreOwnPartial)  # noqa: S101 - all that is expected
        own = self._own[self._seen : self._seen + ROWS_A_MESSAGE]
        if message.first != self._seen or len(message.blobs[0]) != NUMBER_BYTES * len(own):
            raise Refused("score.out_of_turn")
        scores = score_numbers(self._part, own, np.frombuffer(message.blobs[0], "<i8").astype(np.int64))
        self._scores.append(scores)
        self._seen += len(own)
        if self._seen == len(self._own):
            self.expects = frozenset()
            keep_result(self._job, scored_table(self._table, np.concatenate(self._scores)))
        return ScoreBuckets(blobs=(buckets(scores, self._job.parameters.thresholds).tobytes(),))


_SCORINGS: dict[Mode, Callable[[Job, Table], Scoring]] = {
    "model_score": _ModelScore,
    "model_for_responder": _ModelForResponder,
    "split_score": _SplitScore,
    "split_bucket": _SplitBucket,
}
