"""Why a claim stands out: rule hits and reasons of the model; of the picked one the clause and the rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from claims.claim_desk.assessment import Assessment, ModelReason
from claims.claim_desk.evidence import Hit
from claims.claim_desk.peers import Comparison
from claims.store import WorkItem
from drg.analytics.document import NOT_KNOWN
from ui import home
from ui.claim_desk import say
from ui.widgets import claim_peers, claim_visits, language, markup
from ui.widgets.claim_words import short_hash
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.claim_desk.visits import Visits
    from ui.access import Person

ROW_HEIGHT = 32
MOST_SHOWN = 7
BAR_HEIGHT = 26
FRAME_HEIGHT = 72
"""Title and axis of a chart."""
LINES_HEIGHT = 430
KINDS = ("drug", "herb", "consumable", "service")
RAISES, LOWERS = "#c2571a", "#5b7f2b"


@dataclass(frozen=True)
class Behind:
    """What reasons are linked to: fee lines, visits, and the comparison with the group."""

    lines: pa.Table
    visits: Visits
    compared: Comparison | None


def show(
    person: Person, item: WorkItem, hits: list[Hit], assessed: Assessment | None, behind: Behind
) -> None:
    """The reasons as a list, and what is behind the picked one."""
    found: list[Hit | ModelReason] = [*hits, *(assessed.reasons if assessed else ())]
    if not found:
        home.show_empty("desk.no_reasons")
        return
    _show_origin(item, assessed)
    picked = found[_picked(item, found)]
    if isinstance(picked, Hit):
        _show_hit(person, item, picked, behind)
    else:
        _show_model_reason(person, item, picked, hits, behind)
    if assessed is not None:
        _show_contributions(assessed)


def _show_origin(item: WorkItem, assessed: Assessment | None) -> None:
    """That this is no verdict; and where the score of the list is not of the model that explains it."""
    markup.show(tag("div", say("no_verdict"), style="d-note"))
    if assessed is not None and item.model_hash not in (None, assessed.model):
        told = say("other_model", then=short_hash(item.model_hash), now=short_hash(assessed.model))
        markup.show(tag("div", tag("p", told), style="d-problem"))


def _picked(item: WorkItem, found: list[Hit | ModelReason]) -> int:
    rows = [_row(one) for one in found]
    column = st.column_config
    event = st.dataframe(
        {name: [row[name] for row in rows] for name in rows[0]},
        key=f"reasons {item.id} {language.chosen()}",
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=ROW_HEIGHT * (min(len(rows), MOST_SHOWN) + 1) + 4,
        on_select="rerun",
        selection_mode="single-row-required",
        column_config={
            "kind": column.TextColumn(say("column_kind"), width=64),
            "code": column.TextColumn(say("column_code"), width=64),
            "reason": column.TextColumn(say("column_reason"), width="large"),
            "share": column.TextColumn(say("column_contribution"), width=80, help=say("help_contribution")),
        },
    )
    chosen = event.selection.rows
    return chosen[0] if chosen and chosen[0] < len(found) else 0


def _row(one: Hit | ModelReason) -> dict[str, Any]:
    if isinstance(one, Hit):
        kind = say(f"severity_{one.severity}") if one.is_open else say("silenced")
        return {
            "kind": kind,
            "code": one.rule,
            "reason": f"{one.title}　{one.message}" if one.message else one.title,
            "share": NOT_KNOWN,
        }
    return {
        "kind": say("severity_model"),
        "code": "",
        "reason": one.sentence,
        "share": f"{one.contribution:+.2f}",
    }


def _show_hit(person: Person, item: WorkItem, hit: Hit, behind: Behind) -> None:
    lines = behind.lines
    parts = {
        "message": hit.message,
        "why": hit.why,
        "basis": hit.basis,
        "check": hit.check,
        "answer": hit.answer,
    }
    rows = [
        tag("tr", tag("th", say(f"hit_{name}")), tag("td", value)) for name, value in parts.items() if value
    ]
    others = [one for one in hit.seen if one.position is None or not one.path.startswith("fee_lines.")]
    seen = say("list_separator").join(f"{one.field} {one.value or '–'}" for one in others)
    if seen:
        rows.append(tag("tr", tag("th", say("hit_seen")), tag("td", seen)))
    version = say("hit_version", rule=hit.rule, version=hit.version)
    markup.show(tag("table", *rows, style="d-table d-hit"), tag("div", version, style="d-small"))
    if hit.lines:
        markup.show(tag("b", say("hit_lines", count=len(hit.lines))))
        wanted = pc.is_in(lines.column("position"), pa.array(hit.lines, pa.int64()))
        show_lines(lines.filter(wanted), set())
    if hit.others:
        markup.show(tag("b", say("hit_others", count=len(hit.others))))
        found = [behind.visits.of_case(case) for case in (item.case_id, *hit.others)]
        claim_visits.show_table(person, [visit for visit in found if visit is not None], item.case_id)


def _show_model_reason(
    person: Person, item: WorkItem, reason: ModelReason, hits: list[Hit], behind: Behind
) -> None:
    rows, lines, visits = reason.rows, behind.lines, behind.visits
    markup.show(tag("b", say(f"rows_{rows.kind}", days=rows.days)))
    if rows.kind == "lines":
        chosen = lines.filter(pc.is_in(lines.column("kind"), pa.array(rows.fees, pa.string())))
        # Fee lines of some sources do not tell their kind: then all are shown.
        show_lines(chosen if len(chosen) else lines, set())
    elif rows.kind == "visits":
        claim_visits.show_table(person, _before(visits, item.case_id, rows.days), item.case_id)
    elif rows.kind == "peers":
        claim_peers.show_measures(behind.compared)
    elif rows.kind == "hits":
        markup.show(tag("ul", *(tag("li", f"{hit.rule} {hit.title}") for hit in hits), style="d-reasons"))
    elif rows.kind == "claim" and (visit := visits.of_case(item.case_id)) is not None:
        claim_visits.show_table(person, [visit], item.case_id)


def _before(visits: Visits, case_id: str, days: int) -> list[dict[str, Any]]:
    """The visits of the person in the days before the claim, and the claim."""
    every = visits.of_person(case_id)
    end = next((one["discharge_date"] for one in every if one["case_id"] == case_id), None)
    if end is None:
        return every
    return [
        one
        for one in every
        if one["discharge_date"] and end - timedelta(days=days) <= one["discharge_date"] <= end
    ]


def _show_contributions(assessed: Assessment) -> None:
    frame = pd.DataFrame(
        {
            "reason": [one.sentence for one in assessed.reasons],
            "share": [one.contribution for one in assessed.reasons],
        }
    )
    color = alt.condition("datum.share > 0", alt.value(RAISES), alt.value(LOWERS))
    chart = (
        alt.Chart(frame, title=say("contributions_title"))
        .mark_bar(height=12)
        .encode(
            x=alt.X("share:Q", title=say("contributions_axis")),
            y=alt.Y("reason:N", sort=None, title=None, axis=alt.Axis(labelLimit=420)),
            color=color,
            tooltip=[
                alt.Tooltip("reason:N", title=say("column_reason")),
                alt.Tooltip("share:Q", format="+.3f"),
            ],
        )
        .properties(height=BAR_HEIGHT * len(frame) + FRAME_HEIGHT)
    )
    st.altair_chart(chart, width="stretch", alt=say("contributions_title"))
    markup.show(tag("div", say("source_model", model=short_hash(assessed.model)), style="d-small"))


def show_lines(lines: pa.Table, marked: Collection[int]) -> None:
    """Fee lines; those that a rule saw are marked."""
    if not len(lines):
        home.show_empty("desk.no_lines")
        return
    rows = lines.to_pylist()
    column = st.column_config
    shown: dict[str, list[Any]] = {
        "position": [row["position"] for row in rows],
        "marked": [say("marked") if row["position"] in marked else "" for row in rows],
        "date": [row["date"] for row in rows],
        "code": [row["code"] for row in rows],
        "name": [row["name"] for row in rows],
        "kind": [_kind(row["kind"]) for row in rows],
        "quantity": [_number(row["quantity"]) for row in rows],
        "unit": [row["unit"] for row in rows],
        "unit_price": [_number(row["unit_price"]) for row in rows],
        "amount": [_number(row["amount"]) for row in rows],
    }
    if not marked:
        del shown["marked"]
    st.dataframe(
        shown,
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=min(LINES_HEIGHT, ROW_HEIGHT * (len(rows) + 1) + 4),
        column_config={
            "position": column.NumberColumn(say("line_position"), width=56),
            "marked": column.TextColumn(say("line_marked"), width=64),
            "date": column.TextColumn(say("line_date"), width=96),
            "code": column.TextColumn(say("line_code"), width=104),
            "name": column.TextColumn(say("line_name"), width="medium"),
            "kind": column.TextColumn(say("line_kind"), width=110),
            "quantity": column.NumberColumn(say("line_quantity"), width=60),
            "unit": column.TextColumn(say("line_unit"), width=56),
            "unit_price": column.NumberColumn(say("line_unit_price"), format="%.2f", width=90),
            "amount": column.NumberColumn(say("line_amount"), format="%.2f", width=100),
        },
    )
    total = sum(value for value in shown["amount"] if value is not None)
    markup.show(tag("div", say("line_total", count=len(rows), total=f"{total:,.2f}"), style="d-small"))


def _kind(value: str | None) -> str:
    return say(f"kind_{value}") if value in KINDS else value or ""


def _number(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
