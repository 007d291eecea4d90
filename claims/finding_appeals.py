"""Appeals of a hospital's own people against findings of the quality rules.

An appeal is against a rule in a case. One that is upheld silences the rule for the case from the next run on:
``silenced`` gives them to ``drg.quality``.
"""

from __future__ import annotations

import sqlalchemy as sa

from claims.errors import input_error
from claims.store import (
    Against,
    Appeal,
    AppealState,
    NewAppeal,
    Store,
    appeals,
    file_appeal,
    schema,
    settle_appeal,
)
from claims.store.database import read_connection
from drg.quality.appeals import ACCEPTED, Appeals
from drg.quality.appeals import Appeal as Silence
from drg.quality.rule import Rule

MAX_REASON = 1000
"""As long as a reason may be in ``drg.quality.appeals``."""


def appeal_finding(store: Store, case_id: str, rule: Rule, reason: str, person: str) -> Appeal:
    """File an appeal against a rule in a case.

    Raises ``InputError`` where the rule allows none, one waits for its answer, or the reason is missing or long.
    """
    where = f"{case_id} {rule.id}"
    if not rule.appealable:
        raise input_error("appeals.not_allowed", where)
    if not 0 < len(reason.strip()) <= MAX_REASON:
        raise input_error("appeals.reason", where, most=MAX_REASON)
    if any(one.state is AppealState.FILED for one in appeals_of(store, case_id).get(rule.id, ())):
        raise input_error("appeals.waiting", where)
    return file_appeal(store, NewAppeal(case_id, Against.FINDING, rule.id, reason.strip()), person)


def settle(store: Store, appeal: Appeal, outcome: AppealState, answer: str, person: str) -> Appeal:
    """Uphold or dismiss an appeal. Raises ``InputError`` for the person who filed it, and as ``settle_appeal`` does."""
    if person == appeal.filed_by and outcome is not AppealState.WITHDRAWN:
        raise input_error("appeals.own", f"{appeal.case_id} {appeal.subject}")
    return settle_appeal(store, appeal.id, appeal.version, outcome, answer, person)


def appeals_of(store: Store, case_id: str) -> dict[str, list[Appeal]]:
    """The appeals against findings of a case by rule, oldest first."""
    found: dict[str, list[Appeal]] = {}
    for one in appeals(store, case_id):
        if one.against is Against.FINDING:
            found.setdefault(one.subject, []).append(one)
    return found


def silenced(store: Store) -> Appeals:
    """The upheld appeals in the form in which the checks of the next run take them."""
    table = schema.appeal
    statement = (
        sa.select(table)
        .where(table.c.against == Against.FINDING.value, table.c.state == AppealState.UPHELD.value)
        .order_by(table.c.id)
    )
    with read_connection(store) as connection:
        rows = connection.execute(statement).mappings().all()
    return Appeals(tuple(_silence(row) for row in rows))


def _silence(row: sa.RowMapping) -> Silence:
    return Silence(
        rule=row["subject"],
        case_id=row["case_id"],
        reason=row["reason"],
        person=row["filed_by"],
        date=row["changed_at"].date(),
        state=ACCEPTED,
    )
