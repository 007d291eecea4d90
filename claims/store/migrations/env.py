"""Run by Alembic: the revisions go over the connection, and in the transaction, of ``claims.store.migrate``."""

from __future__ import annotations

from alembic import context

from claims.store.schema import metadata

# SQLite can change its schema in a transaction; Alembic assumes that it cannot.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
context.run_migrations()
