"""The queue: what waits with findings, group and days, page by page."""

from __future__ import annotations

import pytest

from claims.coding_desk import queue_page, reason_text
from claims.nightly.results import Results
from claims.store import Filter, Kind, Reason, Store, assign
from tests.claims.coding_desk.conftest import QUEUE


def test_a_row_says_why_it_waits_and_what_the_run_found(store: Store, results: Results) -> None:
    page = queue_page(store, results, Filter(Kind.CODER))
    assert [row.item.case_id for row in page.rows] == list(QUEUE)
    for row in page.rows:
        night = results.table("findings", ["severity", "status"], [row.item.case_id]).to_pylist()
        opened = [one["severity"] for one in night if one["status"] == "open"]
        assert dict(row.findings) == {name: opened.count(name) for name in set(opened)}
        assert row.drg == results.table("groups", ["drg"], [row.item.case_id]).column("drg")[0].as_py()
        assert row.days == 0


def test_pages_follow_each_other_and_the_filter_holds(store: Store, results: Results) -> None:
    first = queue_page(store, results, Filter(Kind.CODER), size=2)
    second = queue_page(store, results, Filter(Kind.CODER), after=first.next, size=2)
    assert [row.item.case_id for row in (*first.rows, *second.rows)] == list(QUEUE)
    assert second.next is None
    item = first.rows[1].item
    assign(store, item.id, item.version, "li", "li")
    mine = queue_page(store, results, Filter(Kind.CODER, owner="li"))
    assert [row.item.case_id for row in mine.rows] == [item.case_id]


def test_without_results_the_queue_still_shows(store: Store) -> None:
    rows = queue_page(store, None, Filter(Kind.CODER)).rows
    assert len(rows) == len(QUEUE)
    assert all(not row.findings and row.drg is None for row in rows)


@pytest.mark.parametrize(
    ("code", "zh"), [("R01", "入院记录"), ("grouper.no_mdc", "MDC"), ("another", "another")]
)
def test_reasons_are_said_in_words(code: str, zh: str) -> None:
    assert zh in reason_text(Reason(code, {}), "zh")
