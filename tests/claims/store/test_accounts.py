"""Accounts, passwords and sessions, in both databases."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from claims.store import (
    Account,
    AccountState,
    AuditFilter,
    NewAccount,
    StaleEdit,
    Store,
    StoreError,
    accounts,
    add_account,
    audit_page,
    audit_since,
    backup_store,
    change_password,
    disable_account,
    enable_account,
    find_account,
    get_account,
    new_password,
    open_store,
    passwords,
    record,
    reset_password,
    restore_store,
    resume_session,
    schema,
    set_roles,
    sign_in,
    sign_in_by_subject,
    sign_out,
    unlock_account,
    verify,
)
from claims.store.database import read_connection, write_connection
from claims.store.sessions import NOBODY
from drg.errors import InputError
from tests.claims.store.conftest import NewAddress

FIRST, OWN = "given out once 1", "chosen by the person 2"
HOUR, IDLE = timedelta(hours=1), timedelta(minutes=30)
LI = NewAccount("li", "李编码", frozenset({"coder", "quality"}))


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2id with the least memory: what is tested here is not how long it takes."""
    given = passwords.settings()
    cheap = given.argon2id.model_copy(update={"memory_kib": 8192, "time_cost": 1, "parallelism": 1})
    monkeypatch.setattr(passwords, "settings", lambda: given.model_copy(update={"argon2id": cheap}))
    forget_hasher()
    yield
    forget_hasher()


def forget_hasher() -> None:
    passwords._hasher.cache_clear()
    passwords._hash_of_nothing.cache_clear()


@pytest.fixture
def li(store: Store) -> Account:
    """An account whose person has chosen a password."""
    account = add_account(store, LI, FIRST, "wang")
    return change_password(store, account.id, FIRST, OWN)


def refuses(code: str) -> object:
    return pytest.raises(StoreError, check=lambda error: error.code == code)


def actions(store: Store) -> list[tuple[str, str]]:
    return [(entry.person, entry.action) for entry in audit_since(store, size=1000)]


def test_the_life_of_an_account(store: Store) -> None:
    account = add_account(store, LI, FIRST, "wang")
    assert account.state(datetime.now(UTC)) is AccountState.MUST_CHANGE
    assert (account.roles, account.has_password, account.version) == ({"coder", "quality"}, True, 1)
    account = change_password(store, account.id, FIRST, OWN)
    assert account.state(datetime.now(UTC)) is AccountState.ACTIVE
    account = set_roles(store, account.id, account.version, {"manager"}, "wang")
    account = disable_account(store, account.id, account.version, "wang")
    assert account.state(datetime.now(UTC)) is AccountState.DISABLED
    with refuses("store.sign_in_refused"):
        sign_in(store, "li", OWN, HOUR)
    account = enable_account(store, account.id, account.version, "wang")
    assert sign_in(store, "li", OWN, HOUR).account.roles == {"manager"}
    assert accounts(store) == [get_account(store, account.id)] == [find_account(store, "li")]
    assert verify(store).problems == ()


def test_an_edit_of_an_account_that_changed_is_refused(store: Store, li: Account) -> None:
    set_roles(store, li.id, li.version, {"manager"}, "wang")
    with pytest.raises(StaleEdit):
        disable_account(store, li.id, li.version, "zhao")
    with refuses("store.sign_in_refused"):
        sign_in(store, "li", "wrong wrong wrong", HOUR)
    # A failed sign-in makes nobody's edit stale.
    disable_account(store, li.id, li.version + 1, "zhao")


@pytest.mark.parametrize("name", ["", "Li", "李", "-li", "li li", "a" * 65, "li\n", "(not signed in)"])
def test_names_that_are_refused(store: Store, name: str) -> None:
    with refuses("store.account_name"):
        add_account(store, NewAccount(name, "x", frozenset({"coder"})), FIRST, "wang")


