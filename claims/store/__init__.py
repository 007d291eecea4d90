"""The store: work items, decisions, sign-offs, appeals, runs and the audit trail, in SQLite or PostgreSQL.

with open_store(find_address()) as store:
    page = open_items(store, Filter(Kind.CLAIM, band="high"))
    item = assign(store, page.items[0].id, page.items[0].version, "li", "li")
"""

from claims.store.address import Address, find_address, parse_address
from claims.store.appeals import (
    Against,
    Appeal,
    AppealState,
    NewAppeal,
    appeals,
    file_appeal,
    filed_appeals,
    settle_appeal,
)
from claims.store.audit import AuditEntry, Verified, audit_of, audit_since, record, verify
from claims.store.backup import Manifest, Restored, backup_store, restore_store
from claims.store.database import Store
from claims.store.errors import StaleEdit, StoreError
from claims.store.items import (
    Decision,
    Event,
    Judgement,
    NewItem,
    Reason,
    State,
    WorkItem,
    add_items,
    assign,
    close,
    correct,
    decide,
    decisions,
    events,
    get_item,
    release,
    reopen,
)
from claims.store.labels import LABELS, labels
from claims.store.migrate import init_store, open_store, upgrade_store
from claims.store.queue import Filter, Order, Page, Place, open_items, state_counts
from claims.store.resolutions import Kind, Resolution, resolutions, resolutions_of
from claims.store.runs import (
    Partition,
    PartitionState,
    Run,
    RunState,
    finish_partition,
    finish_run,
    get_run,
    latest_runs,
    partitions,
    resume_run,
    start_run,
)
from claims.store.sign_offs import Ends, Signed, SignOff, sign_off, sign_offs
from claims.store.status import Status, store_status

__all__ = [
    "LABELS",
    "Address",
    "Against",
    "Appeal",
    "AppealState",
    "AuditEntry",
    "Decision",
    "Ends",
    "Event",
    "Filter",
    "Judgement",
    "Kind",
    "Manifest",
    "NewAppeal",
    "NewItem",
    "Order",
    "Page",
    "Partition",
    "PartitionState",
    "Place",
    "Reason",
    "Resolution",
    "Restored",
    "Run",
    "RunState",
    "SignOff",
    "Signed",
    "StaleEdit",
    "State",
    "Status",
    "Store",
    "StoreError",
    "Verified",
    "WorkItem",
    "add_items",
    "appeals",
    "assign",
    "audit_of",
    "audit_since",
    "backup_store",
    "close",
    "correct",
    "decide",
    "decisions",
    "events",
    "file_appeal",
    "filed_appeals",
    "find_address",
    "finish_partition",
    "finish_run",
    "get_item",
    "get_run",
    "init_store",
    "labels",
    "latest_runs",
    "open_items",
    "open_store",
    "parse_address",
    "partitions",
    "record",
    "release",
    "reopen",
    "resolutions",
    "resolutions_of",
    "restore_store",
    "resume_run",
    "settle_appeal",
    "sign_off",
    "sign_offs",
    "start_run",
    "state_counts",
    "store_status",
    "upgrade_store",
    "verify",
]
