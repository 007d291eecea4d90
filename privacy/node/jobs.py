"""The jobs of a node: which run, which wait for a person, and whose turn it is in each."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from privacy import preflight
from privacy.errors import Refused
from privacy.gate import Gate, JobAtGate
from privacy.job import Job
from privacy.job_messages import (
    JobAccepted,
    JobClose,
    JobClosed,
    JobOpen,
    JobPending,
    JobRefused,
    JobStatus,
)
from privacy.log import EventLog
from privacy.message import Envelope, Message, decode, digest_of, encode, read
from privacy.node.records import JobRecord, JobRecords, State, now
from privacy.party import PartyConfig
from privacy.protocols import JobParameters, JointProtocol, Responder, load
from privacy.session import job_facts, parse_parameters
from privacy.trail import Trail
from privacy.work import WorkFolder, sweep

MOST_WAITING = 32
MOST_ENTRIES = 1000
KEPT_SECONDS = 600.0
"""How long an ended job is remembered, so that its last reply can be sent again."""
IDLE_SECONDS = 120.0
"""After this time without a message a job gives its place to a new one."""


@dataclass
class _Running:
    """What a job holds while it runs."""

    responder: Responder
    held: ExitStack


@dataclass
class _Entry:
    """A job in the table. Who holds ``lock`` may change it."""

    id: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    sequence: int = 0
    request_sha256: str = ""
    reply: bytes = b""
    record: JobRecord | None = None
    opened: JobOpen | None = None
    running: _Running | None = None
    ended: bool = False
    crossed: int = 0
    told_size: int = 0
    changed: float = field(default_factory=time.monotonic)
    deadline: float = 0.0


class Node:
    """Answers the envelopes of the peer; every answer is a signed envelope. Safe to call from several threads."""

    def __init__(self, config: PartyConfig, log: EventLog):
        self._config = config
        self._log = log
        self._trail = Trail(config)
        self._gate = Gate(config)
        self._records = JobRecords(config.state)
        self._entries: dict[str, _Entry] = {}
        self._places: set[str] = set()
        self._table_lock = threading.Lock()
        swept = len(sweep(config.state))
        lost = self._records.mark_lost()
        log.write("node.start", party=config.party, lost_jobs=lost, swept_folders=swept)

    def answer(self, job_id: str, data: bytes) -> bytes:
        """The reply to an envelope that came for ``job_id``."""
        config = self._config
        try:
            envelope = decode(
                data,
                config.peer.signing_key,
                sender=config.peer.name,
                recipient=config.party,
                kind="request",
                max_bytes=config.limits.message_bytes,
            )
            if envelope.header.job != job_id:
                raise Refused("message.job", got=envelope.header.job, expected=job_id)
        except Refused as refused:
            # Who sent this is not known, so it has no place in the sequence of a job.
            self._refuse(job_id, refused)
            return self._seal(JobRefused.of(refused), job_id, 0, digest_of(data), is_logged=False)
        try:
            entry = self._entry(envelope)
        except Refused as refused:
            self._trail.received(envelope)
            self._refuse(job_id, refused)
            return self._seal(JobRefused.of(refused), job_id, envelope.header.sequence, envelope.sha256)
        with entry.lock:
            return self._in_turn(entry, envelope)

    def refuse_unread(self, job_id: str, code: str) -> None:
        """Log that a request was not read to its end."""
        self._refuse(job_id, Refused(code, job=job_id))

    def close(self) -> None:
        """Let go of all jobs; called when the node ends."""
        for entry in list(self._entries.values()):
            if entry.running is not None:
                self._end(entry, "lost")

    def _entry(self, envelope: Envelope) -> _Entry:
        with self._table_lock:
            self._forget_old()
            entry = self._entries.get(envelope.header.job)
            if entry is None:
                if envelope.header.type != JobOpen.TYPE or envelope.header.sequence != 1:
                    raise Refused("job.unknown", job=envelope.header.job)
                entry = _Entry(envelope.header.job)
                self._entries[entry.id] = entry
            return entry

    def _in_turn(self, entry: _Entry, envelope: Envelope) -> bytes:
        header = envelope.header
        if (header.sequence, envelope.sha256) == (entry.sequence, entry.request_sha256):
            self._log.write("message.sent_again", job=entry.id, sequence=header.sequence)
            return entry.reply
        self._trail.received(envelope)
        entry.changed = time.monotonic()
        try:
            if header.sequence <= entry.sequence:
                raise Refused("message.replayed", sequence=header.sequence)
            if header.sequence != entry.sequence + 1:
                raise Refused("message.sequence", got=header.sequence, expected=entry.sequence + 1)
        except Refused as refused:
            self._refuse(entry.id, refused)
            return self._seal(JobRefused.of(refused), entry.id, header.sequence, envelope.sha256)
        try:
            sealed = self._seal(self._step(entry, envelope), entry.id, header.sequence, envelope.sha256)
        except Exception as error:
            why = error if isinstance(error, Refused) else self._broke(entry, error)
            self._refuse(entry.id, why)
            sealed = self._seal(JobRefused.of(why), entry.id, header.sequence, envelope.sha256)
        entry.sequence, entry.request_sha256, entry.reply = header.sequence, envelope.sha256, sealed
        entry.crossed += envelope.bytes + len(sealed)
        return sealed

    def _step(self, entry: _Entry, envelope: Envelope) -> Message:
        """The next state of a job, and the reply."""
        if entry.sequence == 0:
            return self._open(entry, envelope)
        if envelope.header.type == JobClose.TYPE:
            return self._close(entry, read(envelope, [JobClose]))
        if entry.ended:
            raise Refused("job.ended", job=entry.id)
        self._require_limits(entry)
        if entry.running is None:
            read(envelope, [JobStatus])
            return self._decided(entry)
        return self._handle(entry, entry.running, envelope)

    def _open(self, entry: _Entry, envelope: Envelope) -> Message:
        try:
            opened = read(envelope, [JobOpen])
            self._let_go(opened.abandoned)
            self._records.require_new(entry.id)
            protocol = load(opened.protocol)
            parameters = parse_parameters(protocol, opened.parameters)
            admitted = self._gate.admit(self._at_gate(entry, opened, parameters))
            own_rows = len(admitted.table)
            expected = preflight.estimate(opened.protocol, parameters, own_rows, opened.rows)
            preflight.check(expected, self._config.limits, self._config.party)
            entry.opened = opened
            entry.record = JobRecord(
                id=entry.id,
                peer=self._config.peer.name,
                protocol=opened.protocol,
                parameters=opened.parameters,
                table=opened.table,
                purpose=opened.purpose,
                rows=own_rows,
                peer_rows=opened.rows,
                estimate=expected,
                opened_at=now(),
                state="waiting",
            )
            if self._config.approval == "policy":
                return self._start(entry, protocol, parameters)
            if self._waiting() >= MOST_WAITING:
                raise Refused("job.too_many_waiting", most=MOST_WAITING)
        except Refused as refused:
            self._end(entry, "refused", refused.code)
            raise
        entry.deadline = time.monotonic() + self._config.limits.approval_seconds
        self._records.save(entry.record)
        self._trail.event("job_waits", entry.id, role="responder", protocol=opened.protocol)
        self._log.write("job.waits_for_approval", job=entry.id, protocol=opened.protocol)
        return JobPending()

    def _decided(self, entry: _Entry) -> Message:
        decision = self._records.decision(entry.id)
        if decision is None:
            return JobPending()
        self._trail.event("job_decided", entry.id, **decision.logged())
        try:
            if decision.choice == "refuse":
                raise Refused("job.not_approved", party=self._config.party)
            assert entry.opened is not None  # noqa: S101 - it waits, so it was opened
            protocol = load(entry.opened.protocol)
            return self._start(entry, protocol, parse_parameters(protocol, entry.opened.parameters))
        except Refused as refused:
            self._end(entry, "refused", refused.code)
            raise

    def _start(self, entry: _Entry, protocol: JointProtocol, parameters: JobParameters) -> JobAccepted:
        """Check again, take a place, and run. The caller ends the job where this raises."""
        config, opened, record = self._config, entry.opened, entry.record
        assert opened is not None and record is not None  # noqa: S101 - it was opened
        asked = self._at_gate(entry, opened, parameters)
        admitted = self._gate.admit(asked)
        self._take_place(entry)
        with ExitStack() as held:
            work = WorkFolder(config.state, entry.id)
            held.callback(work.remove)
            job = Job(
                id=entry.id,
                role="responder",
                protocol=protocol.name,
                parameters=parameters,
                purpose=opened.purpose,
                table_name=opened.table,
                table=admitted.table,
                party=config.party,
                peer=config.peer.name,
                peer_rows=opened.rows,
                limits=config.limits,
                folder=work.path,
                state=config.state,
                pair_secret=config.secret,
                event_log=self._log,
            )
            responder = protocol.responder(job)
            # Some responders hold threads or a child process.
            held.callback(getattr(responder, "close", _nothing))
            head, proof = self._trail.head_since(opened.known_size)
            accepted = JobAccepted(
                rows=len(admitted.table),
                message_bytes=config.limits.message_bytes,
                policy_sha256=admitted.policy_sha256,
                tree_head=head,
                proof=proof,
                known_size=self._trail.known_size(),
            )
            # Last: what is refused before this costs nothing. It checks and counts at once, so that of the jobs
            # that come this far together no more start than the quota has left.
            self._gate.charge(asked, admitted.table)
            facts = job_facts(config, "responder", opened, accepted, admitted)
            self._trail.event("job_opened", entry.id, **facts)
            running = _Running(responder, held.pop_all())
        job.log(
            "job.start",
            rows=len(admitted.table),
            invalid_ids=admitted.invalid_ids,
            without_consent=admitted.without_consent,
        )
        entry.running = running
        entry.told_size = accepted.known_size
        entry.deadline = time.monotonic() + config.limits.seconds
        entry.record = record.model_copy(update={"state": "running"})
        self._records.save(entry.record)
        return accepted

    def _handle(self, entry: _Entry, running: _Running, envelope: Envelope) -> Message:
        # A message that is not expected is refused, and the job goes on.
        message = read(envelope, running.responder.expects)
        try:
            return running.responder.handle(message)
        except Refused as refused:
            self._end(entry, "failed", refused.code)
            raise

    def _broke(self, entry: _Entry, error: Exception) -> Refused:
        """A mistake of ours ends the job; the peer is not told more than that."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._log.write(
            "job.broke", job=entry.id, error=type(error).__name__, where=f"{place.filename}:{place.lineno}"
        )
        self._end(entry, "failed", "job.broke")
        return Refused("job.broke", party=self._config.party)

    def _close(self, entry: _Entry, close: JobClose) -> JobClosed:
        self._trail.event("job_closed", entry.id, role="responder", state=close.outcome)
        if not entry.ended:
            # A job that still waited was not done, whatever the peer calls it.
            self._end(entry, close.outcome if entry.running is not None else "failed")
        # A head that contradicts the known one is kept as evidence and refused.
        self._trail.accept(close.tree_head, close.proof, entry.told_size)
        head, proof = self._trail.head_since(close.known_size)
        return JobClosed(tree_head=head, proof=proof)

    def _end(self, entry: _Entry, state: State, code: str = "") -> None:
        """Let go of what the job held; its last reply is kept for a while."""
        if entry.running is not None:
            entry.running.held.close()
            entry.running = None
        self._places.discard(entry.id)
        entry.ended = True
        entry.changed = time.monotonic()
        if entry.record is not None:
            entry.record = entry.record.model_copy(update={"state": state, "code": code})
            self._records.save(entry.record)
        self._log.write("job.end", job=entry.id, state=state, code=code)

    def _take_place(self, entry: _Entry) -> None:
        with self._table_lock:
            most = self._config.limits.jobs_at_once
            if len(self._places) >= most:
                self._drop_idlest()
            if len(self._places) >= most:
                raise Refused("job.busy", most=most)
            self._places.add(entry.id)

    def _let_go(self, abandoned: Sequence[str]) -> None:
        """End the jobs whose initiator says that their process died: nobody will ask for them again."""
        for id in abandoned:
            entry = self._entries.get(id)
            # A job that is at work has its lock taken; it ends with its time.
            if entry is not None and entry.lock.acquire(blocking=False):
                try:
                    if not entry.ended and entry.opened is not None:
                        self._give_up(entry, "lost", "job.abandoned")
                finally:
                    entry.lock.release()

    def _drop_idlest(self) -> None:
        """End the job that has been silent longest, if that is long: its initiator is probably gone."""
        running = [entry for entry in self._entries.values() if entry.running is not None]
        idlest = min(running, key=lambda entry: entry.changed, default=None)
        if idlest is None or time.monotonic() - idlest.changed <= IDLE_SECONDS:
            return
        # A job that is at work has its lock taken.
        if idlest.lock.acquire(blocking=False):
            try:
                self._give_up(idlest, "lost", "job.silent")
            finally:
                idlest.lock.release()

    def _forget_old(self) -> None:
        """End the jobs over their time and forget those that ended a while ago."""
        at = time.monotonic()
        for entry in list(self._entries.values()):
            if not entry.lock.acquire(blocking=False):
                continue
            try:
                if entry.ended and at - entry.changed > KEPT_SECONDS:
                    del self._entries[entry.id]
                elif not entry.ended and entry.deadline and at > entry.deadline:
                    self._give_up(entry, "failed", "job.time")
            finally:
                entry.lock.release()
        if len(self._entries) >= MOST_ENTRIES:
            raise Refused("job.too_many", most=MOST_ENTRIES)

    def _give_up(self, entry: _Entry, state: State, code: str) -> None:
        """End a job between two messages, and its last reply, which may be large, with it."""
        self._end(entry, state, code)
        entry.request_sha256, entry.reply = "", b""

    def _waiting(self) -> int:
        entries = list(self._entries.values())
        return sum(entry.record is not None and not entry.ended and not entry.running for entry in entries)

    def _require_limits(self, entry: _Entry) -> None:
        limits = self._config.limits
        over = None
        if time.monotonic() > entry.deadline:
            over = Refused("job.time", most=limits.seconds)
        elif entry.crossed > limits.job_bytes:
            over = Refused("job.bytes", bytes=entry.crossed, most=limits.job_bytes)
        if over is not None:
            self._end(entry, "failed", over.code)
            raise over

    def _at_gate(self, entry: _Entry, opened: JobOpen, parameters: JobParameters) -> JobAtGate:
        use = parameters.table_use("responder")
        return JobAtGate(entry.id, opened.protocol, opened.purpose, opened.table, use)

    def _refuse(self, job_id: str, refused: Refused) -> None:
        self._trail.log.append({"event": "refused", "job": job_id, "code": refused.code})
        self._log.write("refused", job=job_id, code=refused.code, why=str(refused))

    def _seal(
        self, message: Message, job: str, sequence: int, request_sha256: str, is_logged: bool = True
    ) -> bytes:
        config = self._config
        sealed = encode(
            message,
            config.key,
            job=job,
            sequence=sequence,
            kind="reply",
            sender=config.party,
            recipient=config.peer.name,
            request_sha256=request_sha256,
        )
        if len(sealed.data) > config.limits.message_bytes:
            raise Refused("message.too_large", bytes=len(sealed.data), most=config.limits.message_bytes)
        if is_logged:
            self._trail.sent(sealed)
        return sealed.data


def _nothing() -> None:
    """For a responder that holds nothing."""
