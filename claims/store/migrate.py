"""The schema of a store: making it, bringing it up to date, and refusing one that does not fit this program."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from claims.store.address import Address
from claims.store.database import Store, connect, read_connection, write_connection
from claims.store.errors import StoreError
from claims.store.transaction import writing

EMPTY = "base"
# Two programs that migrate one PostgreSQL database take turns by this lock; the number is ours by choice.
MIGRATION_LOCK = 7_261_001


def init_store(address: Address) -> Store:
    """Make the store, or open it where it was made already. Raises :class:`StoreError` as :func:`open_store` does."""
    store = connect(address, create=True)
    with write_connection(store) as connection:
        if revision_of(connection) is None:
            migrate(connection, head())
    return _checked(store)


def open_store(address: Address) -> Store:
    """Open a store. Raises :class:`StoreError` where it is not there, not made yet, or of another schema."""
    return _checked(connect(address))


def upgrade_store(store: Store, backup_file: Path, person: str) -> bool:
    """Bring an older store up to date, after a backup to ``backup_file``; ``False`` where it was up to date.

    The whole upgrade is one transaction: where it fails, the store stays as it was.
    """
    from claims.store.backup import write_backup

    with read_connection(store) as connection:
        found = revision_of(connection)
    if found == head():
        return False
    _check_known(store.address, found)
    write_backup(store, backup_file)
    with write_connection(store) as connection:
        migrate(connection, head())
    with writing(store, person) as transaction:
        transaction.record("upgrade", "store", head())
    return True


def migrate(connection: sa.Connection, revision: str) -> None:
    """Take the schema up or down to ``revision``, in the transaction of the connection."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    config = _config()
    config.attributes["connection"] = connection
    found = revision_of(connection)
    if found == revision:
        return
    if revision == EMPTY or (found is not None and revision in revisions()[: revisions().index(found)]):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def revision_of(connection: sa.Connection) -> str | None:
    """The revision of the schema, ``None`` where there is no schema."""
    return MigrationContext.configure(connection).get_current_revision()


def revisions() -> list[str]:
    """All revisions that this program knows, oldest first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def head() -> str:
    """The revision that this program works with."""
    return revisions()[-1]


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _checked(store: Store) -> Store:
    try:
        with read_connection(store) as connection:
            found = revision_of(connection)
        _check_known(store.address, found)
        if found != head():
            raise StoreError("store.schema_older", str(store.address), found=found, head=head())
    except StoreError:
        store.close()
        raise
    return store


def _check_known(address: Address, found: str | None) -> None:
    if found is None:
        raise StoreError("store.schema_missing", str(address))
    if found not in revisions():
        raise StoreError("store.schema_newer", str(address), found=found, head=head())
