"""The responder's side of a lookup job: a state machine for each mode."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from privacy.canonical import canonical_json
from privacy.errors import Refused
from privacy.he.worker import Worker, WorkerLimits
from privacy.message import Message
from privacy.protocols.lookup import labelled, oprf
from privacy.protocols.lookup.index import KeywordIndex
from privacy.protocols.lookup.messages import (
    ELEMENTS_A_MESSAGE,
    TABLE_PART_BYTES,
    LookupAnswer,
    LookupBlinded,
    LookupEvaluated,
    LookupIndexStarted,
    LookupParameters,
    LookupQuestion,
    LookupStart,
    LookupTablePart,
    LookupTablePartReply,
    LookupTableStarted,
)
from privacy.protocols.lookup.rate import Limits, QuestionRate
from privacy.protocols.lookup.records import Records, first_months, keyed_questions

if TYPE_CHECKING:
    from privacy.job import Job

RATE_FILE = "lookup.sqlite"
LABELLED_PURPOSE = "lookup labelled"


def index_purpose(job: Job) -> str:
    """The keys of an index are of one job only."""
    return f"lookup index {job.id}"


class LookupResponder:
    """Answers questions about the consented rows of our table, as many as were agreed and no faster than allowed."""

    def __init__(self, job: Job):
        self._job = job
        self._left: int = job.parameters.questions
        self._rate = QuestionRate(job.state / RATE_FILE, Limits.load(job.state).limits)
        self._worker: Worker | None = None
        self.expects: frozenset[type[Message]] = frozenset({LookupStart})

    def handle(self, message: Message) -> Message:
        match message:
            case LookupStart():
                return self._start(message)
            case LookupQuestion():
                return self._answer(message.blobs)
            case LookupTablePart():
                return self._part(message.first)
            case LookupBlinded():
                return self._evaluate(message.blobs[0])
        raise Refused("message.type", got=message.TYPE)

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()

    def _start(self, message: LookupStart) -> Message:
        parameters: LookupParameters = self._job.parameters
        if (parameters.mode == "index") != (len(message.blobs) == 1):
            raise Refused("lookup.size")
        if parameters.mode == "index":
            return self._start_index(message.blobs[0])
        return self._start_labelled()

    def _start_index(self, public_key: bytes) -> LookupIndexStarted:
        job = self._job
        self._index = KeywordIndex(self._records(index_purpose(job)))
        self._worker = Worker("bfv", WorkerLimits.of(job.limits), job.log)
        job.log("he.key", key_id=self._worker.use_public_key(public_key))
        self.expects = frozenset({LookupQuestion})
        return LookupIndexStarted(blocks=self._index.blocks, layers=self._index.layers)

    def _start_labelled(self) -> LookupTableStarted:
        parameters: LookupParameters = self._job.parameters
        asked = {"table": self._job.table_name, **parameters.model_dump(mode="json", exclude={"questions"})}
        name = hashlib.sha256(canonical_json(asked)).hexdigest()
        self._table = labelled.table_of(self._job.state, name, self._records(LABELLED_PURPOSE))
        self.expects = frozenset({LookupTablePart, LookupBlinded})
        sha256 = hashlib.sha256(self._table.data).hexdigest()
        self._job.log("lookup.table", sha256=sha256, entries=self._table.entries)
        return LookupTableStarted(table_sha256=sha256, entries=self._table.entries)

    def _records(self, purpose: str) -> Records:
        job, parameters = self._job, self._job.parameters
        found = first_months(
            job.table, parameters.group_column, parameters.day_column, parameters.groups, parameters.before
        )
        persons, groups = [question[0] for question in found], [question[1] for question in found]
        keys = keyed_questions(persons, groups, job.pair_secret, purpose)
        return Records(keys, list(found.values()), len(job.table))

    def _answer(self, ciphertexts: Sequence[bytes]) -> LookupAnswer:
        if len(ciphertexts) != 2 * self._index.blocks:
            raise Refused("lookup.size")
        self._charge(1)
        assert self._worker is not None  # noqa: S101 - no question is expected before the start
        answer = self._worker.combine(ciphertexts, self._index.factors(), self._index.masks())
        return LookupAnswer(blobs=tuple(answer))

    def _part(self, first: int) -> LookupTablePartReply:
        return LookupTablePartReply(blobs=(self._table.data[first : first + TABLE_PART_BYTES],))

    def _evaluate(self, blob: bytes) -> LookupEvaluated:
        elements = oprf.split(blob)
        if not 0 < len(elements) <= ELEMENTS_A_MESSAGE:
            raise Refused("lookup.size")
        self._charge(len(elements))
        found = oprf.in_threads(partial(oprf.multiply, self._table.key), elements)
        return LookupEvaluated(blobs=(b"".join(found),))

    def _charge(self, questions: int) -> None:
        job = self._job
        if questions > self._left:
            raise Refused("lookup.too_many_questions", most=job.parameters.questions)
        self._rate.charge(job.peer, job.table_name, questions)
        self._left -= questions
        if not self._left:
            self.expects = frozenset()
        total = job.parameters.questions
        job.progress(total - self._left, total, "questions")
