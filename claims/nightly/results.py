"""The results folder that the nightly run leaves, read by who shows the results.

``OUT/parts/<part>.json`` lists the tables of a partition and is written last; ``OUT/across/<step>.json`` those of a
step over the whole set. Only what these list is read, so a table is never seen half.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.errors import input_error

PARTS = "parts"
ACROSS = "across"
RUN_FILE = "_run.json"
RUNS = "runs"
SUCCESS = "_SUCCESS"


def open_results(folder: Path) -> Results:
    """The results in a folder that ``drgbridge nightly run`` wrote. Raises ``InputError`` where it holds none."""
    if not (folder / RUN_FILE).is_file():
        raise input_error("nightly.no_results", str(folder))
    return Results(folder)


@dataclass(frozen=True)
class Results:
    """A results folder; every call reads what is complete at that moment."""

    folder: Path

    def names(self) -> list[str]:
        """The tables that are there, in alphabetical order."""
        return sorted(self._files())

    def has(self, name: str) -> bool:
        """Whether a table is there."""
        return name in self._files()

    def files(self, name: str) -> list[Path]:
        """The Parquet files of a table in the order of the partitions, for those who read them as they are."""
        return self._files().get(name, [])

    def table(
        self, name: str, columns: Sequence[str] | None = None, case_ids: Collection[str] | None = None
    ) -> pa.Table:
        """The rows of a table in the order of the partitions, only ``columns``, only those of ``case_ids``.

        A column that a partition has not got is null there. Raises ``InputError`` for a table that is not there.
        """
        files = self._files().get(name)
        if not files:
            raise input_error("nightly.no_table", str(self.folder), table=name, known=", ".join(self.names()))
        # As an expression also none are possible.
        chosen = (
            None if case_ids is None else pc.field("case_id").isin(pa.array(sorted(case_ids), pa.string()))
        )
        parts = [_read(path, columns, chosen) for path in files]
        return pa.concat_tables(parts, promote_options="permissive").unify_dictionaries()

    def run(self) -> dict[str, Any]:
        """What the last run was, did and counted."""
        found: dict[str, Any] = orjson.loads((self.folder / RUN_FILE).read_bytes())
        return found

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the last one first."""
        paths = sorted((self.folder / RUNS).glob("*.json"), reverse=True)
        return [orjson.loads(path.read_bytes()) for path in paths]

    @property
    def complete(self) -> bool:
        """Whether the last run went to its end."""
        return (self.folder / SUCCESS).is_file()

    def _files(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for place in (PARTS, ACROSS):
            for manifest in sorted((self.folder / place).glob("*.json")):
                for name, file in _listed(manifest):
                    found.setdefault(name, []).append(self.folder / file)
        return found


def _listed(manifest: Path) -> list[tuple[str, str]]:
    """Table and file of everything that a manifest lists."""
    steps = orjson.loads(manifest.read_bytes())["steps"].values()
    return [(output["table"], output["file"]) for step in steps for output in step["outputs"]]


def _read(path: Path, columns: Sequence[str] | None, chosen: pc.Expression | None) -> pa.Table:
    wanted = None
    if columns is not None:
        held = set(pq.read_schema(path).names)
        wanted = [name for name in columns if name in held]
    return pq.read_table(path, columns=wanted, filters=chosen, partitioning=None)
