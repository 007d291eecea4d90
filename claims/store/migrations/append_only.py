"""Triggers that let a table only grow. They stop mistakes; who owns the database can drop them."""

from __future__ import annotations

from alembic import op

REFUSAL = "rows of this table are never changed or removed"
FUNCTION = "drgbridge_append_only"


def make_function() -> None:
    """What the triggers of PostgreSQL call."""
    if _is_postgresql():
        op.execute(
            f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )


def drop_function() -> None:
    """Undo :func:`make_function`."""
    if _is_postgresql():
        op.execute(f"DROP FUNCTION {FUNCTION}()")


def protect(table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE. Dropping the table drops the triggers."""
    if _is_postgresql():
        for event, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            op.execute(
                f"CREATE TRIGGER {table}_{each.lower()}_append_only BEFORE {event} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION {FUNCTION}()"
            )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_{event.lower()}_append_only BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"
