"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

HASH_LENGTH = 64
PERSON_LENGTH = 128
ACCOUNT_NAME_LENGTH = 64
CASE_ID_LENGTH = 128
TEXT_LENGTH = 4000

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A number that the database gives. SQLite counts only in a column that is exactly INTEGER."""


class UtcTime(sa.TypeDecorator[datetime]):
    """A time with its zone, kept in UTC to the microsecond. A time without a zone is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What a value is."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """What the database gets: SQLite has no zones."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Real(sa.TypeDecorator[float]):
    """A number with a fraction. SQLite gives a whole one back as an integer right after it was written, not later."""

    impl = sa.Double
    cache_ok = True

    @property
    def python_type(self) -> type[float]:
        """What a value is."""
        return float

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> float | None:
        """The number as a float."""
        return None if value is None else float(value)


def key(length: int) -> sa.types.TypeEngine[str]:
    """Text that is compared byte by byte in both databases, whatever the locale of the server."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
