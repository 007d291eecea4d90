"""Accounts: who may sign in to the pages, with which roles. Every function is one transaction with its audit entries.

Roles are names to the store; what they allow is known to the pages. An account is never removed, because the audit
trail names it: it is disabled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson
import sqlalchemy as sa

from claims.store import schema
from claims.store.columns import ACCOUNT_NAME_LENGTH
from claims.store.database import Store, read_connection
from claims.store.errors import StoreError
from claims.store.passwords import check_password, hash_password, is_password, lock_time
from claims.store.transaction import Transaction, Values, writing
from privacy.canonical import canonical_json

NAME = re.compile(rf"[a-z0-9][a-z0-9._@-]{{0,{ACCOUNT_NAME_LENGTH - 1}}}")
ROLE = re.compile(r"[a-z][a-z_]{0,31}")


class AccountState(StrEnum):
    """Whether a person can sign in; ``LOCKED``: not now, after wrong passwords."""

    ACTIVE = "active"
    DISABLED = "disabled"
    LOCKED = "locked"
    MUST_CHANGE = "must_change"


@dataclass(frozen=True)
class NewAccount:
    """``name`` is what the person types; ``subject`` is who he is to the identity provider."""

    name: str
    display_name: str
    roles: frozenset[str]
    subject: str | None = None


@dataclass(frozen=True)
class Account:
    """An account in the store, without its password."""

    id: int
    version: int
    name: str
    display_name: str
    roles: frozenset[str]
    disabled: bool
    subject: str | None
    created_at: datetime
    changed_by: str
    changed_at: datetime
    has_password: bool
    must_change_password: bool
    failures: int
    locked_until: datetime | None
    signed_in_at: datetime | None

    def state(self, now: datetime) -> AccountState:
        """Where the account stands at a time."""
        if self.disabled:
            return AccountState.DISABLED
        if self.locked_until is not None and now < self.locked_until:
            return AccountState.LOCKED
        return AccountState.MUST_CHANGE if self.must_change_password else AccountState.ACTIVE


def add_account(store: Store, new: NewAccount, password: str | None, person: str) -> Account:
    """Add an account; its password is to be changed at the first sign-in. ``None``: the identity provider only.

    Raises :class:`StoreError` for a name or subject that is taken or not possible, and for a weak password.
    """
    if not NAME.fullmatch(new.name):
        raise StoreError("store.account_name", most=ACCOUNT_NAME_LENGTH)
    if password is None and new.subject is None:
        raise StoreError("store.account_no_way_in", new.name)
    hashed = _checked_hash(password, new.name) if password is not None else None
    with writing(store, person) as transaction:
        _check_free(transaction, new)
        row = transaction.insert(schema.account, "add", [_new_row(transaction, new)])[0]
        credential = {
            "id": row["id"],
            "password_hash": hashed,
            "must_change": password is not None,
            "failures": 0,
            "locked_until": None,
            "signed_in_at": None,
        }
        transaction.insert(schema.credential, "add", [credential])
        return account_in(transaction.connection, row["id"])


def set_roles(store: Store, account_id: int, version: int, roles: Iterable[str], person: str) -> Account:
    """Give an account these roles in place of those it has. Holds from the next thing that its person does."""
    with writing(store, person) as transaction:
        transaction.change(schema.account, account_id, version, "set_roles", roles=_roles(roles))
        return account_in(transaction.connection, account_id)


def disable_account(store: Store, account_id: int, version: int, person: str) -> Account:
    """Let nobody sign in to an account; who is signed in is signed out."""
    with writing(store, person) as transaction:
        transaction.change(schema.account, account_id, version, "disable", disabled=True)
        end_sessions(transaction, account_id)
        return account_in(transaction.connection, account_id)


def enable_account(store: Store, account_id: int, version: int, person: str) -> Account:
    """Undo :func:`disable_account`."""
    with writing(store, person) as transaction:
        transaction.change(schema.account, account_id, version, "enable", disabled=False)
        return account_in(transaction.connection, account_id)


def reset_password(store: Store, account_id: int, password: str, person: str) -> Account:
    """Give an account a new password, to be changed at the next sign-in; signs its person out and unlocks it."""
    hashed = _checked_hash(password, get_account(store, account_id).name)
    with writing(store, person) as transaction:
        _set_password(transaction, account_id, "reset_password", hashed, must_change=True)
        end_sessions(transaction, account_id)
        return account_in(transaction.connection, account_id)


def change_password(store: Store, account_id: int, old: str, new: str) -> Account:
    """A person changes his own password; ends all his sessions.

    Raises :class:`StoreError` where ``old`` is wrong, which counts as a wrong password, or the account has to wait.
    """
    account = get_account(store, account_id)
    with read_connection(store) as connection:
        stored = credential_of(connection, account_id)["password_hash"]
    if not is_password(stored, old):
        with writing(store, account.name) as transaction:
            count_wrong_password(transaction, account_id)
        raise StoreError("store.password_old_wrong")
    if is_password(stored, new):
        raise StoreError("store.password_same")
    hashed = _checked_hash(new, account.name)
    with writing(store, account.name) as transaction:
        credential = credential_of(transaction.connection, account_id)
        if waits(credential, transaction.at):
            raise StoreError("store.sign_in_refused")
        if credential["password_hash"] != stored:
            raise StoreError("store.password_old_wrong")
        _set_password(transaction, account_id, "change_password", hashed, must_change=False)
        end_sessions(transaction, account_id)
        return account_in(transaction.connection, account_id)


def count_wrong_password(transaction: Transaction, account_id: int) -> None:
    """Count a wrong password; after several the account has to wait. A try while it waits is noted, not counted."""
    before = credential_of(transaction.connection, account_id)
    if waits(before, transaction.at):
        transaction.record("sign_in_refused", "account", str(account_id))
        return
    failures = before["failures"] + 1
    wait = lock_time(failures)
    until = transaction.at + wait if wait is not None else None
    transaction.replace(schema.credential, before, "sign_in_failed", failures=failures, locked_until=until)


def waits(credential: Values, now: datetime) -> bool:
    """Whether an account has to wait after wrong passwords."""
    until: datetime | None = credential["locked_until"]
    return until is not None and now < until


def unlock_account(store: Store, account_id: int, person: str) -> Account:
    """Let an account that waits after wrong passwords be tried again at once."""
    with writing(store, person) as transaction:
        before = credential_of(transaction.connection, account_id)
        transaction.replace(schema.credential, before, "unlock", failures=0, locked_until=None)
        return account_in(transaction.connection, account_id)


def accounts(store: Store) -> list[Account]:
    """All accounts by name."""
    with read_connection(store) as connection:
        rows = connection.execute(_accounts().order_by(schema.account.c.name)).mappings()
        return [_account(row) for row in rows]


def get_account(store: Store, account_id: int) -> Account:
    """One account. Raises :class:`StoreError` where there is none."""
    with read_connection(store) as connection:
        return account_in(connection, account_id)


def find_account(store: Store, name: str) -> Account:
    """The account of a name. Raises :class:`StoreError` where there is none."""
    with read_connection(store) as connection:
        row = connection.execute(_accounts().where(schema.account.c.name == name)).mappings().one_or_none()
    if row is None:
        raise StoreError("store.account_unknown", name)
    return _account(row)


def account_in(connection: sa.Connection, account_id: int) -> Account:
    """As :func:`get_account`, in a transaction of the caller."""
    row = connection.execute(_accounts().where(schema.account.c.id == account_id)).mappings().one_or_none()
    if row is None:
        raise StoreError("store.not_found", kind="account", id=account_id)
    return _account(row)


def credential_of(connection: sa.Connection, account_id: int) -> Values:
    """The row of ``credential`` of an account."""
    table = schema.credential
    return dict(connection.execute(sa.select(table).where(table.c.id == account_id)).mappings().one())


def end_sessions(transaction: Transaction, account_id: int) -> None:
    """Sign the person of an account out everywhere."""
    table = schema.session
    transaction.connection.execute(sa.delete(table).where(table.c.account_id == account_id))


def _accounts() -> sa.Select[tuple[object, ...]]:
    account, credential = schema.account, schema.credential
    own = [column for column in credential.c if column.name != "id"]
    return sa.select(account, *own).join(credential, credential.c.id == account.c.id)


def _account(row: Values) -> Account:
    values = dict(row)
    return Account(
        has_password=values.pop("password_hash") is not None,
        must_change_password=values.pop("must_change"),
        roles=frozenset(orjson.loads(values.pop("roles"))),
        **values,
    )


def _new_row(transaction: Transaction, new: NewAccount) -> dict[str, object]:
    return {
        "version": 1,
        "name": new.name,
        "display_name": new.display_name,
        "roles": _roles(new.roles),
        "disabled": False,
        "subject": new.subject,
        "created_at": transaction.at,
        "changed_by": transaction.person,
        "changed_at": transaction.at,
    }


def _check_free(transaction: Transaction, new: NewAccount) -> None:
    table = schema.account
    for column, value in ((table.c.name, new.name), (table.c.subject, new.subject)):
        taken = sa.select(table.c.id).where(column == value)
        if value is not None and transaction.connection.execute(taken).first() is not None:
            raise StoreError(f"store.account_{column.name}_taken", new.name)


def _roles(roles: Iterable[str]) -> str:
    found = sorted(set(roles))
    if wrong := [role for role in found if not ROLE.fullmatch(role)]:
        raise StoreError("store.role_wrong", role=wrong[0])
    return canonical_json(found).decode()


def _checked_hash(password: str, name: str) -> str:
    check_password(password, name)
    return hash_password(password)


def _set_password(
    transaction: Transaction, account_id: int, action: str, hashed: str, must_change: bool
) -> None:
    transaction.replace(
        schema.credential,
        credential_of(transaction.connection, account_id),
        action,
        password_hash=hashed,
        must_change=must_change,
        failures=0,
        locked_until=None,
    )
