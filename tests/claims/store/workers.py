"""What the other processes of the tests do: ``python -m tests.claims.store.workers TASK URL PERSON``."""

from __future__ import annotations

import json
import sys
import time

from claims.store import (
    Filter,
    Judgement,
    Kind,
    StaleEdit,
    State,
    Store,
    assign,
    correct,
    get_item,
    open_items,
    open_store,
    parse_address,
    schema,
)
from claims.store.transaction import writing

CORRECTIONS = 15
JUDGEMENT = Judgement("not_suspicious", "seen", "rules-1")


def tell(value: object) -> None:
    print(json.dumps(value), flush=True)


def wait_for_start() -> None:
    """Say that everything is loaded, and wait for the other process."""
    tell("ready")
    sys.stdin.readline()


def assign_all(store: Store, person: str) -> None:
    """Take every open item, as it was when the page was opened."""
    items = open_items(store, Filter(Kind.CLAIM, (State.OPEN,)), size=500).items
    wait_for_start()
    won = 0
    for item in items:
        try:
            assign(store, item.id, item.version, person, person)
            won += 1
        except StaleEdit:
            pass
    tell(won)


def correct_often(store: Store, person: str) -> None:
    """Correct one item again and again; where somebody was faster, read it again, as a person would."""
    item = open_items(store, Filter(Kind.CLAIM, (State.DECIDED,))).items[0]
    wait_for_start()
    stale = 0
    for _ in range(CORRECTIONS):
        while True:
            item = get_item(store, item.id)
            try:
                correct(store, item.id, item.version, JUDGEMENT, person)
                break
            except StaleEdit:
                stale += 1
    tell(stale)


def stop_in_the_middle(store: Store, person: str) -> None:
    """Change an item, and wait before the commit to be killed."""
    item = open_items(store, Filter(Kind.CLAIM)).items[0]
    with writing(store, person) as transaction:
        transaction.change(schema.work_item, item.id, item.version, "assign", state="assigned", owner=person)
        transaction.write_audit()
        tell("written")
        time.sleep(60)


def work_on(store: Store, person: str) -> None:
    """Assign and hand on without an end, to be killed anywhere."""
    item = open_items(store, Filter(Kind.CLAIM)).items[0]
    tell("ready")
    while True:
        item = assign(store, item.id, item.version, person, person)


if __name__ == "__main__":
    task, url, person = sys.argv[1:]
    with open_store(parse_address(url)) as store:
        {
            "assign_all": assign_all,
            "correct_often": correct_often,
            "stop_in_the_middle": stop_in_the_middle,
            "work_on": work_on,
        }[task](store, person)
