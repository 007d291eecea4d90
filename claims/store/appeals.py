"""Appeals: somebody disagrees with a finding, a rule, or what the payer paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from claims.store import schema
from claims.store.database import Store, read_connection
from claims.store.errors import StoreError
from claims.store.transaction import Values, check_text, writing


class Against(StrEnum):
    """What an appeal is against; ``payment``: the payer paid another amount."""

    FINDING = "finding"
    RULE = "rule"
    PAYMENT = "payment"


class AppealState(StrEnum):
    """Where an appeal stands. Only a filed one can be settled."""

    FILED = "filed"
    UPHELD = "upheld"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class NewAppeal:
    """``subject`` names the finding or the rule, or the row of the payer; ``amount_fen`` is the difference in money."""

    case_id: str
    against: Against
    subject: str
    reason: str
    amount_fen: int | None = None


@dataclass(frozen=True)
class Appeal:
    """An appeal in the store; ``answer`` is why it was settled as it was."""

    id: int
    version: int
    case_id: str
    against: Against
    subject: str
    amount_fen: int | None
    state: AppealState
    reason: str
    filed_by: str
    filed_at: datetime
    answer: str | None
    changed_by: str
    changed_at: datetime


def file_appeal(store: Store, appeal: NewAppeal, person: str) -> Appeal:
    """File an appeal."""
    with writing(store, person) as transaction:
        row = {
            "version": 1,
            "case_id": appeal.case_id,
            "against": appeal.against.value,
            "subject": appeal.subject,
            "amount_fen": appeal.amount_fen,
            "state": AppealState.FILED.value,
            "reason": appeal.reason,
            "filed_by": person,
            "filed_at": transaction.at,
            "answer": None,
            "changed_by": person,
            "changed_at": transaction.at,
        }
        return _appeal(transaction.insert(schema.appeal, "file", [row])[0])


def settle_appeal(
    store: Store, appeal_id: int, version: int, outcome: AppealState, answer: str, person: str
) -> Appeal:
    """Uphold, dismiss or withdraw an appeal. Raises :class:`StaleEdit`, and :class:`StoreError` for a settled one."""
    check_text("appeal.answer", answer, None)
    with writing(store, person) as transaction:
        before = transaction.find(schema.appeal, appeal_id)
        is_settled = before["state"] != AppealState.FILED.value
        if before["version"] == version and (is_settled or outcome is AppealState.FILED):
            raise StoreError(
                "store.wrong_state", f"appeal {appeal_id}", action=outcome.value, state=before["state"]
            )
        after = transaction.change(
            schema.appeal, appeal_id, version, outcome.value, state=outcome.value, answer=answer
        )
        return _appeal(after)


def appeals(store: Store, case_id: str) -> list[Appeal]:
    """The appeals of a case, oldest first."""
    table = schema.appeal
    statement = sa.select(table).where(table.c.case_id == case_id).order_by(table.c.id)
    with read_connection(store) as connection:
        return [_appeal(row) for row in connection.execute(statement).mappings()]


def filed_appeals(store: Store, after_id: int = 0, size: int = 50) -> list[Appeal]:
    """Appeals that wait for an answer, oldest first; the next page begins after the last ``id``."""
    table = schema.appeal
    statement = (
        sa.select(table)
        .where(table.c.state == AppealState.FILED.value, table.c.id > after_id)
        .order_by(table.c.id)
        .limit(size)
    )
    with read_connection(store) as connection:
        return [_appeal(row) for row in connection.execute(statement).mappings()]


def _appeal(row: Values) -> Appeal:
    return Appeal(**{**row, "against": Against(row["against"]), "state": AppealState(row["state"])})
