"""Passwords: what one must be, and its Argon2id hash."""

from __future__ import annotations

import secrets
import threading
import tomllib
import unicodedata
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from claims.store.errors import StoreError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

FILE = Path(__file__).with_suffix(".toml")
MOST_DOUBLINGS = 32
EASY_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 4, 4


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Rules(_Part):
    least_length: int = Field(ge=8)
    most_length: int = Field(ge=64)
    least_distinct: int = Field(ge=1)


class _Lockout(_Part):
    failures: int = Field(ge=1)
    first_seconds: int = Field(ge=1)
    longest_seconds: int = Field(ge=1)


class _Argon2id(_Part):
    time_cost: int = Field(ge=1)
    memory_kib: int = Field(ge=8192)
    parallelism: int = Field(ge=1)
    at_once: int = Field(ge=1)


class _Settings(_Part):
    rules: _Rules
    lockout: _Lockout
    argon2id: _Argon2id


@cache
def settings() -> _Settings:
    """What ``passwords.toml`` says."""
    return _Settings.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))


def check_password(password: str, account_name: str) -> None:
    """Raises :class:`StoreError` for a password that is too short, too long, or easy to guess from the name."""
    rules = settings().rules
    plain = _normal(password)
    if not rules.least_length <= len(plain) <= rules.most_length:
        raise StoreError("store.password_length", least=rules.least_length, most=rules.most_length)
    if account_name.lower() in plain.lower():
        raise StoreError("store.password_name")
    if len(set(plain)) < rules.least_distinct:
        raise StoreError("store.password_signs", least=rules.least_distinct)


def new_password() -> str:
    """A random password to hand over once: 80 bits, in signs that are not taken for each other."""
    groups = ("".join(secrets.choice(EASY_SIGNS) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """The Argon2id hash, with its salt and parameters."""
    with _turns():
        return _hasher().hash(_normal(password))


def is_password(hashed: str | None, password: str) -> bool:
    """Whether a password has this hash. Takes the same time where there is no hash."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > settings().rules.most_length:
        password, hashed = "", None
    try:
        with _turns():
            _hasher().verify(hashed or _hash_of_nothing(), _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


def lock_time(failures: int) -> timedelta | None:
    """How long an account waits after so many wrong passwords in a row; ``None``: it does not."""
    lockout = settings().lockout
    over = failures - lockout.failures
    if over < 0:
        return None
    seconds = lockout.first_seconds * 2 ** min(over, MOST_DOUBLINGS)
    return timedelta(seconds=min(seconds, lockout.longest_seconds))


def _normal(password: str) -> str:
    """The same signs typed by another keyboard or input method are the same password."""
    return unicodedata.normalize("NFKC", password)


@cache
def _turns() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(settings().argon2id.at_once)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher, Type

    given = settings().argon2id
    return PasswordHasher(given.time_cost, given.memory_kib, given.parallelism, type=Type.ID)


@cache
def _hash_of_nothing() -> str:
    """What a password is compared with where there is no account, so that the answer takes as long."""
    return _hasher().hash(secrets.token_hex(32))
