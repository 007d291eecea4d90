"""Backup of a store to one file that either database can be restored from.

The file is a zip: ``manifest.json`` and for each table ``<table>.jsonl``, one JSON object a row, with its row count,
size and SHA-256 in the manifest. It holds what the store holds but the sessions, in the clear, with the hashes of
passwords: keep it as safe as the store.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import orjson
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.engine import URL

from claims.store import schema
from claims.store.address import Address
from claims.store.audit import verify_in
from claims.store.database import OWNER_ONLY, Store, connect, read_connection, write_connection
from claims.store.errors import StoreError
from claims.store.migrate import EMPTY, head, migrate, revision_of, revisions
from claims.store.transaction import Transaction, Values, check_values, plain, writing
from drg.disk import sync

FORMAT = 1
MANIFEST = "manifest.json"
MOST_MANIFEST_BYTES = 1_000_000
MOST_LINE_BYTES = 1_000_000
BATCH = 5_000
FIXED_TIME = (1980, 1, 1, 0, 0, 0)


class TableEntry(BaseModel):
    """What the manifest says about the file of one table; ``sha256`` is of its bytes, not compressed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What is in a backup. ``revision`` is the schema of the store that it was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: int
    revision: str
    made_at: datetime
    tables: dict[str, TableEntry]


@dataclass(frozen=True)
class Restored:
    """What a restore brought back."""

    rows: int
    made_at: datetime


def backup_store(store: Store, path: Path, person: str) -> Manifest:
    """Back the store up while it is in use, and note it in the audit trail.

    Raises :class:`StoreError` where ``path`` is there already or cannot be written.
    """
    manifest = write_backup(store, path)
    with writing(store, person) as transaction:
        transaction.record("backup", "store", manifest.revision)
    return manifest


def write_backup(store: Store, path: Path) -> Manifest:
    """Write a backup of a store of any revision that has a schema: one state of it, whole or not at all."""
    if path.exists():
        raise StoreError("store.backup_exists", str(path))
    try:
        # The folder is for its owner only, and on the same disk, so that the last step is a rename.
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            part = Path(folder) / "part"
            with _still(store, Path(folder)) as source, read_connection(source) as connection:
                manifest = _write(connection, part)
            part.rename(path)
            sync(path.parent)
    except OSError as error:
        raise StoreError("store.backup_not_written", str(path), detail=error.strerror) from None
    return manifest


def restore_store(address: Address, path: Path, person: str, accept_problems: bool = False) -> Restored:
    """Restore a backup into a store that is empty or not there, all or nothing; it ends at the schema of today.

    Raises :class:`StoreError` where the file was changed, where the store has rows, and, unless ``accept_problems``,
    where the audit trail in the backup does not verify.
    """
    was_there = address.file is None or address.file.exists()
    try:
        with _opened(path) as archive, connect(address, create=True) as store:
            manifest = _checked_manifest(archive, path)
            with write_connection(store) as connection:
                _restore(connection, archive, path, manifest, accept_problems, store.address)
                transaction = Transaction(connection, person)
                transaction.record("restore", "store", manifest.revision)
                transaction.write_audit()
    except BaseException:
        if not was_there and address.file is not None:
            address.file.unlink(missing_ok=True)
        raise
    return Restored(sum(entry.rows for entry in manifest.tables.values()), manifest.made_at)


