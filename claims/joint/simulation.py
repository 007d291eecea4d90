"""Joint against either party alone and against all data pooled in clear, on synthetic tables of both parties.

Nobody has such tables in earnest: a hospital-only or a pooled model needs the label of one party beside the columns of
the other. The joint models are trained and scored by the protocols, through two nodes on this machine; the others in
clear by the same steps (``privacy.protocols.train.reference``), so that a difference comes from the columns alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from claims.errors import input_error
from claims.joint.local import ID, INITIATOR, RESPONDER, LocalPair
from claims.risk.metrics import sigmoid
from claims.risk.values import Floats, Ints, numbers
from privacy.protocols import load
from privacy.protocols.train import TrainParameters, reference
from privacy.protocols.train.features import FeatureMaker
from privacy.protocols.train.initiator import with_intercept
from privacy.protocols.train.model import Scales
from privacy.protocols.train.schedule import DIFFERING_A_BATCH
from privacy.session import parse_parameters
from privacy.table import Table

SETTINGS = Path(__file__).with_name("simulation.toml")
LABEL = "label"
TARGET = "target"
LEAST_TEST_POSITIVES = 10
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Spec:
    """Which columns of the two tables are what; the others are features.

    ``label`` and ``amount`` (fen) are the insurer's, ``target`` the hospital's own label for its trees; without it
    there is no model on leaves. ``capacity``: claims that people can look at, by default as many as are positive.
    """

    id: str
    label: str
    amount: str
    target: str | None = None
    capacity: int | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Judged:
    """The probabilities of one model for the test persons, and on how many it was trained."""

    name: str
    probabilities: Floats
    trained_on: int
    is_joint: bool


@dataclass(frozen=True)
class Comparison:
    """All models on the same test persons, none of whom any of them was trained on; (persons,) labels and amounts."""

    models: list[Judged]
    labels: Ints
    amounts: Floats
    capacity: int
    persons: dict[str, int]


@dataclass(frozen=True)
class _Party:
    """A party's persons: ids, and the feature columns (persons, columns)."""

    ids: list[str]
    columns: tuple[str, ...]
    values: Floats

    def rows(self, ids: Sequence[str]) -> _Party:
        place = {id: row for row, id in enumerate(self.ids)}
        return _Party(list(ids), self.columns, self.values[[place[id] for id in ids]])

    def table(self) -> Table:
        return Table(self.ids, dict(zip(self.columns, self.values.T, strict=True)))

    def arrow(self, **more: Any) -> pa.Table:
        columns = dict(zip(self.columns, self.values.T, strict=True))
        return pa.table({ID: self.ids, **columns, **more})


@dataclass(frozen=True)
class _Data:
    """Both parties' persons; the insurer's labels and amounts and the hospital's targets by id; the split."""

    parties: dict[str, _Party]
    labels: dict[str, int]
    amounts: dict[str, float]
    targets: dict[str, float]
    train: list[str]
    test: list[str]

    def of(self, values: Mapping[str, float], ids: Sequence[str]) -> Floats:
        return np.array([values[id] for id in ids], np.float64)


def compare(
    hospital: pa.Table, insurer: pa.Table, spec: Spec, folder: Path, progress: Progress
) -> Comparison:
    """Train and judge all models. ``folder``: new, for the pair of nodes. ``progress`` is told what is done.

    Raises ``InputError`` where the tables do not fit, ``Refused`` where a protocol refuses (too few rows a column).
    """
    data = _read(hospital, insurer, spec)
    parameters = _parameters(data, spec)
    judged = []
    for told in settings()["models"]:
        if told["how"] in ("logistic", "trees"):
            progress(told["name"])
            judged.append(_alone(told, data, parameters))
    joint = _joint(data, parameters, spec, folder, progress)
    order = [told["name"] for told in settings()["models"]]
    labels = data.of(data.labels, data.test).astype(np.int64)
    return Comparison(
        sorted([*judged, *joint], key=lambda one: order.index(one.name)),
        labels,
        data.of(data.amounts, data.test),
        min(spec.capacity or int(labels.sum()), len(labels)),
        {
            **{name: len(party.ids) for name, party in data.parties.items()},
            "common_train": len(data.train),
            "test": len(data.test),
            "test_positives": int(labels.sum()),
        },
    )


