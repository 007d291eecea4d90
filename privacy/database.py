"""SQLite files of a party's state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from privacy.files import OWNER_FILE

WAIT_SECONDS = 30


def create(path: Path, schema: Sequence[str]) -> None:
    """Make the file, owner-only, and its tables where they are missing."""
    path.touch(mode=OWNER_FILE)
    with transaction(path) as database:
        for statement in schema:
            database.execute(statement)


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """A write transaction, alone on the file: committed where the block ends well, else rolled back."""
    database = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("COMMIT")
    finally:
        # Closing rolls back what was not committed.
        database.close()
