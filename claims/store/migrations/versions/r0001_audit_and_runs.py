"""The audit trail, and the runs and their partitions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from claims.store.columns import Id, UtcTime, key
from claims.store.migrations import append_only

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """To this revision."""
    append_only.make_function()
    op.create_table(
        "audit_entry",
        sa.Column("number", Id, primary_key=True, autoincrement=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("person", key(128), nullable=False),
        sa.Column("action", key(64), nullable=False),
        sa.Column("object_kind", key(32), nullable=False),
        sa.Column("object_id", key(160), nullable=False),
        sa.Column("before_hash", key(64)),
        sa.Column("after_hash", key(64)),
        sa.Column("previous_hash", key(64), nullable=False),
        sa.Column("hash", key(64), nullable=False),
    )
    op.create_index(
        "ix_audit_entry_object_kind_object_id_number", "audit_entry", ["object_kind", "object_id", "number"]
    )
    op.create_index("ix_audit_entry_person_number", "audit_entry", ["person", "number"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", Id, nullable=False),
        sa.Column("hash", key(64), nullable=False),
        sa.CheckConstraint("id = 1", "one_row"),
    )
    op.create_table(
        "run",
        sa.Column("id", key(64), primary_key=True),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("state", key(16), nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("hashes", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_by", key(128), nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'interrupted')", "state"),
    )
    op.create_index("ix_run_run_date", "run", ["run_date"])
    op.create_table(
        "run_partition",
        sa.Column("id", Id, primary_key=True),
        sa.Column("run_id", key(64), sa.ForeignKey("run.id"), nullable=False),
        sa.Column("name", key(200), nullable=False),
        sa.Column("state", key(16), nullable=False),
        sa.Column("input_hash", key(64), nullable=False),
        sa.Column("output_hash", key(64)),
        sa.Column("rows_in", sa.BigInteger, nullable=False),
        sa.Column("rows_out", sa.BigInteger, nullable=False),
        sa.Column("rows_rejected", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("finished_at", UtcTime, nullable=False),
        sa.CheckConstraint("state IN ('done', 'failed')", "state"),
        sa.UniqueConstraint("run_id", "name"),
        sqlite_autoincrement=True,
    )
    op.execute(
        sa.text("INSERT INTO audit_head (id, number, hash) VALUES (1, 0, :start)").bindparams(start="0" * 64)
    )
    append_only.protect("audit_entry")


def downgrade() -> None:
    """Back to the one before; what its tables hold is lost."""
    op.drop_table("run_partition")
    op.drop_table("run")
    op.drop_table("audit_head")
    op.drop_table("audit_entry")
    append_only.drop_function()
