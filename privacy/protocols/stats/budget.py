"""The responder's ledger of the privacy budget that each peer has spent on each column."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy.database import create, transaction
from privacy.errors import Refused

LEDGER = "stats_budget.sqlite"
LIMITS = "stats_budget.toml"
DEFAULT_LIMITS = Path(__file__).with_name("budget.toml")
MILLION = 1_000_000
Epsilon = Annotated[float, Field(ge=0, le=1000)]

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS spent (job TEXT, peer TEXT, source TEXT, name TEXT, micro_epsilon INTEGER,"
    " PRIMARY KEY (job, source, name))",
)


class BudgetLimits(BaseModel):
    """What a party allows; the format is explained in ``budget.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    exact: bool
    epsilon: Epsilon
    columns: dict[str, dict[str, Epsilon]] = {}

    @classmethod
    def load(cls, state: Path) -> BudgetLimits:
        """The limits in the state folder, or the default. Raises ``Refused`` (``stats.budget_unreadable``)."""
        path = state / LIMITS if (state / LIMITS).exists() else DEFAULT_LIMITS
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise Refused("stats.budget_unreadable", path=str(path)) from error

    def micro_epsilon(self, table: str, column: str) -> int:
        """The budget of a column in millionths, rounded down."""
        return int(self.columns.get(table, {}).get(column, self.epsilon) * MILLION)


class BudgetLedger:
    """A SQLite file; each method is one transaction, so that two jobs cannot spend the same budget."""

    def __init__(self, state: Path):
        self._path = state / LEDGER
        self._limits = BudgetLimits.load(state)
        create(self._path, _SCHEMA)

    def require_allowed(self, peer: str, table: str, columns: Iterable[str], micro_epsilon: int) -> None:
        """Raise ``Refused`` where a job (``micro_epsilon`` 0: exact) may not run; nothing is spent."""
        self._settle(None, peer, table, columns, micro_epsilon)

    def spend(self, job: str, peer: str, table: str, columns: Iterable[str], micro_epsilon: int) -> None:
        """Spend on all the columns or on none.

        Raises ``Refused``: ``stats.budget_spent``, ``stats.noise_required``.
        """
        self._settle(job, peer, table, columns, micro_epsilon)

    def _settle(
        self, job: str | None, peer: str, table: str, columns: Iterable[str], micro_epsilon: int
    ) -> None:
        if not micro_epsilon:
            if not self._limits.exact:
                raise Refused("stats.noise_required", table=table)
            return
        with transaction(self._path) as database:
            for column in columns:
                (spent,) = database.execute(
                    "SELECT coalesce(sum(micro_epsilon), 0) FROM spent"
                    " WHERE peer = ? AND source = ? AND name = ?",
                    (peer, table, column),
                ).fetchone()
                left = self._limits.micro_epsilon(table, column) - spent
                if micro_epsilon > left:
                    raise Refused(
                        "stats.budget_spent",
                        column=column,
                        asked=micro_epsilon / MILLION,
                        left=max(left, 0) / MILLION,
                    )
                if job is not None:
                    database.execute(
                        "INSERT INTO spent VALUES (?, ?, ?, ?, ?)", (job, peer, table, column, micro_epsilon)
                    )
