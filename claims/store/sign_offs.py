"""Sign-offs: a coder answers for the codes of a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from claims.store import schema
from claims.store.columns import HASH_LENGTH
from claims.store.database import Store, read_connection
from claims.store.errors import StaleEdit, StoreError
from claims.store.items import Judgement, decide_in
from claims.store.transaction import writing


@dataclass(frozen=True)
class SignOff:
    """Who answered for which codes, and when. ``number`` counts the sign-offs of the case, from 1."""

    id: int
    case_id: str
    number: int
    content_hash: str
    raises_weight: bool
    reason: str | None
    person: str
    at: datetime


@dataclass(frozen=True)
class Signed:
    """What is signed: the SHA-256 of the codes. A change that raises the weight needs a ``reason``."""

    case_id: str
    content_hash: str
    raises_weight: bool
    reason: str | None = None


@dataclass(frozen=True)
class Ends:
    """The work item that a sign-off ends: the version that the person saw, and the judgement on it."""

    item_id: int
    version: int
    judgement: Judgement


def sign_off(
    store: Store, signed: Signed, last_number: int, person: str, ends: Ends | None = None
) -> SignOff:
    """Sign the codes of a case, and decide its work item in the same transaction.

    ``last_number`` is the number of the sign-off that the person saw, 0 where there was none. Raises
    :class:`StaleEdit` where there is a later one or the work item changed, and :class:`StoreError` where the weight
    rises without a reason.
    """
    if signed.raises_weight and not (signed.reason or "").strip():
        raise StoreError("store.reason_missing", signed.case_id)
    if len(signed.content_hash) != HASH_LENGTH:
        raise StoreError("store.hash_wrong", "sign_off.content_hash")
    table = schema.sign_off
    with writing(store, person) as transaction:
        newest = (
            sa.select(table).where(table.c.case_id == signed.case_id).order_by(table.c.number.desc()).limit(1)
        )
        last = transaction.connection.execute(newest).mappings().one_or_none()
        if last is not None and last["number"] != last_number:
            raise StaleEdit("sign_off", str(last["id"]), last["person"], "sign_off", last["at"])
        if last is None and last_number != 0:
            raise StoreError("store.not_found", kind="sign_off", id=last_number)
        row = {
            "case_id": signed.case_id,
            "number": last_number + 1,
            "content_hash": signed.content_hash,
            "raises_weight": signed.raises_weight,
            "reason": signed.reason,
            "person": person,
            "at": transaction.at,
        }
        written = transaction.insert(table, "sign_off", [row])[0]
        if ends is not None:
            if transaction.find(schema.work_item, ends.item_id)["case_id"] != signed.case_id:
                raise StoreError("store.other_case", f"work_item {ends.item_id}")
            decide_in(transaction, ends.item_id, ends.version, ends.judgement)
    return SignOff(**written)


def sign_offs(store: Store, case_id: str) -> list[SignOff]:
    """The sign-offs of a case, oldest first."""
    table = schema.sign_off
    statement = sa.select(table).where(table.c.case_id == case_id).order_by(table.c.number)
    with read_connection(store) as connection:
        return [SignOff(**row) for row in connection.execute(statement).mappings()]
