"""Sign-offs and appeals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from claims.store.columns import Id, UtcTime, key
from claims.store.migrations import append_only

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "sign_off",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", key(128), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content_hash", key(64), nullable=False),
        sa.Column("raises_weight", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(4000)),
        sa.Column("person", key(128), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.UniqueConstraint("case_id", "number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "appeal",
        sa.Column("id", Id, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("case_id", key(128), nullable=False),
        sa.Column("against", key(16), nullable=False),
        sa.Column("subject", key(128), nullable=False),
        sa.Column("amount_fen", sa.BigInteger),
        sa.Column("state", key(16), nullable=False),
        sa.Column("reason", sa.String(4000), nullable=False),
        sa.Column("filed_by", key(128), nullable=False),
        sa.Column("filed_at", UtcTime, nullable=False),
        sa.Column("answer", sa.String(4000)),
        sa.Column("changed_by", key(128), nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.CheckConstraint("against IN ('finding', 'rule', 'payment')", "against"),
        sa.CheckConstraint("state IN ('filed', 'upheld', 'dismissed', 'withdrawn')", "state"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_appeal_case_id", "appeal", ["case_id"])
    op.create_index("ix_appeal_state_id", "appeal", ["state", "id"])
    append_only.protect("sign_off")


def downgrade() -> None:
    """Back to the one before; what its tables hold is lost."""
    op.drop_table("appeal")
    op.drop_table("sign_off")
