"""A split model: each party has the part that the training left in its state folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privacy.errors import Refused
from privacy.he.fixed_point import Floats, Integers, decode, largest_magnitude, require_bound
from privacy.protocols.score.messages import ScoreParameters
from privacy.protocols.train import model
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.job import Job


def own_part(job: Job) -> model.Part:
    """Our part of the job's model.

    Raises ``Refused``: ``score.model_missing``, ``score.columns``, ``train.model_damaged``.
    """
    parameters: ScoreParameters = job.parameters
    assert parameters.training_job is not None  # noqa: S101 - the parameters were checked
    path = model.model_path(job.state, parameters.training_job)
    if not path.exists():
        raise Refused("score.model_missing", model=parameters.model_sha256)
    file = model.read(path)
    if file.split_sha256 != parameters.model_sha256 or file.part.peer != job.peer:
        raise Refused("score.model_missing", model=parameters.model_sha256)
    columns = parameters.own_columns if job.role == "initiator" else parameters.columns
    if file.part.features.columns != columns:
        raise Refused("score.columns", model=parameters.model_sha256)
    return file.part


def score_numbers(part: model.Part, own: Integers, peer: Integers) -> Floats:
    """The scores of both partial scores; raises ``Refused`` (``he.overflow``) for a peer's that cannot be."""
    require_bound("score", largest_magnitude(peer))
    return decode(own + peer, part.scales.feature_bits + part.scales.weight_bits)


def partial_scores(part: model.Part, table: Table) -> Integers:
    """Our part of the score of each row."""
    own = part.scores(table)
    require_bound("score", largest_magnitude(own))
    return own
