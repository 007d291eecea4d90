"""Runs and their partitions: what the nightly run did, with the hashes by which it can resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum

import orjson
import sqlalchemy as sa

from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.errors import StoreError
from claims.store.transaction import Values, find, writing
from privacy.canonical import canonical_json


class RunState(StrEnum):
    """Where a run stands. An interrupted or failed one can be resumed."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class PartitionState(StrEnum):
    """How a partition ended."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Run:
    """A run. ``hashes``: what it worked with (code, scheme, ... -> SHA-256); ``counts``: name -> number."""

    id: str
    run_date: date
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    hashes: Mapping[str, str]
    counts: Mapping[str, int]
    version: int
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True)
class Partition:
    """How one partition of a run ended; hashes are SHA-256 in hex, ``seconds`` wall time."""

    name: str
    state: PartitionState
    input_hash: str
    output_hash: str | None
    rows_in: int
    rows_out: int
    rows_rejected: int
    seconds: float


def start_run(store: Store, run_id: str, run_date: date, hashes: Mapping[str, str], person: str) -> Run:
    """Begin a run. Raises :class:`StoreError` where there is one of this id: resume that one."""
    with writing(store, person) as transaction:
        taken = sa.select(schema.run.c.id).where(schema.run.c.id == run_id)
        if transaction.connection.execute(taken).first() is not None:
            raise StoreError("store.run_exists", run_id)
        row = {
            "id": run_id,
            "run_date": run_date,
            "state": RunState.RUNNING.value,
            "started_at": transaction.at,
            "ended_at": None,
            "hashes": _json(hashes),
            "counts": _json({}),
            "version": 1,
            "changed_by": person,
            "changed_at": transaction.at,
        }
        return _run(transaction.insert(schema.run, "start", [row])[0])


def resume_run(store: Store, run_id: str, version: int, hashes: Mapping[str, str], person: str) -> Run:
    """Go on with a run that did not end well, with the hashes of now."""
    with writing(store, person) as transaction:
        before = transaction.find(schema.run, run_id)
        if before["version"] == version and before["state"] == RunState.DONE.value:
            raise StoreError("store.wrong_state", f"run {run_id}", action="resume", state=before["state"])
        after = transaction.change(
            schema.run,
            run_id,
            version,
            "resume",
            state=RunState.RUNNING.value,
            ended_at=None,
            hashes=_json(hashes),
        )
        return _run(after)


def finish_run(
    store: Store, run_id: str, version: int, state: RunState, counts: Mapping[str, int], person: str
) -> Run:
    """Say how a running run ended."""
    with writing(store, person) as transaction:
        before = transaction.find(schema.run, run_id)
        is_running = before["state"] == RunState.RUNNING.value
        if before["version"] == version and (not is_running or state is RunState.RUNNING):
            raise StoreError("store.wrong_state", f"run {run_id}", action=state.value, state=before["state"])
        after = transaction.change(
            schema.run,
            run_id,
            version,
            state.value,
            state=state.value,
            ended_at=transaction.at,
            counts=_json(counts),
        )
        return _run(after)


def finish_partition(store: Store, run_id: str, partition: Partition, person: str) -> None:
    """Keep how a partition ended; one that was done again replaces the earlier result."""
    table = schema.run_partition
    values = {**asdict(partition), "state": partition.state.value, "seconds": float(partition.seconds)}
    with writing(store, person) as transaction:
        if transaction.find(schema.run, run_id)["state"] != RunState.RUNNING.value:
            raise StoreError("store.run_not_running", run_id)
        earlier = sa.select(table).where(table.c.run_id == run_id, table.c.name == partition.name)
        before = transaction.connection.execute(earlier).mappings().one_or_none()
        values |= {"run_id": run_id, "finished_at": transaction.at}
        if before is None:
            transaction.insert(table, "finish", [values])
        else:
            transaction.replace(table, dict(before), "finish", **values)


def get_run(store: Store, run_id: str) -> Run:
    """One run. Raises :class:`StoreError` where there is none."""
    with read_connection(store) as connection:
        return _run(find(connection, schema.run, run_id))


def latest_runs(store: Store, size: int = 50) -> list[Run]:
    """The latest runs, newest date first."""
    table = schema.run
    statement = sa.select(table).order_by(table.c.run_date.desc(), table.c.id.desc()).limit(size)
    with read_connection(store) as connection:
        return [_run(row) for row in connection.execute(statement).mappings()]


def partitions(store: Store, run_id: str) -> list[Partition]:
    """The partitions of a run that ended, by name."""
    table = schema.run_partition
    columns = (table.c[name] for name in Partition.__dataclass_fields__)
    statement = sa.select(*columns).where(table.c.run_id == run_id).order_by(table.c.name)
    with read_connection(store) as connection:
        return [
            Partition(**{**row, "state": PartitionState(row["state"])})
            for row in connection.execute(statement).mappings()
        ]


def _json(value: Mapping[str, object]) -> str:
    return canonical_json(dict(value)).decode()


def _run(row: Values) -> Run:
    read = {
        "state": RunState(row["state"]),
        "hashes": orjson.loads(row["hashes"]),
        "counts": orjson.loads(row["counts"]),
    }
    return Run(**{**row, **read})
