"""What goes wrong at night: kills, full disks, broken files, a store that is gone, a clock that goes back."""

from __future__ import annotations

import datetime as dt
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from claims.nightly import partition
from claims.nightly.config import load_config
from claims.nightly.lock import NAME, Locked, locked
from claims.nightly.manifest import link
from claims.nightly.runners import Interrupted, Stop
from claims.nightly.runners.local import PoolRunner
from claims.nightly.steps import PART_STEPS, PartStep
from claims.store import Filter, Kind, find_address, open_items, open_store
from drg.errors import InputError
from tests.claims.nightly.conftest import Installation, hashes_of, ids_of, make_installation, sample_rows
from tests.claims.nightly.tasks import die
from tests.conftest import REPOSITORY

KILLED = -signal.SIGKILL
MOMENTS = (0, 2, 22, 38, 52)
"""Spread over reading, the steps of a partition, their manifest, and the steps over the whole set."""


def test_killed_nights_go_on_to_the_same_bytes(tmp_path: Path) -> None:
    make_installation(tmp_path / "night")
    command = [
        sys.executable,
        "-m",
        "tests.claims.nightly.dying",
        tmp_path / "night",
        *map(str, (*MOMENTS, 10**6)),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    *killed, whole = [line.split() for line in done.stdout.splitlines()]
    assert len(killed) == len(MOMENTS)
    assert [int(dead) for _, dead, *_ in killed] == [KILLED] * len(MOMENTS)
    assert len({left for _, _, left, *_ in killed}) > len(MOMENTS) // 2
    assert {sha256 for *_, sha256 in killed} == {whole[-1]}
    # The last night was not killed: three rows of it are no cases.
    assert (whole[1], whole[3]) == ("3", "0")


def test_a_stop_finishes_what_is_running(installation: Installation) -> None:
    stop = Stop()
    seen: list[int] = []

    def take(one: int) -> None:
        seen.append(one)
        stop.set()

    from claims.nightly.runners.local import HereRunner

    with pytest.raises(Interrupted):
        HereRunner(stop).run([1, 2, 3], lambda one: one, take)
    assert seen == [1]


def test_the_death_of_a_worker_is_told_and_can_be_resumed() -> None:
    runner = PoolRunner(2, Stop())
    with pytest.raises(Interrupted) as told:
        runner.run([1, 2, 3, 4], die, lambda one: None)
    runner.close()
    assert told.value.problems[0].code == "nightly.worker_died"


def test_two_runs_at_once(installation: Installation) -> None:
    installation.out.mkdir()
    with locked(installation.out), pytest.raises(Locked) as told:
        installation.night()
    assert str(os.getpid()) in told.value.render()
    assert installation.night().state == "done"


def test_a_lock_that_a_kill_left_is_taken_and_told(installation: Installation) -> None:
    installation.out.mkdir()
    left = {"pid": 999_999_999, "host": "elsewhere", "since": "2026-01-01T00:00:00+00:00"}
    (installation.out / NAME).write_bytes(orjson.dumps(left))
    assert installation.night().state == "done"
    (log,) = (installation.out / "runs").glob("*.log")
    assert "lock_left_behind" in log.read_text(encoding="utf-8")


def test_a_poisoned_row_is_rejected_and_all_others_are_done(installation: Installation) -> None:
    path = installation.folder / "input" / "b.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[7].split(",")
    cells[2], cells[10] = "\x00-1e999", "=cmd|' /C calc'!A0" * 10
    lines[7] = ",".join(cells).replace("\x00", "")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    night = installation.night()
    assert night.state == "done" and night.exit_code == 3
    rejected = installation.results.table("rejected")
    row = rejected.filter(
        pc.and_(pc.equal(rejected.column("source"), "b.csv"), pc.equal(rejected.column("row"), 8))
    )
    assert "age" in row.column("field").to_pylist()


@pytest.mark.parametrize("content", [b"PAR1 and nothing more", b"", b"\x89PNG not records", b"a,b\n1,2\n"])
def test_a_file_that_cannot_be_used_is_one_rejection(installation: Installation, content: bytes) -> None:
    (installation.folder / "input" / "broken.csv").write_bytes(content)
    night = installation.night()
    assert night.state == "done" and night.parts["done"] == 4
    rejected = installation.results.table("rejected")
    told = rejected.filter(pc.equal(rejected.column("source"), "broken.csv"))
    assert len(told) == 1 and told.column("row")[0].as_py() is None
    assert installation.night().parts["skipped"] == 4


def test_a_parquet_file_that_breaks_off(installation: Installation) -> None:
    installation.configure("input/*.csv", "input/*")
    table = csv.read_csv(installation.folder / "input" / "b.csv")
    path = installation.folder / "input" / "c.parquet"
    pq.write_table(table.set_column(0, "case_id", [[f"C{number}" for number in range(len(table))]]), path)
    data = bytearray(path.read_bytes())
    data[200:400] = bytes(200)
    path.write_bytes(data)
    assert installation.night().state == "done"
    rejected = installation.results.table("rejected")
    assert "c.parquet" in rejected.column("source").to_pylist()


def test_another_layout_the_next_night(installation: Installation) -> None:
    installation.night()
    path = installation.folder / "input" / "c.csv"
    header, *rows = sample_rows(211, 215).splitlines()
    path.write_text("\n".join([f"new_column,{header}", *(f"x,{row}" for row in rows), ""]), encoding="utf-8")
    assert installation.night().parts["done"] == 1
    assert len(installation.results.table("cases", ["case_id"])) > 200


def test_a_scheme_that_is_gone(installation: Installation) -> None:
    installation.night()
    before = installation.hashes()
    installation.configure('scheme = "chs-drg-1.1"', 'scheme = "chs-drg-9.9"')
    with pytest.raises(InputError):
        installation.night()
    assert installation.hashes() == before


def test_no_room_on_the_disk(installation: Installation) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, hard))
    try:
        night = installation.night()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert night.exit_code == 5 and night.state == "interrupted"
    assert night.problem is not None and night.problem["code"] == "nightly.task_disk"
    assert not list(installation.out.rglob("*.part"))
    assert installation.night().state == "done"


