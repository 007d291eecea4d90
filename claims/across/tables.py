"""Files that a person names (Parquet, CSV, or the results folder of a nightly run) as sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from claims.across.visits import Sources, results_sources
from claims.errors import input_error

MAGIC = b"PAR1"
BLOCK_BYTES = 16 * 1024 * 1024


def sources_of(visits: Sequence[Path], lines: Sequence[Path], network: Path | None, folder: Path) -> Sources:
    """The tables in ``visits`` and ``lines``, each one after the other; CSV becomes Parquet in ``folder``.

    One folder as ``visits`` is that of a nightly run, which has its own fee lines. ``network``: a folder of
    ``claims.network``. Raises ``InputError``.
    """
    measures = [] if network is None else [[network / "measures.parquet"]]
    if len(visits) == 1 and visits[0].is_dir():
        return replace(results_sources(visits[0]), network=measures)
    read = [
        [_parquet(path, folder / f"{n}-{m}") for m, path in enumerate(paths)]
        for n, paths in enumerate((visits, lines))
    ]
    return Sources([read[0]], [read[1]] if read[1] else [], measures)


def _parquet(path: Path, folder: Path) -> Path:
    """A Parquet file as it is; a CSV as texts in a Parquet file of the same name in ``folder``."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return path
        folder.mkdir()
        return _from_csv(path, folder / path.name)
    except (OSError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise input_error("across.unreadable", str(path), detail=str(error).splitlines()[0][:200]) from None


def _from_csv(path: Path, target: Path) -> Path:
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = [name.strip().strip('"') for name in file.readline(1_000_000).rstrip("\r\n").split(",")]
    reader = csv.open_csv(
        path,
        csv.ReadOptions(block_size=BLOCK_BYTES, column_names=names, skip_rows=1),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    with pq.ParquetWriter(target, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return target
