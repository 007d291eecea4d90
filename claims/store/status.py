"""The store at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.items import State
from claims.store.migrate import head
from claims.store.queue import state_counts
from claims.store.resolutions import Kind
from claims.store.runs import Run, latest_runs


@dataclass(frozen=True)
class Status:
    """Where the store is (without the password), how many items wait, the latest run, the end of the audit trail."""

    address: str
    schema: str
    items: Mapping[Kind, Mapping[State, int]]
    last_run: Run | None
    audit_entries: int
    audit_hash: str


def store_status(store: Store) -> Status:
    """The status of an open store."""
    runs = latest_runs(store, 1)
    items = {kind: state_counts(store, kind) for kind in Kind}
    with read_connection(store) as connection:
        end = connection.execute(sa.select(schema.audit_head)).one()
    return Status(str(store.address), head(), items, runs[0] if runs else None, end.number, end.hash)
