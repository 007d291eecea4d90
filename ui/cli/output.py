"""Writers of result tables: Parquet, CSV, XLSX, JSON lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from drg import messages
from drg.errors import InputError, Problem
from drg.grouper.files import first_rejections
from drg.records import render_rejections
from ui.cli.language import LANG, say

BOM = b"\xef\xbb\xbf"
FORMULA_START = "^([=+\\-@\t\r\n＝＋－＠])"
"""What makes a spreadsheet read a cell as a formula, also in full width."""
EXCEL_ROWS = 1_048_576
LIST_SEPARATOR = "|"


class Writer(Protocol):
    """Takes tables of one schema; ``close`` completes the file."""

    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class TooManyRowsError(InputError):
    """More rows than a sheet of Excel has."""

    def render(self, lang: str = "en") -> str:
        return say("excel_rows", most=f"{EXCEL_ROWS - 1:,}")


def too_many_rows() -> TooManyRowsError:
    return TooManyRowsError([Problem("cli.excel_rows")])


def with_reason_text(results: pa.Table, rejections: pa.Table) -> pa.Table:
    """Results with the column ``reason_text`` after ``reason``: the sentence in the language of the run.

    Rejected rows get the sentence of their first rejection, with its value. Both tables are ordered by row.
    """
    texts = by_message(results.column("reason"))
    if rejections.num_rows:
        told = render_rejections(first_rejections(rejections), LANG)
        is_rejected = pc.is_in(results.column("row"), told.column("row").combine_chunks())
        told_texts = told.column("reason_text").combine_chunks()
        texts = pc.replace_with_mask(texts, is_rejected.combine_chunks(), told_texts)
    place = results.column_names.index("reason") + 1
    return results.add_column(place, "reason_text", texts)


def by_message(message_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts of message ids, in the language of the run; each distinct id is looked up once.

    A value that a text would show is left out.
    """
    encoded = pc.dictionary_encode(message_ids.cast(pa.string()))
    chunks = [_sentences(chunk.dictionary).take(chunk.indices) for chunk in encoded.chunks]
    return pa.chunked_array(chunks, pa.string())


def _sentences(message_ids: pa.Array) -> pa.Array:
    return pa.array([messages.text(id, LANG, value="…") for id in message_ids.to_pylist()], pa.string())


def flat(table: pa.Table) -> pa.Table:
    """The table with one text a cell: lists joined by ``|``, dictionaries decoded, formulas defused."""
    return pa.table({name: _flat(table.column(name)) for name in table.column_names})


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, LIST_SEPARATOR)
    elif pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type):
        column = pc.replace_substring_regex(column, FORMULA_START, r"'\1")
    return column


class CsvWriter:
    """CSV in UTF-8; ``bom`` lets Excel read Chinese."""

    def __init__(self, file: IO[bytes], bom: bool):
        self._file = file
        self._csv: Any = None
        if bom:
            file.write(BOM)

    def write(self, table: pa.Table) -> None:
        from pyarrow import csv

        plain = flat(table)
        if self._csv is None:
            self._csv = csv.CSVWriter(self._file, plain.schema)
        self._csv.write_table(plain)

    def close(self) -> None:
        if self._csv is not None:
            self._csv.close()
        self._file.flush()


class JsonLinesWriter:
    """One JSON object a line and row."""

    def __init__(self, file: IO[bytes]):
        self._file = file

    def write(self, table: pa.Table) -> None:
        import orjson

        self._file.writelines(
            orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in table.to_pylist()
        )

    def close(self) -> None:
        self._file.flush()


class ParquetWriter:
    """Parquet with dictionaries, compressed by zstd."""

    def __init__(self, path: Path):
        self._path = path
        self._parquet: Any = None

    def write(self, table: pa.Table) -> None:
        from pyarrow import parquet

        if self._parquet is None:
            self._parquet = parquet.ParquetWriter(self._path, table.schema, compression="zstd")
        self._parquet.write_table(table)

    def close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()


class XlsxWriter:
    """One sheet with texts and numbers only, written row by row."""

    def __init__(self, path: Path):
        import xlsxwriter

        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(path, options)
        self._sheet = self._book.add_worksheet()
        self._next_row = 0

    def write(self, table: pa.Table) -> None:
        plain = flat(table)
        if self._next_row == 0:
            self._sheet.freeze_panes(1, 0)
            self._write_row(plain.column_names)
        if self._next_row + len(plain) > EXCEL_ROWS:
            raise too_many_rows()
        for row in zip(*(column.to_pylist() for column in plain.columns), strict=True):
            self._write_row(row)

    def _write_row(self, cells: Any) -> None:
        for place, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._next_row, place, cell)
            elif cell is not None:
                self._sheet.write_number(self._next_row, place, cell)
        self._next_row += 1

    def close(self) -> None:
        self._book.close()


def csv_file(path: Path) -> Writer:
    return CsvWriter(path.open("wb"), bom=True)


FILE_WRITERS: dict[str, Callable[[Path], Writer]] = {
    ".parquet": ParquetWriter,
    ".csv": csv_file,
    ".xlsx": XlsxWriter,
}


def print_json(value: Any) -> None:
    """One JSON document on stdout; dataclasses, cases and Arrow tables are taken apart."""
    import orjson

    document = orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    sys.stdout.buffer.write(document + b"\n")


def _plain(value: Any) -> Any:
    if isinstance(value, pa.Table):
        return value.to_pylist()
    if isinstance(value, Path):
        return os.fsencode(value).decode("utf-8", "replace")
    if isinstance(value, frozenset):
        return sorted(value)
    return value.model_dump(mode="json")
