"""The visits of a person: as a course of time, and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st

from ui import access, home
from ui.claim_desk import say
from ui.widgets import markup
from ui.widgets.claim_words import BAND_COLORS, band_name, bands, yuan
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.claim_desk.visits import Visits
    from ui.access import Person

ROW_HEIGHT = 32
LANE_HEIGHT = 30
FRAME_HEIGHT = 160
"""Title, axis and legend of a chart."""
MOST_VISITS = 200


def show(person: Person, case_id: str, visits: Visits) -> None:
    """The visits of the person of a case."""
    every = visits.of_person(case_id)
    if not every:
        home.show_empty("desk.no_visits")
        return
    if every[0]["person"] is None:
        markup.show(tag("div", say("person_unknown"), style="d-note"))
    shown = every[-MOST_VISITS:]
    name = access.masked(person, "record_number", every[0]["person"])
    _show_chart(shown, case_id, name)
    show_table(person, shown, case_id)


def _show_chart(visits: Sequence[dict[str, Any]], case_id: str, name: str) -> None:
    dated = [one for one in visits if one["admission_date"] or one["discharge_date"]]
    if not dated:
        return
    frame = pd.DataFrame(
        {
            "hospital": [one["hospital"] or "–" for one in dated],
            "from": [pd.Timestamp(one["admission_date"] or one["discharge_date"]) for one in dated],
            # A stay is drawn to the end of its last day: also one of a single day is seen.
            "until": [
                pd.Timestamp(one["discharge_date"] or one["admission_date"]) + pd.Timedelta(days=1)
                for one in dated
            ],
            "band": [band_name(one["band"]) for one in dated],
            "case": [one["case_id"] for one in dated],
            "here": [one["case_id"] == case_id for one in dated],
            "cost": [yuan(one["total_cost_fen"]) for one in dated],
        }
    )
    color = alt.Color(
        "band:N",
        title=say("column_band"),
        scale=alt.Scale(domain=list(bands().values()), range=list(BAND_COLORS.values())),
        legend=alt.Legend(orient="top", title=None),
    )
    chart = (
        alt.Chart(frame, title=say("timeline_title", person=name))
        .mark_bar(height=16, strokeWidth=2)
        .encode(
            x=alt.X(
                "from:T",
                title=say("timeline_axis"),
                axis=alt.Axis(format="%Y-%m-%d", labelAngle=0, tickCount=6),
            ),
            x2="until:T",
            y=alt.Y("hospital:N", title=say("column_hospital")),
            color=color,
            stroke=alt.condition("datum.here", alt.value("#1d2b33"), alt.value("transparent")),
            tooltip=[
                alt.Tooltip("case:N", title=say("column_case")),
                alt.Tooltip("from:T", title=say("column_admission"), format="%Y-%m-%d"),
                alt.Tooltip("cost:N", title=say("column_cost")),
            ],
        )
        .properties(height=LANE_HEIGHT * frame["hospital"].nunique() + FRAME_HEIGHT)
    )
    st.altair_chart(chart, width="stretch", alt=say("timeline_title", person=name))
    markup.show(tag("div", say("timeline_source"), style="d-small"))


def show_table(person: Person, visits: Sequence[dict[str, Any]], case_id: str) -> None:
    """Visits as rows, the claim itself marked."""
    column = st.column_config
    st.dataframe(
        {
            "here": [say("this_claim") if one["case_id"] == case_id else "" for one in visits],
            "case": [one["case_id"] for one in visits],
            "hospital": [one["hospital"] for one in visits],
            "admission": [one["admission_date"] for one in visits],
            "discharge": [one["discharge_date"] for one in visits],
            "days": [one["los_days"] for one in visits],
            "dx": [one["principal_dx"] for one in visits],
            "group": [f"{one['drg'] or ''} {one['drg_name'] or ''}" for one in visits],
            "cost": [
                None if one["total_cost_fen"] is None else one["total_cost_fen"] / 100 for one in visits
            ],
            "band": [band_name(one["band"]) for one in visits],
            "doctor": [access.masked(person, "doctor", one["doctor"]) for one in visits],
        },
        hide_index=True,
        row_height=ROW_HEIGHT,
        column_config={
            "here": column.TextColumn("", width=56),
            "case": column.TextColumn(say("column_case"), width=124),
            "hospital": column.TextColumn(say("column_hospital"), width=84),
            "admission": column.DateColumn(say("column_admission"), format="YYYY-MM-DD", width=92),
            "discharge": column.DateColumn(say("column_discharge"), format="YYYY-MM-DD", width=92),
            "days": column.NumberColumn(say("column_stay"), width=72),
            "dx": column.TextColumn(say("column_dx"), width=92),
            "group": column.TextColumn(say("column_group"), width="medium"),
            "cost": column.NumberColumn(say("column_cost"), format="localized", width=100),
            "band": column.TextColumn(say("column_band"), width=56),
            "doctor": column.TextColumn(say("column_doctor"), width=84),
        },
    )
