"""Plants defects, runs every rule, and counts what was found, what was missed, and what was hit wrongly."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.planted.changes import apply
from bench.planted.filters import fits
from bench.planted.plants import Injection, Plant, family
from bench.planted.records import EDITIONS, KINDS, Kind, Pool, Record
from drg.quality.engine import Checker
from drg.quality.rule import Rule

RUN_DATE = dt.date(2026, 12, 31)
HOME = Path(__file__).parent
Hits = list[set[str]]
"""For each record the rules (families) that hit it."""


@dataclass
class Planted:
    """A changed record: which rule it is planted with, how (number of the plant), and whether as a near miss."""

    rule: str
    number: int
    near: bool
    base: int
    record: Record


@dataclass
class Line:
    """What was measured of a rule. ``wrong``: what the hits stand on that it should not have -> how many."""

    rule: str
    planted: int = 0
    found: int = 0
    no_base: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    near: int = 0

    @property
    def recall(self) -> float | None:
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        hits = self.found + self.wrong.total()
        return self.found / hits if hits else None


@dataclass
class Bench:
    """Everything that a run needs: records by kind, rules, and what every rule says of the clean records."""

    pools: Mapping[Kind, Pool]
    rules: Sequence[Rule]
    clean: dict[Kind, Hits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, pool in self.pools.items():
            self.clean[kind] = self.hits(kind, pool.records)

    def hits(self, kind: Kind, records: Sequence[Record]) -> Hits:
        """The families of rules that hit each record."""
        found: Hits = [set() for _ in records]
        if not records:
            return found
        checked = Checker(self.rules, RUN_DATE, EDITIONS[kind]).check(self.pools[kind].table(records))
        for row, rule in zip(
            checked.findings.column("row").to_pylist(),
            checked.findings.column("rule").to_pylist(),
            strict=True,
        ):
            found[row].add(family(rule))
        return found


def measure(bench: Bench, injections: Mapping[str, Injection], per_rule: int, seed: int) -> list[Line]:
    """A line for each injection, over ``per_rule`` planted records each."""
    lines = {rule: Line(rule) for rule in injections}
    accepted = accepted_on_clean()
    by_kind: defaultdict[Kind, list[Planted]] = defaultdict(list)
    for rule, injection in injections.items():
        for one in _planted(bench, rule, injection, per_rule, seed, lines[rule]):
            by_kind[one.record.kind].append(one)
    for kind in KINDS:
        planted = by_kind[kind]
        hits = bench.hits(kind, [one.record for one in planted])
        for one, found in zip(planted, hits, strict=True):
            _count(one, found, bench.clean[kind][one.base], injections[one.rule], lines)
        for number, found in enumerate(bench.clean[kind]):
            for rule in found & lines.keys() - accepted.keys():
                lines[rule].wrong[f"clean {kind}"] += 1
                lines[rule].missed.append(f"clean {kind} record {number} is hit")
    return list(lines.values())


def accepted_on_clean() -> dict[str, str]:
    """Rule -> why its hits on generated records are right (``clean.yaml``)."""
    loaded: dict[str, str] = yaml.safe_load((HOME / "clean.yaml").read_text(encoding="utf-8"))
    return loaded


def _planted(
    bench: Bench, rule: str, injection: Injection, per_rule: int, seed: int, line: Line
) -> Iterator[Planted]:
    for near, plants in ((False, injection.plants), (True, injection.near)):
        for number, plant in enumerate(plants):
            count = max(1, -(-per_rule // len(plants)))
            made = 0
            dice = random.Random(f"{seed} {rule} {near} {number}")
            for base in _bases(bench, rule, plant, dice):
                record = bench.pools[plant.base].records[base].copy()
                try:
                    for change in plant.do:
                        apply(record, change, dice)
                except LookupError as error:
                    line.missed.append(f"{error} ({'near miss' if near else 'plant'} {number + 1})")
                    break
                yield Planted(rule, number, near, base, record)
                made += 1
                if made == count:
                    break
            if not made:
                line.no_base += 1
                line.missed.append(f"no record for {'near miss' if near else 'plant'} {number + 1}")


def _bases(bench: Bench, rule: str, plant: Plant, dice: random.Random) -> Iterator[int]:
    """The clean records into which the defect fits, in random order, over and over; none that has it already."""
    clean = bench.clean[plant.base]
    records = bench.pools[plant.base].records
    fitting = [
        number
        for number, record in enumerate(records)
        if rule not in clean[number] and fits(record, plant.where)
    ]
    dice.shuffle(fitting)
    while fitting:
        yield from fitting


def _count(
    one: Planted, found: set[str], before: set[str], injection: Injection, lines: Mapping[str, Line]
) -> None:
    line = lines[one.rule]
    if one.near:
        line.near += 1
        if one.rule in found:
            line.wrong[f"near miss {one.number + 1}"] += 1
            line.missed.append(f"near miss {one.number + 1} is hit: {_told(one.record)}")
        return
    line.planted += 1
    if one.rule in found:
        line.found += 1
    else:
        line.missed.append(f"plant {one.number + 1} is not found: {_told(one.record)}")
    allowed = {one.rule, *injection.also, *injection.plants[one.number].also} | before
    for rule in found & lines.keys() - allowed:
        lines[rule].wrong[one.rule] += 1


def _told(record: Record) -> str:
    """Enough of a record to see why."""
    codes: dict[str, Any] = {
        name: " ".join(str(row["code"]) for row in record.groups[group])
        for name, group in (("dx", "diagnoses"), ("proc", "procedures"))
    }
    scalars = {name: record.scalars.get(name) for name in ("sex", "age", "age_days")}
    return ", ".join(f"{name} {value}" for name, value in {**scalars, **codes}.items())