@cache
def settings() -> Mapping[str, Any]:
    """``simulation.toml``."""
    return tomllib.loads(SETTINGS.read_text(encoding="utf-8"))


def _read(hospital: pa.Table, insurer: pa.Table, spec: Spec) -> _Data:
    special = {spec.id, spec.label, spec.amount, spec.target}
    wanted = {INITIATOR: (spec.id, spec.label, spec.amount), RESPONDER: (spec.id, spec.target)}
    tables = {INITIATOR: insurer, RESPONDER: hospital}
    for party, names in wanted.items():
        for name in names:
            if name is not None and name not in tables[party].column_names:
                raise input_error("joint.column_missing", party, column=name)
    parties = {name: _party(name, table, spec.id, special) for name, table in tables.items()}
    ids = parties[INITIATOR].ids
    label = numbers(insurer.column(spec.label))
    if not np.isin(label, (0, 1)).all():
        raise input_error("joint.label_kind", column=spec.label)
    common = sorted(set(ids) & set(parties[RESPONDER].ids))
    # One row a person: a split of persons. Drawn from the ids alone, so that no figure can steer it.
    drawn = np.random.default_rng(settings()["split"]["seed"]).random(len(common))
    is_test = drawn < settings()["split"]["test_share"]
    test = [id for id, one in zip(common, is_test, strict=True) if one]
    targets = numbers(hospital.column(spec.target)) if spec.target is not None else np.empty(0)
    data = _Data(
        parties,
        dict(zip(ids, label.astype(int).tolist(), strict=True)),
        dict(zip(ids, np.nan_to_num(numbers(insurer.column(spec.amount))).tolist(), strict=True)),
        dict(zip(parties[RESPONDER].ids, targets.tolist(), strict=False)),
        [id for id, one in zip(common, is_test, strict=True) if not one],
        test,
    )
    positives = sum(data.labels[id] for id in test)
    if not LEAST_TEST_POSITIVES <= positives <= len(test) - LEAST_TEST_POSITIVES:
        raise input_error(
            "joint.few_common", persons=len(common), positives=positives, least=LEAST_TEST_POSITIVES
        )
    return data


def _party(name: str, table: pa.Table, id_column: str, special: set[str | None]) -> _Party:
    ids = [str(id) for id in table.column(id_column).cast(pa.string()).to_pylist()]
    if len(set(ids)) < len(ids):
        raise input_error("joint.person_twice", name, rows=len(ids) - len(set(ids)))
    columns = tuple(column for column in table.column_names if column not in special)
    if not columns:
        raise input_error("joint.no_features", name)
    return _Party(ids, columns, np.column_stack([numbers(table.column(column)) for column in columns]))


def _parameters(data: _Data, spec: Spec) -> TrainParameters:
    given = {**settings()["train"], **({} if spec.rounds is None else {"max_rounds": spec.rounds})}
    told = {
        "label": LABEL,
        "initiator_columns": list(data.parties[INITIATOR].columns),
        "responder_columns": list(data.parties[RESPONDER].columns),
        **given,
    }
    found = parse_parameters(load("train"), told)
    assert isinstance(found, TrainParameters)  # noqa: S101 - those of the protocol
    return found


def _alone(told: Mapping[str, Any], data: _Data, parameters: TrainParameters) -> Judged:
    """A model in clear. The insurer alone trains on all its persons beside the test, known to the hospital or not."""
    parties = told["columns"]
    is_test = set(data.test)
    only_insurer = parties == [INITIATOR]
    train = [id for id in data.parties[INITIATOR].ids if id not in is_test] if only_insurer else data.train
    columns = [data.parties[name] for name in parties]
    labels = data.of(data.labels, train).astype(np.int64)
    fit = _logistic if told["how"] == "logistic" else _trees
    found = fit(
        [one.rows(train) for one in columns], labels, [one.rows(data.test) for one in columns], parameters
    )
    return Judged(told["name"], found, len(train), is_joint=False)