def test_a_folder_that_cannot_be_written(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for out, code in (
        ("/proc/nightly", "nightly.out_not_writable"),
        (str(tmp_path / "file"), "nightly.out_no_folder"),
    ):
        installation.config.write_text(
            installation.config.read_text(encoding="utf-8").replace(
                f'out = "{load_config(installation.config).settings.out}"', f'out = "{out}"'
            ),
            encoding="utf-8",
        )
        with pytest.raises(InputError) as told:
            installation.night()
        assert told.value.problems[0].code == code


def test_a_folder_of_something_else_is_left_alone(installation: Installation) -> None:
    installation.out.mkdir()
    (installation.out / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError) as told:
        installation.night()
    assert told.value.problems[0].code == "nightly.out_foreign"


def test_a_file_that_changes_while_it_is_read(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "content_hash", lambda path: "another")
    night = installation.night()
    assert (night.state, night.exit_code) == ("interrupted", 5)
    monkeypatch.undo()
    assert installation.night().state == "done"


def test_a_step_that_fails_ends_the_run_after_the_others(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tables: object, settings: object, clinical: bool) -> dict[str, pa.Table]:
        raise ZeroDivisionError

    broken = tuple(
        PartStep(one.name, one.reads, one.works_with, fail if one.name == "price" else one.function)
        for one in PART_STEPS
    )
    monkeypatch.setattr(partition, "PART_STEPS", broken)
    night = installation.night()
    assert (night.state, night.exit_code, night.parts["failed"]) == ("failed", 1, 3)
    assert night.failed[0]["kind"] == "ZeroDivisionError" and "test_faults.py" in night.failed[0]["where"]
    monkeypatch.undo()
    again = installation.night()
    assert again.state == "done" and "read" not in again.seconds


def test_a_clock_that_goes_back(installation: Installation) -> None:
    first = installation.night(day=dt.date(2027, 1, 1))
    (installation.folder / "input" / "c.csv").write_text(sample_rows(211, 215), encoding="utf-8")
    second = installation.night(day=dt.date(2020, 1, 1))
    assert second.id > first.id and second.parts["done"] == 1
    assert [one["id"] for one in installation.results.runs()] == [second.id, first.id]


def test_work_items_and_a_store_that_is_gone_and_back(installation: Installation) -> None:
    steps = '["group", "price", "items"]'
    installation.configure('["group", "price", "features"]', steps)
    installation.configure("workers = 1", 'workers = 1\nstore = "store.sqlite"')
    store = installation.folder / "store.sqlite"
    store.mkdir()
    night = installation.night()
    assert (night.state, night.exit_code) == ("interrupted", 5)
    assert night.problem is not None and night.problem["code"] == "nightly.store_gone"
    store.rmdir()
    again = installation.night()
    assert again.parts["done"] == 0 and again.items_new
    with open_store(find_address(str(store))) as opened:
        items = open_items(opened, Filter(Kind.CODER), size=500).items
    groups = installation.results.table("groups")
    expected = set(ids_of(groups.filter(pc.not_equal(groups.column("status"), "grouped"))))
    assert {item.case_id for item in items} == expected and len(items) == again.items_new
    assert installation.night().items_new == 0
    shutil.rmtree(installation.out / "stored")
    assert installation.night().items_new == 0


def test_a_link_is_a_copy_where_the_disk_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"x")
    link(tmp_path / "a", tmp_path / "b" / "c")
    assert (tmp_path / "b" / "c").read_bytes() == b"x"


def test_sigterm_ends_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    made = make_installation(tmp_path / "night", '["group", "price"]')
    undisturbed = make_installation(tmp_path / "whole", '["group", "price"]')
    undisturbed.night()
    drgbridge = Path(sys.executable).with_name("drgbridge")
    command = [drgbridge, "nightly", "run", "--config", made.config, "--date", "2026-11-24"]
    process = subprocess.Popen(
        command, env={**os.environ, "LC_ALL": "C.UTF-8"}, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 30
    while not list(made.out.glob("runs/*.log")) and time.monotonic() < until:
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 5, told
    assert "resume" in told and "Traceback" not in told
    resumed = subprocess.run(
        [drgbridge, "nightly", "resume", "--config", made.config], capture_output=True, text=True, check=False
    )
    assert resumed.returncode in (0, 3)
    assert hashes_of(made.out) == undisturbed.hashes()
