"""What a report shows, independent of how it is written: figures, charts and tables in sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from drg import messages

Kind = Literal["text", "count", "share", "ratio", "weight", "money", "mean_money"]
"""How a value is shown; money is in fen (a mean in parts of a fen) and shown in yuan."""

MONEY: tuple[Kind, ...] = ("money", "mean_money")

NOT_KNOWN = "–"


@dataclass(frozen=True)
class Column:
    """A column of a table: its name in the data, its heading, how it is shown; not ``on_page``: in a workbook only.

    ``few``: the name in the data of whether the value stands on few cases only, and is marked on a page.
    """

    name: str
    heading: str
    kind: Kind = "text"
    on_page: bool = True
    few: str | None = None


@dataclass(frozen=True)
class Grid:
    """A table with at least its columns; on a page at most ``shown`` rows, in a workbook all."""

    title: str
    columns: tuple[Column, ...]
    rows: pa.Table
    shown: int = 30
    note: str = ""


@dataclass(frozen=True)
class Bars:
    """A bar for each label; a value that is not known has none. ``upright``: columns, as for a course of time."""

    title: str
    kind: Kind
    bars: Sequence[tuple[str, float | None]]
    upright: bool = False


@dataclass(frozen=True)
class Figure:
    """A single number with its name, and what is to be known about it."""

    name: str
    value: Any
    kind: Kind
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report."""

    title: str
    text: str = ""
    figures: tuple[Figure, ...] = ()
    charts: tuple[Bars, ...] = ()
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True)
class Document:
    """A report in one language. ``origin``: name and value of what it was made from (run, scheme, contract, rules)."""

    title: str
    subtitle: str
    lang: str
    sections: tuple[Section, ...]
    footer: str = ""
    origin: tuple[tuple[str, str], ...] = ()


def shown(value: Any, kind: Kind) -> str:
    """A value as text: thousands separated, shares in percent, money in yuan."""
    if value is None or value == "":
        return NOT_KNOWN
    match kind:
        case "count":
            return f"{value:,}"
        case "share":
            return f"{value:.1%}"
        case "ratio":
            return f"{value:.3f}"
        case "weight":
            return f"{value:,.2f}"
        case "money" | "mean_money":
            return f"{Decimal(value) / 100:,.2f}"
        case _:
            return str(value)


def in_unit(value: float, kind: Kind) -> float:
    """A value in the unit in which it is drawn: money in yuan, all else as it is."""
    return float(value) / 100 if kind in MONEY else float(value)


def with_unit(name: str, kind: Kind, lang: str) -> str:
    """A name with its unit, where the value is shown without one."""
    return messages.text("analytics.in_yuan", lang, name=name) if kind in MONEY else name


def grid(
    title: str,
    table: pa.Table,
    columns: Iterable[tuple[str, Kind]],
    lang: str,
    limit: int = 30,
    note: str = "",
) -> Grid:
    """A grid of some columns of a table; the headings are the texts ``analytics.column_<name>``."""
    chosen = tuple(Column(name, heading(name, lang), kind) for name, kind in columns)
    return Grid(title, chosen, table, limit, note)


def heading(name: str, lang: str) -> str:
    """The heading of a column."""
    return messages.text(f"analytics.column_{name}", lang)


def bars(title: str, table: pa.Table, label: str, value: str, kind: Kind, limit: int = 15) -> Bars:
    """A chart of the first rows of a table."""
    first = table.slice(0, limit)
    labels = [NOT_KNOWN if one is None else str(one) for one in first.column(label).to_pylist()]
    return Bars(title, kind, list(zip(labels, first.column(value).to_pylist(), strict=True)))


def course(title: str, table: pa.Table, label: str, value: str, kind: Kind, limit: int = 36) -> Bars:
    """A chart of the last rows of a table that is ordered by time."""
    last = table.slice(max(len(table) - limit, 0))
    return replace(bars(title, last, label, value, kind, limit), upright=True)
