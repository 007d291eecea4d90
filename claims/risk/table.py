"""Any table of claims: CSV or Parquet, as an Arrow table; every cell of a CSV file stays text."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from claims.errors import ClaimProblem, input_error
from claims.risk.settings import settings
from drg.errors import InputError

ENCODINGS = ("utf-8", "gb18030")
DELIMITERS = (",", "\t", ";")
BYTE_ORDER_MARK = "\ufeff"
BLOCK = 16 * 2**20


def read_table(path: Path) -> pa.Table:
    """A CSV (comma, tab or semicolon; UTF-8 or GB18030) or Parquet file. Raises ``InputError``."""
    if not path.is_file():
        raise input_error("risk.no_table", str(path))
    limits = settings("read")
    if path.stat().st_size > limits["most_bytes"]:
        raise input_error("risk.table_large", str(path), most=f"{limits['most_bytes']:,} bytes")
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    if not table.num_rows:
        raise input_error("risk.no_rows", str(path))
    if table.num_rows > limits["most_rows"]:
        raise input_error("risk.table_large", str(path), most=f"{limits['most_rows']:,} rows")
    return table


def check_columns(table: pa.Table, named: Mapping[str, Collection[str | None]]) -> None:
    """Raise ``InputError`` for every column that an option names and the table has not got. ``named``: by option."""
    problems = [
        ClaimProblem("risk.option_column", params={"option": option, "column": name})
        for option, names in named.items()
        for name in names
        if name is not None and name not in table.column_names
    ]
    if problems:
        raise InputError(problems)


def text_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values of a column as texts; null stays null."""
    return column.cast(pa.string())


def _parquet(path: Path) -> pa.Table:
    limits = settings("read")
    try:
        with pq.ParquetFile(path) as parquet:
            names = parquet.schema_arrow.names
            _check_names(path, names)
            if parquet.metadata.num_rows > limits["most_rows"]:
                raise input_error("risk.table_large", str(path), most=f"{limits['most_rows']:,} rows")
            table = parquet.read()
    except (pa.ArrowException, OSError) as error:
        raise input_error("risk.unreadable", str(path), detail=_first_line(error)) from None
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table


def _csv(path: Path) -> pa.Table:
    for encoding in ENCODINGS:
        names, delimiter = _header(path, encoding)
        if names is None:
            continue
        try:
            return arrow_csv.read_csv(
                path,
                read_options=arrow_csv.ReadOptions(
                    encoding=encoding, block_size=BLOCK, column_names=names, skip_rows=1
                ),
                parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=settings("read")["missing"],
                    strings_can_be_null=True,
                ),
            )
        except UnicodeDecodeError:
            continue
        except pa.ArrowException as error:
            if "UTF8" in str(error) or "utf-8" in str(error):
                continue
            raise input_error("risk.unreadable", str(path), detail=_first_line(error)) from None
    raise input_error("risk.encoding", str(path))


def _header(path: Path, encoding: str) -> tuple[list[str] | None, str]:
    """The names of the columns and the delimiter; None where the first line is no text of ``encoding``."""
    with path.open("rb") as file:
        line = file.readline(settings("read")["most_header_bytes"])
    if not line.endswith(b"\n") and len(line) >= settings("read")["most_header_bytes"]:
        raise input_error("risk.unreadable", str(path), detail="the first line is too long to be a header")
    if b"\x00" in line:
        raise input_error("risk.encoding", str(path))
    try:
        text = line.decode(encoding).lstrip(BYTE_ORDER_MARK).rstrip("\r\n")
    except UnicodeDecodeError:
        return None, ","
    delimiter = max(DELIMITERS, key=text.count)
    names = next(csv.reader([text], delimiter=delimiter), [])
    _check_names(path, names)
    return names, delimiter


def _check_names(path: Path, names: list[str]) -> None:
    most = settings("read")["most_columns"]
    if len(names) > most:
        raise input_error("risk.table_large", str(path), most=f"{most:,} columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise input_error("risk.names_twice", str(path), names=", ".join(twice[:5]))
    if not names or any(not name.strip() for name in names):
        raise input_error("risk.names_empty", str(path))


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