def _logistic(train: list[_Party], labels: Ints, test: list[_Party], parameters: TrainParameters) -> Floats:
    """The protocol's own steps without encryption: with both parties' columns, what it must equal bit for bit."""
    makers = [
        FeatureMaker.fit(one.table(), one.columns, None, parameters, DIFFERING_A_BATCH) for one in train
    ]
    own, *peer = (maker.features(one.table()) for maker, one in zip(makers, train, strict=True))
    responder = peer[0] if peer else np.empty((0, len(labels)), own.dtype)
    trained = reference.train(with_intercept(own), responder, labels, parameters)
    weights = np.concatenate([trained.initiator, trained.responder])
    asked = np.vstack([maker.features(one.table()) for maker, one in zip(makers, test, strict=True)])
    scores = weights @ with_intercept(asked).astype(np.int64)
    return sigmoid(np.ldexp(scores.astype(np.float64), -_score_bits()))


def _score_bits() -> int:
    scales = Scales()
    return scales.feature_bits + scales.weight_bits


def _trees(train: list[_Party], labels: Ints, test: list[_Party], parameters: TrainParameters) -> Floats:
    import lightgbm

    told = dict(settings()["boosting"])
    rounds = told.pop("rounds")
    data = lightgbm.Dataset(np.hstack([one.values for one in train]), labels)
    booster = lightgbm.train(told, data, num_boost_round=rounds)
    return np.asarray(booster.predict(np.hstack([one.values for one in test]), num_threads=1), np.float64)


def _joint(
    data: _Data, parameters: TrainParameters, spec: Spec, folder: Path, progress: Progress
) -> list[Judged]:
    """The models of the protocol: trained and scored through two nodes."""
    pair = LocalPair.make(folder)
    own, peer = data.parties[INITIATOR], data.parties[RESPONDER]
    pair.add_table(INITIATOR, "known", own.rows(data.train).arrow(label=data.of(data.labels, data.train)))
    pair.add_table(INITIATOR, "asked", own.rows(data.test).arrow())
    pair.add_table(
        RESPONDER, "persons", peer.arrow(**({TARGET: data.of(data.targets, peer.ids)} if spec.target else {}))
    )
    pair.sign_policies()
    found = []
    with pair.serving(settings()["node"]["starts_seconds"], settings()["node"]["stops_seconds"]):
        for told in settings()["models"]:
            if told["how"] == "joint_raw":
                chosen = parameters
            elif told["how"] == "joint_leaves" and spec.target is not None:
                chosen = parameters.model_copy(update={"features": "leaves", "responder_target": TARGET})
            else:
                continue
            progress(told["name"])
            found.append(_through_nodes(told["name"], pair, data, chosen))
    return found


def _through_nodes(name: str, pair: LocalPair, data: _Data, parameters: TrainParameters) -> Judged:
    trained = pair.run("train", "known", "persons", parameters.model_dump(mode="json"))
    asked: dict[str, Any] = {
        "mode": "split_score",
        "training_job": trained.summary["training_job"],
        "model_sha256": trained.summary["split_model_sha256"],
        "own_columns": list(parameters.initiator_columns),
        "columns": list(parameters.responder_columns),
        "rows": len(data.test),
    }
    checked: Any = parse_parameters(load("score"), asked)
    pair.sign_policies([checked.approved_sha256])
    scored = pair.run("score", "asked", "persons", asked)
    assert scored.table is not None  # noqa: S101 - split_score tells the initiator
    by_id = dict(
        zip(
            scored.table.column("id").to_pylist(), scored.table.column("probability").to_pylist(), strict=True
        )
    )
    return Judged(name, data.of(by_id, data.test), trained.summary["rows"], is_joint=True)
