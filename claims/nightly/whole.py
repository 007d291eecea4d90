"""The steps over the whole set, after all partitions: each is skipped where what it reads and works with is the same.

A new step is one entry of ``WHOLE_STEPS``: which tables it reads, on which hashes it depends, and a function that
writes its tables and lists them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from claims.nightly import work
from claims.nightly.features import write_features
from claims.nightly.hashes import digest
from claims.nightly.manifest import Manifest, Output, StepDone, read_manifest, remove, write_manifest
from claims.nightly.partition import Done, part_manifest
from claims.nightly.results import ACROSS
from claims.nightly.risk import write_risk
from claims.nightly.work import Work
from drg.disk import file_hash
from drg.errors import InputError

REFUSED = "refused"


@dataclass(frozen=True)
class WholeTask:
    """One step over the whole set; ``parts``: the names of the partitions, in the order of ``Results``."""

    step: str
    parts: tuple[str, ...]
    work: Work

    @property
    def name(self) -> str:
        return self.step


@dataclass(frozen=True)
class Whole:
    """What a step over the whole set sees: the manifests of all partitions, and what steps before it wrote."""

    parts: Sequence[Manifest]
    before: Sequence[Output]
    work: Work

    def outputs(self, table: str) -> list[Output]:
        """The files of a table, in the order of the partitions; then those of steps before."""
        found = [one for part in self.parts if (one := part.output(table)) is not None]
        return [*found, *(one for one in self.before if one.table == table)]


@dataclass(frozen=True)
class WholeStep:
    """``wanted``: the step of the configuration that asks for it; ``reads`` and ``works_with`` as of ``PartStep``."""

    name: str
    wanted: str
    reads: tuple[str, ...]
    works_with: tuple[str, ...]
    function: Callable[[Whole], list[Output]]


def features_step(whole: Whole) -> list[Output]:
    """``features`` of every claim."""
    return write_features(whole.work.out, whole.parts, whole.work.memory_gb)


def risk_step(whole: Whole) -> list[Output]:
    """``risk`` of every claim."""
    assert whole.work.model is not None  # noqa: S101 - the step does not run without one
    model = work.model_of(whole.work.model).model
    return write_risk(whole.work.out, whole.parts, whole.outputs("features"), model, whole.work.capacity)


def across_step(whole: Whole) -> list[Output]:
    """``hits_across``: readmissions, overlaps and the like, and what stands out among peers."""
    from claims.across.hits import Settings, check
    from claims.across.visits import results_sources
    from claims.parameters.settings import load_parameters

    settings, file = whole.work, f"{ACROSS}/{HITS_ACROSS}.parquet"
    path = settings.out / file
    path.parent.mkdir(parents=True, exist_ok=True)
    parameters = load_parameters(settings.parameters, settings.region)
    check(
        results_sources(settings.out),
        path,
        Settings(parameters=parameters, memory=f"{settings.memory_gb:g}GB"),
    )
    tables = (HITS_ACROSS, f"{HITS_ACROSS}_rejected")
    return [
        _listed(settings.out, f"{ACROSS}/{one}.parquet", one)
        for one in tables
        if (path.with_name(f"{one}.parquet")).is_file()
    ]


def network_step(whole: Whole) -> list[Output]:
    """The tables of the network of persons, doctors and hospitals, for ``claims.network.store``."""
    from claims.network.store import TABLES, build_network

    folder = whole.work.out / ACROSS / NETWORK
    build_network([whole.work.out], folder)
    return [
        _listed(whole.work.out, f"{ACROSS}/{NETWORK}/{name}.parquet", f"{NETWORK}_{name}")
        for name in TABLES
        if (folder / f"{name}.parquet").is_file()
    ]


def _listed(out: Path, file: str, table: str) -> Output:
    """A table that a step wrote by itself."""
    return Output(table, file, pq.read_metadata(out / file).num_rows, file_hash(out / file))


HITS_ACROSS, NETWORK = "hits_across", "network"
CLAIM_TABLES = ("cases", "groups", "prices", "scores", "hits")

WHOLE_STEPS = (
    WholeStep("features", "features", CLAIM_TABLES, ("features_code",), features_step),
    WholeStep("risk", "risk", ("cases", "features"), ("features_code", "model", "capacity"), risk_step),
    WholeStep(
        HITS_ACROSS,
        "across",
        ("cases", "groups", "prices", "lines"),
        ("across_code", "across_rules"),
        across_step,
    ),
    WholeStep(NETWORK, "network", ("cases", "risk"), ("network_code",), network_step),
)
"""In the order in which they run."""


def whole_manifest(out: Path, step: str) -> Path:
    """Where the manifest of a step over the whole set stands."""
    return out / ACROSS / f"{step}.json"


def wanted_steps(settings: Work) -> list[WholeStep]:
    """The steps over the whole set that are asked for, in the order in which they run."""
    return [step for step in WHOLE_STEPS if step.wanted in settings.steps]


def run_whole(task: WholeTask) -> Done:
    """Run one step over the whole set, unless it is done."""
    out, step = task.work.out, next(one for one in WHOLE_STEPS if one.name == task.step)
    path = whole_manifest(out, step.name)
    old = read_manifest(path)
    whole = _whole(task)
    key = _key(step, whole)
    if old is not None and old.steps[step.name].key == key and old.steps[step.name].holds(out):
        return Done(step.name, (), 0, 0)
    path.unlink(missing_ok=True)
    start = time.perf_counter()
    outputs, refused = _outcome(step, whole)
    manifest = Manifest(step.name, {REFUSED: refused}, {step.name: StepDone(key, tuple(outputs))})
    remove(out, path, (old.files if old is not None else set()) - manifest.files)
    write_manifest(path, manifest)
    return Done(step.name, ((step.name, time.perf_counter() - start),), 0, 0)


def _outcome(step: WholeStep, whole: Whole) -> tuple[list[Output], list[str]]:
    """What a step wrote; nothing, and why, where the claims do not have what it needs: that does not end the night."""
    try:
        return step.function(whole), []
    except InputError as error:
        return [], sorted({problem.code for problem in error.problems})


def _whole(task: WholeTask) -> Whole:
    out = task.work.out
    names = [step.name for step in wanted_steps(task.work)]
    earlier = [read_manifest(whole_manifest(out, name)) for name in names[: names.index(task.step)]]
    before = [one for found in earlier if found for done in found.steps.values() for one in done.outputs]
    parts = [found for name in task.parts if (found := read_manifest(part_manifest(out, name))) is not None]
    return Whole(parts, before, task.work)


def _key(step: WholeStep, whole: Whole) -> str:
    """Of the program, of what the step works with, and of the files that it reads."""
    known = {**whole.work.hash_of, "capacity": whole.work.capacity}
    reads = [[one.table, one.file, one.sha256] for table in step.reads for one in whole.outputs(table)]
    return digest([step.name, {name: known.get(name) for name in ("code", *step.works_with)}, reads])
