"""Stores to test with: every test that asks for one runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from claims.store import (
    Address,
    Kind,
    NewItem,
    Reason,
    Store,
    add_items,
    init_store,
    open_store,
    parse_address,
    start_run,
)
from claims.store.audit import FIRST_HASH
from claims.store.schema import metadata
from tests.claims.store import postgres

DATABASES = ("sqlite", "postgresql")
PERSON = "nightly"
HASHES = {"code": "c" * 64, "rules": "r" * 64}
NewAddress = Callable[[], Address]


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    if reason := postgres.why_not():
        pytest.skip(reason)
    with postgres.running() as running:
        yield running


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Databases:
    """Databases of the server, used again from test to test: making one copies a thousand files."""

    def __init__(self, server: postgres.Server):
        self.server = server
        self.made: list[str] = []
        self.taken = 0
        self.address_of_empty = self._make("empty_store")
        init_store(self.address_of_empty).close()

    def take(self) -> Address:
        """A database where no store is yet."""
        if self.taken == len(self.made):
            name = f"store_{self.taken}"
            self._make(name)
            self.made.append(name)
        name = self.made[self.taken]
        self.taken += 1
        self._run(name, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        return parse_address(self.server.url(name))

    def take_empty(self) -> Address:
        """A database with an empty store; one at a time."""
        tables = [table.name for table in metadata.sorted_tables]
        self._run(
            "empty_store",
            # Without the triggers that refuse it, which a test may have switched off too.
            "SET session_replication_role = replica",
            f"TRUNCATE {', '.join(tables)} RESTART IDENTITY",
            f"INSERT INTO audit_head VALUES (1, 0, '{FIRST_HASH}')",  # noqa: S608 - a constant
            *(f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in tables),
        )
        return self.address_of_empty

    def _make(self, name: str) -> Address:
        self._run("postgres", f"CREATE DATABASE {name}")
        return parse_address(self.server.url(name))

    def _run(self, name: str, *statements: str) -> None:
        with psycopg.connect(self.server.url(name), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="session")
def all_databases(server: postgres.Server) -> Databases:
    return Databases(server)


@pytest.fixture
def databases(all_databases: Databases) -> Databases:
    """The databases, none of them taken yet."""
    all_databases.taken = 0
    return all_databases


def new_address(database: str, folder: Path, request: pytest.FixtureRequest) -> Address:
    """A place where no store is yet."""
    if database == "sqlite":
        return parse_address(str(folder / f"store_{secrets.token_hex(6)}.sqlite"))
    found: Databases = request.getfixturevalue("databases")
    return found.take()


@pytest.fixture
def places(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> NewAddress:
    """Makes places of one database where no store is yet."""
    return lambda: new_address(database, tmp_path, request)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store to copy: making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    init_store(parse_address(str(path))).close()
    return path


@pytest.fixture
def made_place(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Address:
    """The address of an empty store."""
    if database == "postgresql":
        found: Databases = request.getfixturevalue("databases")
        return found.take_empty()
    address = new_address(database, tmp_path, request)
    shutil.copy(request.getfixturevalue("empty_file"), str(address))
    return address


@pytest.fixture
def store(made_place: Address) -> Iterator[Store]:
    """An empty store."""
    with open_store(made_place) as opened:
        yield opened


def claim(case_id: str = "C1", priority: int = 100, **given: object) -> NewItem:
    """A claim to look at."""
    values: dict[str, object] = {
        "kind": Kind.CLAIM,
        "case_id": case_id,
        "hospital": "H001",
        "priority": priority,
        "amount_fen": 1_250_000,
        "risk_score": 0.5,
        "risk_band": "high",
        "model_hash": "a" * 64,
        "policy_hash": "b" * 64,
        "reasons": (Reason("C061", {"days": 7}, 1.25), Reason("los_days", {"value": 31.5})),
    }
    return NewItem(**{**values, **given})  # type: ignore[arg-type]


def filled(store: Store, *items: NewItem, run_id: str = "run-1") -> Store:
    """The store with a run and its items."""
    start_run(store, run_id, date(2026, 11, 23), HASHES, PERSON)
    add_items(store, run_id, items, PERSON)
    return store
