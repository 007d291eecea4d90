"""The audit trail: what is changed past the program is found."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from claims.store import (
    Filter,
    Kind,
    Signed,
    Store,
    StoreError,
    assign,
    audit_of,
    audit_since,
    get_item,
    open_items,
    record,
    sign_off,
    verify,
)
from claims.store.database import write_connection
from tests.claims.store.conftest import claim, filled

APPEND_ONLY = ("audit_entry", "decision", "item_event", "sign_off", "reason")


def worked_on(store: Store) -> Store:
    """A store in which somebody did something: five entries and more."""
    filled(store, claim("C1"), claim("C2"))
    item = open_items(store, Filter(Kind.CLAIM)).items[0]
    assign(store, item.id, item.version, "li", "wang")
    sign_off(store, Signed("C1", "e" * 64, raises_weight=False), 0, "chen")
    return store


def tamper(store: Store, statement: str) -> None:
    """What somebody could do who owns the database: the triggers go first."""
    with write_connection(store) as connection:
        for table in APPEND_ONLY:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            else:
                for event in ("update", "delete"):
                    connection.exec_driver_sql(f"DROP TRIGGER {table}_{event}_append_only")
        connection.exec_driver_sql(statement)


def test_every_change_has_its_entry(store: Store) -> None:
    entries = audit_since(worked_on(store))
    assert [(entry.person, entry.action, entry.object_kind) for entry in entries] == [
        ("nightly", "start", "run"),
        ("nightly", "add", "work_item"),
        ("nightly", "add", "work_item"),
        ("wang", "assign", "work_item"),
        ("wang", "assign", "item_event"),
        ("chen", "sign_off", "sign_off"),
    ]
    assert [entry.number for entry in entries] == list(range(1, 7))
    added, changed = audit_of(store, "work_item", int(entries[3].object_id))
    assert added.after_hash == changed.before_hash != changed.after_hash
    assert audit_since(store, 4, size=1) == [entries[4]]
    assert audit_since(store, person="chen") == [entries[5]]


def test_no_case_and_no_text_of_a_person_is_in_the_trail(store: Store) -> None:
    filled(store, claim("PATIENT-7"))
    assert "PATIENT-7" not in str(audit_since(store))


def test_looking_is_recorded_too(store: Store) -> None:
    record(store, "li", "view", "work_item", "17")
    (entry,) = audit_since(store)
    assert (entry.person, entry.action, entry.object_id, entry.after_hash) == ("li", "view", "17", None)
    assert verify(store).problems == ()


@pytest.mark.parametrize(
    ("statement", "code", "where"),
    [
        ("UPDATE audit_entry SET person = 'zhao' WHERE number = 4", "audit_changed", "audit_entry 4"),
        ("DELETE FROM audit_entry WHERE number = 3", "audit_missing", "audit_entry 4"),
        ("DELETE FROM audit_entry WHERE number = 6", "audit_end", "audit_entry 5"),
        ("DELETE FROM audit_head", "audit_no_head", "audit_head"),
        ("UPDATE work_item SET amount_fen = 1 WHERE case_id = 'C2'", "row_changed", "work_item 2"),
        ("UPDATE sign_off SET content_hash = 'f'", "row_changed", "sign_off 1"),
        ("DELETE FROM item_event", "row_missing", "item_event 1"),
        ("UPDATE reason SET code = 'C001' WHERE item_id = 1 AND position = 1", "row_changed", "reason 1"),
        ("DELETE FROM reason WHERE item_id = 2 AND position = 0", "row_changed", "reason 2"),
        (
            "INSERT INTO sign_off (case_id, number, content_hash, raises_weight, person, at) "
            "SELECT case_id, 2, content_hash, raises_weight, person, at FROM sign_off",
            "row_unknown",
            "sign_off 2",
        ),
    ],
)
def test_tampering_is_found(store: Store, statement: str, code: str, where: str) -> None:
    assert verify(worked_on(store)).problems == ()
    tamper(store, statement)
    found = [(problem.code, problem.where) for problem in verify(store).problems]
    assert (f"store.{code}", where) in found
    assert all(problem.render("zh") for problem in verify(store).problems)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET person = 'x'",
        "DELETE FROM audit_entry",
        "UPDATE item_event SET person = 'x'",
        "DELETE FROM item_event",
        "UPDATE sign_off SET person = 'x'",
        "DELETE FROM sign_off",
        "UPDATE reason SET code = 'x'",
        "DELETE FROM reason",
    ],
)
def test_the_database_itself_refuses_to_change_what_only_grows(store: Store, statement: str) -> None:
    worked_on(store)
    with pytest.raises((StoreError, sa.exc.DBAPIError)), write_connection(store) as connection:
        connection.exec_driver_sql(statement)
    assert verify(store).problems == ()


def test_a_write_that_fails_leaves_no_entry(store: Store) -> None:
    item = get_item(filled(store, claim()), 1)
    before = verify(store)
    with pytest.raises(StoreError):
        assign(store, item.id, item.version, "x" * 200, "wang")
    with pytest.raises(StoreError):
        assign(store, item.id, item.version, "li", "")
    assert verify(store) == before