@contextmanager
def _still(store: Store, folder: Path) -> Iterator[Store]:
    """A store that nobody writes to: a copy of a SQLite file; PostgreSQL shows one state to one transaction."""
    if store.address.file is None:
        yield store
        return
    copy = folder / "copy.sqlite"
    with closing(sqlite3.connect(store.address.file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    with connect(Address(URL.create("sqlite", database=str(copy)))) as still:
        yield still


def _write(connection: sa.Connection, path: Path) -> Manifest:
    revision = revision_of(connection)
    if revision is None:
        raise StoreError("store.schema_missing", str(path))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            tables = {
                table.name: _write_table(connection, table, archive) for table in _tables(connection).values()
            }
            manifest = Manifest(format=FORMAT, revision=revision, made_at=datetime.now(UTC), tables=tables)
            archive.writestr(zipfile.ZipInfo(MANIFEST, FIXED_TIME), manifest.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _write_table(connection: sa.Connection, table: sa.Table, archive: zipfile.ZipFile) -> TableEntry:
    rows = size = 0
    total = sha256()
    statement = sa.select(table).order_by(*table.primary_key)
    result = connection.execute(statement, execution_options={"yield_per": BATCH})
    info = zipfile.ZipInfo(_member(table.name), FIXED_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as file:
        for part in result.mappings().partitions():
            lines = b"".join(_line(row) for row in part)
            file.write(lines)
            total.update(lines)
            rows += len(part)
            size += len(lines)
    return TableEntry(rows=rows, bytes=size, sha256=total.hexdigest())


def _line(row: Values) -> bytes:
    values = {
        name: _in_utc(value) if isinstance(value, datetime) else value for name, value in plain(row).items()
    }
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _tables(connection: sa.Connection) -> dict[str, sa.Table]:
    """The tables of a backup as they are in the database, whatever its revision; each after those it refers to."""
    found = sa.MetaData()
    ours = set(schema.metadata.tables) - schema.NOT_IN_BACKUPS
    found.reflect(connection, only=lambda name, _: name in ours)
    return {table.name: table for table in found.sorted_tables}


def _member(table: str) -> str:
    return f"{table}.jsonl"


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError):
        raise StoreError("store.backup_damaged", str(path)) from None
    except FileNotFoundError:
        raise StoreError("store.backup_not_there", str(path)) from None


def _checked_manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """The manifest, after every file was compared with it."""
    try:
        with archive.open(MANIFEST) as file:
            manifest = Manifest.model_validate_json(file.read(MOST_MANIFEST_BYTES))
        if manifest.format != FORMAT or manifest.revision not in revisions():
            raise StoreError("store.backup_newer", str(path))
        if sorted(archive.namelist()) != sorted([MANIFEST, *map(_member, manifest.tables)]):
            raise StoreError("store.backup_damaged", str(path))
        for name, entry in manifest.tables.items():
            if _measured(archive, name, entry.bytes) != (entry.bytes, entry.sha256):
                raise StoreError("store.backup_changed", str(path), table=name)
    except (KeyError, ValidationError, zipfile.BadZipFile, zlib.error):
        raise StoreError("store.backup_damaged", str(path)) from None
    return manifest


def _measured(archive: zipfile.ZipFile, table: str, most: int) -> tuple[int, str]:
    """Size and SHA-256 of the file of a table; reading stops after ``most`` bytes and one more."""
    size = 0
    total = sha256()
    with archive.open(_member(table)) as file:
        while size <= most and (part := file.read(min(1 << 20, most + 1 - size))):
            size += len(part)
            total.update(part)
    return size, total.hexdigest()


def _restore(
    connection: sa.Connection,
    archive: zipfile.ZipFile,
    path: Path,
    manifest: Manifest,
    accept_problems: bool,
    address: Address,
) -> None:
    _empty(connection, address)
    migrate(connection, manifest.revision)
    tables = _tables(connection)
    if set(tables) != set(manifest.tables):
        raise StoreError("store.backup_damaged", str(path))
    connection.execute(sa.delete(tables["audit_head"]))
    for table in tables.values():
        _read_table(connection, table, archive, path)
    migrate(connection, head())
    verified = verify_in(connection)
    if verified.problems and not accept_problems:
        problem = verified.problems[0]
        raise StoreError(
            "store.backup_not_verified", str(path), count=len(verified.problems), place=problem.where
        )


def _empty(connection: sa.Connection, address: Address) -> None:
    """Leave no schema. Raises :class:`StoreError` where there is a row that somebody wrote."""
    found = revision_of(connection)
    if found is not None and found not in revisions():
        raise StoreError("store.schema_newer", str(address), found=found, head=head())
    for table in _tables(connection).values():
        written = sa.select(sa.literal(1)).select_from(table).limit(1)
        if table.name == schema.audit_head.name:
            written = written.where(table.c.number > 0)
        if connection.execute(written).first() is not None:
            raise StoreError("store.not_empty", str(address), table=table.name)
    if found is not None:
        migrate(connection, EMPTY)


def _read_table(connection: sa.Connection, table: sa.Table, archive: zipfile.ZipFile, path: Path) -> None:
    has_zones = connection.dialect.name == "postgresql"
    with archive.open(_member(table.name)) as file:
        while batch := list(_rows(file, table, has_zones, path)):
            connection.execute(sa.insert(table), batch)
    if connection.dialect.name == "postgresql" and table.autoincrement_column is not None:
        _count_on(connection, table)


def _rows(file: IO[bytes], table: sa.Table, has_zones: bool, path: Path) -> Iterator[dict[str, Any]]:
    """The next rows of a table, ``BATCH`` at most."""
    for _ in range(BATCH):
        line = file.readline(MOST_LINE_BYTES)
        if not line:
            return
        try:
            row = orjson.loads(line)
            if not isinstance(row, dict) or set(row) != set(table.c.keys()):
                raise ValueError
            read = {name: _read_value(table.c[name], value) for name, value in row.items()}
        except ValueError:
            raise StoreError("store.backup_damaged", str(path)) from None
        check_values(table, read)
        yield {name: _bound(has_zones, value) for name, value in read.items()}


def _read_value(column: sa.Column[Any], value: object) -> object:
    if not isinstance(value, str):
        return value
    if column.type.python_type is datetime:
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if column.type.python_type is date else value


def _bound(has_zones: bool, value: object) -> object:
    """The value as the column of a reflected table takes it: SQLite has times without zones."""
    if isinstance(value, datetime) and not has_zones:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """Let PostgreSQL give numbers after those that were restored."""
    connection.execute(
        sa.text(
            "SELECT setval(pg_get_serial_sequence(:name, 'id'), max(id)) FROM " + table.name  # noqa: S608 - our own name
        ),
        {"name": table.name},
    )
