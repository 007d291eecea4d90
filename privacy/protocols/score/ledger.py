"""How often each person was answered under each approved model, for good: fewer times than the model has features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privacy.database import create, transaction
from privacy.errors import Refused

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS answers (peer TEXT, source TEXT, model TEXT, person BLOB, answers INTEGER,"
    " PRIMARY KEY (peer, source, model, person)) WITHOUT ROWID",
)


class AnswerLedger:
    """Counts in a SQLite file. Answers do not expire: with as many as features, the features could be solved for."""

    def __init__(self, path: Path):
        self._path = path
        create(path, _SCHEMA)

    def charge(self, peer: str, table: str, model: str, persons: Sequence[bytes], most: int) -> None:
        """Count one answer for each person; ``persons`` are keyed ids.

        Raises ``Refused`` (``score.quota``), and counts nothing, where one of them would have more than ``most``.
        """
        with transaction(self._path) as database:
            database.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET answers = answers + 1",
                ((peer, table, model, person) for person in persons),
            )
            over = database.execute(
                "SELECT 1 FROM answers WHERE peer = ? AND source = ? AND model = ? AND answers > ? LIMIT 1",
                (peer, table, model, most),
            ).fetchone()
            if over is not None:
                raise Refused("score.quota", most=most)
