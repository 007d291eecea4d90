"""What the steps work with, as plain data that goes to any process; what it names is loaded once in each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from claims.nightly.config import SHIPPED, Config

if TYPE_CHECKING:
    from claims.risk.store import Stored
    from claims.rules.check import ClaimChecker
    from drg.payment.choice import Contracts
    from drg.payment.contract import Contract
    from drg.quality.appeals import Appeal
    from drg.quality.dictionary import Edition
    from drg.quality.engine import Checker
    from drg.scheme.pack import Pack


@dataclass(frozen=True)
class Work:
    """Ids and absolute paths. ``key``: of the pseudonyms; ``day``: of the run, which some rules look at; ``hashes`` as
    of ``hashes.hashes_of``; ``appeals``: the upheld ones."""

    out: Path
    key: Path
    day: dt.date
    steps: tuple[str, ...]
    rows: int
    memory_gb: float
    scheme: str | None
    contract: str | None
    rule_set: str
    region: str
    knowledge: Path | None
    parameters: tuple[Path, ...]
    model: Path | None
    capacity: int | None
    policies: Path | None
    changes: Path | None
    hashes: tuple[tuple[str, str], ...]
    appeals: tuple[Appeal, ...] = ()

    @property
    def hash_of(self) -> Mapping[str, str]:
        """The hashes by name."""
        return dict(self.hashes)


def work_of(
    config: Config, day: dt.date, hashes: Mapping[str, str], appeals: tuple[Appeal, ...] = ()
) -> Work:
    """What the steps of a configuration work with."""
    settings = config.settings
    rules, risk, policies = settings.rules, settings.risk, settings.policies
    model = None if risk is None or risk.model is None else risk.model
    return Work(
        out=config.out,
        key=config.key,
        day=day,
        steps=tuple(step for step in settings.steps if config.runs(step)),
        rows=settings.limits.rows,
        memory_gb=settings.limits.memory_gb,
        scheme=None if settings.scheme is None else config.id_or_path(settings.scheme),
        contract=None if settings.contract is None else config.id_or_path(settings.contract),
        rule_set=settings.check.rules,
        region=rules.region,
        knowledge=None if rules.knowledge is None else config.resolved(rules.knowledge),
        parameters=tuple(config.resolved(path) for path in rules.parameters),
        model=None if model is None else config.resolved(model),
        capacity=None if risk is None else risk.capacity,
        policies=None if policies is None else config.resolved(policies.policies),
        changes=None if policies is None or policies.changes is None else config.resolved(policies.changes),
        hashes=tuple(sorted(hashes.items())),
        appeals=appeals,
    )


@lru_cache(maxsize=4)
def pack_of(scheme: str) -> Pack:
    """A scheme pack."""
    from drg.scheme.pack import find_pack

    return find_pack(scheme)


@lru_cache(maxsize=4)
def contracts_of(contract: str) -> Contract | Contracts:
    """One contract, or several among which each case has its own."""
    from drg.payment.choice import all_shipped, in_folder
    from drg.payment.contract import find_contract

    if contract == SHIPPED:
        return all_shipped()
    return in_folder(Path(contract)) if Path(contract).is_dir() else find_contract(contract)


def own_pack(settings: Work) -> Pack | None:
    """The scheme of all cases: that of the configuration, or of its one contract. None where it differs by case."""
    if settings.scheme is not None:
        return pack_of(settings.scheme)
    contract = None if settings.contract is None else contracts_of(settings.contract)
    from drg.payment.contract import Contract as OneContract

    return pack_of(contract.terms.scheme) if isinstance(contract, OneContract) else None


@lru_cache(maxsize=4)
def quality_checker(
    rule_set: str, day: dt.date, edition: Edition, appeals: tuple[Appeal, ...] = ()
) -> Checker:
    """The quality rules of a set; the upheld appeals silence them."""
    from drg.quality.appeals import Appeals
    from drg.quality.engine import Checker
    from drg.quality.registry import load_rules, select

    return Checker(select(load_rules().values(), rule_set), day, edition, Appeals(appeals))


@lru_cache(maxsize=4)
def claim_checker(
    region: str, knowledge: Path | None, parameters: tuple[Path, ...], day: dt.date, edition: Edition
) -> ClaimChecker:
    """The claim rules with parameters and knowledge points."""
    from claims.knowledge.points import load_knowledge
    from claims.parameters.settings import load_parameters
    from claims.rules.check import ClaimChecker
    from claims.rules.library import LIBRARY, vocabulary

    names = vocabulary(load_knowledge(knowledge), load_parameters(parameters, region))
    return ClaimChecker(list(LIBRARY.rules(names).values()), day, edition, names)


@lru_cache(maxsize=2)
def model_of(folder: Path) -> Stored:
    """A risk model."""
    from claims.risk.store import load

    return load(folder)
