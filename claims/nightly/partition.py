"""One task of a night: a source is read into partitions, a partition goes through its steps.

A task skips what was done with the same key and is still on the disk as it was written. The key of a step is made of
the program, of what the step works with, and of the tables that it reads; so a step runs again when one of these
changed, and never else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import ClaimProblem
from claims.nightly.hashes import digest
from claims.nightly.inputs import Source, content_hash
from claims.nightly.manifest import (
    Manifest,
    Output,
    StepDone,
    link,
    read_manifest,
    read_output,
    remove,
    write_manifest,
    write_table,
)
from claims.nightly.reading import open_source
from claims.nightly.rejections import joined, refused_file, rejected
from claims.nightly.results import PARTS
from claims.nightly.steps import PART_STEPS, PartStep
from claims.nightly.work import Work
from claims.pseudonyms import load_key
from drg.errors import InputError
from drg.records.findings import REJECTION_SCHEMA

SOURCES = "sources"
STAGED = "read"
READ, KEEP = "read", "keep"
REJECTED = "rejected"


@dataclass(frozen=True)
class ReadTask:
    """A source to be read."""

    source: Source
    work: Work

    @property
    def name(self) -> str:
        return self.source.id


@dataclass(frozen=True)
class PartTask:
    """A partition to go through its steps. ``staged``: what reading left; ``repeated``: case ids that other files have,
    a table with ``case_id`` and ``source``, or None."""

    name: str
    about: Mapping[str, object]
    staged: tuple[Output, ...]
    repeated: pa.Table | None
    work: Work


@dataclass(frozen=True)
class Done:
    """How a task ended: which steps ran, in how many seconds each; rows in and rejected."""

    name: str
    ran: tuple[tuple[str, float], ...]
    rows: int
    rejected: int

    @property
    def skipped(self) -> bool:
        return not self.ran


def source_manifest(out: Path, source_id: str) -> Path:
    """Where the manifest of a source stands."""
    return out / SOURCES / f"{source_id}.json"


def part_manifest(out: Path, part: str) -> Path:
    """Where the manifest of a partition stands."""
    return out / PARTS / f"{part}.json"


def read_source(task: ReadTask) -> Done:
    """Read a source into staged partitions. One that cannot be used becomes a partition with nothing but a rejection.

    Raises ``InputError`` where the source was changed while it was read.
    """
    source, out = task.source, task.work.out
    path = source_manifest(out, source.id)
    key = read_key(task.work.hash_of, source)
    old = read_manifest(path)
    if old is not None and all(done.key == key and done.holds(out) for done in old.steps.values()):
        return _done(source.id, old, ())
    path.unlink(missing_ok=True)
    start = time.perf_counter()
    steps = {}
    clinical, parts = _opened(task)
    for number, tables in enumerate(parts):
        name = f"{source.id}-{number:05}"
        outputs = [write_table(one, out, _staged(table, name), table) for table, one in tables.items()]
        steps[name] = StepDone(key, tuple(outputs))
    if content_hash(source.path) != source.sha256:
        raise InputError([ClaimProblem("nightly.changed_while_read", str(source.path))])
    about = {
        "source": source.path.name,
        "input": source.entry,
        "clinical": clinical,
        "history": source.history,
    }
    manifest = Manifest(source.id, about, steps)
    remove(out, path, (old.files if old is not None else set()) - manifest.files)
    write_manifest(path, manifest)
    return _done(source.id, manifest, ((READ, time.perf_counter() - start),))


def read_key(hashes: Mapping[str, str], source: Source) -> str:
    """What reading a source depends on: the program, the key of the pseudonyms, the content of the source, its use."""
    return digest([READ, hashes["code"], hashes["pseudonyms"], source.id, source.history])


def _opened(task: ReadTask) -> tuple[bool, Iterator[dict[str, pa.Table]]]:
    """Whether the codes are clinical ones, and the tables of each partition."""
    source = task.source
    try:
        opened = open_source(source, task.work.rows)
    except InputError as error:
        return False, iter([{REJECTED: refused_file(error, source.path.name)}])
    return opened.edition == "clinical", _parts(opened.parts(load_key(task.work.key)), source)


def _parts(parts: Iterator[object], source: Source) -> Iterator[dict[str, pa.Table]]:
    """The partitions; a file that breaks off is refused from there on, and what was read of it stays."""
    try:
        for part in parts:
            yield part.tables()  # type: ignore[attr-defined]
    except InputError as error:
        yield {REJECTED: refused_file(error, source.path.name)}


def run_part(task: PartTask) -> Done:
    """Take a partition through its steps, and put its manifest in place last."""
    run = _PartRun(task)
    run.keep()
    run.appeal()
    for step in PART_STEPS:
        if step.name in task.work.steps:
            run.step(step)
    return run.end()


class _PartRun:
    """A partition on its way: what is complete of it, and the tables that are held in memory."""

    def __init__(self, task: PartTask):
        self._task, self._out = task, task.work.out
        self._path = part_manifest(self._out, task.name)
        self._old = read_manifest(self._path)
        self._steps: dict[str, StepDone] = {}
        self._held: dict[str, pa.Table] = {}
        self._seconds: dict[str, float] = {}
        self._work = task.work
        self._hashes: Mapping[str, str] = task.work.hash_of

    def keep(self) -> None:
        """What was read, without the cases that another file has already."""
        task = self._task
        gone = None if task.repeated is None else task.repeated.to_pydict()
        key = digest([KEEP, [[one.table, one.sha256] for one in task.staged], gone])
        if self._is_done(KEEP, key):
            return
        with self._timed(KEEP):
            if task.repeated is None:
                outputs = [self._linked(one) for one in task.staged]
            else:
                outputs = [self._written(name, table) for name, table in self._without_repeated().items()]
        self._steps[KEEP] = StepDone(key, tuple(outputs))

    def appeal(self) -> None:
        """Only the appeals about cases of the partition count, so that one more does not check all others again."""
        cases = self._output("cases")
        if not self._work.appeals or cases is None:
            return
        ids = set(read_output(self._out, cases, ["case_id"]).column("case_id").to_pylist())
        own = tuple(one for one in self._work.appeals if one.case_id in ids)
        self._work = replace(self._work, appeals=own)
        if own:
            silent = sorted([one.rule, one.case_id] for one in own)
            self._hashes = {**self._hashes, "appeals": digest(silent)}

    def step(self, step: PartStep) -> None:
        """One step, unless it is done; a source that could not be used has nothing for it."""
        reads = [one for one in map(self._output, step.reads) if one is not None]
        if self._output("records") is None:
            return
        hashes = {name: self._hashes.get(name) for name in ("code", *step.works_with)}
        key = digest([step.name, hashes, [[one.table, one.sha256] for one in reads]])
        if self._is_done(step.name, key):
            return
        with self._timed(step.name):
            tables = {one.table: self._table(one) for one in reads}
            found = step.function(tables, self._work, bool(self._task.about["clinical"]))
            outputs = tuple(self._written(name, table) for name, table in found.items())
        self._steps[step.name] = StepDone(key, outputs)

    def end(self) -> Done:
        """Write the manifest, unless it is there and says the same."""
        manifest = Manifest(self._task.name, self._task.about, self._steps)
        if read_manifest(self._path) != manifest:
            remove(self._out, self._path, (self._old.files if self._old else set()) - manifest.files)
            write_manifest(self._path, manifest)
        return _done(self._task.name, manifest, tuple(self._seconds.items()))

    def _is_done(self, name: str, key: str) -> bool:
        """Whether a step was done with this key, and what it left is as it was; else the manifest does not hold."""
        done = None if self._old is None else self._old.steps.get(name)
        if done is not None and done.key == key and done.holds(self._out):
            self._steps[name] = done
            return True
        self._path.unlink(missing_ok=True)
        return False

    def _output(self, table: str) -> Output | None:
        return Manifest("", {}, self._steps).output(table)

    def _table(self, output: Output) -> pa.Table:
        if output.table not in self._held:
            self._held[output.table] = read_output(self._out, output)
        return self._held[output.table]

    def _written(self, name: str, table: pa.Table) -> Output:
        self._held[name] = table
        return write_table(table, self._out, f"{name}/{self._task.name}.parquet", name)

    def _linked(self, staged: Output) -> Output:
        file = f"{staged.table}/{self._task.name}.parquet"
        link(self._out / staged.file, self._out / file)
        return Output(staged.table, file, staged.rows, staged.sha256)

    def _without_repeated(self) -> dict[str, pa.Table]:
        assert self._task.repeated is not None  # noqa: S101 - the caller looked
        tables = {one.table: read_output(self._out, one) for one in self._task.staged}
        gone = self._task.repeated.column("case_id").combine_chunks()
        again = _told_again(tables["records"], self._task.repeated)
        source = str(self._task.about["source"])
        for name, table in tables.items():
            if name != REJECTED:
                tables[name] = table.filter(pc.invert(pc.is_in(table.column("case_id"), value_set=gone)))
        tables[REJECTED] = joined([tables[REJECTED], rejected(again, source)])
        return tables

    def _timed(self, name: str) -> _Timed:
        return _Timed(self._seconds, name)


class _Timed:
    """Adds the seconds of a block under its name."""

    def __init__(self, seconds: dict[str, float], name: str):
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] = time.perf_counter() - self._start


def _told_again(records: pa.Table, repeated: pa.Table) -> pa.Table:
    """The records whose case id stands in another file, as rejections; the value is that file."""
    gone = repeated.column("case_id").combine_chunks()
    place = pc.index_in(records.column("case_id"), value_set=gone).combine_chunks()
    there = place.is_valid()
    rows = records.filter(there)
    columns = {
        "row": rows.column("row"),
        "case_id": rows.column("case_id"),
        "field": pa.repeat(pa.scalar("case_id"), len(rows)),
        "value": repeated.column("source").combine_chunks().take(place.filter(there)),
        "reason": pa.repeat(pa.scalar("nightly.case_elsewhere"), len(rows)),
    }
    return pa.table(columns, schema=REJECTION_SCHEMA)


def _staged(table: str, part: str) -> str:
    return f"{STAGED}/{table}/{part}.parquet"


def _done(name: str, manifest: Manifest, ran: tuple[tuple[str, float], ...]) -> Done:
    counts = {"records": 0, REJECTED: 0}
    for done in manifest.steps.values():
        for one in done.outputs:
            if one.table in counts:
                counts[one.table] += one.rows
    return Done(name, ran, counts["records"], counts[REJECTED])
