"""The protocols by name. A protocol is a package with ``PROTOCOL``; it is imported when a job asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from privacy.errors import Refused
from privacy.message import Message

if TYPE_CHECKING:
    from privacy.job import Job
    from privacy.session import Session

Role = Literal["initiator", "responder"]

_modules = {name: f"privacy.protocols.{name}" for name in ("psi", "stats", "train", "score", "lookup")}


@dataclass(frozen=True)
class TableUse:
    """What a job does with one party's table.

    ``numbers`` and ``texts``: the columns it reads, as numbers and as texts. ``id_use`` and ``value_use``: the uses
    of the id column and of the others in ``policy_uses.toml``. ``queries``: rows or lookups answered.
    ``minimum_group``: the smallest group whose figures come out, None where none do. ``model_sha256``: hash of the
    other party's model, where there is one.
    """

    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    id_use: str = "id"
    value_use: str = "value"
    queries: int = 1
    minimum_group: int | None = None
    model_sha256: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns but the id."""
        return tuple(dict.fromkeys(self.numbers + self.texts))


class JobParameters(BaseModel):
    """What the initiator asks of a protocol; both parties see it. A protocol has its own subclass.

    ``model_config`` is not strict, because a person writes these in TOML; the types are still checked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def table_use(self, role: Role) -> TableUse:
        """What the job does with the table of the party in ``role``."""
        return TableUse()

    def rounds(self) -> int:
        """How often rows are gone through, for the estimate."""
        return 1

    def round_rows(self, rows: int) -> int:
        """How many of ``rows`` common rows a round goes through, for the estimate."""
        return rows

    def round_bytes(self, rows: int) -> int:
        """What a round sends beside what ``preflight.toml`` reckons, both ways, for the estimate."""
        return 0


class Responder(Protocol):
    """The responder's side of a job: a state machine."""

    @property
    def expects(self) -> frozenset[type[Message]]:
        """What is accepted now."""

    def handle(self, message: Message) -> Message:
        """The reply. A ``Refused`` raised here ends the job."""


@dataclass(frozen=True)
class JobResult:
    """What the initiator gets: figures to show, and a table to write where the job has one.

    ``facts``: the id of the ``job``, and what both parties logged of it, such as the hashes of their policies.
    ``invalid_ids``, ``without_consent``: how many of the initiator's rows took no part.
    """

    summary: dict[str, Any]
    table: pa.Table | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    invalid_ids: int = 0
    without_consent: int = 0


@dataclass(frozen=True)
class JointProtocol:
    """A protocol as the node and the command know it."""

    name: str
    parameters: type[JobParameters]
    responder: Callable[[Job], Responder]
    run: Callable[[Session], JobResult]


def register(name: str, module: str) -> None:
    """Make a protocol known: ``module`` has ``PROTOCOL``, a ``JointProtocol``."""
    _modules[name] = module


def load(name: str) -> JointProtocol:
    """The protocol; raises ``Refused`` for a name that is not known."""
    module = _modules.get(name)
    if module is None:
        raise Refused("job.protocol_unknown", protocol=name[:64], known=", ".join(sorted(_modules)))
    try:
        found = importlib.import_module(module).PROTOCOL
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise Refused("job.protocol_unknown", protocol=name, known=", ".join(sorted(_modules))) from error
    assert isinstance(found, JointProtocol)  # noqa: S101 - a programmer's mistake
    return found
