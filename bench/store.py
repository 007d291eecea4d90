"""``python -m bench.store [--cases N]``: adding work items, and pages of the queue, in both databases."""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path

import psycopg

from bench.measure import seconds, tell
from claims.store import (
    Address,
    Filter,
    Kind,
    NewItem,
    Order,
    Place,
    Reason,
    Store,
    add_items,
    assign,
    backup_store,
    init_store,
    open_items,
    parse_address,
    start_run,
    verify,
)
from tests.claims.store import postgres

PERSON = "bench"
BATCH = 20_000
REPEATS = 5
PAGE_LIMIT_MS = 300
FEW_IN_A_MILLION = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.database != "postgresql":
            measure(parse_address(str(Path(folder) / "bench.sqlite")), "SQLite", options.cases, Path(folder))
        if options.database == "sqlite":
            return
        if reason := postgres.why_not():
            print(reason)
            return
        with postgres.running() as server:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            measure(parse_address(server.url("bench")), "PostgreSQL", options.cases, Path(folder))


def measure(address: Address, name: str, count: int, folder: Path) -> None:
    """Fill a store with so many items, and tell how long each thing takes."""
    with init_store(address) as store:
        start_run(store, "run-1", date(2026, 11, 23), {}, PERSON)
        tell(f"{name}: add_items with two reasons each", count, seconds(lambda: fill(store, count)))
        measure_pages(store, name)
        item = open_items(store, Filter(Kind.CLAIM)).items[0]
        took = seconds(lambda: assign(store, item.id, item.version, "li", "li"))
        print(f"  assign: {took * 1000:.1f} ms")
        tell(f"{name}: verify", count, seconds(lambda: verify(store)))
        tell(f"{name}: backup", count, seconds(lambda: backup_store(store, folder / f"{name}.zip", PERSON)))


def measure_pages(store: Store, name: str) -> None:
    """Pages of 50 items, each filter in both orders; the slowest of some repeats, so the worst that a person meets."""
    first = open_items(store, Filter(Kind.CLAIM)).items[0]
    filters = {
        "all that is open": Filter(Kind.CLAIM),
        "band": Filter(Kind.CLAIM, band="high"),
        "owner without items": Filter(Kind.CLAIM, owner="nobody"),
        "amount, half of them": Filter(Kind.CLAIM, min_amount_fen=5_000_000),
        "amount, none": Filter(Kind.CLAIM, min_amount_fen=10**12),
        "case id": Filter(Kind.CLAIM, text=first.case_id),
        "text of all": Filter(Kind.CLAIM, text="C"),
        "reason of a hundred in a million": Filter(Kind.CLAIM, text="C099"),
        "reason of half": Filter(Kind.CLAIM, text="C061"),
    }
    middle = Place(priority=first.priority // 2, id=first.id // 2)
    for order in Order:
        for what, which in filters.items():
            _tell_page(name, f"{what}, by {order.value}", _slowest(store, which, order, None))
        took = _slowest(store, Filter(Kind.CLAIM), order, middle)
        _tell_page(name, f"from the middle, by {order.value}", took)


def _slowest(store: Store, which: Filter, order: Order, after: Place | None) -> float:
    return max(seconds(lambda: open_items(store, which, order, after)) for _ in range(REPEATS))


def _tell_page(name: str, what: str, took: float) -> None:
    verdict = "kept" if took * 1000 <= PAGE_LIMIT_MS else "NOT KEPT"
    print(f"  {name} page, {what}: {took * 1000:.1f} ms (limit {PAGE_LIMIT_MS} ms: {verdict})", flush=True)


def fill(store: Store, count: int) -> None:
    """Items as a nightly run adds them, one call a partition."""
    items = random_items(count)
    while batch := list(islice(items, BATCH)):
        add_items(store, "run-1", batch, PERSON)


def random_items(count: int) -> Iterator[NewItem]:
    """Claims with random amounts and scores."""
    draw = random.Random(1)
    for number in range(count):
        amount, score = draw.randrange(10_000_000), draw.random()
        code = "C099" if number % (1_000_000 // FEW_IN_A_MILLION) == 0 else ("C061", "C059")[number % 2]
        reasons = (Reason(code, {"days": number % 30}, 1.5), Reason("los_days", {"value": number % 60}, 0.5))
        band = ("low", "medium", "high")[int(score * 3)]
        yield NewItem(
            Kind.CLAIM, f"C{number:08}", f"H{number % 200:03}", int(amount * score), amount, reasons, score, band,
            "a" * 64, "b" * 64,
        )  # fmt: skip


if __name__ == "__main__":
    main()
