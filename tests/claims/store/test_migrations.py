"""The schema: every revision up and down on both databases, and stores that do not fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from claims.store import StoreError, init_store, open_store, start_run, store_status, upgrade_store, verify
from claims.store.database import connect, read_connection, write_connection
from claims.store.migrate import EMPTY, head, migrate, revision_of, revisions
from claims.store.schema import metadata
from tests.claims.store.conftest import NewAddress, claim, filled


def test_the_migrations_make_what_the_code_expects(places: NewAddress) -> None:
    with init_store(places()) as store, read_connection(store) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_every_revision_up_and_down(places: NewAddress) -> None:
    with connect(places(), create=True) as store:
        shapes = []
        for revision in [*revisions(), *revisions()[-2::-1], EMPTY, *revisions()]:
            with write_connection(store) as connection:
                migrate(connection, revision)
            with read_connection(store) as connection:
                found = revision_of(connection)
                assert found == (None if revision == EMPTY else revision)
                shapes.append((revision, sorted(sa.inspect(connection).get_table_names())))
    assert dict(shapes)[EMPTY] == ["alembic_version"]
    assert set(metadata.tables) < set(dict(shapes)[head()])
    for revision in revisions():
        assert len({str(tables) for name, tables in shapes if name == revision}) == 1


def test_a_migration_that_fails_changes_nothing(places: NewAddress) -> None:
    with connect(places(), create=True) as store:
        with write_connection(store) as connection:
            migrate(connection, revisions()[0])
            connection.exec_driver_sql("CREATE TABLE decision (id INTEGER)")
        with pytest.raises((StoreError, sa.exc.DBAPIError)), write_connection(store) as connection:
            migrate(connection, head())
        with read_connection(store) as connection:
            assert revision_of(connection) == revisions()[0]
            assert "work_item" not in sa.inspect(connection).get_table_names()


def test_an_older_store_is_upgraded_after_a_backup_and_keeps_its_rows(
    places: NewAddress, tmp_path: Path
) -> None:
    address = places()
    with connect(address, create=True) as older:
        with write_connection(older) as connection:
            migrate(connection, revisions()[0])
        filled_run = start_run(older, "run-1", date(2026, 11, 23), {}, "nightly")
        with pytest.raises(StoreError, match="store upgrade"):
            open_store(address)
        assert upgrade_store(older, tmp_path / "before.zip", "wang")
        assert not upgrade_store(older, tmp_path / "again.zip", "wang")
    assert (tmp_path / "before.zip").exists()
    assert not (tmp_path / "again.zip").exists()
    with open_store(address) as store:
        assert store_status(store).last_run == filled_run
        assert verify(store).problems == ()
        filled(store, claim(), run_id="run-2")


def test_a_newer_store_is_left_alone(places: NewAddress, tmp_path: Path) -> None:
    address = places()
    with init_store(address) as store:
        with write_connection(store) as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        for use in (lambda: open_store(address), lambda: upgrade_store(store, tmp_path / "b.zip", "wang")):
            with pytest.raises(StoreError, match="9999"):
                use()
        with pytest.raises(StoreError, match="9999"):
            init_store(address)
        with read_connection(store) as connection:
            assert revision_of(connection) == "9999"
    assert list(tmp_path.glob("*.zip")) == []


def test_two_who_make_one_store_at_once(places: NewAddress) -> None:
    address = places()
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(lambda _: init_store(address), range(2)))
    for store in stores:
        assert store_status(store).audit_entries == 0
        store.close()


def test_a_store_that_was_not_made(places: NewAddress) -> None:
    address = places()
    with pytest.raises(StoreError, match="store init"):
        open_store(address)
    assert address.file is None or not address.file.exists()
