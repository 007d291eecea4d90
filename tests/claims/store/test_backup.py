"""Backup and restore between both databases, and backups that are refused."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa

from claims.store import (
    Address,
    Against,
    Filter,
    Judgement,
    Kind,
    NewAppeal,
    Signed,
    Store,
    StoreError,
    add_items,
    assign,
    audit_since,
    backup_store,
    decide,
    file_appeal,
    open_items,
    open_store,
    parse_address,
    restore_store,
    sign_off,
    start_run,
    state_counts,
    store_status,
    verify,
)
from claims.store.backup import write_backup
from claims.store.database import connect, read_connection, write_connection
from claims.store.migrate import migrate, revisions
from claims.store.schema import metadata
from tests.claims.store.conftest import DATABASES, HASHES, PERSON, NewAddress, claim, filled, new_address


def full(store: Store) -> Store:
    """A store with a row in most tables, with Chinese texts, missing values and large numbers."""
    filled(
        store,
        claim("C1", amount_fen=2**62),
        claim("案例2", amount_fen=None, risk_score=0.1 + 0.2, reasons=()),
    )
    item = open_items(store, Filter(Kind.CLAIM)).items[0]
    item = assign(store, item.id, item.version, "李", "wang")
    decide(store, item.id, item.version, Judgement("to_investigation", "第一行\n第二行", "rules-1"), "李")
    sign_off(store, Signed("C1", "e" * 64, raises_weight=True, reason="依据病程"), 0, "chen")
    file_appeal(store, NewAppeal("C1", Against.PAYMENT, "2026-10", "少付", amount_fen=-5), "wang")
    return store


def rows_of(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with read_connection(store) as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for table in metadata.sorted_tables
        }


def changed(path: Path, name: str, change: Callable[[bytes], bytes], repair: bool = False) -> Path:
    """A copy of a backup in which one file was changed; with ``repair`` the manifest was made to fit."""
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        files = {entry: source.read(entry) for entry in source.namelist()}
        files[name] = change(files[name])
        if repair:
            manifest = json.loads(files["manifest.json"])
            table = manifest["tables"][name.removesuffix(".jsonl")]
            table |= {"bytes": len(files[name]), "sha256": sha256(files[name]).hexdigest()}
            files["manifest.json"] = json.dumps(manifest).encode()
        for entry, content in files.items():
            copy.writestr(entry, content)
    return target


@pytest.mark.parametrize("to", DATABASES)
def test_a_backup_restores_into_either_database(
    store: Store, to: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    before = rows_of(full(store))
    path = tmp_path / "backup.zip"
    backup_store(store, path, "wang")
    assert path.stat().st_mode & 0o777 == 0o600
    assert audit_since(store)[-1].action == "backup"
    address = new_address(to, tmp_path, request)
    restored = restore_store(address, path, "zhao")
    with open_store(address) as again:
        after = rows_of(again)
        assert restored.rows == sum(map(len, before.values()))
        assert (after["audit_entry"][:-1], audit_since(again)[-1].action) == (
            before["audit_entry"],
            "restore",
        )
        for name in before.keys() - {"audit_entry", "audit_head"}:
            assert after[name] == before[name], name
        assert verify(again).problems == ()
        # The database goes on counting after what was restored.
        add_items(again, "run-1", [claim("C9")], PERSON)
        assert verify(again).problems == ()
    assert list(tmp_path.glob(".*")) == []


def test_a_backup_while_others_write_is_of_one_moment(
    store: Store, made_place: Address, tmp_path: Path
) -> None:
    start_run(store, "run-1", date(2026, 11, 23), HASHES, PERSON)
    stop = threading.Event()

    def keep_adding() -> None:
        with open_store(made_place) as writer:
            number = 0
            while not stop.is_set():
                add_items(writer, "run-1", [claim(f"C{number + step}") for step in range(10)], PERSON)
                number += 10

    thread = threading.Thread(target=keep_adding)
    thread.start()
    try:
        paths = [tmp_path / f"{number}.zip" for number in range(3)]
        for path in paths:
            write_backup(store, path)
    finally:
        stop.set()
        thread.join()
    counts = []
    for path in paths:
        address = parse_address(str(path.with_suffix(".sqlite")))
        restore_store(address, path, "zhao")
        with open_store(address) as again:
            counts.append(sum(state_counts(again, Kind.CLAIM).values()))
    assert counts == sorted(counts)
    assert all(count % 10 == 0 for count in counts)


@pytest.mark.parametrize(
    ("name", "change", "repair", "message"),
    [
        (
            "work_item.jsonl",
            lambda text: text.replace(b"C1", b"C7"),
            False,
            "work_item in the backup was changed",
        ),
        (
            "audit_entry.jsonl",
            lambda text: b"".join(text.splitlines(True)[:-1]),
            False,
            "audit_entry in the backup",
        ),
        ("work_item.jsonl", lambda text: text.replace(b"C1", b"C7"), True, "does not verify"),
        ("audit_entry.jsonl", lambda text: b"".join(text.splitlines(True)[:-1]), True, "does not verify"),
        ("work_item.jsonl", lambda text: b"[1]\n", True, "damaged"),
        ("work_item.jsonl", lambda text: text.replace(b'"owner"', b'"other"'), True, "damaged"),
        ("run.jsonl", lambda text: text.replace(b"2026-11-23", b"2026-99-23"), True, "damaged"),
        ("run.jsonl", lambda text: text.replace(b'"version":1', b'"version":"1"'), True, "does not fit"),
        ("reason.jsonl", lambda text: text.replace(b'"item_id":1', b'"item_id":77'), True, "refused rows"),
        ("manifest.json", lambda text: text.replace(b'"0004"', b'"9999"'), False, "newer"),
        ("manifest.json", lambda text: b"{}", False, "damaged"),
        ("manifest.json", lambda text: b"\xff", False, "damaged"),
        ("extra.jsonl", lambda text: b"", False, "damaged"),
    ],
)
def test_a_changed_backup_is_refused_and_nothing_is_left(
    store: Store,
    places: NewAddress,
    tmp_path: Path,
    name: str,
    change: Callable[[bytes], bytes],
    repair: bool,
    message: str,
) -> None:
    write_backup(full(store), tmp_path / "backup.zip")
    if name == "extra.jsonl":
        path = tmp_path / "backup.zip"
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"")
    else:
        path = changed(tmp_path / "backup.zip", name, change, repair)
    address = places()
    with pytest.raises(StoreError, match=message):
        restore_store(address, path, "zhao")
    with pytest.raises(StoreError, match="store init"):
        open_store(address)
    assert address.file is None or not address.file.exists()


def test_a_backup_that_does_not_verify_can_be_restored_on_demand(store: Store, tmp_path: Path) -> None:
    write_backup(full(store), tmp_path / "backup.zip")
    path = changed(tmp_path / "backup.zip", "work_item.jsonl", lambda text: text.replace(b"C1", b"C7"), True)
    address = parse_address(str(tmp_path / "again.sqlite"))
    restore_store(address, path, "zhao", accept_problems=True)
    with open_store(address) as again:
        assert [problem.where for problem in verify(again).problems] == ["work_item 1"]


def test_only_an_empty_store_takes_a_backup(store: Store, made_place: Address, tmp_path: Path) -> None:
    write_backup(store, tmp_path / "empty.zip")
    restore_store(made_place, tmp_path / "empty.zip", "zhao")
    before = rows_of(full(store))
    with pytest.raises(StoreError, match="only into an empty store"):
        restore_store(made_place, tmp_path / "empty.zip", "zhao")
    assert rows_of(store) == before


def test_a_backup_of_an_older_schema_is_brought_up_to_date(places: NewAddress, tmp_path: Path) -> None:
    with connect(places(), create=True) as older:
        with write_connection(older) as connection:
            migrate(connection, revisions()[0])
        run = start_run(older, "run-1", date(2026, 11, 23), HASHES, PERSON)
        write_backup(older, tmp_path / "older.zip")
    address = places()
    restore_store(address, tmp_path / "older.zip", "zhao")
    with open_store(address) as again:
        assert store_status(again).last_run == run
        filled(again, claim(), run_id="run-2")
        assert verify(again).problems == ()


def test_files_that_are_no_backup(tmp_path: Path) -> None:
    address = parse_address(str(tmp_path / "new.sqlite"))
    (tmp_path / "text.zip").write_bytes(b"no zip")
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    for name in ("text.zip", "cut.zip", "other.zip", "absent.zip"):
        with pytest.raises(StoreError):
            restore_store(address, tmp_path / name, "zhao")
        assert not (tmp_path / "new.sqlite").exists()


def test_a_backup_replaces_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    path.write_bytes(b"precious")
    with pytest.raises(StoreError, match="there already"):
        backup_store(store, path, "wang")
    with pytest.raises(StoreError, match="cannot be written"):
        backup_store(store, tmp_path / "absent" / "backup.zip", "wang")
    assert path.read_bytes() == b"precious"
