"""A report as one HTML file: no script, no request to anywhere, charts as inline SVG, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from drg import messages
from drg.analytics.charts import FONT, chart, svg
from drg.analytics.document import Bars, Document, Figure, Grid, Section, shown, with_unit

STYLE = Path(__file__).with_name("report.css")

LONG_TEXT, PROSE = 12, 100
"""Longer texts get a wider column, and a column yet wider."""


def render(document: Document) -> str:
    """The whole page."""
    contents = "".join(
        _section(section, place, document.lang) for place, section in enumerate(document.sections)
    )
    links = "".join(
        f'<a href="#s{place}">{escape(section.title)}</a>' for place, section in enumerate(document.sections)
    )
    language = "zh-CN" if document.lang == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.title)}</title>"
        f"<style>:root {{ --font: {FONT}; }}\n{STYLE.read_text(encoding='utf-8')}</style></head>"
        f"<body><header><h1>{escape(document.title)}</h1><p>{escape(document.subtitle)}</p></header>"
        f"<nav>{links}</nav><main>{contents}</main>"
        f"<footer>{escape(document.footer)}</footer></body></html>\n"
    )


def _section(section: Section, place: int, lang: str) -> str:
    text = f"<p>{escape(section.text)}</p>" if section.text else ""
    figures = "".join(_figure(figure, lang) for figure in section.figures)
    charts = "".join(_chart(bars, lang) for bars in section.charts)
    grids = "".join(_grid(grid, lang) for grid in section.grids)
    return (
        f'<section id="s{place}"><h2>{escape(section.title)}</h2>{text}'
        + (f'<div class="figures">{figures}</div>' if figures else "")
        + (f'<div class="charts">{charts}</div>' if charts else "")
        + f"{grids}</section>"
    )


def _figure(figure: Figure, lang: str) -> str:
    negative = isinstance(figure.value, int | float) and figure.value < 0
    note = f"<small>{escape(figure.note)}</small>" if figure.note else ""
    name = escape(with_unit(figure.name, figure.kind, lang))
    return (
        f'<div class="figure{" negative" if negative else ""}"><span>{name}</span>'
        f"<b>{escape(shown(figure.value, figure.kind))}</b>{note}</div>"
    )


def _grid(grid: Grid, lang: str) -> str:
    head = "".join(
        f'<th class="{one.kind}">{escape(with_unit(one.heading, one.kind, lang))}</th>'
        for one in grid.columns
        if one.on_page
    )
    body = "".join(
        f"<tr>{''.join(_cells(grid, row))}</tr>" for row in grid.rows.slice(0, grid.shown).to_pylist()
    )
    more = len(grid.rows) - grid.shown
    notes = [grid.note] if grid.note else []
    if more > 0:
        notes.append(messages.text("analytics.more_rows", lang, count=f"{more:,}"))
    caption = f"<h3>{escape(grid.title)}</h3>" if grid.title else ""
    below = f'<p class="note">{escape("  ".join(notes))}</p>' if notes else ""
    return (
        f'{caption}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f"{below}"
    )


def _cells(grid: Grid, row: Mapping[str, Any]) -> Iterator[str]:
    for column in grid.columns:
        if not column.on_page:
            continue
        value = row[column.name]
        text = shown(value, column.kind)
        classes: list[str] = [column.kind]
        if column.kind != "text" and value is not None and value < 0:
            classes.append("negative")
        if column.few is not None and row[column.few]:
            classes.append("few")
        if column.kind == "text" and len(text) > LONG_TEXT:
            classes.append("prose" if len(text) > PROSE else "long")
        yield f'<td class="{" ".join(classes)}">{escape(text)}</td>'


def _chart(bars: Bars, lang: str) -> str:
    title = escape(with_unit(bars.title, bars.kind, lang))
    return f"<figure><figcaption>{title}</figcaption>{svg(chart(bars))}</figure>"
