"""The table ``cases``: a case with what its record tells more, and pseudonyms in place of what names a person."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from claims.pseudonyms import PERSON, pseudonyms
from drg.case import CASE_SCHEMA

TYPES = {"text": pa.string(), "date": pa.date32(), "flag": pa.bool_(), "pseudonym": pa.string()}
DAY = r"^(\d{4})[-/]?(\d{2})[-/]?(\d{2}).*$"
FEN = 100


@cache
def more_columns() -> Mapping[str, Mapping[str, Any]]:
    """The columns by name: ``case-columns.toml``."""
    path = Path(__file__).with_name("case-columns.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def cases_schema() -> pa.Schema:
    """``row`` of the source, the fields of a case, and the columns more."""
    more = [pa.field(name, TYPES[entry["kind"]]) for name, entry in more_columns().items()]
    return pa.schema([pa.field("row", pa.int64()), *CASE_SCHEMA, *more])


def case_table(cases: pa.Table, rows: pa.Array, records: pa.Table, key: bytes) -> pa.Table:
    """The cases of a partition in :func:`cases_schema`. ``rows``: of each case in the source; ``key``: of pseudonyms.

    A column is null where there is no record of the case, or it does not tell.
    """
    place = pc.index_in(cases.column("case_id").combine_chunks(), value_set=_ids(records))
    found = {"row": rows, **{name: cases.column(name) for name in CASE_SCHEMA.names}}
    found["person"] = pseudonyms(cases.column("person").combine_chunks().cast(pa.string()), PERSON, key)
    for name, entry in more_columns().items():
        found[name] = _column(name, entry, records, key).take(place)
    return pa.table(found).cast(cases_schema())


def with_amounts(lines: pa.Table) -> pa.Table:
    """The fee lines with ``amount_fen``: whole fen, null where the amount is none."""
    if "amount" not in lines.column_names:
        return lines
    texts = lines.column("amount").combine_chunks()
    readable = pc.match_substring_regex(texts, r"^\s*[+-]?\d{1,11}(\.\d{1,2}0*)?\s*$")
    yuan = pc.if_else(readable, pc.utf8_trim_whitespace(texts), pa.scalar(None, pa.string()))
    fen = pc.round(pc.multiply(yuan.cast(pa.float64()), FEN)).cast(pa.int64())
    return lines.append_column(AMOUNT_FEN, fen)


AMOUNT_FEN = "amount_fen"


def _ids(records: pa.Table) -> pa.Array:
    return records.column("case_id").combine_chunks()


def _column(name: str, entry: Mapping[str, Any], records: pa.Table, key: bytes) -> pa.Array:
    """What each record tells."""
    texts = _texts(entry, records)
    if entry["kind"] == "date":
        return _days(texts)
    if entry["kind"] == "flag":
        yes, no = (pc.is_in(texts, value_set=pa.array(entry[answer])) for answer in ("yes", "no"))
        return pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))
    return pseudonyms(texts, name, key) if entry["kind"] == "pseudonym" else texts


def _texts(entry: Mapping[str, Any], records: pa.Table) -> pa.Array:
    """The first field that tells something; else all of ``joined``, where each of them does."""
    told = [_field(records, name) for name in entry["fields"]]
    if parts := [_field(records, name) for name in entry.get("joined", ())]:
        told.append(pc.binary_join_element_wise(*parts, "-"))
    return pc.coalesce(*told)


def _field(records: pa.Table, name: str) -> pa.Array:
    if name not in records.column_names:
        return pa.nulls(len(records), pa.string())
    texts = pc.utf8_trim_whitespace(records.column(name).combine_chunks().cast(pa.string()))
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _days(texts: pa.Array) -> pa.Array:
    """Days as ``2025-01-31``, ``2025/01/31`` or ``20250131``, with a time or without; null for anything else."""
    readable = pc.replace_substring_regex(texts, DAY, r"\1-\2-\3")
    days = pc.strptime(readable, format="%Y-%m-%d", unit="s", error_is_null=True)
    # A day that does not exist (31 February) is turned into another one by strptime: it must come back as written.
    same = pc.equal(pc.strftime(days, format="%Y-%m-%d"), readable)
    return pc.if_else(same, days, pa.scalar(None, days.type)).cast(pa.date32())
