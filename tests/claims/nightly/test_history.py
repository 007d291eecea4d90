"""Cases of earlier years: others see them as history, nobody is asked to look at them."""

from __future__ import annotations

from pathlib import Path

from pyarrow import csv

from claims.store import Filter, Kind, find_address, open_items, open_store
from tests.claims.nightly.conftest import ALL, Installation, ids_of, make_installation

BOTH = 'paths = ["input/*.csv"]\nfees = "fees/{stem}.csv"\n'
HISTORY = """paths = ["input/a.csv"]
fees = "fees/{stem}.csv"
history = true
[[input]]
name = "new"
paths = ["input/b.csv"]
"""


def test_history_is_seen_but_gets_no_risk_and_no_item(tmp_path: Path, whole_night: Installation) -> None:
    made = make_installation(tmp_path / "night", ALL)
    made.configure(BOTH, HISTORY)
    made.configure(ALL, f'{ALL[:-1]}, "items"]\nstore = "store.sqlite"')
    made.night()
    assert features_of(made) == features_of(whole_night)
    given = set(ids_of(csv.read_csv(made.folder / "input" / "b.csv")))
    new = given & set(ids_of(made.results.table("cases")))
    risk = made.results.table("risk", ["case_id", "rank"])
    assert sorted(ids_of(risk)) == sorted(new)
    assert sorted(risk.column("rank").to_pylist()) == list(range(1, len(new) + 1))
    with open_store(find_address(str(made.folder / "store.sqlite"))) as store:
        items = [item for kind in Kind for item in open_items(store, Filter(kind), size=500).items]
    assert items
    assert {item.case_id for item in items} <= given


def test_cases_that_are_history_no_longer_are_ranked_with_the_others(tmp_path: Path) -> None:
    made = make_installation(tmp_path / "night", '["features", "risk"]')
    made.configure(BOTH, HISTORY)
    made.night()
    few = len(made.results.table("risk"))
    made.configure("history = true", "history = false")
    made.night()
    assert len(made.results.table("risk")) == len(made.results.table("cases")) > few


def features_of(installation: Installation) -> dict[str, object]:
    """The features of each case."""
    return {row["case_id"]: row for row in installation.results.table("features").to_pylist()}
