"""The steps over the whole set, after all partitions: each is skipped where what it reads and works with is the same.

A new step is one entry of ``WHOLE_STEPS``: which tables it reads, on which hashes it depends, and a function that
writes its tables and lists them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from claims.nightly import work
from claims.nightly.features import Features, NetworkRows
from claims.nightly.hashes import digest
from claims.nightly.manifest import (
    Manifest,
    Output,
    StepDone,
    read_manifest,
    read_output,
    remove,
    write_manifest,
    write_table,
)
from claims.nightly.partition import Done, part_manifest
from claims.nightly.ranking import write_ranking
from claims.nightly.results import ACROSS
from claims.nightly.risk import write_risk
from claims.nightly.work import Work
from drg.disk import file_hash
from drg.errors import InputError

if TYPE_CHECKING:
    from claims.across.hits import Settings
    from claims.across.visits import Sources

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


def network_features_step(whole: Whole) -> list[Output]:
    """``network_features``: what the network knew of each claim on the day before it; for models."""
    from claims.network import as_of

    out = whole.work.out
    cases = [out / one.file for one in whole.outputs("cases") if one.rows]
    found = as_of.network_features(cases, memory=_memory(whole.work)) if cases else None
    return [] if found is None else [_written(out, found, NETWORK_FEATURES)]


def features_step(whole: Whole) -> list[Output]:
    """``features`` of every claim; ``policies_rejected``: rows of the tables of policies that cannot be used."""
    network = next(iter(whole.outputs(NETWORK_FEATURES)), None)
    rows = None if network is None else NetworkRows(read_output(whole.work.out, network))
    made = Features(whole.work, rows)
    outputs = made.write(whole.parts)
    if len(made.rejected):
        outputs.append(_written(whole.work.out, made.rejected, POLICIES_REJECTED))
    return outputs


def risk_step(whole: Whole) -> list[Output]:
    """``risk`` of all claims but history: by the model, else by what stands out among peers and by rule hits."""
    settings = whole.work
    parts = [part for part in whole.parts if not part.is_history]
    names = {part.name for part in parts}
    features = [one for one in whole.outputs("features") if Path(one.file).stem in names]
    if settings.model is None:
        return write_ranking(settings.out, parts, features, settings.capacity)
    return write_risk(settings.out, parts, features, work.model_of(settings.model).model, settings.capacity)


def across_step(whole: Whole) -> list[Output]:
    """``hits_across``: readmissions, overlaps and the like, and what stands out among peers."""
    from claims.across.hits import check

    out, file = whole.work.out, f"{ACROSS}/{HITS_ACROSS}.parquet"
    path = out / file
    path.parent.mkdir(parents=True, exist_ok=True)
    check(_sources(whole), path, _across_settings(whole.work))
    tables = (HITS_ACROSS, f"{HITS_ACROSS}_rejected")
    return [
        _listed(out, f"{ACROSS}/{one}.parquet", one)
        for one in tables
        if (path.with_name(f"{one}.parquet")).is_file()
    ]


def indicators_step(whole: Whole) -> list[Output]:
    """``indicators`` of fund supervision, by hospital and month against peers."""
    from claims.across.indicators.figures import figures

    found = figures(_sources(whole), _across_settings(whole.work))
    return [_written(whole.work.out, found.table, INDICATORS)]


def network_step(whole: Whole) -> list[Output]:
    """The tables of the network of persons, doctors and hospitals, for ``claims.network.store``."""
    from claims.network.store import TABLES, build_network

    folder = whole.work.out / ACROSS / NETWORK
    build_network([whole.work.out], folder, memory=_memory(whole.work))
    return [
        _listed(whole.work.out, f"{ACROSS}/{NETWORK}/{name}.parquet", f"{NETWORK}_{name}")
        for name in TABLES
        if (folder / f"{name}.parquet").is_file()
    ]


def _sources(whole: Whole) -> Sources:
    """The visits, fee lines and persons of the network, as the rules over many visits read them."""
    from claims.across.visits import RESULT_PARTS, Sources
    from claims.errors import input_error

    def files(table: str) -> list[Path]:
        return [whole.work.out / one.file for one in whole.outputs(table)]

    if not files("cases"):
        raise input_error("across.no_cases", str(whole.work.out))
    lines, persons = files("lines"), files(f"{NETWORK}_measures")
    visits = [found for name in RESULT_PARTS if (found := files(name))]
    return Sources(visits, [lines] if lines else [], [persons] if persons else [])


def _memory(settings: Work) -> str:
    """As DuckDB writes it."""
    return f"{settings.memory_gb:g}GB"


def _across_settings(settings: Work) -> Settings:
    from claims.across.hits import Settings
    from claims.knowledge.points import load_knowledge
    from claims.parameters.settings import load_parameters

    return Settings(
        parameters=load_parameters(settings.parameters, settings.region),
        knowledge=load_knowledge(settings.knowledge),
        memory=_memory(settings),
    )


def _written(out: Path, table: pa.Table, name: str) -> Output:
    return write_table(table, out, f"{ACROSS}/{name}.parquet", name)


def _listed(out: Path, file: str, table: str) -> Output:
    """A table that a step wrote by itself."""
    return Output(table, file, pq.read_metadata(out / file).num_rows, file_hash(out / file))


HITS_ACROSS, NETWORK, INDICATORS = "hits_across", "network", "indicators"
NETWORK_FEATURES, POLICIES_REJECTED = "network_features", "policies_rejected"
CLAIM_TABLES = ("cases", "groups", "prices", "scores", "hits", "lines", NETWORK_FEATURES)
VISIT_TABLES = ("cases", "groups", "prices")

WHOLE_STEPS = (
    WholeStep(NETWORK_FEATURES, "network", ("cases",), ("network_code",), network_features_step),
    WholeStep(
        "features", "features", CLAIM_TABLES, ("features_code", "policies", "pseudonyms"), features_step
    ),
    WholeStep(
        "risk",
        "risk",
        ("cases", "groups", "features"),
        ("features_code", "words", "model", "capacity"),
        risk_step,
    ),
    WholeStep(NETWORK, "network", ("cases", "risk"), ("network_code",), network_step),
    WholeStep(
        HITS_ACROSS,
        "across",
        (*VISIT_TABLES, "lines", f"{NETWORK}_measures"),
        ("across_code", "across_rules"),
        across_step,
    ),
    WholeStep(INDICATORS, "across", VISIT_TABLES, ("across_code", "across_rules"), indicators_step),
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
    history = [part.name for part in whole.parts if part.is_history]
    return digest([step.name, {name: known.get(name) for name in ("code", *step.works_with)}, reads, history])
