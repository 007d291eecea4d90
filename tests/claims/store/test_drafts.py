"""Drafts of a case: every save is kept, no save is lost, and what was signed stays readable."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from claims.store import (
    Draft,
    Signed,
    StaleEdit,
    Store,
    StoreError,
    content_hash,
    content_of,
    latest_draft,
    save_draft,
    schema,
    sign_off,
    sign_offs,
    verify,
)
from claims.store.database import write_connection
from claims.store.drafts import MOST_BYTES

CONTENT = {"dx": ["I21.001", "E11.900"], "proc": [], "facts": {"age": 65, "科别": "心内科", "weight": None}}


def test_drafts_are_numbered_and_the_last_one_counts(store: Store) -> None:
    assert latest_draft(store, "C1") is None
    first = save_draft(store, "C1", CONTENT, 0, "li")
    second = save_draft(store, "C1", {**CONTENT, "dx": ["I21.001"]}, first.number, "zhao")
    assert (first.number, second.number) == (1, 2)
    assert latest_draft(store, "C1") == second
    assert content_of(store, first.content_hash) == CONTENT
    assert latest_draft(store, "C2") is None
    assert verify(store).problems == ()


def test_saving_the_same_again_is_no_new_draft(store: Store) -> None:
    first = save_draft(store, "C1", CONTENT, 0, "li")
    assert save_draft(store, "C1", dict(reversed(CONTENT.items())), first.number, "zhao") == first


def test_nobodys_draft_is_lost(store: Store) -> None:
    save_draft(store, "C1", CONTENT, 0, "li")
    with pytest.raises(StaleEdit) as caught:
        save_draft(store, "C1", {"dx": ["J18.900"]}, 0, "zhao")
    assert caught.value.person == "li"
    with pytest.raises(StoreError, match="There is no draft 3"):
        save_draft(store, "C2", CONTENT, 3, "zhao")


def test_of_many_who_save_at_once_one_wins(store: Store) -> None:
    def save(number: int) -> Draft | StaleEdit:
        try:
            return save_draft(store, "C1", {"dx": [str(number)]}, 0, f"p{number}")
        except StaleEdit as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(save, range(12)))
    won = [draft for draft in ended if isinstance(draft, Draft)]
    assert len(won) == 1
    assert latest_draft(store, "C1") == won[0]


def test_what_was_signed_stays_readable(store: Store) -> None:
    signed = save_draft(store, "C1", CONTENT, 0, "li")
    sign_off(store, Signed("C1", signed.content_hash, raises_weight=False), 0, "li")
    save_draft(store, "C1", {"dx": ["J18.900"]}, 1, "zhao")
    assert content_of(store, sign_offs(store, "C1")[0].content_hash) == CONTENT
    assert content_of(store, content_hash(CONTENT)) == CONTENT
    assert content_of(store, "0" * 64) is None


def test_a_draft_is_never_changed_or_removed(store: Store) -> None:
    save_draft(store, "C1", CONTENT, 0, "li")
    for statement in (sa.update(schema.draft).values(person="x"), sa.delete(schema.draft)):
        with pytest.raises((StoreError, sa.exc.DBAPIError)), write_connection(store) as connection:
            connection.execute(statement)
    assert verify(store).problems == ()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"dx": object()}, "store.draft_wrong"),
        ({"text": "x" * MOST_BYTES}, "store.draft_large"),
        ({1: 2}, "store.draft_wrong"),
    ],
)
def test_content_that_is_refused(store: Store, content: dict[str, object], code: str) -> None:
    with pytest.raises(StoreError, check=lambda error: error.code == code):
        save_draft(store, "C1", content, 0, "li")
    assert latest_draft(store, "C1") is None
