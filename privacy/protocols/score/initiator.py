"""The initiator's side of a scoring job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from privacy.errors import Refused
from privacy.he import fixed_point
from privacy.he.fixed_point import Integers
from privacy.he.parameters import ckks_parameters
from privacy.he.worker import Worker, WorkerLimits
from privacy.protocols import JobResult
from privacy.protocols.align import align
from privacy.protocols.score.linear import (
    feature_integers,
    integer_scores,
    intercept_integer,
    require_no_overflow,
    weight_integers,
)
from privacy.protocols.score.messages import (
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
from privacy.protocols.score.model import LinearModel, load_model, require_enough_weights
from privacy.protocols.score.results import scored_table
from privacy.protocols.score.split import own_part, partial_scores, score_numbers
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.session import Session

CKKS_SLOTS = ckks_parameters().degree // 2
CKKS_MOST_WEIGHT = 2.0**13
"""The error of a score grows with the weights: at this sum of their magnitudes it is still below 1e-5."""


def run(session: Session) -> JobResult:
    """The job at the initiator; the result has a table where the mode lets the initiator learn something."""
    parameters: ScoreParameters = session.parameters
    return _SCORINGS[parameters.mode](session, parameters)


def _aligned(session: Session, parameters: ScoreParameters) -> Table:
    table = align(session)
    if len(table) > parameters.rows:
        raise Refused("score.too_many_rows", most=parameters.rows)
    return table


def _own_model(session: Session, parameters: ScoreParameters) -> LinearModel:
    model = load_model(session.state, parameters.model_sha256)
    if set(model.weights) != set(parameters.columns) or set(model.own_weights) != set(parameters.own_columns):
        raise Refused("score.columns", model=parameters.model_sha256)
    require_enough_weights(model)
    return model


def _model_score(session: Session, parameters: ScoreParameters) -> JobResult:
    """Our model over the responder's encrypted features: exact, and we alone learn the score."""
    model, precision = _own_model(session, parameters), parameters.precision
    weights = weight_integers([model.weights[column] for column in parameters.columns], precision)
    require_no_overflow(weights, precision)
    table = _aligned(session, parameters)
    own_weights = weight_integers([model.own_weights[column] for column in parameters.own_columns], precision)
    own_features = feature_integers(table, parameters.own_columns, precision)
    own = integer_scores(own_features, own_weights, intercept_integer(model.intercept, precision))
    peer = np.empty(len(table), np.int64)
    with _worker(session, "bfv") as worker:
        _start(session, worker)
        for block, rows in _blocks(len(table), fixed_point.SLOTS):
            ciphertexts = _features(session, block, len(weights))
            masks = fixed_point.uniform_masks(1, fixed_point.SLOTS)
            masked = worker.combine(ciphertexts, weights[None], masks)
            reply = session.ask(ScoreMasked(block=block, blobs=(masked[0],)), ScoreMaskedReply)
            count = rows.stop - rows.start
            residues = _residues(reply.blobs[0], count)
            peer[rows] = fixed_point.centred(fixed_point.subtract(residues, masks[0, :count]))
            session.progress(rows.stop, len(table), "rows")
    scores = fixed_point.decode(own + peer, precision.score_scale_bits)
    return JobResult({"rows": len(table), "model": parameters.model_sha256}, scored_table(table, scores))


def _model_for_responder(session: Session, parameters: ScoreParameters) -> JobResult:
    """Our model over the responder's encrypted features, for the responder to learn the score of its rows."""
    model = _own_model(session, parameters)
    factors = [*(model.weights[column] for column in parameters.columns), model.intercept]
    _require_ckks_bound(factors, parameters)
    table = _aligned(session, parameters)
    with _worker(session, "ckks") as worker:
        _start(session, worker)
        for block, rows in _blocks(len(table), CKKS_SLOTS):
            ciphertexts = _features(session, block, len(factors))
            result = worker.combine(ciphertexts, np.array([factors]))
            session.ask(ScoreForResponder(block=block, blobs=(result[0],)), ScoreKept)
            session.progress(rows.stop, len(table), "rows")
    return JobResult({"rows": len(table), "model": parameters.model_sha256})


