"""Signing in and out. The store keeps the hash of a session's token, never the token.

A refused sign-in always has the same answer and takes the same time, whether the name is unknown, the password wrong,
or the account disabled or waiting after wrong passwords.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa

from claims.store import schema
from claims.store.accounts import Account, account_in, count_wrong_password, credential_of, waits
from claims.store.database import Store, read_connection, write_connection
from claims.store.errors import StoreError
from claims.store.passwords import is_password
from claims.store.transaction import Transaction, writing

TOKEN_BYTES = 32
LONGEST_TOKEN = 64
SEEN_EVERY = timedelta(minutes=1)
NOBODY = "(not signed in)"
"""Who the audit trail names for a sign-in that failed; not possible as the name of an account."""


@dataclass(frozen=True)
class SignedIn:
    """A new session; ``token`` is all that a browser needs to come back, and is known nowhere else."""

    account: Account
    token: str


def sign_in(store: Store, name: str, password: str, lasts: timedelta) -> SignedIn:
    """Open a session of an account. Raises :class:`StoreError` ``store.sign_in_refused`` for every kind of failure."""
    with read_connection(store) as connection:
        account_id = connection.scalar(sa.select(schema.account.c.id).where(schema.account.c.name == name))
        stored = credential_of(connection, account_id)["password_hash"] if account_id is not None else None
    # Outside of the transaction, because it takes long and writers take turns.
    is_right = is_password(stored, password)
    opened = _take(store, account_id, name, stored, lasts) if is_right and account_id is not None else None
    if opened is None and not is_right:
        _note_failure(store, account_id)
    if opened is None:
        raise StoreError("store.sign_in_refused")
    return opened


def sign_in_by_subject(store: Store, subject: str, lasts: timedelta) -> SignedIn:
    """Open a session for whom the identity provider named. Raises :class:`StoreError` for a subject without account."""
    table = schema.account
    with writing(store, NOBODY) as transaction:
        account_id = transaction.connection.scalar(sa.select(table.c.id).where(table.c.subject == subject))
        account = account_in(transaction.connection, account_id) if account_id is not None else None
        if account is None or account.disabled:
            transaction.record("sign_in_failed", "account", str(account_id or "-"))
        else:
            transaction.person = account.name
            return _open(transaction, account.id, lasts)
    raise StoreError("store.subject_unknown")


def resume_session(store: Store, token: str, idle: timedelta) -> Account | None:
    """The account of a session that still lasts and was used within ``idle``; else ``None``."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    now = datetime.now(UTC)
    table = schema.session
    with read_connection(store) as connection:
        row = (
            connection.execute(sa.select(table).where(table.c.token_hash == _hash(token)))
            .mappings()
            .one_or_none()
        )
        if row is None or now >= row["expires_at"] or now >= row["seen_at"] + idle:
            return None
        account = account_in(connection, row["account_id"])
    if account.disabled:
        return None
    if now - row["seen_at"] >= min(SEEN_EVERY, idle / 4):
        with write_connection(store) as connection:
            connection.execute(sa.update(table).where(table.c.id == row["id"]).values(seen_at=now))
    return account


def sign_out(store: Store, token: str) -> None:
    """End a session; nothing where it has ended."""
    table = schema.session
    with read_connection(store) as connection:
        account_id = connection.scalar(
            sa.select(table.c.account_id).where(table.c.token_hash == _hash(token))
        )
        if account_id is None:
            return
        name = account_in(connection, account_id).name
    with writing(store, name) as transaction:
        transaction.connection.execute(sa.delete(table).where(table.c.token_hash == _hash(token)))
        transaction.record("sign_out", "account", str(account_id))


def _take(store: Store, account_id: int, name: str, stored: str | None, lasts: timedelta) -> SignedIn | None:
    """Open a session after a right password, unless the account changed meanwhile, is disabled or has to wait."""
    with writing(store, name) as transaction:
        credential = credential_of(transaction.connection, account_id)
        account = account_in(transaction.connection, account_id)
        if account.disabled or credential["password_hash"] != stored or waits(credential, transaction.at):
            transaction.person = NOBODY
            transaction.record("sign_in_refused", "account", str(account_id))
            return None
        return _open(transaction, account_id, lasts)


def _open(transaction: Transaction, account_id: int, lasts: timedelta) -> SignedIn:
    table = schema.session
    token = secrets.token_urlsafe(TOKEN_BYTES)
    transaction.connection.execute(sa.delete(table).where(table.c.expires_at <= transaction.at))
    row = {
        "token_hash": _hash(token),
        "account_id": account_id,
        "created_at": transaction.at,
        "seen_at": transaction.at,
        "expires_at": transaction.at + lasts,
    }
    transaction.insert(table, "sign_in", [row], audited=False)
    transaction.replace(
        schema.credential,
        credential_of(transaction.connection, account_id),
        "sign_in",
        failures=0,
        locked_until=None,
        signed_in_at=transaction.at,
    )
    return SignedIn(account_in(transaction.connection, account_id), token)


def _note_failure(store: Store, account_id: int | None) -> None:
    """Count a wrong password. What was typed as a name is not kept: it may be a password."""
    with writing(store, NOBODY) as transaction:
        if account_id is None:
            transaction.record("sign_in_failed", "account", "-")
            return
        count_wrong_password(transaction, account_id)


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
