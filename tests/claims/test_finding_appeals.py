"""Appeals against findings: filed, settled, and what they silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from claims.finding_appeals import MAX_REASON, appeal_finding, appeals_of, settle, silenced
from claims.store import (
    Against,
    AppealState,
    NewAppeal,
    Store,
    file_appeal,
    init_store,
    open_store,
    parse_address,
)
from drg.errors import InputError
from drg.quality.known_rules import known_rules

RULE = known_rules()["Q125"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    address = parse_address(str(tmp_path / "store.sqlite"))
    init_store(address).close()
    with open_store(address) as opened:
        yield opened


def test_an_upheld_appeal_silences_the_rule_for_the_case(store: Store) -> None:
    filed = appeal_finding(store, "case 1", RULE, " the note of 3 May says so ", "li")
    assert filed.reason == "the note of 3 May says so"
    assert silenced(store).silenced == {}
    settle(store, filed, AppealState.UPHELD, "seen", "wang")
    assert silenced(store).silenced == {RULE.id: frozenset({"case 1"})}
    assert [one.state for one in appeals_of(store, "case 1")[RULE.id]] == [AppealState.UPHELD]


def test_others_silence_nothing(store: Store) -> None:
    dismissed = appeal_finding(store, "case 1", RULE, "why", "li")
    settle(store, dismissed, AppealState.DISMISSED, "not so", "wang")
    paid = file_appeal(store, NewAppeal("case 1", Against.PAYMENT, RULE.id, "why", 100), "li")
    settle(store, paid, AppealState.UPHELD, "yes", "wang")
    assert silenced(store).silenced == {}
    assert len(appeals_of(store, "case 1")[RULE.id]) == 1


def test_a_second_appeal_waits_for_the_first(store: Store) -> None:
    first = appeal_finding(store, "case 1", RULE, "why", "li")
    with pytest.raises(InputError, match="already"):
        appeal_finding(store, "case 1", RULE, "again", "li")
    appeal_finding(store, "case 2", RULE, "why", "li")
    settle(store, first, AppealState.WITHDRAWN, "mistaken", "li")
    appeal_finding(store, "case 1", RULE, "again", "li")


@pytest.mark.parametrize("reason", ["", "  ", "x" * (MAX_REASON + 1)])
def test_a_reason_is_needed(store: Store, reason: str) -> None:
    with pytest.raises(InputError, match="reason"):
        appeal_finding(store, "case 1", RULE, reason, "li")
    assert appeals_of(store, "case 1") == {}


def test_a_rule_that_allows_none_is_refused(store: Store) -> None:
    closed = replace(RULE, appealable=False)
    with pytest.raises(InputError, match="cannot be appealed"):
        appeal_finding(store, "case 1", closed, "why", "li")


def test_nobody_settles_an_appeal_of_his_own_but_may_withdraw_it(store: Store) -> None:
    filed = appeal_finding(store, "case 1", RULE, "why", "li")
    with pytest.raises(InputError, match="colleague"):
        settle(store, filed, AppealState.UPHELD, "yes", "li")
    assert settle(store, filed, AppealState.WITHDRAWN, "mistaken", "li").state is AppealState.WITHDRAWN
