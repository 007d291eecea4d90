"""A section of a report on a page: figures with units, charts with title and source, tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from drg import messages
from drg.analytics.charts import chart
from drg.analytics.document import (
    MONEY,
    NOT_KNOWN,
    Bars,
    Column,
    Figure,
    Grid,
    Kind,
    Section,
    shown,
    with_unit,
)
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import Markup, tag

STYLES = Path(__file__).with_suffix(".css")
CHARTS_IN_ROW = 2
MOST_ROWS_OF_TEXT = 25
"""A longer table is shown as a grid that a person can sort and scroll."""
ROW_HEIGHT = 30
BORDERS = 4
MOST_GRID_HEIGHT = 420
FORMATS: dict[Kind, str] = {
    "count": "localized",
    "share": "percent",
    "ratio": "%.3f",
    "weight": "%.2f",
    "money": "localized",
    "mean_money": "localized",
}
"""How a grid shows numbers."""


def use_styles() -> None:
    """Load the styles of reports, and those of every page."""
    markup.use_styles()
    st.html(STYLES)


def show(section: Section, lang: str, source: str, key: str) -> None:
    """The whole section; ``source`` says what its charts are made from."""
    if section.text:
        markup.show(tag("p", section.text, style="d-note"))
    show_figures(section.figures, lang)
    show_charts(section.charts, lang, source)
    for place, grid in enumerate(section.grids):
        show_grid(grid, lang, f"{key} {place}")


def show_figures(figures: Iterable[Figure], lang: str) -> None:
    """Figures beside each other, each with its unit and what is to be known about it."""
    cards = [
        tag(
            "div",
            tag("span", with_unit(one.name, one.kind, lang)),
            tag("b", shown(one.value, one.kind), style=_sign(one.value)),
            tag("small", one.note),
            style="d-figure",
        )
        for one in figures
    ]
    if cards:
        markup.show(tag("div", *cards, style="d-figures"))


def show_charts(charts: Iterable[Bars], lang: str, source: str) -> None:
    """Charts side by side; one without a known value says so."""
    drawn = list(charts)
    for start in range(0, len(drawn), CHARTS_IN_ROW):
        row = drawn[start : start + CHARTS_IN_ROW]
        for cell, bars in zip(st.columns(CHARTS_IN_ROW, gap="medium"), row, strict=False):
            with cell:
                _show_chart(bars, lang, source)


def _show_chart(bars: Bars, lang: str, source: str) -> None:
    title = with_unit(bars.title, bars.kind, lang)
    markup.show(tag("div", title, style="d-chart-title"))
    if all(value is None for _, value in bars.bars):
        markup.show(tag("div", text("report.nothing_to_draw", lang), style="d-empty"))
        return
    # The chart has room for its labels outside of its width; the page would take that room from the bars.
    drawn = chart(bars).properties(autosize="pad")
    st.altair_chart(drawn, width="content", theme=None, alt=title)
    markup.show(tag("div", text("report.source", lang, source=source), style="d-source"))


def show_grid(grid: Grid, lang: str, key: str, selectable: bool = False) -> int | None:
    """A table with its title; returns the row that a person picked, where the table is ``selectable``."""
    if grid.title:
        markup.show(tag("h4", grid.title, style="d-title"))
    picked = None
    columns = [one for one in grid.columns if one.on_page]
    if not len(grid.rows):
        markup.show(tag("div", text("report.no_rows", lang), style="d-empty"))
    elif selectable or len(grid.rows) > MOST_ROWS_OF_TEXT:
        picked = _show_numbers(grid, columns, lang, key, selectable)
    else:
        markup.show(tag("div", _table(grid, columns, lang), style="d-scroll"))
    more = len(grid.rows) - grid.shown
    notes = [grid.note] if grid.note else []
    if more > 0:
        notes.append(messages.text("analytics.more_rows", lang, count=f"{more:,}"))
    if notes:
        markup.show(tag("div", " ".join(notes), style="d-note"))
    return picked


def _show_numbers(grid: Grid, columns: list[Column], lang: str, key: str, selectable: bool) -> int | None:
    rows = grid.rows.slice(0, grid.shown)
    table = pa.table({one.name: _in_unit(rows.column(one.name), one.kind) for one in columns})
    options: dict[str, Any] = {"on_select": "rerun", "selection_mode": "single-row"} if selectable else {}
    event = st.dataframe(
        table,
        key=key,
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=min(MOST_GRID_HEIGHT, ROW_HEIGHT * (len(table) + 1) + BORDERS),
        column_config={one.name: _config(one, lang) for one in columns},
        alt=grid.title or None,
        placeholder=NOT_KNOWN,
        **options,
    )
    chosen = event["selection"]["rows"] if selectable else []
    return chosen[0] if chosen and chosen[0] < len(table) else None


def _in_unit(column: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    """Numbers as a grid sorts and shows them: money in yuan."""
    if kind == "text":
        return column.cast(pa.string())
    if kind in MONEY:
        return pc.round(pc.divide(column.cast(pa.float64()), 100.0), 2)
    return column if kind == "count" else column.cast(pa.float64())


def _config(column: Column, lang: str) -> Any:
    heading = with_unit(column.heading, column.kind, lang)
    if column.kind == "text":
        return st.column_config.TextColumn(heading)
    return st.column_config.NumberColumn(heading, format=FORMATS[column.kind])


def _table(grid: Grid, columns: list[Column], lang: str) -> Markup:
    head = [tag("th", with_unit(one.heading, one.kind, lang), style=_align(one.kind)) for one in columns]
    rows = [
        tag(
            "tr",
            *(
                tag("td", shown(row[one.name], one.kind), style=f"{_align(one.kind)} {_sign(row[one.name])}")
                for one in columns
            ),
        )
        for row in grid.rows.slice(0, grid.shown).to_pylist()
    ]
    return tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), style="d-table")


def _align(kind: Kind) -> str:
    return "" if kind == "text" else "number"


def _sign(value: object) -> str:
    return "negative" if not isinstance(value, str) and value is not None and value < 0 else ""  # type: ignore[operator]
