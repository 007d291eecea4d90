"""Joined data with a label that depends on both parties' columns, and a training of two parties in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from privacy.files import owner_folder
from privacy.job import Job
from privacy.log import EventLog
from privacy.message import Message
from privacy.party import Limits
from privacy.protocols import JobResult, Role
from privacy.protocols.train import TrainParameters, TrainResponder, model, reference, run
from privacy.protocols.train.initiator import labels, with_intercept
from privacy.session import Session
from privacy.table import Table
from tests.privacy.direct import JOB, DirectSession

LABEL = "denied"


@dataclass(frozen=True)
class Joined:
    """Rows of both parties; the responder's table has them in another order."""

    ids: list[str]
    initiator: dict[str, npt.NDArray[np.float64]]
    responder: dict[str, npt.NDArray[np.float64]]
    label: npt.NDArray[np.float64]

    @classmethod
    def draw(cls, rows: int, columns: int, seed: int, missing: float = 0.0) -> Joined:
        """Correlated columns, skewed ones among them, ``columns`` at each party."""
        random = np.random.default_rng(seed)
        plain = random.normal(size=(2 * columns, rows)) + 0.4 * random.normal(size=rows)
        effects = random.uniform(0.5, 1.0, 2 * columns) * random.choice([-1, 1], 2 * columns)
        scores = (effects @ plain) / np.sqrt(columns) - 0.5
        label = (random.random(rows) < 1 / (1 + np.exp(-scores))).astype(np.float64)
        plain[::3] = np.exp(plain[::3] / 2)
        plain[1::4] = 100 * plain[1::4] + 7
        plain[random.random(plain.shape) < missing] = np.nan
        return cls(
            [f"person-{number:06d}" for number in range(rows)],
            {f"a{number}": plain[number] for number in range(columns)},
            {f"b{number}": plain[columns + number] for number in range(columns)},
            label,
        )

    def rows(self, rows: slice) -> Joined:
        """Some of the rows."""
        return Joined(
            self.ids[rows],
            {name: values[rows] for name, values in self.initiator.items()},
            {name: values[rows] for name, values in self.responder.items()},
            self.label[rows],
        )

    def parameters(self, **others: Any) -> dict[str, Any]:
        """The parameters of a job on these columns, as a person writes them."""
        return {
            "label": LABEL,
            "initiator_columns": list(self.initiator),
            "responder_columns": list(self.responder),
            **others,
        }

    def initiator_table(self) -> Table:
        return Table(self.ids, {**self.initiator, LABEL: self.label})

    def responder_table(self) -> Table:
        """Backwards, with one row more than the initiator has."""
        columns = {name: np.append(values, 3.0)[::-1] for name, values in self.responder.items()}
        return Table([*self.ids, "person-of-nobody"][::-1], columns)

    def initiator_columns(self) -> dict[str, list[object]]:
        """As a table of ``pairs``."""
        columns = {**self.initiator, LABEL: self.label}
        return {"id": list(self.ids), **{name: list(values) for name, values in columns.items()}}

    def responder_columns(self) -> dict[str, list[object]]:
        table = self.responder_table()
        return {"id": list(table.ids), **{name: list(values) for name, values in table.columns.items()}}


@dataclass(kw_only=True)
class DirectJob(Job):
    """The initiator's session without a network."""

    direct: DirectSession
    channel: Any = field(default_factory=lambda: SimpleNamespace(bytes_sent=0, bytes_received=0))

    def ask(self, message: Message, reply_type: type[Message]) -> Message:
        return self.direct.ask(message, reply_type)


@dataclass(frozen=True)
class Outcome:
    """A finished training: result, both parts, what crossed, and the aligned rows of both."""

    result: JobResult
    initiator: model.Part
    responder: model.Part
    direct: DirectSession
    tables: tuple[Table, Table]


def train_direct(
    folder: Path,
    parameters: TrainParameters,
    initiator: Table,
    responder: Table,
    change: Callable[[Message], Message] = lambda message: message,
) -> Outcome:
    """Both parties in this process; every message still crosses as a signed envelope."""
    job = _job(folder / "responder", "responder", parameters, responder)
    answering = TrainResponder(job)
    direct = DirectSession(answering, change)
    asking = DirectJob(
        direct=direct, **vars_of(_job(folder / "initiator", "initiator", parameters, initiator))
    )
    result = run(cast(Session, asking))
    parts = [model.read(model.model_path(each.state, JOB)).part for each in (asking, job)]
    aligned = answering.aligned
    place = {id: row for row, id in enumerate(initiator.ids)}
    own = initiator.take([place[id] for id in aligned.ids])
    return Outcome(result, parts[0], parts[1], direct, (own, aligned))


def train_plain(
    parameters: TrainParameters, parts: tuple[model.Part, model.Part], tables: tuple[Table, Table]
) -> reference.Trained:
    """The reference on the joined rows, with the features that the parties fitted."""
    own, peer = (part.features.features(table) for part, table in zip(parts, tables, strict=True))
    return reference.train(
        with_intercept(own), peer, labels(tables[0].columns[parameters.label], 1), parameters
    )


def weights_of(part: model.Part) -> list[int]:
    """With the intercept first, where there is one."""
    return [*([] if part.intercept is None else [part.intercept]), *part.weights]


def vars_of(job: Job) -> dict[str, Any]:
    """The fields of a job that its constructor takes."""
    return {name: value for name, value in vars(job).items() if not name.startswith("_")}


def _job(folder: Path, role: Role, parameters: TrainParameters, table: Table) -> Job:
    owner_folder(folder)
    return Job(
        id=JOB,
        role=role,
        protocol="train",
        parameters=parameters,
        purpose="test",
        table_name="mine",
        table=table,
        party=role,
        peer="other",
        limits=Limits(),
        folder=folder,
        state=folder,
        pair_secret=bytes(range(32)),
        event_log=EventLog(folder / "log.jsonl"),
    )
