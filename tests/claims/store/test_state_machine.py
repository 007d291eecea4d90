"""Any order of actions: the store allows what the state machine allows, and keeps every step."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from claims.store import (
    Filter,
    Judgement,
    Kind,
    StaleEdit,
    State,
    Store,
    StoreError,
    add_items,
    assign,
    close,
    correct,
    decide,
    decisions,
    events,
    get_item,
    open_items,
    release,
    reopen,
    verify,
)
from tests.claims.store.conftest import PERSON, claim, filled

PERSONS = strategies.sampled_from(["li", "zhao"])
RESOLUTIONS = strategies.sampled_from(["not_suspicious", "to_investigation"])
# Written a second time, by hand, so that a slip in the product's table is seen.
ALLOWED = {
    "assign": {"open": "assigned", "assigned": "assigned", "reopened": "assigned"},
    "release": {"assigned": "open"},
    "decide": {"assigned": "decided"},
    "correct": {"decided": "decided", "closed": "closed"},
    "close": {"decided": "closed"},
    "reopen": {"decided": "reopened", "closed": "reopened"},
}
NUMBERS = count()


class WorkItemMachine(RuleBasedStateMachine):
    """One item, and what a person would expect of it."""

    def __init__(self, store: Store):
        super().__init__()
        self.store = store
        case_id = f"M{next(NUMBERS)}"
        add_items(store, "run-1", [claim(case_id)], PERSON)
        self.item = open_items(store, Filter(Kind.CLAIM, text=case_id)).items[0]
        self.first = self.item
        self.state, self.owner, self.steps, self.resolved = "open", None, 0, []

    def _step(self, action: str, act: object, owner: str | None, allowed: bool = True) -> bool:
        target = ALLOWED[action].get(self.state)
        try:
            self.item = act()  # type: ignore[operator]
        except StaleEdit:
            raise
        except StoreError:
            assert target is None or not allowed
            return False
        assert target is not None and allowed
        self.state, self.owner = target, owner
        self.steps += 1
        return True

    @rule(assignee=PERSONS, person=PERSONS)
    def assign(self, assignee: str, person: str) -> None:
        item = self.item
        self._step("assign", lambda: assign(self.store, item.id, item.version, assignee, person), assignee)

    @rule(person=PERSONS)
    def release(self, person: str) -> None:
        item = self.item
        self._step("release", lambda: release(self.store, item.id, item.version, person), None)

    @rule(person=PERSONS, resolution=RESOLUTIONS)
    def decide(self, person: str, resolution: str) -> None:
        item, judgement = self.item, Judgement(resolution, "seen", "rules-1")
        act = lambda: decide(self.store, item.id, item.version, judgement, person)  # noqa: E731
        if self._step("decide", act, self.owner, allowed=person == self.owner):
            self.resolved.append(resolution)

    @rule(person=PERSONS, resolution=RESOLUTIONS)
    def correct(self, person: str, resolution: str) -> None:
        item, judgement = self.item, Judgement(resolution, "seen again", "rules-2")
        act = lambda: correct(self.store, item.id, item.version, judgement, person)  # noqa: E731
        if self._step("correct", act, self.owner):
            self.resolved.append(resolution)

    @rule(person=PERSONS)
    def close(self, person: str) -> None:
        item = self.item
        self._step("close", lambda: close(self.store, item.id, item.version, person), self.owner)

    @rule(person=PERSONS)
    def reopen(self, person: str) -> None:
        item = self.item
        self._step("reopen", lambda: reopen(self.store, item.id, item.version, "more came in", person), None)

    @rule(person=PERSONS)
    def edit_what_was_seen_first(self, person: str) -> None:
        if self.item.version == self.first.version:
            return
        try:
            assign(self.store, self.first.id, self.first.version, person, person)
        except StaleEdit as stale:
            assert stale.person == self.item.changed_by
        else:
            raise AssertionError("an edit of an old version was written")

    @invariant()
    def the_store_has_what_was_done(self) -> None:
        item = get_item(self.store, self.item.id)
        assert item == self.item
        assert (item.state, item.owner) == (State(self.state), self.owner)
        assert item.version == 1 + self.steps == 1 + len(events(self.store, item.id))
        assert [decision.resolution for decision in decisions(self.store, item.id)] == self.resolved


def test_any_order_of_actions(store: Store, database: str) -> None:
    filled(store)
    run_state_machine_as_test(
        lambda: WorkItemMachine(store),
        settings=settings(
            max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert verify(store).problems == ()
