"""The joint step of a night: choose, intersect, score, and keep what came out. A refusal ends it, not the night."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.joint import scores as joint_scores
from claims.joint.choose import KEPT, NEW, NO_CONSENT, Chosen, Use, choose, write_table
from claims.joint.jobs import Problem, Tell, filled, load_job, run_job
from claims.joint.model import ModelRecord, load_record, require_own_part
from claims.joint.scores import NOT_ASKED, NOT_COMMON, WAITING
from claims.joint.settings import JointSettings
from claims.joint.trace import Learned, learned
from claims.nightly.results import Results
from privacy.errors import Refused
from privacy.files import replace as write_file
from privacy.job_file import JobFile
from privacy.party import PartyConfig
from privacy.protocols import JobResult, load
from privacy.session import parse_parameters

FILE = "joint.json"
FOLDER = "joint"
"""Of the results folder: where scores and trace are by default."""
IN_CLEAR = "split_score"
"""The mode in which the initiator learns the probability."""


@dataclass(frozen=True)
class Summary:
    """How the joint step ended.

    ``state``: ``done``, ``prepared`` (responder), ``nothing_new``, ``waiting`` (too few new claims), ``no_consent``
    (no new claim may take part), ``nothing_common``, ``no_model``, or a state of ``states.toml`` with its
    ``problem``. ``counts``: claims by what became of them. ``bands``: scored claims by band, earlier nights
    included. ``approve``: what the other party's policy has to approve before it answers.
    """

    state: str
    claims: int
    counts: dict[str, int]
    bands: dict[str, int]
    problem: Problem | None = None
    model_sha256: str | None = None
    approve: str | None = None
    learned: tuple[Learned, ...] = ()

    @property
    def later(self) -> bool:
        """Whether running it again, later, may score more."""
        return self.problem is not None and self.problem.later

    def as_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "problem": None if self.problem is None else self.problem.as_json(),
            "learned": [one.as_json() for one in self.learned],
            "later": self.later,
        }


@dataclass(frozen=True)
class _Night:
    """What a night works with. ``model`` is None before the first training."""

    settings: JointSettings
    config: PartyConfig
    results: Results
    out: Path
    today: date
    on_pending: Tell | None


@dataclass(frozen=True)
class _Ask:
    """The scoring that is to be done: its job file, its parameters, and the model."""

    job: JobFile
    parameters: dict[str, Any]
    approve: str
    record: ModelRecord


def run(
    results_folder: Path,
    settings: JointSettings,
    out: Path | None = None,
    *,
    today: date | None = None,
    only: Collection[str] | None = None,
    on_pending: Tell | None = None,
) -> Summary:
    """Score the new claims of ``results_folder`` with the other party; ``joint.parquet`` and ``joint.json`` in ``out``.

    ``out``: by default the folder ``joint`` of the results, whose table ``joint`` it then is. A claim is asked once
    under a model: what an earlier run into the same ``out`` scored is kept. ``only``: the case
    ids beside which there are no claims. What the node or the peer refuses is in the summary, and the claims wait
    for the next run. Raises ``InputError`` where the settings do not fit the results.
    """
    results, out = Results(results_folder), out or results_folder / FOLDER
    try:
        config = PartyConfig.load(settings.node)
        night = _Night(settings, config, results, out, today or date.today(), on_pending)
        if settings.role == "responder":
            return _prepare(night, only)
        return _score(night, only)
    except Refused as refused:
        # Nothing was chosen yet: what earlier nights scored stays as it is.
        problem = Problem.of(refused)
        return _told(out, _summary(problem.state, joint_scores.read_scores(out), problem))


def _prepare(night: _Night, only: Collection[str] | None) -> Summary:
    """Write the table that the other party's jobs work on. Our node checks the consents when it is asked."""
    assert night.settings.table is not None  # noqa: S101 - the settings were checked
    source = night.config.table(night.settings.table)
    chosen = choose(night.results, night.settings, night.config, source, None, only=only)
    write_table(source, chosen.table)
    return Summary("prepared", len(chosen.case_ids), chosen.counts, {})


