"""Two processes on one store, and processes that are killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from typing import Any

from claims.store import (
    Address,
    Filter,
    Judgement,
    Kind,
    Store,
    assign,
    decide,
    decisions,
    get_item,
    open_items,
    open_store,
    verify,
)
from tests.claims.store.conftest import claim, filled
from tests.claims.store.workers import CORRECTIONS
from tests.conftest import REPOSITORY

ITEMS = 25
SEED = 7


class Worker:
    """A process with a store of its own."""

    def __init__(self, task: str, address: Address, person: str):
        url = address.url.render_as_string(hide_password=False) if address.file is None else str(address)
        command = [sys.executable, "-m", "tests.claims.store.workers", task, url, person]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY)

    def told(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process ended without a word"
        return json.loads(line)

    def start(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def race(task: str, address: Address) -> list[Any]:
    """What two processes tell that begin together."""
    workers = [Worker(task, address, person) for person in ("li", "zhao")]
    assert [worker.told() for worker in workers] == ["ready", "ready"]
    for worker in workers:
        worker.start()
    told = [worker.told() for worker in workers]
    assert [worker.process.wait(30) for worker in workers] == [0, 0]
    return told


def test_of_two_who_take_an_item_one_gets_it(made_place: Address, store: Store) -> None:
    filled(store, *(claim(f"C{number:02}", number) for number in range(ITEMS)))
    won = race("assign_all", made_place)
    items = open_items(store, Filter(Kind.CLAIM), size=100).items
    assert sum(won) == ITEMS
    assert [sum(item.owner == person for item in items) for person in ("li", "zhao")] == won
    assert {item.version for item in items} == {2}
    assert verify(store).problems == ()


def test_no_edit_is_lost(made_place: Address, store: Store) -> None:
    item = open_items(filled(store, claim()), Filter(Kind.CLAIM)).items[0]
    item = assign(store, item.id, item.version, "li", "li")
    item = decide(store, item.id, item.version, Judgement("to_investigation", "x", "rules-1"), "li")
    race("correct_often", made_place)
    made = decisions(store, item.id)
    assert len(made) == 1 + 2 * CORRECTIONS
    assert [decision.corrects for decision in made] == [None, *(decision.id for decision in made[:-1])]
    assert get_item(store, item.id).version == 3 + 2 * CORRECTIONS
    assert verify(store).problems == ()


def test_killed_in_the_middle_of_a_transaction(made_place: Address, store: Store) -> None:
    item = open_items(filled(store, claim()), Filter(Kind.CLAIM)).items[0]
    before = verify(store)
    worker = Worker("stop_in_the_middle", made_place, "li")
    assert worker.told() == "written"
    worker.kill()
    with open_store(made_place) as again:
        assert get_item(again, item.id) == item
        assert verify(again) == before
        assert assign(again, item.id, item.version, "zhao", "zhao").owner == "zhao"


def test_killed_anywhere(made_place: Address, store: Store) -> None:
    filled(store, claim())
    moments = random.Random(SEED)
    for _ in range(3):
        worker = Worker("work_on", made_place, "li")
        assert worker.told() == "ready"
        time.sleep(moments.uniform(0.02, 0.2))
        worker.kill()
        found = verify(store)
        item = open_items(store, Filter(Kind.CLAIM)).items[0]
        assert found.problems == ()
        # A run and an item were added; since then each change of the item left two entries.
        assert found.entries == 2 + 2 * (item.version - 1)
