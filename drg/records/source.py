"""What every file type gives: headers, and chunks of rows with the cells of the wanted columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from drg.errors import input_error
from drg.records.dialect import Dialect
from drg.records.findings import REJECTION_SCHEMA, Finding


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    ``rows`` are their row numbers (int64), ``columns`` header -> cells (any scalar type, or lists of strings).
    ``rejections`` are rows that could not even be cut into cells: they are not among ``rows``.
    ``problems`` and ``notes`` are what the source found in rows that it could cut.
    """

    rows: pa.Array
    columns: dict[str, pa.Array]
    rejections: pa.Table = field(default_factory=REJECTION_SCHEMA.empty_table)
    problems: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def uncut_rows(message: str, rows: Sequence[tuple[int, str]]) -> pa.Table:
    """Rejections of rows (number, text) that could not be cut into cells."""
    return pa.table(
        [
            pa.array([row for row, _ in rows], pa.int64()),
            pa.nulls(len(rows), pa.string()),
            pa.repeat(pa.scalar("", pa.string()), len(rows)),
            pa.array([text for _, text in rows], pa.string()),
            pa.repeat(pa.scalar(message, pa.string()), len(rows)),
        ],
        schema=REJECTION_SCHEMA,
    )


class Source(Protocol):
    """An open file. ``encoding`` is empty for binary files, ``row_count`` None when not known beforehand."""

    @property
    def file_type(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def row_count(self) -> int | None: ...
    @property
    def dialect(self) -> Dialect: ...

    def chunks(self, wanted: Sequence[str], batch_rows: int) -> Iterator[Chunk]:
        """The rows of the file in order, at most ``batch_rows`` at a time."""


def file_type_of(path: Path) -> str:
    """``csv``, ``xlsx``, ``parquet`` or ``json``, by the first bytes of the file; raises ``InputError``."""
    where = str(path)
    if path.name.startswith("~$"):
        raise input_error("records.excel_lock_file", where)
    if path.is_dir():
        raise input_error("records.is_folder", where)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise input_error("records.not_readable", where, detail=error.strerror or "") from error
    if not head:
        raise input_error("records.empty_file", where)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK"):
        return "xlsx"
    if head.startswith(bytes.fromhex("D0CF11E0A1B11AE1")):
        raise input_error("records.old_excel", where)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head:
        raise input_error("records.encoding_utf16", where)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start and path.stat().st_size <= len(head):
        raise input_error("records.empty_file", where)
    return "json" if start.startswith((b"{", b"[")) else "csv"
