"""What the opening of a job counts and logs: quota, sets of rows, the consent register. A node in this process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from privacy import audit
from privacy.errors import Refused
from privacy.job import Job
from privacy.job_messages import Estimate, JobAccepted, JobOpen, JobRefused
from privacy.log import EventLog
from privacy.message import decode, encode, read
from privacy.node.jobs import Node
from privacy.node.records import JobRecords
from privacy.policy import sign_policy
from privacy.protocols import JointProtocol
from privacy.session import run
from tests.privacy import echo
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair
from tests.privacy.test_gate import consent, make_personal


@pytest.fixture(autouse=True, scope="module")
def _echo() -> Iterator[None]:
    with echo.registered():
        yield


class Responder(echo.EchoResponder):
    """Takes a while to begin, and does not for a job that wants what is missing; as the SPU worker does."""

    def __init__(self, job: Job):
        time.sleep(0.05)
        if job.parameters.column == "weight":
            raise Refused("psi.spu_missing", party=job.party)
        super().__init__(job)
        self.closed = closed[job.id] = threading.Event()

    def close(self) -> None:
        self.closed.set()


closed: dict[str, threading.Event] = {}


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    made = make_pair(tmp_path)
    columns: dict[str, list[object]] = {"id": ["a", "b"], "cost": [1.0, 2.0], "weight": [1.0, 1.0]}
    made.initiator.add_table("mine", {"id": ["a"]})
    policy = made.responder.add_table("theirs", columns).with_name("theirs.policy.toml")
    policy.write_text(policy.read_text() + "[[quotas]]\ndays = 1\njobs = 1\n")
    sign_policy(policy, made.responder.config.key)
    made.responder.set(limits__jobs_at_once=8)
    changed = JointProtocol(echo.NAME, echo.Parameters, Responder, echo.run)
    monkeypatch.setattr(echo, "PROTOCOL", changed)
    closed.clear()
    return made


def node_of(party: Party) -> Node:
    return Node(party.config, EventLog(party.config.state / "log.jsonl"))


def open_job(
    pair: Pair,
    node: Node,
    number: int,
    column: str = "cost",
    known_size: int = 0,
    abandoned: tuple[int, ...] = (),
) -> str:
    """The code of the refusal, or "" where the job runs."""
    asked = JobOpen(
        protocol=echo.NAME,
        parameters={"column": column},
        table="theirs",
        purpose=PURPOSE,
        rows=1,
        estimate=Estimate(rows=2, bytes=1, seconds=1.0, memory_mb=1),
        policy_sha256="0" * 64,
        known_size=known_size,
        abandoned=tuple(f"{one:032x}" for one in abandoned),
    )
    config, job = pair.initiator.config, f"{number:032x}"
    names = {"sender": config.party, "recipient": config.peer.name}
    sealed = encode(asked, config.key, job=job, sequence=1, kind="request", **names)
    names = {"sender": config.peer.name, "recipient": config.party}
    reply = node.answer(job, sealed.data)
    opened = decode(reply, config.peer.signing_key, kind="reply", max_bytes=1_000_000, **names)
    message = read(opened, [JobAccepted, JobRefused])
    return message.code if isinstance(message, JobRefused) else ""


def counted(pair: Pair) -> list[int]:
    """Jobs, and sets of rows, that the responder counted."""
    with sqlite3.connect(pair.responder.config.state / "quotas.sqlite") as database:
        return list(
            database.execute("SELECT (SELECT count(*) FROM uses), (SELECT count(*) FROM sets)").fetchone()
        )


def test_a_job_that_cannot_begin_costs_no_quota(pair: Pair) -> None:
    node = node_of(pair.responder)
    assert open_job(pair, node, 1, column="weight") == "psi.spu_missing"
    # A size of our log that never was: found out after the protocol had begun.
    assert open_job(pair, node, 2, known_size=10_000) == "audit.no_such_entry"
    assert closed[f"{2:032x}"].is_set()
    assert counted(pair) == [0, 0]
    assert list((pair.responder.config.state / "work").iterdir()) == []
    assert open_job(pair, node, 3) == ""
    assert counted(pair) == [1, 1]
    assert open_job(pair, node, 4) == "policy.quota_jobs"
    node.close()


def test_a_job_whose_initiator_died_is_let_go_at_once(pair: Pair) -> None:
    """Named with it: a job that nobody knows, and the very job that is being opened."""
    node = node_of(pair.responder)
    assert open_job(pair, node, 1) == ""
    assert not closed[f"{1:032x}"].is_set()
    assert open_job(pair, node, 2, abandoned=(9, 2, 1)) == "policy.quota_jobs"
    assert closed[f"{1:032x}"].is_set()
    states = {record.id: record.state for record in JobRecords(pair.responder.config.state).all()}
    assert states[f"{1:032x}"] == "lost"
    # What it used stays used.
    assert counted(pair) == [1, 1]
    node.close()


def test_an_opening_that_is_sent_again_starts_nothing(pair: Pair) -> None:
    """Not while the job runs, not after it, and not at a node that was started anew: a job's id counts once."""
    node = node_of(pair.responder)
    assert open_job(pair, node, 1) == ""
    # Other bytes than before, or it would get the stored reply: that is how a dropped connection resumes.
    assert open_job(pair, node, 1, known_size=1) == "message.replayed"
    node.close()
    assert open_job(pair, node_of(pair.responder), 1) == "job.id_used"
    assert counted(pair) == [1, 1]


def test_jobs_that_open_at_once_do_not_pass_a_quota_together(pair: Pair) -> None:
    node = node_of(pair.responder)
    together = threading.Barrier(6)
    codes: list[str] = []

    def ask(number: int) -> None:
        together.wait()
        codes.append(open_job(pair, node, number))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(codes) == ["", *["policy.quota_jobs"] * 5]
    assert counted(pair) == [1, 1]
    # All had begun when the first was counted; the others have let go of what they held.
    assert sorted(event.is_set() for event in closed.values()) == [False, *[True] * (len(closed) - 1)]
    assert len(closed) > 1
    node.close()


def opening_entries(party: Party) -> list[Any]:
    found = audit.entries(party.config.state / "audit")
    return [entry for entry in found if entry["event"] == "job_opened"]


def test_both_logs_name_the_consent_register_of_their_own_rows(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    pair.initiator.add_table("mine", {"id": ["a", "b"]})
    pair.responder.add_table("theirs", {"id": ["a", "b"], "cost": [1.0, 2.0]})
    for party, columns in ((pair.initiator, ("id",)), (pair.responder, ("cost",))):
        make_personal(party)
        recipient = party.config.peer.name
        consent(party, "a", columns=columns, recipient=recipient)
    registers = {party.config.party: register_of(party) for party in (pair.initiator, pair.responder)}
    assert registers["insurer"] != registers["hospital"]
    pair.responder.serve()
    try:
        asked = SimpleNamespace(table="mine", peer_table="theirs", purpose=PURPOSE)
        run(pair.initiator.config, echo.NAME, {"column": "cost"}, **vars(asked))
    finally:
        pair.close()
    for party in (pair.initiator, pair.responder):
        (entry,) = opening_entries(party)
        assert entry["consent_sha256"] == registers[party.config.party]
    logs = [(party.config.state / "audit", party.config.key.public_key()) for party in vars(pair).values()]
    assert audit.compare(*logs[0], *logs[1]) == []


def register_of(party: Party) -> str:
    from privacy.gate import consent_register

    config = party.config
    assert config.consent is not None
    register = consent_register(config, config.consent)
    assert register.counts(date.today())[0].valid == 1
    return register.sha256()
