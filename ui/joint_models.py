"""The models of this party that a scoring job may name, without their weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from privacy.errors import Refused
from privacy.party import PartyConfig
from ui import joint_desk


@dataclass(frozen=True)
class Model:
    """``training_job`` is empty for a model of our own. ``peer_columns`` are empty where they are not known here.

    ``rows``: common rows that it was trained on, 0 for a model of our own.
    """

    sha256: str
    own_columns: tuple[str, ...]
    peer_columns: tuple[str, ...]
    training_job: str = ""
    rows: int = 0


def known(config: PartyConfig) -> list[Model]:
    """The models that were trained together as we asked for it, then our own; a damaged file is left out."""
    return [*_split(config), *_own(config)]


def _split(config: PartyConfig) -> Iterator[Model]:
    from privacy.protocols.train import model

    columns = _trained_here(config)
    for path in sorted((config.state / model.FOLDER).glob("*.json"), key=lambda path: -path.stat().st_mtime):
        try:
            file = model.read(path)
        except Refused:
            continue
        part = file.part
        if part.role == "initiator" and part.peer == config.peer.name:
            theirs = columns.get(part.job, ())
            yield Model(file.split_sha256, part.features.columns, theirs, part.job, part.rows)


def _own(config: PartyConfig) -> Iterator[Model]:
    from privacy.protocols.score import model

    for path in sorted((config.state / model.MODELS_FOLDER).glob("*.json")):
        try:
            found = model.load_model(config.state, path.stem)
        except Refused:
            continue
        yield Model(found.sha256, tuple(found.own_weights), tuple(found.weights))


def _trained_here(config: PartyConfig) -> dict[str, tuple[str, ...]]:
    """The peer's columns of the trainings that were started from the page, by job."""
    return {
        one.status.job: tuple(one.job.parameters["responder_columns"])
        for one in joint_desk.started(config)
        if one.protocol == "train" and one.status is not None and one.status.state == "done"
    }
