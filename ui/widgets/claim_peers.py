"""A claim beside others of its group."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from claims.claim_desk.peers import LEAST_PEERS, Comparison, Measure, fee_groups
from drg.analytics.document import shown
from ui import home
from ui.claim_desk import say
from ui.widgets import language, markup
from ui.widgets.claim_words import FEN, band_name
from ui.widgets.markup import Markup, tag

OWN, PEERS = "#c2571a", "#9fb2bc"
ROW_HEIGHT = 32
BAR_STEP = 15
FRAME_HEIGHT = 180
"""Title, axis and legend of a chart."""
PEERS_HEIGHT = 260


def show(compared: Comparison | None) -> None:
    """The comparison, or why there is none."""
    if compared is None:
        home.show_empty("desk.no_peers")
        return
    show_measures(compared)
    if compared.fees:
        _show_fees(compared.fees)
    else:
        markup.show(tag("p", say("no_fees"), style="d-small"))
    _show_peers(compared)


def show_measures(compared: Comparison | None) -> None:
    """The figures of the claim beside the quartiles of its peers."""
    if compared is None:
        home.show_empty("desk.no_peers")
        return
    group = compared.peers[0]
    markup.show(
        tag(
            "b",
            say("peers_title", count=len(compared.peers), group=f"{group['drg']} {group['drg_name'] or ''}"),
        ),
        tag("div", say("peers_note"), style="d-note"),
    )
    if len(compared.peers) < LEAST_PEERS:
        markup.show(tag("div", tag("p", say("peers_few", least=LEAST_PEERS)), style="d-problem"))
    head = [tag("th", say(f"peers_{name}")) for name in ("measure", "own", "low", "middle", "high", "count")]
    rows = [_row(say(f"measure_{one.id}"), one) for one in compared.measures]
    markup.show(tag("table", tag("tr", *head), *rows, style="d-table d-figures"))


def _row(name: str, one: Measure) -> Markup:
    own = tag("b", shown(one.own, one.kind), style="d-outside" if one.is_outside else "")
    figures = (one.low, one.middle, one.high)
    count = "ratio" if one.kind == "count" else one.kind
    cells = [
        tag("td", f"{value:.1f}" if count == "ratio" and value is not None else shown(value, count))
        for value in figures
    ]
    return tag("tr", tag("td", name), tag("td", own), *cells, tag("td", str(one.count)))


def _show_fees(fees: tuple[Measure, ...]) -> None:
    lang = language.chosen()
    names = [fee_groups()[one.id].name(lang) for one in fees]
    frame = pd.DataFrame(
        {
            "fees": names * 2,
            "who": [say("peers_own")] * len(fees) + [say("peers_middle")] * len(fees),
            "amount": [(one.own or 0) / FEN for one in fees] + [(one.middle or 0) / FEN for one in fees],
        }
    )
    who = [say("peers_own"), say("peers_middle")]
    chart = (
        alt.Chart(frame, title=say("fees_title"))
        .mark_bar()
        .encode(
            x=alt.X("amount:Q", title=say("fees_axis")),
            y=alt.Y("fees:N", sort=names, title=None),
            yOffset=alt.YOffset("who:N", sort=who),
            color=alt.Color(
                "who:N",
                title=None,
                sort=who,
                scale=alt.Scale(domain=who, range=[OWN, PEERS]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["fees:N", "who:N", alt.Tooltip("amount:Q", format=",.2f")],
        )
        .properties(height=BAR_STEP * 2 * len(fees) + FRAME_HEIGHT)
    )
    st.altair_chart(chart, width="stretch", alt=say("fees_title"))
    markup.show(tag("div", say("fees_source"), style="d-small"))


def _show_peers(compared: Comparison) -> None:
    column = st.column_config
    with st.expander(say("peers_list", count=len(compared.peers))):
        st.dataframe(
            {
                "case": [one["case_id"] for one in compared.peers],
                "hospital": [one["hospital"] for one in compared.peers],
                "dx": [one["principal_dx"] for one in compared.peers],
                "age": [one["age"] for one in compared.peers],
                "days": [one["los_days"] for one in compared.peers],
                "cost": [
                    None if one["total_cost_fen"] is None else one["total_cost_fen"] / FEN
                    for one in compared.peers
                ],
                "band": [band_name(one["band"]) for one in compared.peers],
            },
            hide_index=True,
            row_height=ROW_HEIGHT,
            height=min(PEERS_HEIGHT, ROW_HEIGHT * (len(compared.peers) + 1) + 4),
            column_config={
                "case": column.TextColumn(say("column_case")),
                "hospital": column.TextColumn(say("column_hospital")),
                "dx": column.TextColumn(say("column_dx")),
                "age": column.NumberColumn(say("column_age")),
                "days": column.NumberColumn(say("column_stay")),
                "cost": column.NumberColumn(say("column_cost"), format="localized"),
                "band": column.TextColumn(say("column_band")),
            },
        )