def test_names_and_subjects_are_taken_once(store: Store, li: Account) -> None:
    with refuses("store.account_name_taken"):
        add_account(store, LI, FIRST, "wang")
    add_account(store, NewAccount("zhao", "赵", frozenset({"coder"}), "sub-1"), None, "wang")
    with refuses("store.account_subject_taken"):
        add_account(store, NewAccount("qian", "钱", frozenset({"coder"}), "sub-1"), None, "wang")
    with refuses("store.account_no_way_in"):
        add_account(store, NewAccount("qian", "钱", frozenset({"coder"})), None, "wang")
    with refuses("store.role_wrong"):
        add_account(store, NewAccount("qian", "钱", frozenset({"Coder; DROP"})), FIRST, "wang")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "store.password_length"),
        ("x" * 257, "store.password_length"),
        ("my name is Li, no", "store.password_name"),
        ("ababababababab", "store.password_signs"),
    ],
)
def test_weak_passwords_are_refused(store: Store, password: str, code: str) -> None:
    with refuses(code):
        add_account(store, LI, password, "wang")
    assert accounts(store) == []


def test_a_password_typed_in_full_width_is_the_same(store: Store, li: Account) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in OWN)
    assert wide != OWN
    assert sign_in(store, "li", wide, HOUR).account.id == li.id


