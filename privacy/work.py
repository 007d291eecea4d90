"""The folder for the working files of one job; what a killed process left is swept away by the next."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from privacy.files import owner_folder

LOCK = ".lock"


class WorkFolder:
    """``state/work/<job>``, locked as long as its process lives and the job runs."""

    def __init__(self, state: Path, job: str):
        base = owner_folder(state / "work")
        self.path = owner_folder(base / job)
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.unlock()

    def unlock(self) -> None:
        """Leave the folder to the next sweep, as the end of the process does."""
        os.close(self._lock)


def sweep(state: Path) -> list[str]:
    """Remove the folders whose process is gone; the jobs that they were of."""
    removed: list[str] = []
    for folder in owner_folder(state / "work").iterdir():
        try:
            lock = os.open(folder / LOCK, os.O_RDWR)
        except OSError:
            # Just being made, or half removed: the next sweep sees it again.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
    return removed
