"""The joint training: labelled claims of ours, features of both, and the record of the model that comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.joint.choose import Use, choose, write_table
from claims.joint.jobs import Tell, filled, load_job, run_job
from claims.joint.model import ModelRecord, save_record
from claims.joint.settings import JointSettings
from claims.joint.trace import Learned, learned
from claims.nightly.results import Results
from claims.risk.labelled import known_labels
from privacy.job_file import JobFile
from privacy.party import PartyConfig
from privacy.protocols import load
from privacy.protocols.train import TrainParameters
from privacy.session import parse_parameters


@dataclass(frozen=True)
class Trained:
    """A new model: its record, claims by what became of them, the loss of each round, and what each side learned."""

    record: ModelRecord
    counts: dict[str, int]
    losses: list[float]
    learned: tuple[Learned, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.record.model_dump(mode="json"),
            "counts": self.counts,
            "losses": self.losses,
            "learned": [one.as_json() for one in self.learned],
        }


def train(
    results_folder: Path,
    settings: JointSettings,
    labels: pa.Table,
    *,
    today: date | None = None,
    on_pending: Tell | None = None,
) -> Trained:
    """Train on the labelled claims of persons with consent whom the other party has, and make it the model in use.

    ``labels``: ``case_id`` and ``label`` (1 was suspicious, 0 was not; rows without one are left out), as
    ``claims.store.labels`` gives them. Raises ``Refused`` with what the node or the peer refuses: then the model in
    use stays; ``InputError`` where settings, labels and results do not fit.
    """
    if settings.role != "initiator" or settings.train is None:
        raise input_error("joint.no_train_job")
    config, job, day = PartyConfig.load(settings.node), load_job(settings.train), today or date.today()
    parameters = _parameters(settings, job)
    known = known_labels(labels)
    source = config.table(job.table)
    use = Use(job.purpose, ("train",), (*parameters.initiator_columns, parameters.label), day)
    case_ids = known.column("case_id").to_pylist()
    chosen = choose(Results(results_folder), settings, config, source, use, only=case_ids)
    write_table(source, _with_label(chosen.table, chosen.new_cases, known, parameters))
    result = run_job(config, "train", job, parameters.model_dump(mode="json"), on_pending)
    record = _record(config, result.summary, result.facts, parameters, day)
    save_record(settings.models, record)
    losses = list(result.summary["losses"])
    return Trained(record, chosen.counts, losses, tuple(learned(config, "train", result)))


def _parameters(settings: JointSettings, job: JobFile) -> TrainParameters:
    assert settings.train is not None  # noqa: S101 - the caller looked
    told = filled(job, settings.train, {"initiator_columns": list(settings.column_names)})
    found = parse_parameters(load("train"), told)
    assert isinstance(found, TrainParameters)  # noqa: S101 - those of the protocol
    return found


def _with_label(table: pa.Table, cases: list[str], known: pa.Table, parameters: TrainParameters) -> pa.Table:
    if parameters.label in table.column_names:
        raise input_error("joint.column_taken", "labels", column=parameters.label)
    places = pc.index_in(pa.array(cases, pa.string()), value_set=known.column("case_id"))
    return table.append_column(parameters.label, known.column("label").take(places))


def _record(
    config: PartyConfig, told: dict[str, Any], facts: Any, parameters: TrainParameters, day: date
) -> ModelRecord:
    return ModelRecord(
        training_job=told["training_job"],
        model_sha256=told["split_model_sha256"],
        own_part_sha256=told["own_part_sha256"],
        peer=config.peer.name,
        peer_part_sha256=told["peer_part_sha256"],
        own_columns=parameters.initiator_columns,
        peer_columns=parameters.responder_columns,
        features=parameters.features,
        rows=told["rows"],
        rounds=told["rounds"],
        trained_on=day,
        own_policy_sha256=facts["initiator_policy_sha256"],
        peer_policy_sha256=facts["responder_policy_sha256"],
    )
