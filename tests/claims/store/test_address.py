"""Where the store is, its rights, and that no password is ever shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from claims.store import StoreError, find_address, get_item, init_store, open_store, parse_address
from claims.store.address import DEFAULT_FILE, VARIABLE
from claims.store.database import read_connection
from tests.claims.store import postgres
from tests.claims.store.conftest import claim, filled

SECRET = "s3cret-w0rd"  # noqa: S105 - not a secret


def test_which_store_is_meant() -> None:
    assert str(find_address("a.sqlite", {VARIABLE: "b.sqlite"})) == "a.sqlite"
    assert str(find_address(None, {VARIABLE: "b.sqlite"})) == "b.sqlite"
    assert str(find_address(None, {})) == DEFAULT_FILE
    assert str(parse_address("sqlite:////data/s.sqlite")) == "/data/s.sqlite"


@pytest.mark.parametrize(
    "text",
    [
        "mysql://u@h/d",
        "postgresql://",
        "postgresql://h",
        "sqlite://",
        "sqlite:///x?mode=memory",
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u@h/d?password={SECRET}",
        f"postgresql://u:{SECRET}@h/d?options=-c%20x",
        f"postgresql+asyncpg://u:{SECRET}@h/d",
    ],
)
def test_addresses_that_are_refused_without_their_password(text: str) -> None:
    with pytest.raises(StoreError) as caught:
        parse_address(text)
    assert SECRET not in str(caught.value) + caught.value.render("zh") + repr(caught.value)


def test_a_password_is_not_taken_from_the_command_line() -> None:
    url = f"postgresql://u:{SECRET}@localhost/d"
    with pytest.raises(StoreError) as caught:
        find_address(url, {})
    assert SECRET not in str(caught.value)
    assert find_address(None, {VARIABLE: url}).url.password == SECRET


def test_another_host_needs_a_certificate_that_fits() -> None:
    assert parse_address("postgresql://u@db.example/d").url.query["sslmode"] == "verify-full"
    assert parse_address("postgresql://u@db.example/d?sslmode=require").url.query["sslmode"] == "require"
    assert "sslmode" not in parse_address("postgresql://u@127.0.0.1/d").url.query


def test_a_login_that_is_refused_shows_no_password(server: postgres.Server) -> None:
    url = server.url("postgres").replace(server.password, SECRET)
    address = parse_address(url)
    with pytest.raises(StoreError) as caught:
        open_store(address)
    shown = f"{caught.value} {caught.value!r} {caught.value.render('zh')} {address} {address!r}"
    assert SECRET not in shown
    assert caught.value.code == "store.unreachable"
    assert caught.value.__cause__ is None


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with init_store(parse_address(str(tmp_path / "s.sqlite"))) as store:
        filled(store, claim())
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        with read_connection(store) as connection:
            pragmas = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "foreign_keys")
            ]
        assert pragmas == ["wal", 1]
        get_item(store, 1)


def test_files_that_are_no_store(tmp_path: Path, empty_file: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        init_store(parse_address(str(tmp_path / "absent" / "s.sqlite")))
    (tmp_path / "text").write_text("not a database, " * 500)
    with pytest.raises(StoreError, match="damaged"):
        open_store(parse_address(str(tmp_path / "text")))
    shutil.copy(empty_file, tmp_path / "cut")
    with (tmp_path / "cut").open("r+b") as file:
        file.truncate(8192)
    with pytest.raises(StoreError):
        filled(open_store(parse_address(str(tmp_path / "cut"))), claim())


def test_numbers_that_no_database_has(tmp_path: Path) -> None:
    with init_store(parse_address(str(tmp_path / "s.sqlite"))) as store, pytest.raises(StoreError):
        get_item(store, 2**70)
