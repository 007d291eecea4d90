"""Runs with their partitions, and appeals."""

from __future__ import annotations

from datetime import date

import pytest

from claims.store import (
    Against,
    AppealState,
    NewAppeal,
    Partition,
    PartitionState,
    RunState,
    StaleEdit,
    Store,
    StoreError,
    appeals,
    file_appeal,
    filed_appeals,
    finish_partition,
    finish_run,
    get_run,
    latest_runs,
    partitions,
    resume_run,
    settle_appeal,
    start_run,
    verify,
)
from tests.claims.store.conftest import HASHES, PERSON

DAY = date(2026, 11, 23)
DONE = Partition("2026-11-23/part-0", PartitionState.DONE, "1" * 64, "2" * 64, 100, 98, 2, 1.5)
FAILED = Partition("2026-11-23/part-1", PartitionState.FAILED, "3" * 64, None, 100, 0, 0, 1)


def test_a_run_that_is_interrupted_and_resumed(store: Store) -> None:
    run = start_run(store, "r1", DAY, HASHES, PERSON)
    assert (run.state, run.run_date, run.hashes, run.counts, run.ended_at) == (
        RunState.RUNNING,
        DAY,
        HASHES,
        {},
        None,
    )
    finish_partition(store, "r1", DONE, PERSON)
    finish_partition(store, "r1", FAILED, PERSON)
    run = finish_run(store, "r1", run.version, RunState.INTERRUPTED, {"cases": 98}, PERSON)
    assert run.ended_at is not None
    with pytest.raises(StoreError, match="not running"):
        finish_partition(store, "r1", DONE, PERSON)
    run = resume_run(store, "r1", run.version, {"code": "d" * 64}, PERSON)
    again = Partition("2026-11-23/part-1", PartitionState.DONE, "3" * 64, "4" * 64, 100, 100, 0, 2.25)
    finish_partition(store, "r1", again, PERSON)
    run = finish_run(store, "r1", run.version, RunState.DONE, {"cases": 198}, PERSON)
    assert partitions(store, "r1") == [DONE, again]
    assert get_run(store, "r1") == run
    assert (run.state, run.counts, run.hashes) == (RunState.DONE, {"cases": 198}, {"code": "d" * 64})
    with pytest.raises(StoreError):
        resume_run(store, "r1", run.version, HASHES, PERSON)
    assert verify(store).problems == ()


def test_runs_that_do_not_fit(store: Store) -> None:
    run = start_run(store, "r1", DAY, HASHES, PERSON)
    with pytest.raises(StoreError, match="Resume it"):
        start_run(store, "r1", DAY, HASHES, PERSON)
    with pytest.raises(StoreError):
        finish_run(store, "r1", run.version, RunState.RUNNING, {}, PERSON)
    finish_run(store, "r1", run.version, RunState.FAILED, {}, PERSON)
    with pytest.raises(StaleEdit):
        finish_run(store, "r1", run.version, RunState.DONE, {}, PERSON)
    with pytest.raises(StoreError, match="no run nowhere"):
        get_run(store, "nowhere")
    for id in ("a\x00b", "\ud800"):
        with pytest.raises(StoreError):
            start_run(store, id, DAY, HASHES, PERSON)
    start_run(store, "r0", date(2026, 11, 24), HASHES, PERSON)
    assert [run.id for run in latest_runs(store)] == ["r0", "r1"]


def test_an_appeal_is_settled_once(store: Store) -> None:
    appeal = file_appeal(store, NewAppeal("C1", Against.RULE, "C061", "计划性再入院", None), "chen")
    assert (appeal.state, appeal.answer, appeal.filed_by) == (AppealState.FILED, None, "chen")
    with pytest.raises(StoreError):
        settle_appeal(store, appeal.id, appeal.version, AppealState.FILED, "x", "wang")
    with pytest.raises(StoreError):
        settle_appeal(store, appeal.id, appeal.version, AppealState.UPHELD, " ", "wang")
    settled = settle_appeal(store, appeal.id, appeal.version, AppealState.UPHELD, "属实", "wang")
    assert (settled.state, settled.answer, settled.changed_by, settled.version) == (
        AppealState.UPHELD,
        "属实",
        "wang",
        2,
    )
    with pytest.raises(StaleEdit):
        settle_appeal(store, appeal.id, appeal.version, AppealState.DISMISSED, "x", "zhao")
    with pytest.raises(StoreError, match="not possible"):
        settle_appeal(store, appeal.id, settled.version, AppealState.DISMISSED, "x", "zhao")
    assert appeals(store, "C1") == [settled]
    assert verify(store).problems == ()


def test_filed_appeals_wait_in_order(store: Store) -> None:
    filed = [file_appeal(store, NewAppeal(f"C{n}", Against.FINDING, "R1", "no", n), "chen") for n in range(4)]
    settle_appeal(store, filed[1].id, 1, AppealState.WITHDRAWN, "error of ours", "chen")
    assert filed_appeals(store, size=2) == [filed[0], filed[2]]
    assert filed_appeals(store, after_id=filed[2].id) == [filed[3]]
