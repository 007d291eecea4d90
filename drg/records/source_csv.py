"""CSV files: UTF-8 (with or without BOM) or GB18030, comma, tab or semicolon, streamed in blocks."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv as arrow_csv

from drg.errors import input_error
from drg.records.dialect import Dialect, not_recognised, recognise
from drg.records.findings import REJECTION_SCHEMA, capped
from drg.records.source import Chunk, uncut_rows

# A row must fit into a block: room for a cell of 10 MB, also after GB18030 became UTF-8.
BLOCK_BYTES = 32 * 1024 * 1024
MAX_HEADER_BYTES = 1024 * 1024
MAX_COLUMNS = 5_000
DELIMITERS = (",", "\t", ";")
ENCODINGS = ("utf-8", "gb18030")
_ASCII_END = 0x80
_THREE_BYTES = 0xE0  # the lowest first byte of a UTF-8 character of three bytes


@dataclass(frozen=True)
class _Text:
    """The text of a file: its encoding, and where its content ends (without blank lines at the end)."""

    encoding: str
    end: int


def _scan(path: Path) -> _Text:
    """Find the encoding by strict decoding of the whole file, block by block; raises ``InputError``.

    Chinese takes three bytes in UTF-8. A text whose other characters all take two may be valid in both encodings
    (a file with 女 as its only Chinese); it is taken for GB18030 then.
    """
    quotes, position, end, highest = 0, 0, 0, 0
    for block in _blocks(path):
        if b"\x00" in block:
            raise input_error("records.encoding_utf16", str(path))
        quotes += block.count(b'"')
        highest = max(highest, int(np.frombuffer(block, np.uint8).max()))
        content = len(block.rstrip(b"\r\n"))
        end = position + content if content else end
        position += len(block)
    if quotes % 2:
        raise input_error("records.quote_not_closed", str(path))
    order = ENCODINGS[::-1] if _ASCII_END <= highest < _THREE_BYTES else ENCODINGS
    for encoding in order:
        failed_at = _first_undecodable(path, encoding)
        if failed_at is None:
            return _Text(encoding, end)
    raise input_error("records.encoding_unknown", str(path), position=failed_at)


def _first_undecodable(path: Path, encoding: str) -> int | None:
    """The byte near which ``path`` is not text of ``encoding``; None if it is."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    position = 0
    try:
        for block in _blocks(path):
            decoder.decode(block)
            position += len(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return position + error.start
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


@dataclass(frozen=True)
class _Header:
    """The header record: its names, the blank lines before it, and whether nothing follows it."""

    delimiter: str
    names: tuple[str, ...]
    blank_lines: int
    is_all: bool


class _Limited(io.RawIOBase):
    """The first ``end`` bytes of a file: Arrow then sees no blank lines at the end."""

    def __init__(self, path: Path, end: int):
        self._file = path.open("rb")
        self._left = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(memoryview(buffer)[: self._left]) if self._left else 0
        self._left -= count or 0
        return count or 0

    def close(self) -> None:
        self._file.close()
        super().close()


class CsvSource:
    """An open CSV file; see :class:`drg.records.source.Source`."""

    file_type = "csv"

    def __init__(self, path: Path, dialect: Dialect | None):
        self.path = path
        self._text = _scan(path)
        header = self._header()
        self._delimiter, self.columns, self._blank_lines = header.delimiter, header.names, header.blank_lines
        found = dialect or recognise(self.columns, self.file_type)
        if found is None:
            raise not_recognised(str(path), self.columns, self.file_type)
        self.dialect = found
        self.row_count: int | None = 0 if header.is_all else None

    @property
    def encoding(self) -> str:
        if self._text.encoding == "utf-8":
            with self.path.open("rb") as file:
                return "utf-8-bom" if file.read(3) == codecs.BOM_UTF8 else "utf-8"
        return self._text.encoding

    def _header(self) -> _Header:
        with self.path.open("rb") as file:
            head = file.read(min(MAX_HEADER_BYTES, self._text.end))
        decoder = codecs.getincrementaldecoder(self._text.encoding)("strict")
        text = decoder.decode(head).removeprefix("\ufeff")
        try:
            headers = [_header_of(text, delimiter) for delimiter in DELIMITERS]
        except csv.Error as error:
            raise input_error("records.csv_not_readable", str(self.path), detail=str(error)) from error
        best = max(headers, key=lambda header: len(header.names))
        if len(best.names) > MAX_COLUMNS:
            raise input_error(
                "records.too_many_columns", str(self.path), count=len(best.names), most=MAX_COLUMNS
            )
        return best

    def chunks(self, wanted: Sequence[str], batch_rows: int) -> Iterator[Chunk]:
        """Rows in blocks; a row with too many or too few cells is rejected here."""
        names = [str(place) for place in range(len(self.columns))]
        chosen = {name: self.columns.index(name) for name in wanted}
        broken: list[tuple[int, str]] = []

        def skip(row: arrow_csv.InvalidRow) -> str:
            broken.append((row.number - self._blank_lines, capped(row.text)))
            return "skip"

        next_row = 2
        try:
            with self._open(names, [names[place] for place in chosen.values()], skip) as reader:
                for block in reader:
                    rows = _numbered(next_row, block.num_rows, [number for number, _ in broken])
                    before = [one for one in broken if not len(rows) or one[0] < rows[-1]]
                    del broken[: len(before)]
                    next_row = int(rows[-1]) + 1 if len(rows) else next_row + len(before)
                    yield from self._sliced(block, rows, list(chosen), before, batch_rows)
        except pa.ArrowInvalid as error:
            raise self._error(error, next_row) from error
        if broken:
            yield from self._sliced(
                _no_rows(len(chosen)), np.empty(0, np.int64), list(chosen), broken, batch_rows
            )

    def _open(self, names: list[str], chosen: list[str], skip: object) -> arrow_csv.CSVStreamingReader:
        return arrow_csv.open_csv(
            io.BufferedReader(_Limited(self.path, self._text.end), BLOCK_BYTES),
            read_options=arrow_csv.ReadOptions(
                use_threads=False,  # Arrow only numbers invalid rows when it reads with one thread
                column_names=names,
                skip_rows=self._blank_lines,
                skip_rows_after_names=1,
                block_size=BLOCK_BYTES,
                encoding=self._text.encoding,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=chosen,
                strings_can_be_null=False,
            ),
        )

    def _sliced(
        self,
        block: pa.RecordBatch,
        rows: npt.NDArray[np.int64],
        wanted: list[str],
        broken: list[tuple[int, str]],
        batch_rows: int,
    ) -> Iterator[Chunk]:
        rejections = uncut_rows(
            "records.cell_count", [(row + self._blank_lines, text) for row, text in broken]
        )
        numbers = pa.array(rows + self._blank_lines)
        for start in range(0, max(block.num_rows, 1), batch_rows):
            part = block.slice(start, batch_rows)
            yield Chunk(
                numbers.slice(start, batch_rows),
                dict(zip(wanted, part.columns, strict=True)),
                rejections if start == 0 else REJECTION_SCHEMA.empty_table(),
            )

    def _error(self, error: pa.ArrowInvalid, near_row: int) -> Exception:
        if "straddling" in str(error):
            return input_error(
                "records.row_too_large", str(self.path), row=near_row, most=BLOCK_BYTES // 1024**2
            )
        return input_error("records.csv_not_readable", str(self.path), detail=str(error)[:200])


def _header_of(text: str, delimiter: str) -> _Header:
    blank_lines = 0
    lines = io.StringIO(text, newline="")
    for record in csv.reader(lines, delimiter=delimiter):
        if record:
            names = tuple(name.strip() for name in record)
            return _Header(delimiter, names, blank_lines, is_all=not lines.read(1))
        blank_lines += 1
    return _Header(delimiter, (), blank_lines, is_all=True)


def _numbered(start: int, count: int, broken: list[int]) -> npt.NDArray[np.int64]:
    """The numbers of ``count`` rows from ``start`` on, leaving out those of ``broken`` rows."""
    candidates = np.arange(start, start + count + len(broken), dtype=np.int64)
    return candidates[~np.isin(candidates, broken)][:count]


def _no_rows(columns: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array([], pa.string())] * columns, names=[str(one) for one in range(columns)])
