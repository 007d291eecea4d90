"""Work items, their reasons and events, and decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from claims.store.columns import Id, UtcTime, key
from claims.store.migrations import append_only

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "work_item",
        sa.Column("id", Id, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", key(16), nullable=False),
        sa.Column("state", key(16), nullable=False),
        sa.Column("source_run", key(64), sa.ForeignKey("run.id"), nullable=False),
        sa.Column("case_id", key(128), nullable=False),
        sa.Column("hospital", key(64), nullable=False),
        sa.Column("amount_fen", sa.BigInteger),
        sa.Column("priority", sa.BigInteger, nullable=False),
        sa.Column("risk_score", sa.Double),
        sa.Column("risk_band", key(16)),
        sa.Column("model_hash", key(64)),
        sa.Column("policy_hash", key(64)),
        sa.Column("reasons_hash", key(64), nullable=False),
        sa.Column("owner", key(128)),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.Column("changed_by", key(128), nullable=False),
        sa.CheckConstraint("kind IN ('coder', 'claim')", "kind"),
        sa.CheckConstraint("state IN ('open', 'assigned', 'decided', 'closed', 'reopened')", "state"),
        sa.UniqueConstraint("source_run", "kind", "case_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_work_item_case_id", "work_item", ["case_id"])
    op.create_index("ix_work_item_priority", "work_item", ["kind", "state", "priority", "id", "amount_fen"])
    op.create_index("ix_work_item_waiting", "work_item", ["kind", "state", "id", "amount_fen"])
    op.create_index(
        "ix_work_item_band", "work_item", ["kind", "state", "risk_band", "priority", "id", "amount_fen"]
    )
    op.create_index("ix_work_item_owner", "work_item", ["owner", "kind", "state", "priority", "id"])
    op.create_index("ix_work_item_owner_waiting", "work_item", ["owner", "kind", "state", "id"])
    op.create_table(
        "reason",
        sa.Column("item_id", Id, sa.ForeignKey("work_item.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("code", key(128), nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("contribution", sa.Double),
    )
    op.create_index("ix_reason_code_item_id", "reason", ["code", "item_id"])
    op.create_table(
        "item_event",
        sa.Column("id", Id, primary_key=True),
        sa.Column("item_id", Id, sa.ForeignKey("work_item.id"), nullable=False),
        sa.Column("action", key(16), nullable=False),
        sa.Column("from_state", key(16), nullable=False),
        sa.Column("to_state", key(16), nullable=False),
        sa.Column("assignee", key(128)),
        sa.Column("reason", sa.String(4000)),
        sa.Column("person", key(128), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_item_event_item_id", "item_event", ["item_id"])
    op.create_table(
        "decision",
        sa.Column("id", Id, primary_key=True),
        sa.Column("item_id", Id, sa.ForeignKey("work_item.id"), nullable=False),
        sa.Column("resolution", key(64), nullable=False),
        sa.Column("reason", sa.String(4000), nullable=False),
        sa.Column("person", key(128), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("rules_version", key(64), nullable=False),
        sa.Column("model_version", key(64)),
        sa.Column("corrects", Id, sa.ForeignKey("decision.id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decision_item_id_id", "decision", ["item_id", "id"])
    op.create_index("ix_decision_at", "decision", ["at"])
    append_only.protect("item_event")
    append_only.protect("decision")
    append_only.protect("reason")


def downgrade() -> None:
    """Back to the one before; what its tables hold is lost."""
    op.drop_table("decision")
    op.drop_table("item_event")
    op.drop_table("reason")
    op.drop_table("work_item")
