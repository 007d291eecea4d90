"""What a night works on and with: ``nightly.toml``, checked as a whole before anything is read or written.

Paths are relative to the folder of the configuration. ``docs/nightly.md`` has every key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from claims.errors import ClaimProblem, input_error
from drg.errors import InputError, Problem
from drg.messages import listed

Step = Literal["group", "price", "check", "rules", "features", "risk", "across", "network", "items", "joint"]
NEEDS: dict[Step, tuple[Step, ...]] = {
    "price": ("group",),
    "risk": ("features",),
    "joint": ("risk",),
}
"""The steps without which a step cannot run."""
SHIPPED = "shipped"
"""In place of a contract: all that come with the product, each case under its own."""
FROM_ENVIRONMENT = "environment"
"""In place of a store: the one that ``DRGBRIDGE_STORE_URL`` names, which may have a password."""
STEM = "{stem}"
DATE = "{date}"
MAX_CONFIG_BYTES = 1_000_000

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputEntry(_Strict):
    """Files of one kind. ``paths``: files, folders of whole records, or patterns; ``{date}`` is the day of the run.

    ``fees``: the fee lines of a file, in a file of their own; ``{stem}`` is the name of the record file without ending.
    ``history``: cases of earlier years, seen as history of others: they get no risk and no work item.
    """

    name: Name
    paths: tuple[str, ...] = Field(min_length=1)
    profile: str | None = None
    edition: Literal["nhsa", "clinical"] | None = None
    fees: str | None = None
    history: bool = False


class CheckSettings(_Strict):
    """The quality rules: which set."""

    rules: str = "all"


class RuleSettings(_Strict):
    """The claim rules: the region of their parameters, own parameters and knowledge points."""

    region: str = "CN"
    knowledge: str | None = None
    parameters: tuple[str, ...] = ()


class RiskSettings(_Strict):
    """The risk model; without one claims are ranked by how far they stand out.

    ``capacity``: how many claims people can look at; without it those of the highest band.
    """

    model: str | None = None
    capacity: Annotated[int, Field(ge=1)] | None = None


class PolicySettings(_Strict):
    """The tables of ``claims.policies``: policies with their states, and their changes."""

    policies: str
    changes: str | None = None


class Limits(_Strict):
    """What a night may take. ``rows``: of a partition; ``memory_gb``: of the steps over the whole set."""

    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 50_000
    files: Annotated[int, Field(ge=1)] = 10_000
    file_gb: Annotated[float, Field(gt=0)] = 64.0
    memory_gb: Annotated[float, Field(ge=0.25)] = 2.0


class Settings(_Strict):
    """The configuration as written. ``key``: file of the pseudonyms' key; ``joint``: the section that
    ``claims.joint.settings`` reads."""

    out: str
    input: tuple[InputEntry, ...]
    steps: tuple[Step, ...] = (
        "group",
        "price",
        "check",
        "rules",
        "features",
        "risk",
        "across",
        "network",
        "items",
    )
    scheme: str | None = None
    contract: str | None = None
    store: str | None = None
    key: str = "pseudonyms.key"
    workers: Annotated[int, Field(ge=1, le=1024)] = 2
    check: CheckSettings = CheckSettings()
    rules: RuleSettings = RuleSettings()
    risk: RiskSettings | None = None
    policies: PolicySettings | None = None
    joint: dict[str, Any] | None = None
    limits: Limits = Limits()


class Config(_Strict):
    """A checked configuration; its paths are absolute."""

    path: Path
    settings: Settings

    @property
    def out(self) -> Path:
        """The results folder."""
        return self.resolved(self.settings.out)

    @property
    def key(self) -> Path:
        """The file with the key of the pseudonyms."""
        return self.resolved(self.settings.key)

    def resolved(self, path: str) -> Path:
        """A path of the configuration, from the folder of the configuration."""
        return (self.path.parent / path).absolute()

    def runs(self, step: Step) -> bool:
        """Whether a step is asked for and has what it works with."""
        given = {
            "price": self.settings.contract,
            "items": self.settings.store,
            "joint": self.settings.joint,
        }
        return step in self.settings.steps and given.get(step, True) is not None

    def id_or_path(self, value: str) -> str:
        """The id of something shipped as it is, a path absolute."""
        path = self.resolved(value)
        return str(path) if path.exists() else value


def load_config(path: Path) -> Config:
    """Read and check a configuration. Raises ``InputError`` with everything that is wrong with it."""
    config = Config(path=path.absolute(), settings=_read(path))
    problems = list(_problems(config))
    if problems:
        raise InputError(problems)
    return config


def _read(path: Path) -> Settings:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise input_error("nightly.config_large", str(path))
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise input_error("nightly.config_unreadable", str(path), detail=error.strerror or "") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise input_error("nightly.config_unreadable", str(path), detail=str(error)) from None
    try:
        return Settings.model_validate(entries)
    except ValidationError as error:
        raise InputError([_told(path, one) for one in error.errors()]) from None


def _told(path: Path, error: Any) -> ClaimProblem:
    """A problem of pydantic with the place in the file."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return ClaimProblem("nightly.config_key", str(path), {"key": key})
    if error["type"] == "missing":
        return ClaimProblem("nightly.config_missing", str(path), {"key": key})
    return ClaimProblem("nightly.config_value", str(path), {"key": key, "detail": error["msg"]})