def _score(night: _Night, only: Collection[str] | None) -> Summary:
    settings = night.settings
    assert settings.score is not None  # noqa: S101 - the settings were checked
    job = load_job(settings.score)
    record = load_record(settings.models)
    known = joint_scores.read_scores(night.out)
    if record is not None:
        since = night.today - timedelta(days=settings.ask_again_days)
        known = joint_scores.still_known(known, record.model_sha256, since)
    protocols = ("psi", "score") if settings.psi is not None else ("score",)
    columns = settings.column_names if record is None else record.own_columns
    use = Use(job.purpose, protocols, columns, night.today)
    source = night.config.table(job.table)
    done = set(known.column("case_id").to_pylist())
    chosen = choose(night.results, settings, night.config, source, use, done, only)
    if record is None:
        return _end(night, "no_model", chosen, known)
    new = len(chosen.ids)
    if new == 0 or new < settings.least_claims:
        return _end(night, _nothing_to_ask(chosen), chosen, known, model=record.model_sha256)
    ask = _ask(night, job, record, new)
    write_table(source, chosen.table)
    return _ask_peer(night, ask, chosen, known)


def _nothing_to_ask(chosen: Chosen) -> str:
    if chosen.ids:
        return "waiting"
    return "no_consent" if NO_CONSENT in chosen.states and KEPT not in chosen.states else "nothing_new"


def _ask(night: _Night, job: JobFile, record: ModelRecord, rows: int) -> _Ask:
    """The parameters of the scoring, from its file and the model in use."""
    settings = night.settings
    assert settings.score is not None  # noqa: S101 - the settings were checked
    if lacking := [name for name in record.own_columns if name not in settings.column_names]:
        raise input_error("joint.model_columns", columns=", ".join(lacking))
    known: dict[str, Any] = {
        "training_job": record.training_job,
        "model_sha256": record.model_sha256,
        "own_columns": list(record.own_columns),
        "columns": list(record.peer_columns),
    }
    if job.parameters.get("mode") != IN_CLEAR:
        known["thresholds"] = settings.thresholds
    parameters = {**filled(job, settings.score, known), "rows": rows}
    checked: Any = parse_parameters(load("score"), parameters)
    return _Ask(job, parameters, checked.approved_sha256, record)


def _ask_peer(night: _Night, ask: _Ask, chosen: Chosen, known: pa.Table) -> Summary:
    """Intersect where that is wanted, score, and keep what was scored."""
    told: list[Learned] = []
    model, approve = ask.record.model_sha256, ask.approve
    try:
        require_own_part(night.config, ask.record)
        if night.settings.psi is not None:
            found = _intersect(night, ask.job, told)
            if found.summary["common"] == 0:
                asked = pa.concat_tables([known, _answers(night, chosen, found, model)])
                return _end(night, "nothing_common", chosen, asked, told=told, model=model)
        result = run_job(night.config, "score", ask.job, ask.parameters, night.on_pending)
    except Refused as refused:
        problem = Problem.of(refused)
        waits = approve if problem.state == "model_not_approved" else None
        return _end(
            night,
            problem.state,
            chosen,
            known,
            told=told,
            problem=problem,
            approve=waits,
            left=NOT_ASKED,
            model=model,
        )
    told += learned(night.config, "score", result, str(ask.parameters["mode"]))
    asked = pa.concat_tables([known, _answers(night, chosen, result, model)])
    return _end(night, "done", chosen, asked, told=told, model=model)


