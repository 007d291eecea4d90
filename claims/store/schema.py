"""The tables. ``migrations`` makes them; a test compares both."""

from __future__ import annotations

import sqlalchemy as sa

from claims.store.columns import (
    ACCOUNT_NAME_LENGTH,
    CASE_ID_LENGTH,
    HASH_LENGTH,
    PERSON_LENGTH,
    TEXT_LENGTH,
    Id,
    Real,
    UtcTime,
    key,
)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", key(64), primary_key=True),
    sa.Column("run_date", sa.Date, nullable=False),
    sa.Column("state", key(16), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    # JSON objects with sorted keys: what the run worked with (code, scheme, ... -> SHA-256), and what it counted.
    sa.Column("hashes", sa.Text, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changed_by", key(PERSON_LENGTH), nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.CheckConstraint("state IN ('running', 'done', 'failed', 'interrupted')", "state"),
    sa.Index(None, "run_date"),
)

run_partition = sa.Table(
    "run_partition",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("run_id", key(64), sa.ForeignKey("run.id"), nullable=False),
    sa.Column("name", key(200), nullable=False),
    sa.Column("state", key(16), nullable=False),
    sa.Column("input_hash", key(HASH_LENGTH), nullable=False),
    sa.Column("output_hash", key(HASH_LENGTH)),
    sa.Column("rows_in", sa.BigInteger, nullable=False),
    sa.Column("rows_out", sa.BigInteger, nullable=False),
    sa.Column("rows_rejected", sa.BigInteger, nullable=False),
    sa.Column("seconds", Real, nullable=False),
    sa.Column("finished_at", UtcTime, nullable=False),
    sa.CheckConstraint("state IN ('done', 'failed')", "state"),
    sa.UniqueConstraint("run_id", "name"),
    sqlite_autoincrement=True,
)

work_item = sa.Table(
    "work_item",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", key(16), nullable=False),
    sa.Column("state", key(16), nullable=False),
    sa.Column("source_run", key(64), sa.ForeignKey("run.id"), nullable=False),
    sa.Column("case_id", key(CASE_ID_LENGTH), nullable=False),
    sa.Column("hospital", key(64), nullable=False),
    sa.Column("amount_fen", sa.BigInteger),
    sa.Column("priority", sa.BigInteger, nullable=False),
    sa.Column("risk_score", Real),
    sa.Column("risk_band", key(16)),
    sa.Column("model_hash", key(HASH_LENGTH)),
    sa.Column("policy_hash", key(HASH_LENGTH)),
    sa.Column("reasons_hash", key(HASH_LENGTH), nullable=False),
    sa.Column("owner", key(PERSON_LENGTH)),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("changed_by", key(PERSON_LENGTH), nullable=False),
    sa.CheckConstraint("kind IN ('coder', 'claim')", "kind"),
    sa.CheckConstraint("state IN ('open', 'assigned', 'decided', 'closed', 'reopened')", "state"),
    sa.UniqueConstraint("source_run", "kind", "case_id"),
    sa.Index(None, "case_id"),
    # Each order of the queue is the end of an index that begins with a filter; the amount is there to be skipped by.
    sa.Index("ix_work_item_priority", "kind", "state", "priority", "id", "amount_fen"),
    sa.Index("ix_work_item_waiting", "kind", "state", "id", "amount_fen"),
    sa.Index("ix_work_item_band", "kind", "state", "risk_band", "priority", "id", "amount_fen"),
    sa.Index("ix_work_item_owner", "owner", "kind", "state", "priority", "id"),
    sa.Index("ix_work_item_owner_waiting", "owner", "kind", "state", "id"),
    sqlite_autoincrement=True,
)

reason = sa.Table(
    "reason",
    metadata,
    sa.Column("item_id", Id, sa.ForeignKey("work_item.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("code", key(128), nullable=False),
    # A JSON object with sorted keys: what the sentence of the code shows.
    sa.Column("params", sa.Text, nullable=False),
    sa.Column("contribution", Real),
    sa.Index(None, "code", "item_id"),
)

item_event = sa.Table(
    "item_event",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("item_id", Id, sa.ForeignKey("work_item.id"), nullable=False),
    sa.Column("action", key(16), nullable=False),
    sa.Column("from_state", key(16), nullable=False),
    sa.Column("to_state", key(16), nullable=False),
    sa.Column("assignee", key(PERSON_LENGTH)),
    sa.Column("reason", sa.String(TEXT_LENGTH)),
    sa.Column("person", key(PERSON_LENGTH), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index(None, "item_id"),
    sqlite_autoincrement=True,
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("item_id", Id, sa.ForeignKey("work_item.id"), nullable=False),
    sa.Column("resolution", key(64), nullable=False),
    sa.Column("reason", sa.String(TEXT_LENGTH), nullable=False),
    sa.Column("person", key(PERSON_LENGTH), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("rules_version", key(HASH_LENGTH), nullable=False),
    sa.Column("model_version", key(HASH_LENGTH)),
    sa.Column("corrects", Id, sa.ForeignKey("decision.id")),
    sa.Index(None, "item_id", "id"),
    sa.Index(None, "at"),
    sqlite_autoincrement=True,
)

sign_off = sa.Table(
    "sign_off",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("case_id", key(CASE_ID_LENGTH), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("content_hash", key(HASH_LENGTH), nullable=False),
    sa.Column("raises_weight", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String(TEXT_LENGTH)),
    sa.Column("person", key(PERSON_LENGTH), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.UniqueConstraint("case_id", "number"),
    sqlite_autoincrement=True,
)

appeal = sa.Table(
    "appeal",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("case_id", key(CASE_ID_LENGTH), nullable=False),
    sa.Column("against", key(16), nullable=False),
    sa.Column("subject", key(128), nullable=False),
    sa.Column("amount_fen", sa.BigInteger),
    sa.Column("state", key(16), nullable=False),
    sa.Column("reason", sa.String(TEXT_LENGTH), nullable=False),
    sa.Column("filed_by", key(PERSON_LENGTH), nullable=False),
    sa.Column("filed_at", UtcTime, nullable=False),
    sa.Column("answer", sa.String(TEXT_LENGTH)),
    sa.Column("changed_by", key(PERSON_LENGTH), nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.CheckConstraint("against IN ('finding', 'rule', 'payment')", "against"),
    sa.CheckConstraint("state IN ('filed', 'upheld', 'dismissed', 'withdrawn')", "state"),
    sa.Index(None, "case_id"),
    sa.Index(None, "state", "id"),
    sqlite_autoincrement=True,
)

audit_entry = sa.Table(
    "audit_entry",
    metadata,
    # No gaps, so the number comes from audit_head and not from the database's own count.
    sa.Column("number", Id, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("person", key(PERSON_LENGTH), nullable=False),
    sa.Column("action", key(64), nullable=False),
    sa.Column("object_kind", key(32), nullable=False),
    sa.Column("object_id", key(160), nullable=False),
    sa.Column("before_hash", key(HASH_LENGTH)),
    sa.Column("after_hash", key(HASH_LENGTH)),
    sa.Column("previous_hash", key(HASH_LENGTH), nullable=False),
    sa.Column("hash", key(HASH_LENGTH), nullable=False),
    sa.Index(None, "object_kind", "object_id", "number"),
    sa.Index(None, "person", "number"),
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", Id, nullable=False),
    sa.Column("hash", key(HASH_LENGTH), nullable=False),
    sa.CheckConstraint("id = 1", "one_row"),
)

account = sa.Table(
    "account",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", key(ACCOUNT_NAME_LENGTH), nullable=False),
    sa.Column("display_name", sa.String(PERSON_LENGTH), nullable=False),
    # A JSON list, sorted.
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    # Who this is to the identity provider, where people sign in by one.
    sa.Column("subject", key(255)),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("changed_by", key(PERSON_LENGTH), nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.UniqueConstraint("name"),
    sa.UniqueConstraint("subject"),
    sqlite_autoincrement=True,
)

# Apart from the account, so that a failed sign-in does not make an administrator's edit stale.
credential = sa.Table(
    "credential",
    metadata,
    sa.Column("id", Id, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
    # Argon2id with its parameters and salt; none: this person signs in by the identity provider only.
    sa.Column("password_hash", key(255)),
    sa.Column("must_change", sa.Boolean, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("locked_until", UtcTime),
    sa.Column("signed_in_at", UtcTime),
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("token_hash", key(HASH_LENGTH), nullable=False),
    sa.Column("account_id", Id, sa.ForeignKey("account.id"), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.UniqueConstraint("token_hash"),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

draft = sa.Table(
    "draft",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("case_id", key(CASE_ID_LENGTH), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    # A JSON object with sorted keys; the hash is of these bytes.
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("content_hash", key(HASH_LENGTH), nullable=False),
    sa.Column("person", key(PERSON_LENGTH), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.UniqueConstraint("case_id", "number"),
    sa.Index(None, "content_hash"),
    sqlite_autoincrement=True,
)

NOT_IN_BACKUPS = frozenset({session.name})
"""A restored sign-in would be one that nobody made: after a restore everybody signs in again."""
