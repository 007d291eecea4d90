"""What a result depends on, as hashes: the program, and everything that it works with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import drg
from claims.nightly.config import SHIPPED, Config
from claims.nightly.inputs import content_hash
from claims.pseudonyms import fingerprint, load_key
from privacy.canonical import canonical_json

DRG = Path(drg.__file__).parent
CLAIMS = Path(__file__).parents[1]
LIBRARIES = ("drgbridge", "pyarrow", "numpy", "duckdb", "lightgbm", "numba")
"""Whose versions may change the bytes of a result."""
QUALITY = DRG / "quality"
NOT_USED = tuple(DRG / name for name in ("analytics", "coding", "dip", "texts"))
"""Parts of ``drg`` on which no step of a partition depends."""
DATA_APART = (*NOT_USED, DRG / "schemes", DRG / "contracts", QUALITY)
"""Data that no step depends on, or that has a hash of its own."""
PART_CODE = ("rules", "knowledge", "parameters")
"""Subpackages of ``claims`` with code of the steps of a partition; their data has a hash of its own."""
PART_FILES = ("nightly", "fhir")
"""Subpackages with code and data that every step may use."""
NO_KEY = "-"
WHOLE_CODE = {
    "features_code": ("risk", "across", "policies"),
    "across_code": ("across",),
    "network_code": ("network",),
    "words": ("claim_desk",),
}
"""Hash -> subpackages with the code of a step over the whole set."""


def digest(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


@cache
def code_hash() -> str:
    """The program as far as partitions go: its sources, the data that every step reads, the versions of libraries."""
    sources = [path for path in _code(DRG) if not _within(path, NOT_USED)]
    sources += [*CLAIMS.glob("*.py"), *(path for name in PART_CODE for path in _code(CLAIMS / name))]
    data = [path for path in DRG.rglob("*") if _is_data(path) and not _within(path, DATA_APART)]
    data += [path for path in CLAIMS.glob("*") if _is_data(path)]
    data += [path for name in PART_FILES for path in _files(CLAIMS / name)]
    return digest([_hash_of(sorted([*sources, *data])), {name: _version(name) for name in LIBRARIES}])


@cache
def _whole_code() -> dict[str, str]:
    shared = list(_code(DRG / "analytics"))
    return {
        name: _hash_of(sorted([*shared, *(path for folder in folders for path in _files(CLAIMS / folder))]))
        for name, folders in WHOLE_CODE.items()
    }


def hashes_of(config: Config) -> dict[str, str]:
    """What the steps of a configuration work with: name -> SHA-256. A step depends on the code and on some of these."""
    settings = config.settings
    found = {"code": code_hash(), "scheme": _scheme_hash(config), **_whole_code()}
    found["pseudonyms"] = fingerprint(load_key(config.key)) if config.key.exists() else NO_KEY
    if config.runs("price"):
        found["contract"] = _contract_hash(config)
    if config.runs("check"):
        found["quality_rules"] = digest([_data_hash(QUALITY), settings.check.rules])
    if config.runs("rules"):
        found["claim_rules"] = _claim_rules_hash(config)
    if config.runs("across"):
        found["across_rules"] = digest(_limit_hashes(config))
    if settings.risk is not None and settings.risk.model is not None and config.runs("risk"):
        found["model"] = content_hash(config.resolved(settings.risk.model))
    if settings.policies is not None and config.runs("features"):
        given = (settings.policies.policies, settings.policies.changes)
        found["policies"] = digest([path and content_hash(config.resolved(path)) for path in given])
    return found


def _scheme_hash(config: Config) -> str:
    """Without one scheme for all, that of each case follows from the contracts, else from region and day."""
    from drg.scheme.pack import SCHEMES_FOLDER, shipped_ids

    scheme = config.settings.scheme
    if scheme is None:
        return (
            _contract_hash(config) if config.settings.contract is not None else content_hash(SCHEMES_FOLDER)
        )
    given = config.id_or_path(scheme)
    return content_hash(SCHEMES_FOLDER / given if given in shipped_ids() else Path(given))


def _contract_hash(config: Config) -> str:
    """Of the contracts, and of the schemes that they name."""
    from drg.payment.contract import CONTRACTS_FOLDER
    from drg.scheme.pack import SCHEMES_FOLDER

    contract = config.settings.contract or ""
    path = Path(config.id_or_path(contract))
    folder = path if path.is_dir() else path.parent if path.is_file() else CONTRACTS_FOLDER
    named = SHIPPED if contract == SHIPPED else path.name
    return digest([named, content_hash(folder), content_hash(SCHEMES_FOLDER)])


def _claim_rules_hash(config: Config) -> str:
    return digest([_data_hash(QUALITY), _data_hash(CLAIMS / "rules"), *_limit_hashes(config)])


def _limit_hashes(config: Config) -> list[Any]:
    """Of the knowledge points and the parameters."""
    rules = config.settings.rules
    knowledge = CLAIMS / "knowledge" if rules.knowledge is None else config.resolved(rules.knowledge)
    own = [content_hash(config.resolved(path)) for path in rules.parameters]
    return [_data_hash(knowledge), _data_hash(CLAIMS / "parameters"), own, rules.region]


def _data_hash(folder: Path) -> str:
    return _hash_of(sorted(path for path in folder.rglob("*") if _is_data(path)))


def _hash_of(paths: Iterable[Path]) -> str:
    homes = (DRG.parent, CLAIMS.parent)
    total = hashlib.sha256()
    for path in paths:
        home = next((home for home in homes if path.is_relative_to(home)), path.parent)
        total.update(canonical_json([path.relative_to(home).as_posix(), content_hash(path)]))
    return total.hexdigest()


def _code(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix in (".py", ".sql"))


def _files(folder: Path) -> Iterator[Path]:
    """Code and data of a subpackage, without what Python and Numba cache beside it."""
    return (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _is_data(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".py", ".pyc", ".sql") and "__pycache__" not in path.parts


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
