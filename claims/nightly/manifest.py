"""Result tables on the disk and the manifests that list them: written beside and renamed, the same bytes every time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from drg.disk import file_hash, new_file

FORMAT = 1
ROW_GROUP_ROWS = 25_000


@dataclass(frozen=True)
class Output:
    """A table of a partition: its file within the results folder, rows, SHA-256."""

    table: str
    file: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class StepDone:
    """What a step left, and the key of what it worked with."""

    key: str
    outputs: tuple[Output, ...]

    def holds(self, out: Path) -> bool:
        """Whether every file is there as it was written."""
        return all(_verifies(out / one.file, one.sha256) for one in self.outputs)


@dataclass(frozen=True)
class Manifest:
    """What is complete of a partition. ``about``: where it comes from; ``steps`` in the order in which they ran."""

    name: str
    about: Mapping[str, Any]
    steps: Mapping[str, StepDone] = field(default_factory=dict)

    def output(self, table: str) -> Output | None:
        """The file of a table; None where no step left one."""
        return next((one for done in self.steps.values() for one in done.outputs if one.table == table), None)

    @property
    def is_history(self) -> bool:
        """Whether its cases are of earlier years: seen as history, without risk and work items."""
        return bool(self.about.get("history"))

    @property
    def files(self) -> set[str]:
        """All files that are listed."""
        return {one.file for done in self.steps.values() for one in done.outputs}


def write_table(table: pa.Table, out: Path, file: str, name: str) -> Output:
    """Write a result table, whole or not at all; the same rows give the same bytes."""
    plain = decoded(table).combine_chunks().replace_schema_metadata(None)
    target = out / file
    target.parent.mkdir(parents=True, exist_ok=True)
    with new_file(target) as part:
        pq.write_table(plain, part, compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS)
        sha256 = file_hash(part)
    return Output(name, file, len(plain), sha256)


def decoded(table: pa.Table) -> pa.Table:
    """The table with plain columns in place of dictionaries, whose order depends on how the rows were cut."""
    for place, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            plain = table.column(place).cast(column.type.value_type)
            table = table.set_column(place, column.name, plain)
    return table


def write_bytes(path: Path, data: bytes) -> None:
    """Write a small file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as part:
        part.write_bytes(data)


def link(source: Path, target: Path) -> None:
    """``target`` with the bytes of ``source``, without using the room twice where the disk allows it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with new_file(target) as part:
        try:
            os.link(source, part)
        except OSError:
            part.write_bytes(source.read_bytes())


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Put a manifest in place: from then on what it lists counts."""
    told = {"format": FORMAT, **asdict(manifest)}
    write_bytes(path, orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in a file; None where there is none, or none that this program wrote."""
    try:
        told = orjson.loads(path.read_bytes())
        if told["format"] != FORMAT:
            return None
        steps = {
            name: StepDone(done["key"], tuple(Output(**one) for one in done["outputs"]))
            for name, done in told["steps"].items()
        }
        return Manifest(told["name"], told["about"], steps)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None


def remove(out: Path, manifest_path: Path, files: Iterable[str]) -> None:
    """Retire a manifest, then the files that only it listed."""
    manifest_path.unlink(missing_ok=True)
    for file in files:
        (out / file).unlink(missing_ok=True)


def read_output(out: Path, output: Output, columns: list[str] | None = None) -> pa.Table:
    """The rows of a result table."""
    return pq.read_table(out / output.file, columns=columns, partitioning=None)


def _verifies(path: Path, sha256: str) -> bool:
    try:
        return file_hash(path) == sha256
    except OSError:
        return False