def _split_score(session: Session, parameters: ScoreParameters) -> JobResult:
    """We learn the score, and with it the responder's partial score."""
    part = own_part(session)
    table = _aligned(session, parameters)
    own, peer = partial_scores(part, table), np.empty(len(table), np.int64)
    session.ask(ScoreStart(), ScoreStarted)
    for _, rows in _blocks(len(table), ROWS_A_MESSAGE):
        blob = session.ask(ScorePartial(first=rows.start), ScorePartialReply).blobs[0]
        if len(blob) != NUMBER_BYTES * (rows.stop - rows.start):
            raise Refused("score.size")
        peer[rows] = np.frombuffer(blob, "<i8")
        session.progress(rows.stop, len(table), "rows")
    return JobResult(
        {"rows": len(table), "model": parameters.model_sha256},
        scored_table(table, score_numbers(part, own, peer)),
    )


def _split_bucket(session: Session, parameters: ScoreParameters) -> JobResult:
    """The responder learns the score, we the bucket."""
    part = own_part(session)
    table = _aligned(session, parameters)
    own, found = partial_scores(part, table), np.empty(len(table), np.uint8)
    session.ask(ScoreStart(), ScoreStarted)
    for _, rows in _blocks(len(table), ROWS_A_MESSAGE):
        asked = ScoreOwnPartial(first=rows.start, blobs=(own[rows].astype("<i8").tobytes(),))
        blob = session.ask(asked, ScoreBuckets).blobs[0]
        if len(blob) != rows.stop - rows.start or max(blob, default=0) > len(parameters.thresholds):
            raise Refused("score.size")
        found[rows] = np.frombuffer(blob, np.uint8)
        session.progress(rows.stop, len(table), "rows")
    counts = np.bincount(found, minlength=len(parameters.thresholds) + 1).tolist()
    return JobResult(
        {"rows": len(table), "model": parameters.model_sha256, "buckets": counts},
        pa.table({"id": pa.array(table.ids, pa.string()), "bucket": found}),
    )


def _require_ckks_bound(factors: list[float], parameters: ScoreParameters) -> None:
    """Refuse (``he.overflow``) a model whose score could pass what CKKS holds, or be off by 1e-5."""
    precision, most = parameters.precision, ckks_parameters().max_magnitude_bits
    largest = 2.0 ** (precision.feature_bits - precision.feature_scale_bits)
    bound = sum(abs(factor) for factor in factors) * max(largest, 2.0**most / CKKS_MOST_WEIGHT)
    if bound > 2.0**most:
        raise Refused("he.overflow", what="score", bits=int(bound).bit_length(), most_bits=most)


def _worker(session: Session, scheme: Literal["bfv", "ckks"]) -> Worker:
    return Worker(scheme, WorkerLimits.of(session.limits), session.log)


def _start(session: Session, worker: Worker) -> None:
    started = session.ask(ScoreStart(), ScoreStarted)
    if len(started.blobs) != 1:
        raise Refused("score.size")
    session.log("he.key", key_id=worker.use_public_key(started.blobs[0]))


def _blocks(rows: int, slots: int) -> Iterator[tuple[int, slice]]:
    for block, first in enumerate(range(0, rows, slots)):
        yield block, slice(first, min(first + slots, rows))


def _features(session: Session, block: int, columns: int) -> list[bytes]:
    """The ciphertexts of a block, one a column."""
    found: list[bytes] = []
    while len(found) < columns:
        reply = session.ask(ScoreFeatures(block=block, first_column=len(found)), ScoreFeaturesReply)
        if not 0 < len(reply.blobs) <= columns - len(found):
            raise Refused("score.size")
        found.extend(reply.blobs)
    return found


def _residues(blob: bytes, count: int) -> Integers:
    if len(blob) != NUMBER_BYTES * count:
        raise Refused("score.size")
    residues = np.frombuffer(blob, "<i8").astype(np.int64)
    if count and not 0 <= residues.min() <= residues.max() < fixed_point.PLAIN_MODULUS:
        raise Refused("score.size")
    return residues


_SCORINGS: dict[Mode, Callable[[Session, ScoreParameters], JobResult]] = {
    "model_score": _model_score,
    "model_for_responder": _model_for_responder,
    "split_score": _split_score,
    "split_bucket": _split_bucket,
}
