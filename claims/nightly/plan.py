"""What a run would do, and roughly how long it would take; nothing is written."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from claims.nightly.config import Config
from claims.nightly.hashes import hashes_of
from claims.nightly.inputs import Found, Source
from claims.nightly.manifest import Manifest, read_manifest
from claims.nightly.partition import part_manifest, read_key, source_manifest
from claims.nightly.run import last_run
from drg.errors import InputError

State = Literal["new", "known", "refused"]


@dataclass(frozen=True)
class PlannedSource:
    """A source: ``known`` where this program read it already. ``rows`` are counted then, else estimated; None for one
    that cannot be used."""

    id: str
    file: str
    input: str
    state: State
    bytes: int
    rows: int | None
    parts: int


@dataclass(frozen=True)
class Plan:
    """What a run would do. ``changed``: what differs from the last run (code, scheme, ...), so that the steps which
    depend on it run again. ``rows``, ``parts``: to be worked on. ``seconds``, ``result_bytes``: estimates."""

    sources: tuple[PlannedSource, ...]
    same: tuple[str, ...]
    retired: int
    changed: tuple[str, ...]
    rows: int
    parts: int
    seconds: float
    result_bytes: int
    measured: bool


def plan(config: Config, found: Found, workers: int, limit: int | None = None) -> Plan:
    """The plan of a run. Raises ``InputError`` as finding the input does."""
    hashes = hashes_of(config)
    last = last_run(config.out) or {}
    before = last.get("hashes", {})
    changed = tuple(name for name, value in hashes.items() if before and before.get(name) != value)
    sources = _limited([_planned(config, one, hashes) for one in found.sources], limit)
    todo = [one for one in sources if one.state != "known" or changed]
    rows = sum(one.rows or 0 for one in todo)
    measured = _measured(last)
    rate, size = measured or (_defaults()["rows_per_second"], _defaults()["result_bytes_per_row"])
    return Plan(
        sources=tuple(sources),
        same=tuple(path.name for path in found.same),
        retired=_retired(config.out, found),
        changed=changed,
        rows=rows,
        parts=sum(one.parts for one in todo),
        seconds=round(rows / rate / workers, 1),
        result_bytes=int(rows * size),
        measured=measured is not None,
    )


def _limited(sources: list[PlannedSource], limit: int | None) -> list[PlannedSource]:
    if limit is None:
        return sources
    new = [one for one in sources if one.state != "known"][:limit]
    return [one for one in sources if one.state == "known" or one in new]


def _planned(config: Config, source: Source, hashes: Mapping[str, str]) -> PlannedSource:
    manifest = read_manifest(source_manifest(config.out, source.id))
    key = read_key(hashes, source)
    if manifest is not None and all(done.key == key for done in manifest.steps.values()):
        return _told(source, "known", _rows_of(manifest), len(manifest.steps))
    try:
        rows = _estimated_rows(source)
    except InputError:
        return _told(source, "refused", None, 1)
    return _told(source, "new", rows, max(1, math.ceil(rows / config.settings.limits.rows)))


def _told(source: Source, state: State, rows: int | None, parts: int) -> PlannedSource:
    return PlannedSource(source.id, source.path.name, source.entry, state, source.size, rows, parts)


def _rows_of(manifest: Manifest) -> int:
    return sum(one.rows for done in manifest.steps.values() for one in done.outputs if one.table == "records")


def _estimated_rows(source: Source) -> int:
    """Rows of a source: counted where its format says, else by the size of a row. Raises ``InputError``."""
    from drg.records.source import file_type_of

    if source.path.is_dir():
        return sum(one.is_dir() for one in source.path.iterdir())
    kind = file_type_of(source.path)
    if kind == "parquet":
        from drg.records.record_file import open_source

        return open_source(source.path, None).row_count or 0
    per_row = _bytes_of_line(source.path) if kind == "csv" else _defaults()[kind]
    return round(source.size / per_row)


def _bytes_of_line(path: Path) -> float:
    with path.open("rb") as file:
        sample = file.read(int(_defaults()["sample_bytes"]))
    return len(sample) / max(1, sample.count(b"\n"))


def _retired(out: Path, found: Found) -> int:
    """Partitions whose input is gone."""
    ids = {source.id for source in found.sources}
    gone = [path for path in (out / "sources").glob("*.json") if path.stem not in ids]
    manifests = [read_manifest(path) for path in gone]
    return sum(part_manifest(out, name).is_file() for one in manifests if one for name in one.steps)


def _measured(last: dict[str, Any]) -> tuple[float, float] | None:
    """Rows a second of one worker, and bytes of results a row, as the last run had them; None where it did nothing."""
    rows, seconds = last.get("rows_worked", 0), sum(last.get("seconds", {}).values())
    size, all_rows = last.get("result_bytes", 0), last.get("rows", {}).get("records", 0)
    if not rows or not seconds or not all_rows:
        return None
    return rows / seconds, size / all_rows


@cache
def _defaults() -> dict[str, float]:
    told: dict[str, float] = tomllib.loads(
        Path(__file__).with_name("estimate.toml").read_text(encoding="utf-8")
    )
    return told
