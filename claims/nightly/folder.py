"""The results folder: what it needs before a run, and what goes when its input is gone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from claims.errors import input_error
from claims.nightly.config import FROM_ENVIRONMENT, Config
from claims.nightly.inputs import Found
from claims.nightly.lock import NAME as LOCK
from claims.nightly.manifest import Manifest, read_manifest
from claims.nightly.partition import SOURCES, STAGED
from claims.nightly.results import ACROSS, PARTS, RUN_FILE, RUNS
from claims.nightly.work_items import STORED
from claims.pseudonyms import make_key
from claims.store.address import VARIABLE, Address, find_address, parse_address
from drg.disk import TEMPORARY

TABLES = (
    "cases",
    "records",
    "lines",
    "rejected",
    "groups",
    "prices",
    "findings",
    "scores",
    "hits",
    "features",
    "risk",
)


def prepare(config: Config, found: Found) -> None:
    """Make the folder and, at the first run, the key of the pseudonyms.

    Raises ``InputError`` where the folder cannot be written, is something else, or lies in the input, and where there
    is no input any more: that is rather a disk that is not mounted than everything taken back.
    """
    out = config.out
    if out.exists() and not out.is_dir():
        raise input_error("nightly.out_no_folder", str(out))
    if out.is_dir() and any(out.iterdir()) and not _is_results(out):
        raise input_error("nightly.out_foreign", str(out))
    kept = list((out / SOURCES).glob("*.json"))
    if kept and not found.sources:
        raise input_error("nightly.input_gone", str(out), files=len(kept))
    if any(out == source.path or out in source.path.parents for source in found.sources):
        raise input_error("nightly.out_holds_input", str(out))
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".probe{TEMPORARY}"
        probe.write_bytes(b"-")
        probe.unlink()
    except OSError as error:
        raise input_error("nightly.out_not_writable", str(out), detail=error.strerror or "") from None
    try:
        make_key(config.key)
    except OSError as error:
        raise input_error("nightly.key_not_made", str(config.key), detail=error.strerror or "") from None


def store_address(config: Config) -> Address | None:
    """Where the store is; None where the step is not asked for. Raises ``InputError`` where nothing names it."""
    store = config.settings.store
    if store is None or not config.runs("items"):
        return None
    if store == FROM_ENVIRONMENT:
        if not os.environ.get(VARIABLE):
            raise input_error("nightly.store_variable", str(config.path), variable=VARIABLE)
        return find_address()
    return parse_address(store if "://" in store else str(config.resolved(store)))


def retire(out: Path, keep: Mapping[str, Sequence[str]]) -> int:
    """Remove what no manifest to keep lists: manifests of input that is gone, their files, what a kill left half.

    ``keep``: folder of manifests -> their names. Returns how many partitions went.
    """
    gone = 0
    listed: set[str] = set()
    for folder, names in keep.items():
        for path in (out / folder).glob("*.json"):
            manifest = read_manifest(path) if path.stem in names else None
            if manifest is None:
                path.unlink()
                gone += folder == PARTS
            else:
                listed |= manifest.files
    for path in _tables_in(out):
        if path.relative_to(out).as_posix() not in listed:
            path.unlink()
    return gone


def known_manifests(out: Path, folder: str) -> list[Manifest]:
    """The manifests of a folder, by name."""
    return [
        found for path in sorted((out / folder).glob("*.json")) if (found := read_manifest(path)) is not None
    ]


def _tables_in(out: Path) -> list[Path]:
    """All files that only a manifest gives a meaning, and temporary files."""
    folders = [out / name for name in (*TABLES, STAGED, ACROSS)]
    found = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".parquet", TEMPORARY)
    ]
    beside_manifests = (".", SOURCES, PARTS, ACROSS, RUNS, STORED)
    found += [path for name in beside_manifests for path in (out / name).glob(f".*{TEMPORARY}")]
    return list(dict.fromkeys(found))


def _is_results(out: Path) -> bool:
    """Whether a run began in the folder: its lock is the first thing that it makes."""
    return (out / LOCK).is_file() or (out / RUN_FILE).is_file()
