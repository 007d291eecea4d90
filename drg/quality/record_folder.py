"""A folder with one subfolder a case: ``record.json``, tables of groups (``orders.csv``), documents as text files.

A text file is named by kind and time, and may name the author: ``admission_note_202401021030.txt``,
``入院记录_20240102-1030_author.txt``. ``documents.csv`` (``file`` and fields of the group) adds to or replaces what
the names say.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from drg.errors import input_error
from drg.quality.layout import Field, groups, value_sets
from drg.quality.record import MAX_ROWS_OF_GROUP, Part, Rows
from drg.quality.record_objects import WHOLE_RECORD, ObjectReader, whole_record_dialect
from drg.records.findings import capped
from drg.records.source import uncut_rows

RECORD_FILE = "record.json"
DOCUMENT_LIST = "documents.csv"
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_TEXT_BYTES = 2 * 1024 * 1024
MAX_FILES = 4_000
MAX_CASE_BYTES = 64 * 1024 * 1024
_NAME = re.compile(
    r"^(?:\d{1,4}[-_. ])?(?P<kind>.*?)[-_ ]?(?P<date>(?:19|20)\d{6})[-_T ]?(?P<time>\d{4}(?:\d{2})?)"
    r"(?:[-_ ](?P<author>.+))?$"
)


class _BrokenError(Exception):
    """A case folder that cannot be read: a message and what it is about."""

    def __init__(self, message: str, value: str):
        self.message, self.value = message, value
        super().__init__(message)


class FolderRows(Rows):
    """The case folders in a folder, by name; rows are numbered from 1. Raises ``InputError`` if there is none."""

    def __init__(self, path: Path, known: Mapping[str, Field]):
        self._cases = sorted(one for one in path.iterdir() if one.is_dir() and not one.is_symlink())
        if not any((case / RECORD_FILE).is_file() for case in self._cases):
            raise input_error("recordtable.nothing_to_read", str(path))
        self.file_type, self.encoding, self.dialect = "folder", "", WHOLE_RECORD
        self.edition = whole_record_dialect().edition
        self.known = known
        self.columns = list(self.known)
        self.ignored_columns: list[str] = []
        self._reader = ObjectReader(WHOLE_RECORD, known=known)

    def parts(self, wanted: set[str], batch_rows: int) -> Iterator[Part]:
        numbered = enumerate(self._cases, start=1)
        while group := list(itertools.islice(numbered, batch_rows)):
            records: list[tuple[int, dict[str, Any]]] = []
            rejections: list[pa.Table] = []
            for row, folder in group:
                try:
                    records.append((row, read_case(folder)))
                except _BrokenError as broken:
                    rejections.append(uncut_rows(broken.message, [(row, capped(broken.value))]))
            yield self._reader.part(records, wanted, pa.concat_tables(rejections) if rejections else None)


def read_case(folder: Path) -> dict[str, Any]:
    """One case folder as a whole record; its name is the case id where ``record.json`` gives none."""
    files = list(itertools.islice((one for one in folder.iterdir()), MAX_FILES + 1))
    if len(files) > MAX_FILES or sum(one.lstat().st_size for one in files) > MAX_CASE_BYTES:
        raise _BrokenError("recordtable.file_not_readable", folder.name)
    record = _record(folder)
    for name in groups():
        if name != "documents" and (folder / f"{name}.csv").exists():
            record[name] = _rows(folder / f"{name}.csv", name)
    documents = list(record.get("documents") or [])
    listed = {row["file"]: row for row in _listed(folder)}
    texts = sorted(one for one in files if one.suffix.casefold() == ".txt")
    missing = sorted(set(listed) - {one.name for one in texts})
    if missing:
        raise _BrokenError("recordtable.file_not_readable", missing[0])
    documents += [_document(one, listed.get(one.name, {})) for one in texts]
    if documents or "documents" in record:
        record["documents"] = sorted(documents, key=lambda one: str(one.get("written") or ""))
    return record


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = orjson.loads(_text(folder / RECORD_FILE, MAX_FILE_BYTES))
    except orjson.JSONDecodeError as error:
        raise _BrokenError("records.record_not_json", RECORD_FILE) from error
    if not isinstance(record, dict):
        raise _BrokenError("records.record_not_object", RECORD_FILE)
    if not isinstance(record.get("documents", []), list | None):
        raise _BrokenError("recordtable.group_not_list", "documents")
    record.setdefault("case_id", folder.name)
    return record


def _rows(path: Path, group: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(path, MAX_FILE_BYTES), newline=""))
    most = MAX_ROWS_OF_GROUP.get(group, MAX_FILES)
    try:
        rows = list(itertools.islice(reader, most + 1))
    except csv.Error as error:
        raise _BrokenError("recordtable.file_not_readable", path.name) from error
    if any(None in row or None in row.values() for row in rows):
        raise _BrokenError("records.cell_count", path.name)
    if len(rows) > most:
        raise _BrokenError("recordtable.group_too_long", path.name)
    return rows


def _listed(folder: Path) -> list[dict[str, str]]:
    path = folder / DOCUMENT_LIST
    if not path.exists():
        return []
    rows = _rows(path, "documents")
    if any("file" not in row for row in rows):
        raise _BrokenError("records.cell_count", DOCUMENT_LIST)
    return rows


def _document(path: Path, listed: Mapping[str, str]) -> dict[str, str | None]:
    document = {
        **_from_name(path),
        **{key: value for key, value in listed.items() if value and key != "file"},
    }
    if not document.get("kind") or not document.get("written"):
        raise _BrokenError("recordtable.file_name_unclear", path.name)
    return {**document, "text": _text(path, MAX_TEXT_BYTES)}


def _from_name(path: Path) -> dict[str, str | None]:
    found = _NAME.match(path.stem)
    if not found:
        return {}
    date, time = found["date"], found["time"].ljust(6, "0")
    written = f"{date[:4]}-{date[4:6]}-{date[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"
    kind = found["kind"]
    return {"kind": _kinds().get(kind, kind), "title": kind, "author": found["author"], "written": written}


@cache
def _kinds() -> Mapping[str, str]:
    """Chinese name of a kind of document -> its value."""
    return {label: value for value, label in value_sets()["document_kind"].labels.items()}


def _text(path: Path, most: int) -> str:
    """The text of a file, UTF-8 or GB18030; links and large files are not read."""
    try:
        if path.is_symlink() or path.stat().st_size > most:
            raise _BrokenError("recordtable.file_not_readable", path.name)
        data = path.read_bytes()
    except OSError as error:
        raise _BrokenError("recordtable.file_not_readable", path.name) from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _BrokenError("recordtable.file_not_readable", path.name)
