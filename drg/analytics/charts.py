"""The charts of reports as Altair charts, the same on a page and in the browser; and the one place that draws them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drg.analytics.document import Bars, Kind, in_unit, shown

if TYPE_CHECKING:
    import altair as alt

FONT = (
    "PingFang SC, Microsoft YaHei, Noto Sans CJK SC, Source Han Sans SC, WenQuanYi Micro Hei, SimHei, "
    "system-ui, sans-serif"
)
"""Fonts for Chinese of the usual systems, then whatever there is. Nothing is embedded."""

INK, SOFT, LINE, GOOD, BAD = "#1d2b33", "#51636d", "#d5dde2", "#0b6e99", "#c2571a"
"""The palette of the pages too (``.streamlit/config.toml``, a test compares)."""
FONT_SIZE = 13

BAR_WIDTH = 305
VALUE_WIDTH = 115
ROW_HEIGHT = 24
COLUMN_WIDTH = 530
COLUMN_HEIGHT = 260
MOST_LEVEL_LABELS = 8
"""Widths and heights in pixels; labels under more columns are slanted."""

MAX_LABEL = 22
"""A label wider than so many letters is cut. Not by the converter, which fails where it cuts a rare sign in two."""
MAX_SAID = 200
NOT_DRAWN = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML does not have; the converter ends the whole process at the first of them."""

AXIS_FORMATS: dict[Kind, str] = {"share": ".0%", "ratio": ",.2f"}
"""Number formats (d3) of an axis; all other kinds are shown as whole numbers with thousands separators."""


def chart(data: Bars) -> alt.LayerChart:
    """The chart of some bars: columns over time where they are ``upright``, else a row for each label."""
    return columns(data) if data.upright else rows(data)


def rows(data: Bars) -> alt.LayerChart:
    """Horizontal bars with their values to the right; negative ones go to the left of a common zero."""
    import altair as alt

    low, high = _span(data)
    place = alt.Y("place:O", axis=None, scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2))
    scale = alt.Scale(domain=[low, high], nice=False)
    base = alt.Chart(_values(data), width=BAR_WIDTH, height=alt.Step(ROW_HEIGHT))
    bars = base.mark_bar().encode(y=place, x=alt.X("value:Q", axis=None, scale=scale), **_look(alt))
    zero = _line(alt).encode(x=alt.XDatum(0, axis=None))
    labels = base.mark_text(align="right", color=INK, aria=False)
    values = base.mark_text(align="right", color=SOFT, aria=False)
    return _finished(
        zero,
        bars,
        labels.encode(y=place, x=alt.value(-10), text="label:N", tooltip="said:N"),
        values.encode(y=place, x=alt.value(BAR_WIDTH + VALUE_WIDTH), text="text:N"),
    )


def columns(data: Bars) -> alt.LayerChart:
    """Columns in the order given, from a zero line, with an axis of values."""
    import altair as alt

    slanted = len(data.bars) > MOST_LEVEL_LABELS
    place = alt.X("place:O", axis=None, scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2))
    value = alt.Y(
        "value:Q",
        scale=alt.Scale(domain=list(_span(data)), nice=True),
        axis=alt.Axis(
            title=None, format=AXIS_FORMATS.get(data.kind, ",.0f"), tickCount=5, domain=False, ticks=False
        ),
    )
    base = alt.Chart(_values(data), width=COLUMN_WIDTH, height=COLUMN_HEIGHT)
    zero = _line(alt).encode(y=alt.YDatum(0, title=None))
    labels = (
        base.mark_text(align="right", angle=315, color=INK, aria=False)
        if slanted
        else base.mark_text(color=INK, aria=False)
    )
    return _finished(
        base.mark_bar().encode(x=place, y=value, **_look(alt)),
        zero,
        labels.encode(x=place, y=alt.value(COLUMN_HEIGHT + 14), text="label:N", tooltip="said:N"),
    )


def svg(made: alt.LayerChart) -> str:
    """A chart as SVG for a page: texts stay texts, and nothing is read from disk or network."""
    import vl_convert

    # Altair 6 writes Vega-Lite 6; the converter has that version built in.
    drawn = vl_convert.vegalite_to_svg(made.to_dict(), allowed_base_urls=[])
    # Inside a page SVG needs no namespaces.
    return re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", drawn, count=2)


def _inline(values: Sequence[Mapping[str, Any]]) -> alt.Data:
    import altair as alt

    return alt.Data(values=values)  # type: ignore[no-untyped-call]


def _values(data: Bars) -> alt.Data:
    return _inline(
        [
            {
                "place": place,
                "label": _cut(_drawable(label)),
                "value": None if value is None else in_unit(value, data.kind),
                "text": shown(value, data.kind),
                "said": f"{_drawable(label)}: {shown(value, data.kind)}",
            }
            for place, (label, value) in enumerate(data.bars)
        ]
    )


def _drawable(label: str) -> str:
    return NOT_DRAWN.sub("\ufffd", label[:MAX_SAID])


def _cut(label: str) -> str:
    """The label, cut to what fits beside a bar; a Chinese sign is as wide as two letters."""
    width = 0
    for place, sign in enumerate(label):
        width += 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        if width > MAX_LABEL:
            return f"{label[:place]}…"
    return label


def _span(data: Bars) -> tuple[float, float]:
    """From the smallest to the largest value, with zero in between; never empty."""
    known = [in_unit(value, data.kind) for _, value in data.bars if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    return (low, high) if low < high else (0.0, 1.0)


def _look(alt: Any) -> dict[str, Any]:
    """Colour by sign; label and value in the tooltip, and for those who do not see the chart."""
    return {
        "color": alt.condition("datum.value < 0", alt.value(BAD), alt.value(GOOD)),
        "tooltip": "said:N",
        "description": "said:N",
    }


def _line(alt: Any) -> Any:
    """One line; over the values of the chart there would be one for each."""
    return alt.Chart(_inline([{}])).mark_rule(color=LINE, aria=False)


def _finished(*layers: alt.Chart) -> alt.LayerChart:
    import altair as alt

    made: alt.LayerChart = (
        alt.layer(*layers)
        .configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_text(fontSize=FONT_SIZE)
        .configure_axis(
            labelFontSize=FONT_SIZE - 1,
            labelColor=SOFT,
            gridColor=LINE,
            domainColor=LINE,
        )
    )
    return made
