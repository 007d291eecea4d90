"""The initiator's side of a lookup job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa

from privacy import ristretto
from privacy.errors import Refused
from privacy.he.worker import Worker, WorkerLimits
from privacy.protocols import JobResult
from privacy.protocols.lookup import labelled, oprf
from privacy.protocols.lookup.index import month_of, question_slots
from privacy.protocols.lookup.messages import (
    ELEMENTS_A_MESSAGE,
    LookupAnswer,
    LookupBlinded,
    LookupEvaluated,
    LookupIndexStarted,
    LookupParameters,
    LookupQuestion,
    LookupStart,
    LookupTablePart,
    LookupTablePartReply,
    LookupTableStarted,
)
from privacy.protocols.lookup.records import keyed_questions, month_text
from privacy.protocols.lookup.responder import LABELLED_PURPOSE, index_purpose

if TYPE_CHECKING:
    from privacy.session import Session


def run(session: Session) -> JobResult:
    """The job at the initiator: a row for each of its questions, with ``had`` and the ``month`` of the first record."""
    parameters: LookupParameters = session.parameters
    groups = _asked_groups(session, parameters)
    ask = _ask_index if parameters.mode == "index" else _ask_labelled
    purpose = index_purpose(session) if parameters.mode == "index" else LABELLED_PURPOSE
    keys = keyed_questions(session.table.ids, groups, session.pair_secret, purpose)
    months = ask(session, keys)
    table = pa.table(
        {
            "id": pa.array(session.table.ids, pa.string()),
            "group": pa.array(groups, pa.string()),
            "had": pa.array([month is not None for month in months], pa.bool_()),
            "month": pa.array(
                [None if month is None else month_text(month) for month in months], pa.string()
            ),
        }
    )
    return JobResult({"questions": len(keys), "yes": sum(month is not None for month in months)}, table)


def _asked_groups(session: Session, parameters: LookupParameters) -> list[str]:
    groups = session.table.texts[parameters.own_group_column]
    if len(groups) > parameters.questions:
        raise Refused("lookup.too_many_questions", most=parameters.questions)
    found = [group for group in groups if group in parameters.groups]
    if len(found) != len(groups):
        raise Refused("lookup.group_unknown", rows=len(groups) - len(found))
    return [group for group in found if group is not None]


def _ask_index(session: Session, keys: list[bytes]) -> list[int | None]:
    months: list[int | None] = []
    with Worker("bfv", WorkerLimits.of(session.limits), session.log) as worker:
        key = worker.make_key()
        session.log("he.key", key_id=worker.use_secret_key(key.secret))
        started = session.ask(LookupStart(blobs=(key.public,)), LookupIndexStarted)
        for question in keys:
            ciphertexts = worker.encrypt(question_slots(question, started.blocks))
            answer = session.ask(LookupQuestion(blobs=tuple(ciphertexts)), LookupAnswer)
            if len(answer.blobs) != started.layers:
                raise Refused("lookup.size")
            months.append(month_of(worker.decrypt(answer.blobs)))
            session.progress(len(months), len(keys), "questions")
    return months


def _ask_labelled(session: Session, keys: list[bytes]) -> list[int | None]:
    started = session.ask(LookupStart(), LookupTableStarted)
    session.log("lookup.table", sha256=started.table_sha256, entries=started.entries)
    table = labelled.HeldTable(_table_bytes(session, started))
    months: list[int | None] = []
    for first in range(0, len(keys), ELEMENTS_A_MESSAGE):
        part = keys[first : first + ELEMENTS_A_MESSAGE]
        months += [table.month_of(output) for output in _outputs(session, part)]
        session.progress(len(months), len(keys), "questions")
    return months


def _outputs(session: Session, keys: list[bytes]) -> list[bytes]:
    """The function's values of the questions, through blinded elements."""
    scalars = [ristretto.random_scalar() for _ in keys]
    blinded = [
        oprf.multiply(scalar, oprf.hash_to_group(key)) for scalar, key in zip(scalars, keys, strict=True)
    ]
    reply = session.ask(LookupBlinded(blobs=(b"".join(blinded),)), LookupEvaluated)
    evaluated = oprf.split(reply.blobs[0])
    if len(evaluated) != len(keys):
        raise Refused("lookup.size")
    opened = (oprf.unblind(scalar, element) for scalar, element in zip(scalars, evaluated, strict=True))
    return [oprf.finalize(key, element) for key, element in zip(keys, opened, strict=True)]


def _table_bytes(session: Session, started: LookupTableStarted) -> bytes:
    """The table that the responder named: the one we hold, else asked for, and kept."""
    path = labelled.held_path(session.state, started.table_sha256)
    if path.exists() and _is_named(path.read_bytes(), started):
        return path.read_bytes()
    total = started.entries * labelled.ENTRY_BYTES
    parts: list[bytes] = []
    received = 0
    while received < total:
        part = session.ask(LookupTablePart(first=received), LookupTablePartReply).blobs[0]
        if not 0 < len(part) <= total - received:
            raise Refused("lookup.size")
        parts.append(part)
        received += len(part)
        session.progress(received, total, "bytes")
    data = b"".join(parts)
    if not _is_named(data, started):
        raise Refused("lookup.size")
    labelled.keep(session.state, started.table_sha256, data)
    return data


def _is_named(data: bytes, started: LookupTableStarted) -> bool:
    return hashlib.sha256(data).hexdigest() == started.table_sha256
