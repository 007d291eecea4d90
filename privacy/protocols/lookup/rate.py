"""How fast questions are answered: a count that outlives jobs and restarts."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from privacy.database import create, transaction
from privacy.errors import Refused

LIMITS = "lookup_limits.toml"
DEFAULT_LIMITS = Path(__file__).with_name("limits.toml")
MAX_LIMITS_BYTES = 100_000
SECONDS_AN_HOUR = 3600
_SCHEMA = ("CREATE TABLE IF NOT EXISTS questions (peer TEXT, source TEXT, at REAL, count INTEGER)",)


Positive = Annotated[int, Field(ge=1)]


class Limit(BaseModel):
    """At most so many questions in any so many hours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: Positive
    questions: Positive


class Limits(BaseModel):
    """What a party answers; the format is explained in ``limits.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: Annotated[list[Limit], Field(min_length=1)]

    @classmethod
    def load(cls, state: Path) -> Limits:
        """The limits in the state folder, or the default. Raises ``Refused`` (``lookup.limits_unreadable``)."""
        path = state / LIMITS if (state / LIMITS).exists() else DEFAULT_LIMITS
        try:
            with path.open("rb") as file:
                return cls.model_validate(tomllib.loads(file.read(MAX_LIMITS_BYTES).decode()))
        except (OSError, ValueError) as error:
            raise Refused("lookup.limits_unreadable", path=path.name) from error


class QuestionRate:
    """The questions of the peers, in a SQLite file."""

    def __init__(self, path: Path, limits: Sequence[Limit], clock: Callable[[], float] = time.time):
        self._path = path
        self._limits = limits
        self._clock = clock
        create(path, _SCHEMA)

    def charge(self, peer: str, table: str, questions: int) -> None:
        """Count questions before they are answered. Raises ``Refused`` (``lookup.rate``), then none is counted."""
        now = self._clock()
        longest = max(limit.hours for limit in self._limits)
        with transaction(self._path) as database:
            database.execute("DELETE FROM questions WHERE at < ?", (now - SECONDS_AN_HOUR * longest,))
            for limit in self._limits:
                (asked,) = database.execute(
                    "SELECT coalesce(sum(count), 0) FROM questions WHERE peer = ? AND source = ? AND at >= ?",
                    (peer, table, now - SECONDS_AN_HOUR * limit.hours),
                ).fetchone()
                if asked + questions > limit.questions:
                    raise Refused("lookup.rate", most=limit.questions, hours=limit.hours)
            database.execute("INSERT INTO questions VALUES (?, ?, ?, ?)", (peer, table, now, questions))
