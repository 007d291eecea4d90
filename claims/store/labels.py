"""Closed decisions as labels of the risk model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.items import State
from claims.store.resolutions import Kind, resolutions

LABELS = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("resolution", pa.string(), nullable=False),
        # 1 was suspicious, 0 was not; null where the resolution does not tell.
        pa.field("label", pa.int8()),
        pa.field("decided_at", pa.timestamp("us", "UTC"), nullable=False),
    ]
)
READ_ROWS = 50_000


def labels(store: Store, since: datetime, until: datetime) -> pa.Table:
    """The decisions on closed claims, ``since <= decided_at < until``: one row an item, schema ``LABELS``.

    Where a decision was corrected, or the item reopened and decided again, the last decision counts. A case that
    several runs brought up has a row for each.
    """
    item, decision = schema.work_item, schema.decision
    later = decision.alias("later")
    statement = (
        sa.select(item.c.case_id, decision.c.resolution, decision.c.at)
        .join(item, item.c.id == decision.c.item_id)
        .where(
            item.c.kind == Kind.CLAIM.value,
            item.c.state == State.CLOSED.value,
            decision.c.at >= since,
            decision.c.at < until,
            ~sa.exists().where(later.c.item_id == decision.c.item_id, later.c.id > decision.c.id),
        )
        .order_by(decision.c.id)
    )
    with read_connection(store) as connection:
        rows = connection.execute(statement, execution_options={"yield_per": READ_ROWS})
        batches = [_batch(part) for part in rows.partitions()]
    return pa.Table.from_batches(batches, LABELS)


def _batch(rows: Sequence[sa.Row[str, str, datetime]]) -> pa.RecordBatch:
    ids, names, times = zip(*rows, strict=True)
    found = [resolutions()[name].label for name in names]
    return pa.record_batch([list(ids), list(names), found, list(times)], schema=LABELS)
