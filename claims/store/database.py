"""The connection to a store: opening, transactions, and the errors of the database in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from claims.store.address import Address
from claims.store.errors import StoreError

WAIT_SECONDS = 30
OWNER_ONLY = 0o600

# SQLSTATE of PostgreSQL and error names of SQLite -> message.
MEANING = {
    "55P03": "store.busy",
    "57014": "store.busy",
    "SQLITE_BUSY": "store.busy",
    "SQLITE_LOCKED": "store.busy",
    "53100": "store.disk_full",
    "SQLITE_FULL": "store.disk_full",
    "25006": "store.read_only",
    "42501": "store.read_only",
    "SQLITE_READONLY": "store.read_only",
    "SQLITE_CORRUPT": "store.damaged",
    "SQLITE_NOTADB": "store.damaged",
    "XX001": "store.damaged",
    "XX002": "store.damaged",
}


@dataclass(frozen=True)
class Store:
    """A store to work with: the connections to it. Threads may share it, processes may not. Close it at the end."""

    address: Address
    engine: sa.Engine

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(address: Address, create: bool = False) -> Store:
    """The connections to a store, whatever its schema. A SQLite file is made only with ``create``."""
    if address.file is None:
        return Store(address, _postgresql_engine(address))
    _find_file(address, create)
    return Store(address, _sqlite_engine(address))


def _find_file(address: Address, create: bool) -> None:
    assert address.file is not None  # noqa: S101 - the caller looked
    if not create:
        if not address.file.is_file():
            raise StoreError("store.no_file", str(address))
        return
    try:
        os.close(os.open(address.file, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
    except OSError as error:
        raise StoreError("store.file_not_writable", str(address), detail=error.strerror) from None


def _sqlite_engine(address: Address) -> sa.Engine:
    engine = sa.create_engine(address.url, hide_parameters=True, connect_args={"timeout": WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The module would begin transactions by itself, too late and not for changes of the schema.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A transaction that began by reading could not wait for its turn to write.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(address: Address) -> sa.Engine:
    settings = f"-c lock_timeout={WAIT_SECONDS}s -c idle_in_transaction_session_timeout={20 * WAIT_SECONDS}s"
    options = {"connect_timeout": WAIT_SECONDS, "options": settings, "application_name": "drgbridge"}
    try:
        return sa.create_engine(address.url, hide_parameters=True, connect_args=options, pool_pre_ping=True)
    except ImportError:
        raise StoreError("store.no_driver", str(address)) from None


@contextmanager
def write_connection(store: Store) -> Iterator[sa.Connection]:
    """A transaction that may write: committed where the block ends well, else rolled back."""
    with _in_words(store.address), store.engine.execution_options(writes=True).begin() as connection:
        yield connection


@contextmanager
def read_connection(store: Store) -> Iterator[sa.Connection]:
    """A transaction that sees one state of the store, however long it reads."""
    engine = store.engine
    if store.address.file is None:
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _in_words(store.address), engine.begin() as connection:
        yield connection


@contextmanager
def _in_words(address: Address) -> Iterator[None]:
    """Errors of the database as :class:`StoreError`. What the driver says is left out: it may quote values."""
    try:
        yield
    except DBAPIError as error:
        # Extended names of SQLite (SQLITE_BUSY_SNAPSHOT) begin with the plain one.
        name = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""
        plain = "_".join(name.split("_")[:2])
        if plain in MEANING:
            raise StoreError(MEANING[plain], str(address)) from None
        if isinstance(error, sa.exc.DataError):
            raise StoreError("store.value_refused", str(address)) from None
        if isinstance(error, sa.exc.IntegrityError):
            raise StoreError("store.not_consistent", str(address), detail=name) from None
        if isinstance(error, sa.exc.OperationalError):
            raise StoreError("store.unreachable", str(address), detail=name or "-") from None
        raise
    except (OverflowError, UnicodeEncodeError):
        raise StoreError("store.value_refused", str(address)) from None
