"""Files that only their owner may read, and files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from privacy.errors import Refused

OWNER_FILE = 0o600
OWNER_FOLDER = 0o700


def require_owner_only(path: Path) -> None:
    """Raise ``Refused`` where ``path`` does not exist, is not ours, or others have any right to it."""
    try:
        status = path.stat()
    except OSError as error:
        raise Refused("party.file_missing", path=str(path)) from error
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise Refused("party.file_open_to_others", path=str(path))


def owner_folder(path: Path) -> Path:
    """``path`` as a folder of ours only; made where it is missing."""
    path.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
    require_owner_only(path)
    return path


def write_new(path: Path, data: bytes, mode: int = OWNER_FILE) -> None:
    """Write a file that must not exist yet; it appears whole or not at all, and never in place of another."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # A rename would take the place of a file that another process made meanwhile.
        os.link(draft, path)
    except FileExistsError as error:
        raise Refused("party.file_exists", path=str(path)) from error
    finally:
        draft.unlink()


def replace(path: Path, data: bytes) -> None:
    """Write a file, owner-only, so that at any time it has the old content or the new, never a part."""
    # The process id keeps two processes apart that write the same file.
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.unlink(missing_ok=True)
    write_new(draft, data)
    draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