def test_a_random_password_is_never_weak() -> None:
    made = {new_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        passwords.check_password(password, "admin")


def test_guessing_the_old_password_makes_the_account_wait(store: Store, li: Account) -> None:
    for _ in range(passwords.settings().lockout.failures):
        with refuses("store.password_old_wrong"):
            change_password(store, li.id, "not the old one", "another long one")
    assert get_account(store, li.id).state(datetime.now(UTC)) is AccountState.LOCKED
    with refuses("store.sign_in_refused"):
        change_password(store, li.id, OWN, "another long one")
    with refuses("store.sign_in_refused"):
        sign_in(store, "li", OWN, HOUR)


def test_changing_a_password_needs_the_old_one_and_ends_every_session(store: Store, li: Account) -> None:
    opened = sign_in(store, "li", OWN, HOUR)
    with refuses("store.password_old_wrong"):
        change_password(store, li.id, "not the old one", "another long one")
    with refuses("store.password_same"):
        change_password(store, li.id, OWN, OWN)
    assert resume_session(store, opened.token, IDLE) == get_account(store, li.id)
    change_password(store, li.id, OWN, "another long one")
    assert resume_session(store, opened.token, IDLE) is None
    with refuses("store.sign_in_refused"):
        sign_in(store, "li", OWN, HOUR)


@pytest.mark.parametrize("how", ["sign_out", "disable", "reset"])
def test_a_session_ends(store: Store, li: Account, how: str) -> None:
    opened = sign_in(store, "li", OWN, HOUR)
    assert resume_session(store, opened.token, IDLE) is not None
    match how:
        case "sign_out":
            sign_out(store, opened.token)
        case "disable":
            disable_account(store, li.id, li.version, "wang")
        case "reset":
            assert reset_password(store, li.id, FIRST, "wang").must_change_password
    assert resume_session(store, opened.token, IDLE) is None
    sign_out(store, opened.token)
    assert verify(store).problems == ()


def test_a_session_expires_by_idleness_and_in_all(store: Store, li: Account) -> None:
    assert resume_session(store, sign_in(store, "li", OWN, timedelta(0)).token, IDLE) is None
    token = sign_in(store, "li", OWN, HOUR).token
    move_seen(store, timedelta(minutes=29))
    assert resume_session(store, token, IDLE) is not None
    # Being used counted: the idle time begins anew.
    move_seen(store, timedelta(minutes=29))
    assert resume_session(store, token, IDLE) is not None
    move_seen(store, timedelta(minutes=31))
    assert resume_session(store, token, IDLE) is None


def move_seen(store: Store, back: timedelta) -> None:
    """Let some time go by for the sessions."""
    table = schema.session
    with write_connection(store) as connection:
        for id, seen in connection.execute(sa.select(table.c.id, table.c.seen_at)).all():
            connection.execute(sa.update(table).where(table.c.id == id).values(seen_at=seen - back))


@pytest.mark.parametrize("token", ["", "x", "x" * 65, "x" * 10_000, "' OR 1=1 --", "\x00"])
def test_a_made_up_token_is_nobody(store: Store, li: Account, token: str) -> None:
    sign_in(store, "li", OWN, HOUR)
    assert resume_session(store, token, IDLE) is None
    sign_out(store, token)


def test_wrong_passwords_make_an_account_wait_longer_and_longer(store: Store, li: Account) -> None:
    most = passwords.settings().lockout.failures
    for _ in range(most - 1):
        fail(store)
    assert get_account(store, li.id).locked_until is None
    fail(store)
    locked = get_account(store, li.id)
    assert locked.state(datetime.now(UTC)) is AccountState.LOCKED
    with refuses("store.sign_in_refused"):
        sign_in(store, "li", OWN, HOUR)
    # Trying meanwhile neither helps nor makes it longer.
    fail(store)
    assert get_account(store, li.id).locked_until == locked.locked_until
    end_wait(store)
    fail(store)
    assert get_account(store, li.id).failures == most + 1
    end_wait(store)
    assert sign_in(store, "li", OWN, HOUR).account.failures == 0


def test_an_administrator_unlocks(store: Store, li: Account) -> None:
    for _ in range(passwords.settings().lockout.failures):
        fail(store)
    unlock_account(store, li.id, "wang")
    assert sign_in(store, "li", OWN, HOUR).account.id == li.id


def fail(store: Store, name: str = "li") -> None:
    with refuses("store.sign_in_refused"):
        sign_in(store, name, "wrong wrong wrong", HOUR)


def end_wait(store: Store) -> None:
    with write_connection(store) as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(sa.update(schema.credential).values(locked_until=past))


def test_waits_double_up_to_the_longest() -> None:
    lockout = passwords.settings().lockout
    waits = [passwords.lock_time(lockout.failures + more) for more in range(40)]
    assert passwords.lock_time(lockout.failures - 1) is None
    assert waits[0] == timedelta(seconds=lockout.first_seconds)
    assert waits[1] == 2 * waits[0]
    assert waits[-1] == max(waits) == timedelta(seconds=lockout.longest_seconds)


def test_many_guesses_at_once_are_all_counted(store: Store, li: Account) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fail(store), range(12)))
    most = passwords.settings().lockout.failures
    assert get_account(store, li.id).failures == most
    assert verify(store).problems == ()


def test_an_unknown_name_gets_the_answer_of_a_wrong_password(store: Store, li: Account) -> None:
    told = []
    for name in ("li", "nobody", "", "' OR 1=1 --", "x" * 1000):
        with pytest.raises(StoreError) as caught:
            sign_in(store, name, "wrong wrong wrong", HOUR)
        told.append(caught.value.render("zh"))
    assert len(set(told)) == 1


def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    store: Store, li: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    forget_hasher()
    reset_password(store, li.id, FIRST, "wang")
    is_slow = {}
    for name in ("li", "nobody"):
        fail(store, name)
        began = time.perf_counter()
        fail(store, name)
        is_slow[name] = time.perf_counter() - began
    assert 1 / 4 < is_slow["li"] / is_slow["nobody"] < 4


def test_an_identity_opens_the_account_that_has_it(store: Store) -> None:
    zhao = add_account(store, NewAccount("zhao", "赵", frozenset({"coder"}), "sub-1"), None, "wang")
    assert (zhao.has_password, zhao.must_change_password) == (False, False)
    assert sign_in_by_subject(store, "sub-1", HOUR).account.id == zhao.id
    with refuses("store.subject_unknown"):
        sign_in_by_subject(store, "sub-2", HOUR)
    with refuses("store.sign_in_refused"):
        sign_in(store, "zhao", "", HOUR)
    disable_account(store, zhao.id, zhao.version, "wang")
    with refuses("store.subject_unknown"):
        sign_in_by_subject(store, "sub-1", HOUR)
    assert verify(store).problems == ()


