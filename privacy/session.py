"""The initiator's side of a job: opens it at the peer's node, asks, closes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import orjson
from pydantic import ValidationError

from privacy import preflight
from privacy.canonical import canonical_json
from privacy.channel import Channel
from privacy.errors import Refused
from privacy.gate import Admitted, Gate, JobAtGate
from privacy.job import Job, Progress
from privacy.job_messages import (
    MOST_ABANDONED,
    JobAccepted,
    JobClose,
    JobClosed,
    JobOpen,
    JobPending,
    JobStatus,
)
from privacy.log import EventLog
from privacy.message import Message
from privacy.party import PartyConfig
from privacy.protocols import JobParameters, JobResult, JointProtocol, load
from privacy.trail import Trail
from privacy.work import WorkFolder, sweep

FIRST_POLL_SECONDS = 0.5
LONGEST_POLL_SECONDS = 15.0
R = TypeVar("R", bound=Message)


@dataclass(kw_only=True)
class Session(Job):
    """A job that the peer has accepted."""

    channel: Channel = field(repr=False)
    trail: Trail = field(repr=False)
    peer_message_bytes: int = 0
    deadline: float = 0.0
    sequence: int = 0
    facts: dict[str, object] = field(default_factory=dict)
    invalid_ids: int = 0
    without_consent: int = 0

    def ask(self, message: Message, reply_type: type[R]) -> R:
        """Send a message of the protocol and return the reply.

        Raises ``PeerRefused`` with the peer's reason, or ``Refused`` where the peer cannot be reached, a limit is
        reached or the reply cannot be trusted. After any of these the session is over.
        """
        sent = sum(len(blob) for blob in message.blobs)
        if self.peer_message_bytes and sent > self.peer_message_bytes:
            raise Refused("channel.peer_takes_less", bytes=sent)
        return self._ask(message, reply_type)

    def _ask(self, message: Message, *replies: type[R]) -> R:
        crossed = self.channel.bytes_sent + self.channel.bytes_received
        if crossed > self.limits.job_bytes:
            raise Refused("job.bytes", bytes=crossed, most=self.limits.job_bytes)
        self.sequence += 1
        seconds = self.deadline - time.monotonic()
        return self.channel.ask(self.id, self.sequence, message, replies, seconds)

    @contextmanager
    def _refusal_logged(self) -> Iterator[None]:
        """Log why a job does not come so far as to be opened."""
        try:
            yield
        except Refused as refused:
            self.log("job.failed", reason=refused.code)
            raise

    def _wait_for_approval(self, opened: Message, approval_seconds: float) -> JobAccepted:
        pause = FIRST_POLL_SECONDS
        give_up = time.monotonic() + approval_seconds
        while not isinstance(opened, JobAccepted):
            if time.monotonic() > give_up:
                raise Refused("job.approval_expired", peer=self.peer)
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_POLL_SECONDS)
            # The time of the job starts when it does.
            self.deadline = time.monotonic() + self.limits.seconds
            opened = self._ask(JobStatus(), JobAccepted, JobPending)
        return opened

    def _close(self, outcome: Literal["done", "failed"], known_size: int) -> None:
        self.trail.event("job_closed", self.id, role=self.role, state=outcome)
        head, proof = self.trail.head_since(known_size)
        since = self.trail.known_size()
        message = JobClose(outcome=outcome, tree_head=head, proof=proof, known_size=since)
        closed = self._ask(message, JobClosed)
        self.trail.accept(closed.tree_head, closed.proof, since)


@contextmanager
def open_session(
    config: PartyConfig,
    protocol: JointProtocol,
    parameters: JobParameters,
    *,
    table: str,
    peer_table: str,
    purpose: str,
    on_progress: Progress | None = None,
    on_pending: Callable[[str], None] | None = None,
) -> Iterator[Session]:
    """A session for one job; the job is closed at both parties when the block ends, however it ends.

    ``on_pending`` is told the job's id when a person at the peer has to decide. Raises ``Refused`` where our own
    policy or limits, or the peer's, do not allow the job.
    """
    abandoned = tuple(sweep(config.state)[:MOST_ABANDONED])
    job = uuid.uuid4().hex
    asked = JobAtGate(job, protocol.name, purpose, table, parameters.table_use("initiator"))
    gate = Gate(config)
    admitted = gate.admit(asked)
    expected = preflight.estimate(protocol.name, parameters, len(admitted.table))
    preflight.check(expected, config.limits, config.party)
    trail = Trail(config)
    channel = Channel(config, trail)
    work = WorkFolder(config.state, job)
    session = Session(
        id=job,
        role="initiator",
        protocol=protocol.name,
        parameters=parameters,
        purpose=purpose,
        table_name=table,
        table=admitted.table,
        party=config.party,
        peer=config.peer.name,
        limits=config.limits,
        folder=work.path,
        state=config.state,
        pair_secret=config.secret,
        event_log=EventLog(config.state / "log.jsonl"),
        on_progress=on_progress,
        channel=channel,
        trail=trail,
        deadline=time.monotonic() + config.limits.seconds,
        invalid_ids=admitted.invalid_ids,
        without_consent=admitted.without_consent,
    )
    try:
        since = trail.known_size()
        message = JobOpen(
            protocol=protocol.name,
            parameters=parameters.model_dump(mode="json"),
            table=peer_table,
            purpose=purpose,
            rows=len(admitted.table),
            estimate=expected,
            policy_sha256=admitted.policy_sha256,
            known_size=since,
            abandoned=abandoned,
        )
        session.log(
            "job.open",
            rows=len(admitted.table),
            invalid_ids=admitted.invalid_ids,
            without_consent=admitted.without_consent,
        )
        with session._refusal_logged():
            opened = session._ask(message, JobAccepted, JobPending)
            if isinstance(opened, JobPending):
                session.log("job.waits_for_approval")
                if on_pending is not None:
                    on_pending(job)
            accepted = session._wait_for_approval(opened, config.limits.approval_seconds)
        trail.accept(accepted.tree_head, accepted.proof, since)

        def charge() -> Admitted:
            # A person may have taken a day to decide, and others their consent back.
            again = isinstance(opened, JobPending)
            now = gate.admit_again(asked, admitted) if again else admitted
            gate.charge(asked, now.table)
            return now

        yield from _run(session, config, message, accepted, charge)
    finally:
        channel.close()
        work.remove()


def _run(
    session: Session,
    config: PartyConfig,
    opened: JobOpen,
    accepted: JobAccepted,
    charge: Callable[[], Admitted],
) -> Iterator[Session]:
    session.peer_rows = accepted.rows
    session.peer_message_bytes = accepted.message_bytes
    expected = preflight.estimate(session.protocol, session.parameters, len(session.table), accepted.rows)
    try:
        preflight.check(expected, config.limits, config.party)
        facts = job_facts(config, "initiator", opened, accepted, charge())
        session.trail.event("job_opened", session.id, **facts)
        session.facts = {"job": session.id, **facts}
        yield session
    except BaseException as error:
        session.log("job.failed", reason=error.code if isinstance(error, Refused) else type(error).__name__)
        # A peer that cannot be reached learns by its own limits.
        if not (isinstance(error, Refused) and error.code.startswith("channel.")):
            # The first error is the one to tell. A request may be on its way still: not on that connection.
            with suppress(Refused):
                session.channel.close()
                session._close("failed", accepted.known_size)
        raise
    try:
        session._close("done", accepted.known_size)
    except Refused as refused:
        # A result that is complete is not lost for want of a farewell, unless the peer's log contradicts itself.
        if refused.code.startswith("audit."):
            raise
        session.log("job.not_closed", reason=refused.code)
    session.log("job.done", sent=session.channel.bytes_sent, received=session.channel.bytes_received)


def job_facts(
    config: PartyConfig,
    role: Literal["initiator", "responder"],
    opened: JobOpen,
    accepted: JobAccepted,
    admitted: Admitted,
) -> dict[str, object]:
    """What both parties log of a job, in the same words, and each the consent register of its own rows."""
    names = {"initiator": config.party, "responder": config.peer.name}
    if role == "responder":
        names = {"initiator": config.peer.name, "responder": config.party}
    return {
        "role": role,
        "protocol": opened.protocol,
        "purpose": opened.purpose,
        "parameters_sha256": parameters_sha256(opened.parameters),
        **names,
        "initiator_policy_sha256": opened.policy_sha256,
        "responder_policy_sha256": accepted.policy_sha256,
        "initiator_set_size": opened.rows,
        "responder_set_size": accepted.rows,
        **({} if admitted.consent_sha256 is None else {"consent_sha256": admitted.consent_sha256}),
    }


def parameters_sha256(parameters: dict[str, Any]) -> str:
    """The name of a job's parameters in the logs."""
    import hashlib

    return hashlib.sha256(canonical_json(parameters)).hexdigest()