def _intersect(night: _Night, score: JobFile, told: list[Learned]) -> JobResult:
    """Which of the new claims are of persons whom the other party has, with consent."""
    assert night.settings.psi is not None  # noqa: S101 - the caller looked
    job = load_job(night.settings.psi)
    if (job.table, job.peer_table, job.purpose) != (score.table, score.peer_table, score.purpose):
        raise input_error("joint.jobs_differ", str(night.settings.psi))
    result = run_job(night.config, "psi", job, job.parameters, night.on_pending)
    told += learned(night.config, "psi", result, str(job.parameters.get("reveal", "initiator")))
    return result


def _answers(night: _Night, chosen: Chosen, result: JobResult, model: str) -> pa.Table:
    """Rows of ``joint.parquet`` of all claims that were asked: what a scoring answered, or not common."""
    table = result.table if result.table is not None else pa.table({"id": pa.array([], pa.string())})
    cases = chosen.new_cases
    places = pc.index_in(pa.array(chosen.ids, pa.string()), value_set=table.column("id"))
    rows = len(cases)
    facts = result.facts
    values: dict[str, Any] = {
        "case_id": cases,
        "state": pc.if_else(pc.is_valid(places), joint_scores.SCORED, NOT_COMMON),
        "probability": _column(table, "probability", rows).take(places),
        "band": _bands(night.settings, table).take(places),
        "asked_on": [night.today] * rows,
        "job": [facts["job"]] * rows,
        "model_sha256": [model] * rows,
        "own_policy_sha256": [facts["initiator_policy_sha256"]] * rows,
        "peer_policy_sha256": [facts["responder_policy_sha256"]] * rows,
        "consent_sha256": [facts.get("consent_sha256")] * rows,
    }
    return pa.table(values, schema=joint_scores.SCHEMA)


def _column(table: pa.Table, name: str, rows: int) -> pa.ChunkedArray:
    """A column that a result may not have; then it is null."""
    return (
        table.column(name) if name in table.column_names else pa.chunked_array([pa.nulls(rows, pa.float64())])
    )


def _bands(settings: JointSettings, table: pa.Table) -> pa.Array:
    if "bucket" in table.column_names:
        buckets = table.column("bucket").to_numpy().astype(np.int64)
    elif "probability" in table.column_names:
        buckets = np.searchsorted(settings.thresholds, table.column("probability").to_numpy(), side="right")
    else:
        # An intersection has no scores.
        return pa.nulls(len(table), pa.string())
    return pa.array(np.array(settings.band_names, object)[buckets], pa.string())


def _end(
    night: _Night,
    state: str,
    chosen: Chosen,
    known: pa.Table,
    *,
    told: list[Learned] | None = None,
    problem: Problem | None = None,
    approve: str | None = None,
    left: str = WAITING,
    model: str | None = None,
) -> Summary:
    """Write the table and the trace. ``left``: the state of the new claims that were not scored."""
    states = [left if one == NEW else one for one in chosen.states.tolist()]
    table = joint_scores.assemble(chosen.case_ids, states, known)
    joint_scores.write_scores(night.results.folder, night.out, table)
    found = replace(
        _summary(state, table, problem), approve=approve, model_sha256=model, learned=tuple(told or ())
    )
    return _told(night.out, found)


def _told(out: Path, summary: Summary) -> Summary:
    out.mkdir(parents=True, exist_ok=True)
    write_file(out / FILE, orjson.dumps(summary.as_json(), option=orjson.OPT_INDENT_2))
    return summary


def _summary(state: str, table: pa.Table, problem: Problem | None) -> Summary:
    by_state, by_band = (joint_scores.counts(table, name) for name in ("state", "band"))
    return Summary(state, len(table), by_state, by_band, problem)


def read_trace(folder: Path) -> list[Learned]:
    """What each party learned in the last run into ``folder``. Raises ``InputError`` where there was none."""
    path = folder / FILE
    try:
        told = orjson.loads(path.read_bytes())["learned"]
        return [Learned(**{name: one[name] for name in Learned.__dataclass_fields__}) for one in told]
    except (OSError, ValueError, KeyError, TypeError):
        raise input_error("joint.no_trace", str(path)) from None
