"""A night: everything new is read, goes through its steps, is scored over the whole set, and becomes work for people.

What is done is known by content, not by time: a second run does nothing, a killed one goes on where it was. All that a
run leaves but its own log is the same, byte for byte, whatever the number of workers and however often it was killed.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from claims.errors import input_error
from claims.nightly import logs
from claims.nightly.appeals import upheld_appeals
from claims.nightly.attempt import Attempt, Failed
from claims.nightly.config import Config
from claims.nightly.deliver import deliver
from claims.nightly.folder import known_manifests, prepare, retire
from claims.nightly.hashes import hashes_of
from claims.nightly.inputs import Found, Source, find_sources
from claims.nightly.lock import Holder, locked
from claims.nightly.manifest import Manifest, read_manifest, write_bytes
from claims.nightly.metrics import write_metrics
from claims.nightly.partition import (
    SOURCES,
    Done,
    PartTask,
    ReadTask,
    part_manifest,
    read_source,
    run_part,
    source_manifest,
)
from claims.nightly.repeats import repeated_cases
from claims.nightly.results import ACROSS, PARTS, RUN_FILE, RUNS, SUCCESS
from claims.nightly.runners import Interrupted, Runner, Stop, make_runner
from claims.nightly.summary import size_of, summary
from claims.nightly.whole import REFUSED, WholeTask, run_whole, wanted_steps
from claims.nightly.work import work_of

DONE, UNEXPECTED, REJECTIONS, INTERRUPTED = 0, 1, 3, 5
"""Exit codes of a run that began."""
RUNNING = "running"

Tell = Callable[[int], None]
"""Told the rows that are done."""


@dataclass(frozen=True)
class Options:
    """What the command line says beside the configuration. ``limit``: new files at most; ``dask``: address of a
    scheduler, ``tls`` its certificates; ``person``: who runs it, for the store."""

    day: dt.date
    workers: int
    person: str
    limit: int | None = None
    dask: str | None = None
    tls: Path | None = None


@dataclass
class Run:
    """A run as ``_run.json`` has it."""

    id: str
    day: str
    started: str
    hashes: Mapping[str, str]
    state: str = RUNNING
    ended: str | None = None
    exit_code: int | None = None
    sources: dict[str, int] = field(default_factory=dict)
    parts: dict[str, int] = field(
        default_factory=lambda: {"done": 0, "skipped": 0, "failed": 0, "retired": 0}
    )
    seconds: dict[str, float] = field(default_factory=dict)
    rejected_new: int = 0
    rows_worked: int = 0
    result_bytes: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    first: list[dict[str, Any]] = field(default_factory=list)
    items_new: int | None = None
    joint: dict[str, Any] | None = None
    failed: list[dict[str, str]] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    problem: dict[str, Any] | None = None

    def write(self, out: Path) -> None:
        """Keep the run as it is now."""
        data = orjson.dumps(vars(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str)
        write_bytes(out / RUNS / f"{self.id}.json", data)
        write_bytes(out / RUN_FILE, data)


def run(config: Config, options: Options, stop: Stop, tell: Tell | None = None) -> Run:
    """Run a night; how it ended stands in the answer and in ``_run.json``.

    Raises ``InputError`` where nothing was begun: the input is over its limits, the folder or the store cannot be used,
    or another run works in the folder (``lock.Locked``).
    """
    found = find_sources(config, options.day)
    prepare(config, found)
    with locked(config.out) as left_behind:
        hashes = hashes_of(config)
        night = Run(_run_id(config.out, options.day), options.day.isoformat(), _now(), hashes)
        night.sources = {"found": len(found.sources), "same": len(found.same)}
        with logs.opened(config.out / RUNS / f"{night.id}.log", night.id) as log:
            return _Night(config, options, stop, night, log, tell).go(found, left_behind)


def last_run(out: Path) -> dict[str, Any] | None:
    """The last run of a results folder; None where there was none."""
    try:
        told: dict[str, Any] = orjson.loads((out / RUN_FILE).read_bytes())
        return told
    except (OSError, orjson.JSONDecodeError):
        return None


def day_to_resume(out: Path) -> dt.date:
    """The day of the last run, which did not end well. Raises ``InputError`` where there is nothing to go on with."""
    last = last_run(out)
    if last is None or last["state"] == "done":
        raise input_error("nightly.nothing_to_resume", str(out))
    return dt.date.fromisoformat(last["day"])


class _Night:
    """A run that has begun."""

    def __init__(self, config: Config, options: Options, stop: Stop, night: Run, log: Any, tell: Tell | None):
        self._config, self._options, self._stop = config, options, stop
        self._night, self._log, self._tell = night, log, tell
        self._out = config.out
        self._work = work_of(config, options.day, night.hashes, upheld_appeals(config))
        self._rows = 0

    def go(self, found: Found, left_behind: Holder | None) -> Run:
        """All of it, and how it ended. Raises ``InputError`` where no scheduler answers: then it is no run."""
        runner = self._runner()
        (self._out / SUCCESS).unlink(missing_ok=True)
        self._night.write(self._out)
        self._log.info("begun", day=self._night.day, sources=len(found.sources), same=len(found.same))
        if left_behind is not None:
            self._log.warning("lock_left_behind", pid=left_behind.pid, since=left_behind.since)
        try:
            with closing(runner):
                manifests = self._steps(runner, self._limited(found.sources))
            self._end(manifests)
        except Interrupted as error:
            self._stopped(error, INTERRUPTED)
        except OSError as error:
            self._stopped(
                Interrupted("nightly.disk", error.filename or "", detail=error.strerror or ""), INTERRUPTED
            )
        except BaseException:
            self._close("failed", UNEXPECTED)
            raise
        self._log.info("ended", state=self._night.state, exit_code=self._night.exit_code)
        return self._night

    def _runner(self) -> Runner:
        return make_runner(self._options.workers, self._stop, self._options.dask, self._options.tls)

    def _limited(self, sources: Sequence[Source]) -> list[Source]:
        """The sources of this run: those that were read before, and the first new ones up to the limit."""
        if self._options.limit is None:
            return list(sources)
        is_new = {one.id: not source_manifest(self._out, one.id).is_file() for one in sources}
        new = [one.id for one in sources if is_new[one.id]][: self._options.limit]
        return [one for one in sources if not is_new[one.id] or one.id in new]

    def _steps(self, runner: Runner, sources: Sequence[Source]) -> list[Manifest]:
        """Read, clear away what is not there any more, the steps of partitions, the steps over the whole set."""
        self._stage(runner, [ReadTask(one, self._work) for one in sources], read_source, "read")
        read = [one for source in sources if (one := read_manifest(source_manifest(self._out, source.id)))]
        names = [name for one in read for name in one.steps]
        wanted = [step.name for step in wanted_steps(self._work)]
        keep = {SOURCES: [one.id for one in sources], PARTS: names, ACROSS: wanted}
        self._night.parts["retired"] = retire(self._out, keep)
        repeated = self._timed("repeats", lambda: repeated_cases(self._out, read, self._work.memory_gb))
        tasks = [
            PartTask(name, one.about, done.outputs, repeated.get(name), self._work)
            for one in read
            for name, done in one.steps.items()
        ]
        self._stage(runner, tasks, run_part, "part")
        for step in wanted:
            self._stage(runner, [WholeTask(step, tuple(sorted(names)), self._work)], run_whole, "whole")
        retire(self._out, keep)
        parts = [one for name in names if (one := read_manifest(part_manifest(self._out, name)))]
        across = known_manifests(self._out, ACROSS)
        self._night.refused = {one.name: list(one.about[REFUSED]) for one in across if one.about[REFUSED]}
        return [*parts, *across]

    def _stage(
        self, runner: Runner, tasks: Sequence[Any], function: Callable[[Any], Done], stage: str
    ) -> None:
        """Do tasks of one kind; those that fail do not keep others from being done, but end the run after them."""
        failed: list[Failed] = []

        def take(ended: Done | Failed) -> None:
            if isinstance(ended, Failed):
                failed.append(ended)
                self._log.error(
                    "failed", stage=stage, partition=ended.name, kind=ended.kind, where=ended.where
                )
            else:
                self._take(ended, stage)

        runner.run(tasks, Attempt(function), take)
        if failed:
            self._night.parts["failed"] += len(failed)
            self._night.failed += [one.as_json() for one in failed]
            first = failed[0]
            raise Interrupted(first.code, first.name, kind=first.kind, detail=first.detail, count=len(failed))

    def _take(self, ended: Done, stage: str) -> None:
        seconds = Counter(self._night.seconds)
        seconds.update(dict(ended.ran))
        self._night.seconds = {name: round(value, 3) for name, value in seconds.items()}
        if stage == "read" and not ended.skipped:
            self._night.rejected_new += ended.rejected
        if stage == "part":
            self._night.parts["skipped" if ended.skipped else "done"] += 1
            self._rows += ended.rows
            self._night.rows_worked += 0 if ended.skipped else ended.rows
            if self._tell is not None:
                self._tell(self._rows)
        took = round(sum(value for _, value in ended.ran), 3)
        self._log.info(
            "skipped" if ended.skipped else "done", stage=stage, partition=ended.name, seconds=took
        )

    def _timed(self, name: str, function: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = function()
        self._night.seconds[name] = round(time.perf_counter() - start, 3)
        return found

    def _end(self, manifests: Sequence[Manifest]) -> None:
        """Hand over to people and the other party, count, and mark the folder as complete."""
        for name, value in self._timed("summary", lambda: summary(self._out, manifests)).items():
            setattr(self._night, name, value)
        self._night.result_bytes = size_of(self._out, manifests)
        deliver(self._config, self._options.person, self._night, manifests, self._log)
        self._stop.check()
        self._close("done", REJECTIONS if self._night.rejected_new else DONE)
        write_bytes(self._out / SUCCESS, f"{self._night.id}\n".encode())

    def _stopped(self, error: Interrupted, code: int) -> None:
        problem = error.problems[0]
        self._night.problem = {"code": problem.code, "where": problem.where, "params": problem.params}
        self._log.error("stopped", code=problem.code, where=problem.where)
        unexpected = any(not one["is_system"] for one in self._night.failed)
        self._close("failed" if unexpected else "interrupted", UNEXPECTED if unexpected else code)

    def _close(self, state: str, code: int) -> None:
        self._night.state, self._night.exit_code, self._night.ended = state, code, _now()
        with _if_it_can_be_written():
            self._night.write(self._out)
            write_metrics(self._out, vars(self._night), code, time.time())


@contextmanager
def _if_it_can_be_written() -> Iterator[None]:
    """On a full disk the end of a run is told, but not kept."""
    try:
        yield
    except OSError:
        return


def _run_id(out: Path, day: dt.date) -> str:
    """A number that rises, whatever the clock says; the day; and something that no other folder's run has."""
    numbers = [int(path.name.partition("-")[0]) for path in (out / RUNS).glob("[0-9]*-*.json")]
    return f"{max(numbers, default=0) + 1:06}-{day:%Y%m%d}-{secrets.token_hex(3)}"


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
