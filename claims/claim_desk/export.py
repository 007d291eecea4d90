"""The list of claims as a file, with a header that says what made it: an xlsx workbook or Parquet.

A workbook holds texts as texts and numbers as numbers, so nothing in it is ever a formula.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from claims import messages
from claims.claim_desk.words import reason_text
from claims.claim_desk.worklist import Line, raising
from claims.errors import input_error
from claims.store import Filter, Order, Place, Store, WorkItem, open_items
from drg.analytics import workbook
from drg.analytics.document import Column, Document, Figure, Grid, Kind, Section

MOST_ROWS = 10_000
PAGE_ROWS = 500
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
HEADER_KEY = b"drgbridge"
COLUMNS: Mapping[str, tuple[Kind, pa.DataType]] = {
    "case_id": ("text", pa.string()),
    "hospital": ("text", pa.string()),
    "state": ("text", pa.string()),
    "owner": ("text", pa.string()),
    "band": ("text", pa.string()),
    "score": ("ratio", pa.float64()),
    "amount_fen": ("money", pa.int64()),
    "priority_fen": ("money", pa.int64()),
    "patterns": ("text", pa.string()),
    "reasons": ("text", pa.string()),
    "days": ("count", pa.int64()),
    "elsewhere": ("count", pa.int64()),
    "source_run": ("text", pa.string()),
    "model_hash": ("text", pa.string()),
    "policy_hash": ("text", pa.string()),
}
"""What is exported: how it is shown in a workbook, and its type."""


@dataclass(frozen=True)
class Header:
    """What made an export: who, when, and named facts in words (filter, scheme, contract, rules, models)."""

    person: str
    at: datetime
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Found:
    """The items of a filter; ``is_cut``: there are more."""

    items: tuple[WorkItem, ...]
    is_cut: bool


def all_items(store: Store, which: Filter, order: Order, most: int = MOST_ROWS) -> Found:
    """The items of a filter in order, at most ``most``."""
    found: list[WorkItem] = []
    after: Place | None = None
    while True:
        page = open_items(store, which, order, after, min(PAGE_ROWS, most - len(found)))
        found += page.items
        after = page.next
        if after is None or len(found) >= most:
            return Found(tuple(found), after is not None)


def as_table(lines: Sequence[Line], lang: str) -> pa.Table:
    """The list as a table of ``COLUMNS``, one row a claim; ids and codes as they are, reasons in words."""
    rows = [_row(line, lang) for line in lines]
    return pa.table(
        {name: pa.array([row[name] for row in rows], kind) for name, (_, kind) in COLUMNS.items()}
    )


def as_xlsx(table: pa.Table, header: Header, is_cut: bool, lang: str) -> bytes:
    """A workbook: the header, and the list. Texts that a spreadsheet would read as formulas are defused."""
    columns = tuple(
        Column(name, messages.text(f"desk.export_column_{name}", lang), kind)
        for name, (kind, _) in COLUMNS.items()
    )
    figures = tuple(
        Figure(name, _defused(value), "text") for name, value in _facts(header, len(table), is_cut, lang)
    )
    title = messages.text("desk.export_title", lang)
    grid = Grid(messages.text("desk.export_list", lang), columns, _all_defused(table))
    section = Section(title, figures=figures, grids=(grid,))
    subtitle = messages.text("desk.export_subtitle", lang)
    target = io.BytesIO()
    workbook.write(Document(title, subtitle, lang, (section,)), target)
    return target.getvalue()


def as_parquet(table: pa.Table, header: Header, is_cut: bool, lang: str) -> bytes:
    """Parquet; the header is JSON in the metadata of the schema under ``drgbridge``."""
    told = dict(_facts(header, len(table), is_cut, lang))
    target = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({HEADER_KEY: orjson.dumps(told)}), target, compression="zstd"
    )
    return target.getvalue()


WRITERS: Mapping[str, Callable[[pa.Table, Header, bool, str], bytes]] = {
    "xlsx": as_xlsx,
    "parquet": as_parquet,
}


def written(kind: str, lines: Sequence[Line], header: Header, is_cut: bool, lang: str) -> bytes:
    """The list as a file of a ``kind`` of ``WRITERS``. Raises ``InputError`` for another kind."""
    if kind not in WRITERS:
        raise input_error("desk.export_kind", known=", ".join(WRITERS))
    return WRITERS[kind](as_table(lines, lang), header, is_cut, lang)


def _row(line: Line, lang: str) -> dict[str, object]:
    item = line.item
    separator = messages.text("desk.list_separator", lang)
    return {
        "case_id": item.case_id,
        "hospital": item.hospital,
        "state": messages.text(f"desk.state_{item.state.value}", lang),
        "owner": item.owner,
        "band": item.risk_band,
        "score": item.risk_score,
        "amount_fen": item.amount_fen,
        "priority_fen": item.priority,
        "patterns": separator.join(pattern.name(lang) for pattern in line.patterns),
        "reasons": separator.join(reason_text(one, lang) for one in raising(item)),
        "days": line.days,
        "elsewhere": line.elsewhere,
        "source_run": item.source_run,
        "model_hash": item.model_hash,
        "policy_hash": item.policy_hash,
    }


def _facts(header: Header, rows: int, is_cut: bool, lang: str) -> list[tuple[str, str]]:
    at = header.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    state = messages.text("desk.export_cut" if is_cut else "desk.export_whole", lang)
    return [
        (messages.text("desk.export_person", lang), header.person),
        (messages.text("desk.export_time", lang), at),
        (messages.text("desk.export_rows", lang), f"{rows:,} ({state})"),
        *header.facts,
    ]


def _all_defused(table: pa.Table) -> pa.Table:
    columns = {
        name: pa.array([_defused(value) for value in table.column(name).to_pylist()], pa.string())
        if pa.types.is_string(table.schema.field(name).type)
        else table.column(name)
        for name in table.column_names
    }
    return pa.table(columns)


def _defused(text: str | None) -> str | None:
    """A text that stays a text also when the sheet is saved as CSV and opened again."""
    return f"'{text}" if text is not None and text.startswith(FORMULA_STARTS) else text
