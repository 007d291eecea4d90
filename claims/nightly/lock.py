"""One run at a time in a results folder: a lock of the operating system, which ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from claims.errors import ClaimProblem
from drg.errors import InputError

NAME = ".lock"


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, or held it last."""

    pid: int
    host: str
    since: str


class Locked(InputError):  # noqa: N818 - the name says what happened
    """Another run works in the folder."""


@contextmanager
def locked(out: Path) -> Iterator[Holder | None]:
    """Hold the lock of a results folder. Gives who held it before and ended without giving it back, as a kill does.

    Raises :class:`Locked` where another run has it.
    """
    handle = os.open(out / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(out, _holder(handle)) from None
        left_behind = _holder(handle)
        _write(
            handle,
            vars(Holder(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))),
        )
        yield left_behind
        _write(handle, {})
    finally:
        os.close(handle)


def holder(out: Path) -> Holder | None:
    """Who works in a results folder at this moment; None where nobody does."""
    try:
        handle = os.open(out / NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(handle)
    finally:
        os.close(handle)
    return None


def _locked(out: Path, holder: Holder | None) -> Locked:
    told: dict[str, Any] = {"pid": "-", "host": "-", "since": "-"} if holder is None else vars(holder)
    return Locked([ClaimProblem("nightly.locked", str(out), told)])


def _holder(handle: int) -> Holder | None:
    try:
        told = orjson.loads(os.pread(handle, 4096, 0) or b"{}")
        return Holder(int(told["pid"]), str(told["host"]), str(told["since"]))
    except (orjson.JSONDecodeError, KeyError, ValueError, TypeError):
        return None


def _write(handle: int, told: dict[str, Any]) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, orjson.dumps(told), 0)