def parse_parameters(protocol: JointProtocol, parameters: dict[str, Any]) -> JobParameters:
    """The parameters as the protocol declares them; raises ``Refused`` with the place of the first mistake."""
    try:
        return protocol.parameters.model_validate(parameters)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in problem["loc"])[:100]
        raise Refused(
            "job.parameters", protocol=protocol.name, place=place, why=problem["msg"][:200]
        ) from error


def _as_the_peer_reads_them(protocol: JointProtocol, parameters: JobParameters) -> JobParameters:
    """The parameters as they come out of a message: both parties must go through a table's entries in one order."""
    return parse_parameters(protocol, orjson.loads(canonical_json(parameters.model_dump(mode="json"))))


def run(
    config: PartyConfig,
    protocol_name: str,
    parameters: dict[str, Any],
    *,
    table: str,
    peer_table: str,
    purpose: str,
    on_progress: Progress | None = None,
    on_pending: Callable[[str], None] | None = None,
) -> JobResult:
    """Run a job as its initiator, from parameters as a person wrote them."""
    protocol = load(protocol_name)
    with open_session(
        config,
        protocol,
        _as_the_peer_reads_them(protocol, parse_parameters(protocol, parameters)),
        table=table,
        peer_table=peer_table,
        purpose=purpose,
        on_progress=on_progress,
        on_pending=on_pending,
    ) as session:
        return replace(
            protocol.run(session),
            facts=session.facts,
            invalid_ids=session.invalid_ids,
            without_consent=session.without_consent,
        )
