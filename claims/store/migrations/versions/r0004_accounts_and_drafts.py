"""Accounts, their credentials and sessions, and the drafts of cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from claims.store.columns import Id, UtcTime, key
from claims.store.migrations import append_only

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "account",
        sa.Column("id", Id, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("name", key(64), nullable=False),
        sa.Column("display_name", sa.String(128), nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("subject", key(255)),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("changed_by", key(128), nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("subject"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "credential",
        sa.Column("id", Id, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
        sa.Column("password_hash", key(255)),
        sa.Column("must_change", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", UtcTime),
        sa.Column("signed_in_at", UtcTime),
    )
    op.create_table(
        "session",
        sa.Column("id", Id, primary_key=True),
        sa.Column("token_hash", key(64), nullable=False),
        sa.Column("account_id", Id, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("seen_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.UniqueConstraint("token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_session_account_id", "session", ["account_id"])
    op.create_table(
        "draft",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", key(128), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("content_hash", key(64), nullable=False),
        sa.Column("person", key(128), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.UniqueConstraint("case_id", "number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_draft_content_hash", "draft", ["content_hash"])
    append_only.protect("draft")


def downgrade() -> None:
    """Back to the one before; what its tables hold is lost."""
    op.drop_table("draft")
    op.drop_table("session")
    op.drop_table("credential")
    op.drop_table("account")
