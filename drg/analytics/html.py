"""A report as one HTML file: no script, no request to anywhere, charts as inline SVG, every text escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from drg.analytics.document import Bars, Document, Figure, Grid, Section, shown

STYLE = Path(__file__).with_name("report.css")

LABEL_WIDTH = 190
BAR_WIDTH = 380
VALUE_WIDTH = 120
ROW_HEIGHT = 24
MAX_LABEL = 23
LONG_TEXT = 12
"""Widths and heights of a chart in pixels; a label wider than so many letters is cut, and whole in the tooltip.
A longer text gets a wider column."""


def render(document: Document) -> str:
    """The whole page."""
    contents = "".join(_section(section, place) for place, section in enumerate(document.sections))
    links = "".join(
        f'<a href="#s{place}">{escape(section.title)}</a>' for place, section in enumerate(document.sections)
    )
    language = "zh-CN" if document.lang == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.title)}</title>"
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head>"
        f"<body><header><h1>{escape(document.title)}</h1><p>{escape(document.subtitle)}</p></header>"
        f"<nav>{links}</nav><main>{contents}</main>"
        f"<footer>{escape(document.footer)}</footer></body></html>\n"
    )


def _section(section: Section, place: int) -> str:
    text = f"<p>{escape(section.text)}</p>" if section.text else ""
    figures = "".join(map(_figure, section.figures))
    charts = "".join(map(_chart, section.charts))
    grids = "".join(_grid(grid) for grid in section.grids)
    return (
        f'<section id="s{place}"><h2>{escape(section.title)}</h2>{text}'
        + (f'<div class="figures">{figures}</div>' if figures else "")
        + (f'<div class="charts">{charts}</div>' if charts else "")
        + f"{grids}</section>"
    )


def _figure(figure: Figure) -> str:
    negative = isinstance(figure.value, int | float) and figure.value < 0
    note = f"<small>{escape(figure.note)}</small>" if figure.note else ""
    return (
        f'<div class="figure{" negative" if negative else ""}"><span>{escape(figure.name)}</span>'
        f"<b>{escape(shown(figure.value, figure.kind))}</b>{note}</div>"
    )


def _grid(grid: Grid) -> str:
    head = "".join(
        f'<th class="{one.kind}">{escape(one.heading)}</th>' for one in grid.columns if one.on_page
    )
    body = "".join(f"<tr>{''.join(_cells(grid, row))}</tr>" for row in grid.rows[: grid.shown])
    more = len(grid.rows) - grid.shown
    notes = [grid.note] if grid.note else []
    if more > 0:
        notes.append(f"+ {more:,}")
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
        if column.kind == "text" and len(text) > LONG_TEXT:
            classes.append("long")
        yield f'<td class="{" ".join(classes)}">{escape(text)}</td>'


def _chart(chart: Bars) -> str:
    """Horizontal bars; negative values go to the left of a common zero."""
    values = [float(value) for _, value in chart.bars if value is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    per_unit = BAR_WIDTH / (high - low or 1.0)
    zero = LABEL_WIDTH - low * per_unit
    width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH
    height = ROW_HEIGHT * max(len(chart.bars), 1)
    rows = "".join(
        _bar(label, value, chart, zero, per_unit, place) for place, (label, value) in enumerate(chart.bars)
    )
    return (
        f'<figure><figcaption>{escape(chart.title)}</figcaption><svg viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(chart.title)}">'
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height}"/>{rows}</svg></figure>'
    )


def _bar(label: str, value: float | None, chart: Bars, zero: float, per_unit: float, place: int) -> str:
    top = place * ROW_HEIGHT
    middle = top + ROW_HEIGHT / 2 + 4
    cut = _cut(label)
    text = shown(value, chart.kind)
    length = (float(value) if value is not None else 0.0) * per_unit
    left = zero + min(length, 0.0)
    sign = "negative" if length < 0 else "positive"
    return (
        f"<g><title>{escape(label)}: {escape(text)}</title>"
        f'<text class="label" x="{LABEL_WIDTH - 8}" y="{middle:.1f}">{escape(cut)}</text>'
        f'<rect class="{sign}" x="{left:.1f}" y="{top + 4}" width="{abs(length):.1f}" height="{ROW_HEIGHT - 8}"/>'
        f'<text class="value" x="{LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH}" y="{middle:.1f}">{escape(text)}</text></g>'
    )


def _cut(label: str) -> str:
    """The label, cut to what fits beside a bar; a Chinese sign is as wide as two letters."""
    width = 0
    for place, sign in enumerate(label):
        width += 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        if width > MAX_LABEL:
            return f"{label[:place]}…"
    return label
