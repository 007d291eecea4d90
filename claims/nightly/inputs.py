"""The input of a night: files and folders of records, known by their content and not by name or time."""

from __future__ import annotations

import datetime as dt
import glob
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from claims.errors import ClaimProblem
from claims.nightly.config import DATE, STEM, Config, InputEntry
from drg.disk import file_hash
from drg.errors import InputError
from privacy.canonical import canonical_json

ID_LENGTH = 16
GB = 1 << 30


@dataclass(frozen=True)
class Source:
    """A file (or folder of whole records) with its fee lines. ``id``: of its content and how it is read."""

    id: str
    entry: str
    path: Path
    sha256: str
    size: int
    profile: str | None = None
    edition: str | None = None
    fees: Path | None = None
    fees_sha256: str | None = None
    history: bool = False


@dataclass(frozen=True)
class Found:
    """The input in order. ``same``: files whose content another one has already; they are not read again."""

    sources: tuple[Source, ...]
    same: tuple[Path, ...]


def find_sources(config: Config, day: dt.date) -> Found:
    """All input of a configuration.

    Raises ``InputError`` where a file that is named as it is does not exist, and where it is over the limits or cannot
    be read.
    """
    _check_named(config)
    paths = [(entry, path) for entry in config.settings.input for path in _paths(config, entry, day)]
    _check_limits(config, [path for _, path in paths])
    found: dict[str, Source] = {}
    same = []
    for entry, path in paths:
        source = _source(config, entry, path)
        if source.id in found:
            same.append(path)
        else:
            found[source.id] = source
    return Found(tuple(found.values()), tuple(same))


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files of a folder."""
    if not path.is_dir():
        return file_hash(path)
    total = hashlib.sha256()
    for one in _files(path):
        total.update(canonical_json([one.relative_to(path).as_posix(), file_hash(one)]))
    return total.hexdigest()


def _paths(config: Config, entry: InputEntry, day: dt.date) -> Iterator[Path]:
    """The files of an entry, each once, in the order of the patterns and then of the names."""
    seen: set[Path] = set()
    for pattern in entry.paths:
        absolute = str(config.resolved(pattern.replace(DATE, day.isoformat())))
        matched = [absolute] if Path(absolute).exists() else sorted(glob.glob(absolute, recursive=True))  # noqa: PTH207 - the pattern is absolute
        for path in map(Path, matched):
            if path not in seen and not path.name.startswith((".", "~$")):
                seen.add(path)
                yield path


def _check_named(config: Config) -> None:
    """Files named without a pattern are there: else a disk that is not mounted would pass for a night without input."""
    named = [
        path for entry in config.settings.input for path in (*entry.paths, entry.fees) if path is not None
    ]
    fixed = [path for path in named if DATE not in path and STEM not in path and not glob.has_magic(path)]
    problems = [
        ClaimProblem("nightly.input_missing", str(config.resolved(path)))
        for path in fixed
        if not config.resolved(path).exists()
    ]
    if problems:
        raise InputError(problems)


def _check_limits(config: Config, paths: list[Path]) -> None:
    limits = config.settings.limits
    problems = []
    if len(paths) > limits.files:
        told = {"found": len(paths), "most": limits.files}
        problems.append(ClaimProblem("nightly.files_many", str(config.path), told))
    for path in paths[: limits.files]:
        if _size(path) > limits.file_gb * GB:
            problems.append(ClaimProblem("nightly.file_large", str(path), {"most": f"{limits.file_gb:g} GB"}))
    if problems:
        raise InputError(problems)


def _source(config: Config, entry: InputEntry, path: Path) -> Source:
    fees = None if entry.fees is None else config.resolved(entry.fees.replace(STEM, path.stem))
    if fees is not None and not fees.is_file():
        fees = None
    sha256, fees_sha256 = content_hash(path), None if fees is None else file_hash(fees)
    told = canonical_json([sha256, fees_sha256, entry.profile, entry.edition, config.settings.limits.rows])
    id = hashlib.sha256(told).hexdigest()[:ID_LENGTH]
    return Source(
        id,
        entry.name,
        path,
        sha256,
        _size(path),
        entry.profile,
        entry.edition,
        fees,
        fees_sha256,
        entry.history,
    )


def _files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file() and not one.is_symlink())


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in _files(path)) if path.is_dir() else path.stat().st_size
