"""Writing to the disk so that a kill at any moment leaves whole files and folders."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".part"
"""Ending of what is written beside its place; a killed process may leave such files."""


def beside(path: Path) -> Path:
    """A name beside ``path`` that nobody else writes to.

    Raises ``FileExistsError`` where ``path`` is a device, pipe or socket: a rename would take it away for everybody.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileExistsError(errno.EEXIST, "Is a device, pipe or socket", str(path))
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it takes that one's place, whole, when the block ends well."""
    part = beside(path)
    try:
        yield part
        _put(part, path)
    finally:
        part.unlink(missing_ok=True)


def _put(part: Path, path: Path) -> None:
    sync(part)
    part.replace(path)
    sync(path.parent)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, beside ``folder``; it takes that one's place, whole, when the block ends well.

    When the block fails, ``folder`` is as before. What stood there is set aside before and removed after the change,
    so that one of the two is always on the disk. Raises ``NotADirectoryError`` where a file stands there.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = beside(folder)
    old = part.with_suffix(".old")
    part.mkdir()
    try:
        yield part
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def sync(path: Path) -> None:
    """Have a file or a folder written to the disk now."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