def test_every_sign_in_is_in_the_trail_and_nothing_that_was_typed(store: Store, li: Account) -> None:
    fail(store, "my password typed as a name")
    fail(store)
    token = sign_in(store, "li", OWN, HOUR).token
    sign_out(store, token)
    assert actions(store)[-4:] == [
        (NOBODY, "sign_in_failed"),
        (NOBODY, "sign_in_failed"),
        ("li", "sign_in"),
        ("li", "sign_out"),
    ]
    with read_connection(store) as connection:
        written = str(connection.execute(sa.select(schema.audit_entry)).all())
        sessions = str(connection.execute(sa.select(schema.session)).all())
        stored = connection.scalar(sa.select(schema.credential.c.password_hash))
    assert stored is not None and stored.startswith("$argon2id$")
    for secret in (OWN, FIRST, token, stored, "typed as a name"):
        assert secret not in written
    assert token not in sessions


def test_a_password_put_in_past_the_program_is_found(store: Store, li: Account) -> None:
    with write_connection(store) as connection:
        mine = passwords.hash_password("the attacker's own")
        connection.execute(sa.update(schema.credential).values(password_hash=mine))
    assert [problem.code for problem in verify(store).problems] == ["store.row_changed"]
    # Whoever put it in cannot wipe the trace by using it.
    sign_in(store, "li", "the attacker's own", HOUR)
    assert [problem.code for problem in verify(store).problems] == ["store.row_changed_before"]


def test_looking_at_a_row_does_not_make_it_unknown(store: Store, li: Account) -> None:
    record(store, "wang", "view", "account", str(li.id))
    assert verify(store).problems == ()


def test_a_backup_has_the_accounts_but_nobody_who_is_signed_in(
    store: Store, li: Account, places: NewAddress, tmp_path: Path
) -> None:
    token = sign_in(store, "li", OWN, HOUR).token
    backup_store(store, tmp_path / "b.zip", "wang")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert {"account.jsonl", "credential.jsonl", "draft.jsonl"} <= set(archive.namelist())
        assert "session.jsonl" not in archive.namelist()
    address = places()
    restore_store(address, tmp_path / "b.zip", "wang")
    with open_store(address) as restored:
        assert resume_session(restored, token, IDLE) is None
        assert sign_in(restored, "li", OWN, HOUR).account.roles == li.roles
        added = add_account(restored, NewAccount("new", "新", frozenset({"coder"})), FIRST, "wang")
        assert added.id > li.id
        assert verify(restored).problems == ()


def test_pages_of_the_trail(store: Store, li: Account) -> None:
    for number in range(5):
        record(store, "zhao", "view", "page", f"p{number}")
    newest = audit_page(store, AuditFilter(person="zhao"), size=2)
    assert [entry.object_id for entry in newest] == ["p4", "p3"]
    older = audit_page(store, AuditFilter(person="zhao"), before=newest[-1].number, size=9)
    assert [entry.object_id for entry in older] == ["p2", "p1", "p0"]
    assert [
        entry.object_id for entry in audit_page(store, AuditFilter(object_kind="page", object_id="p1"))
    ] == ["p1"]
    assert audit_page(store, AuditFilter(action="view", until=newest[0].at - HOUR)) == []
    since = AuditFilter(since=newest[0].at)
    assert [entry.number for entry in audit_page(store, since)] == [newest[0].number]


def test_errors_speak_both_languages(store: Store) -> None:
    with pytest.raises(InputError) as caught:
        add_account(store, LI, "short", "wang")
    assert "12" in caught.value.render("en") and "12" in caught.value.render("zh")