def _problems(config: Config) -> Iterator[Problem]:
    """What does not fit together, and what cannot be loaded."""
    settings, where = config.settings, str(config.path)
    if not settings.input:
        yield ClaimProblem("nightly.config_missing", where, {"key": "input"})
    names = [entry.name for entry in settings.input]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield ClaimProblem("nightly.input_twice", where, {"name": name})
    for step in settings.steps:
        if missing := [one for one in NEEDS.get(step, ()) if one not in settings.steps]:
            yield ClaimProblem("nightly.step_needs", where, {"step": step, "needs": listed(missing, "en")})
    if settings.scheme is not None and _is_choice(config):
        yield ClaimProblem("nightly.scheme_and_contracts", where)
    for check in (_check_inputs, *_LOADERS):
        try:
            check(config)
        except InputError as error:
            yield from error.problems


def _is_choice(config: Config) -> bool:
    """Whether each case has a contract of its own."""
    contract = config.settings.contract
    return contract is not None and (contract == SHIPPED or config.resolved(contract).is_dir())


def _check_inputs(config: Config) -> None:
    from drg.quality.record import LAYOUT_OF_DIALECT

    problems: list[Problem] = []
    for entry in config.settings.input:
        if entry.profile is not None and entry.profile not in LAYOUT_OF_DIALECT:
            known = ", ".join(LAYOUT_OF_DIALECT)
            told = {"name": entry.name, "profile": entry.profile, "known": known}
            problems.append(ClaimProblem("nightly.input_profile", str(config.path), told))
        many = len(entry.paths) > 1 or any(sign in entry.paths[0] for sign in "*?[")
        if entry.fees is not None and many and STEM not in entry.fees:
            problems.append(ClaimProblem("nightly.fees_stem", str(config.path), {"name": entry.name}))
    if problems:
        raise InputError(problems)


def _check_scheme(config: Config) -> None:
    from drg.scheme.pack import find_pack

    if config.settings.scheme is not None:
        find_pack(config.id_or_path(config.settings.scheme))


def _check_contract(config: Config) -> None:
    from drg.payment.choice import in_folder
    from drg.payment.contract import find_contract

    contract = config.settings.contract
    if contract is None or contract == SHIPPED:
        return
    if _is_choice(config):
        in_folder(config.resolved(contract))
    else:
        find_contract(config.id_or_path(contract))


def _check_rules(config: Config) -> None:
    from drg.quality.registry import select

    if config.runs("check"):
        select((), config.settings.check.rules)


def _check_claim_rules(config: Config) -> None:
    if config.runs("rules"):
        from claims.knowledge.points import load_knowledge
        from claims.parameters.settings import load_parameters

        rules = config.settings.rules
        load_parameters([config.resolved(path) for path in rules.parameters], rules.region)
        load_knowledge(None if rules.knowledge is None else config.resolved(rules.knowledge))


def _check_risk(config: Config) -> None:
    risk = config.settings.risk
    if risk is not None and risk.model is not None and config.runs("risk"):
        from claims.risk.store import load

        load(config.resolved(risk.model))


def _check_policies(config: Config) -> None:
    policies = config.settings.policies
    for path in () if policies is None else (policies.policies, policies.changes):
        if path is not None and not config.resolved(path).is_file():
            raise input_error("risk.no_table", str(config.resolved(path)))


def _check_key(config: Config) -> None:
    """A key that is there can be used; one that is not there is made by the first run."""
    if config.key.exists():
        from claims.pseudonyms import load_key

        load_key(config.key)


def _check_store(config: Config) -> None:
    store = config.settings.store
    if store is not None and store != FROM_ENVIRONMENT:
        from claims.store.address import parse_address

        if parse_address(store).url.password is not None:
            raise input_error("nightly.store_password", str(config.path))


def _check_joint(config: Config) -> None:
    if config.settings.joint is not None:
        from claims.joint.settings import read_settings

        read_settings(config.settings.joint, config.path.parent)


_LOADERS: tuple[Callable[[Config], None], ...] = (
    _check_scheme,
    _check_contract,
    _check_rules,
    _check_claim_rules,
    _check_risk,
    _check_policies,
    _check_key,
    _check_store,
    _check_joint,
)
