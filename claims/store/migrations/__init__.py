"""Alembic's environment and the revisions of the schema, each up and down, for SQLite and PostgreSQL."""
