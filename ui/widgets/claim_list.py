"""The list of claims: filters, the page of the list, one row expanded, several given to somebody, the export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from claims import messages
from claims.claim_desk.export import Header, all_items, written
from claims.claim_desk.patterns import patterns
from claims.claim_desk.words import reason_text
from claims.claim_desk.worklist import Line, assign_each, lines_of, raising
from claims.store import Filter, Kind, Order, Place, State, WorkItem, open_items, state_counts
from claims.store.items import ACTIVE
from ui import access, claim_desk, home
from ui.claim_desk import say
from ui.widgets import claim_facts, language, markup
from ui.widgets.claim_words import BAND_COLORS, band_name, bands, yuan
from ui.widgets.markup import Markup, tag

if TYPE_CHECKING:
    from claims.claim_desk.visits import Visits
    from claims.nightly.results import Results
    from ui.access import Person

PAGE_ROWS = 50
ROW_HEIGHT = 32
LIST_ROWS = 12
FEN = 100
LEAST_STEP = 1_000
STATES = {
    "active": ACTIVE,
    "waiting": (State.OPEN, State.REOPENED),
    "assigned": (State.ASSIGNED,),
    "decided": (State.DECIDED,),
    "closed": (State.CLOSED,),
    "all": tuple(State),
}
"""The choices of the filter of states."""
PLACES = "claim_places"
FILTERED = "claim_filtered"
PICKS = "claim_picks"
EXPORTED = "claim_exported"
FILTER_WIDTHS = (1.5, 0.8, 1.3, 1.2, 1.1, 1.1, 1.1, 1.2)
SHOWN_REASONS = 6


def show(person: Person, results: Results | None, visits: Visits | None) -> None:
    """The list. Without results it shows what the work items themselves say."""
    _show_counts()
    which, order = _filters(person, visits)
    _begin_again_for(which, order)
    places: list[Place] = st.session_state.setdefault(PLACES, [])
    page = open_items(home.store(), which, order, places[-1] if places else None, PAGE_ROWS)
    if not page.items:
        home.show_empty("desk.no_claims" if which == Filter(Kind.CLAIM) else "desk.none_found")
        return
    elsewhere = visits.elsewhere([item.case_id for item in page.items]) if visits else {}
    lines = lines_of(page.items, elsewhere, datetime.now(UTC), language.chosen())
    chosen, expanded = _show_table(lines)
    if expanded is None:
        markup.show(tag("div", say("expand_hint"), style="d-note"))
    _show_actions(person, chosen, page.next, which, order, visits, results)
    if expanded is not None:
        _show_expanded(person, expanded, visits)


def _show_counts() -> None:
    counts = state_counts(home.store(), Kind.CLAIM)
    waiting = counts[State.OPEN] + counts[State.REOPENED]
    figures = {
        "waiting": waiting,
        "assigned": counts[State.ASSIGNED],
        "decided": counts[State.DECIDED],
        "closed": counts[State.CLOSED],
    }
    parts = [
        tag("span", say(f"count_{name}"), tag("b", f" {number:,}"), style="d-count")
        for name, number in figures.items()
    ]
    markup.show(tag("div", tag("b", say("title"), style="d-title"), *parts, style="d-head"))


def _filters(person: Person, visits: Visits | None) -> tuple[Filter, Order]:
    lang = language.chosen()
    columns = st.columns(FILTER_WIDTHS, gap="small")
    words = columns[0].text_input(say("filter_text"), key="claim_text", placeholder=say("filter_text_hint"))
    band = _choice(columns[1], "band", list(bands()), lambda name: bands()[name])
    pattern = _choice(columns[2], "pattern", list(patterns()), lambda id: patterns()[id].name(lang))
    hospital = _choice(columns[3], "hospital", visits.hospitals() if visits else [], str)
    least = columns[4].number_input(
        say("filter_amount"), min_value=0, step=LEAST_STEP, value=None, key="claim_amount", placeholder="0"
    )
    owners = [person.name, *(name for name in claim_desk.analysts() if name != person.name)]
    owner = _choice(columns[5], "owner", owners, lambda name: say("mine") if name == person.name else name)
    state = columns[6].selectbox(
        say("filter_state"), list(STATES), format_func=lambda name: say(f"states_{name}"), key="claim_state"
    )
    order = columns[7].selectbox(
        say("filter_order"), list(Order), format_func=lambda one: say(f"order_{one.value}"), key="claim_order"
    )
    which = Filter(
        Kind.CLAIM,
        STATES[state or "active"],
        band,
        owner,
        least * FEN if least else None,
        (words or "").strip() or None,
        hospital,
        tuple(sorted(patterns()[pattern].codes)) if pattern else (),
    )
    return which, order or Order.PRIORITY


def _choice(place: Any, name: str, options: list[str], shown: Any) -> str | None:
    """A choice that may be left open."""
    picked: str | None = place.selectbox(
        say(f"filter_{name}"),
        options,
        index=None,
        format_func=shown,
        key=f"claim_{name}",
        placeholder=say("everything"),
    )
    return picked


def _begin_again_for(which: Filter, order: Order) -> None:
    """The first page, and nothing chosen, where another list is asked for."""
    if st.session_state.get(FILTERED) != (which, order):
        st.session_state[FILTERED] = (which, order)
        _turn([])


def _turn(places: list[Place]) -> None:
    st.session_state[PLACES] = places
    st.session_state[PICKS] = st.session_state.get(PICKS, 0) + 1
    st.session_state.pop(EXPORTED, None)


def _show_table(lines: Sequence[Line]) -> tuple[list[Line], Line | None]:
    """The page of the list. Returns the rows that are ticked, and the one that is expanded."""
    lang = language.chosen()
    rows = [_row(line, lang) for line in lines]
    column = st.column_config
    event = st.dataframe(
        {name: [row[name] for row in rows] for name in rows[0]},
        key=f"claims {st.session_state.get(PICKS, 0)}",
        height=ROW_HEIGHT * (min(len(rows), LIST_ROWS) + 1) + 4,
        row_height=ROW_HEIGHT,
        hide_index=True,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        column_config={
            "band": column.MultiselectColumn(
                say("column_band"), options=list(bands().values()), color=list(BAND_COLORS.values()), width=50
            ),
            "priority": column.NumberColumn(
                say("column_priority"), format="localized", width=86, help=say("help_priority")
            ),
            "amount": column.NumberColumn(say("column_amount"), format="localized", width=86),
            "score": column.NumberColumn(say("column_score"), format="%.1f%%", width=58),
            "patterns": column.MultiselectColumn(
                say("column_patterns"),
                options=[one.name(lang) for one in patterns().values()],
                color="blue",
                width=162,
            ),
            "first": column.TextColumn(say("column_first"), width=236),
            "second": column.TextColumn(say("column_second"), width=210),
            "hospital": column.TextColumn(say("column_hospital"), width=74),
            "elsewhere": column.TextColumn(say("column_elsewhere"), width=58, help=say("help_elsewhere")),
            "days": column.NumberColumn(say("column_days"), width=56),
            "owner": column.TextColumn(say("column_owner"), width=60),
            "state": column.TextColumn(say("column_state"), width=62),
            "case_id": column.TextColumn(say("column_case"), width=116),
        },
    )
    selection = event.selection
    ticked = [lines[place] for place in selection.rows if place < len(lines)]
    cells = [place for place, _ in selection.cells if place < len(lines)]
    expanded = lines[cells[0]] if cells else ticked[-1] if ticked else None
    return ticked, expanded


def _row(line: Line, lang: str) -> dict[str, Any]:
    item = line.item
    reasons = [*line.main_reasons, "", ""]
    return {
        "band": [band_name(item.risk_band)],
        "priority": round(item.priority / FEN),
        "amount": None if item.amount_fen is None else round(item.amount_fen / FEN),
        "score": None if item.risk_score is None else item.risk_score * 100,
        "patterns": [pattern.name(lang) for pattern in line.patterns],
        "first": reasons[0],
        "second": reasons[1],
        "hospital": item.hospital,
        "elsewhere": say("elsewhere", count=line.elsewhere) if line.elsewhere else "",
        "days": line.days,
        "owner": item.owner or "",
        "state": messages.text(f"desk.state_{item.state.value}", lang),
        "case_id": item.case_id,
    }


def _show_actions(
    person: Person,
    chosen: list[Line],
    following: Place | None,
    which: Filter,
    order: Order,
    visits: Visits | None,
    results: Results | None,
) -> None:
    places: list[Place] = st.session_state[PLACES]
    with st.container(horizontal=True, vertical_alignment="center", key="claim_actions"):
        st.button(
            say("page_before"), key="claim_before", disabled=not places, on_click=_turn, args=(places[:-1],)
        )
        markup.show(tag("span", say("page_number", number=len(places) + 1), style="d-small"), width="content")
        st.button(
            say("page_after"),
            key="claim_after",
            disabled=following is None,
            on_click=_turn,
            args=([*places, following],),
        )
        markup.show(tag("span", say("chosen", count=len(chosen)), style="d-small"), width="content")
        items = [line.item for line in chosen]
        may_assign = access.may(person, "assign_claim")
        st.button(
            say("take"),
            key="claim_take_all",
            disabled=not items or not may_assign,
            on_click=_assign,
            args=(person, items, person.name),
        )
        assignee = st.selectbox(
            say("assign_to"),
            claim_desk.analysts(),
            index=None,
            key="claim_assignee",
            placeholder=say("assign_to"),
            label_visibility="collapsed",
            width=150,
        )
        st.button(
            say("assign"),
            key="claim_assign_all",
            disabled=not items or not assignee or not may_assign,
            on_click=_assign,
            args=(person, items, assignee),
        )
        if access.may(person, "export_claims"):
            _show_export(person, which, order, visits, results)
    claim_desk.show_told()


def _assign(person: Person, items: list[WorkItem], assignee: str) -> None:
    def assign() -> str:
        done = assign_each(home.store(), items, assignee, person.name)
        told = [say("assigned", count=len(done.done), name=assignee)]
        told += [
            f"{item.case_id}: {error.render(language.chosen()).partition(': ')[2]}"
            for item, error in done.refused
        ]
        return "\n".join(told)

    claim_desk.attempt(person, "assign_claim", assign)
    _turn(st.session_state[PLACES])


def _show_export(
    person: Person, which: Filter, order: Order, visits: Visits | None, results: Results | None
) -> None:
    with st.popover(say("export"), key="claim_export"):
        markup.show(tag("div", say("export_note"), style="d-note"))
        kind = st.segmented_control(say("export_kind"), ["xlsx", "parquet"], default="xlsx", key="claim_kind")
        if st.button(say("export_make"), key="claim_export_make", type="primary") and kind:
            _export(person, kind, which, order, visits, results)
        made = st.session_state.get(EXPORTED)
        if made is not None:
            st.download_button(say("export_save"), made[1], file_name=made[0], key="claim_export_save")


def _export(
    person: Person, kind: str, which: Filter, order: Order, visits: Visits | None, results: Results | None
) -> None:
    access.require(person, "export_claims")
    lang, now = language.chosen(), datetime.now(UTC)
    found = all_items(home.store(), which, order)
    elsewhere = visits.elsewhere([item.case_id for item in found.items]) if visits else {}
    lines = lines_of(found.items, elsewhere, now, lang)
    header = Header(person.name, now, tuple(_facts(which, found.items, results)))
    # The trail comes first: nothing leaves the desk that is not in it.
    home.audit(person, "export", "work_items", f"claims {kind} {len(lines)}")
    data = written(kind, lines, header, found.is_cut, lang)
    st.session_state[EXPORTED] = (f"claims-{now:%Y%m%d-%H%M%S}.{kind}", data)


def _facts(which: Filter, items: Sequence[WorkItem], results: Results | None) -> list[tuple[str, str]]:
    """What made the list, in words: the filter, scheme, contract, rules and models with their hashes."""
    settings_ = home.installation()
    hashes: dict[str, str] = results.run().get("hashes", {}) if results else {}
    models = sorted({item.model_hash for item in items if item.model_hash})
    return [
        (say("fact_filter"), _filter_in_words(which)),
        (say("fact_installation"), settings_.name if language.chosen() == "zh" else settings_.name_en),
        (say("fact_scheme"), ", ".join(settings_.schemes)),
        (say("fact_contract"), settings_.contract or ""),
        *((say("fact_hash", name=name), str(value)) for name, value in sorted(hashes.items())),
        *((say("fact_model"), hash) for hash in models),
        (say("fact_runs"), ", ".join(sorted({item.source_run for item in items}))),
    ]


def _filter_in_words(which: Filter) -> str:
    lang = language.chosen()
    pattern = next((one for one in patterns().values() if tuple(sorted(one.codes)) == which.codes), None)
    told = {
        "state": ", ".join(messages.text(f"desk.state_{one.value}", lang) for one in which.states),
        "band": bands()[which.band] if which.band else "",
        "pattern": pattern.name(lang) if pattern else "",
        "hospital": which.hospital or "",
        "amount": yuan(which.min_amount_fen) if which.min_amount_fen else "",
        "owner": which.owner or "",
        "text": which.text or "",
    }
    return "; ".join(f"{say(f'filter_{name}')}={value}" for name, value in told.items() if value)


def _show_expanded(person: Person, line: Line, visits: Visits | None) -> None:
    """More of one row, without leaving the list."""
    lang, item = language.chosen(), line.item
    claim_desk.note_view(person, item.id)
    with st.container(border=True, key="claim_expanded"):
        left, right = st.columns((5, 1), vertical_alignment="center")
        with left:
            markup.show(tag("div", tag("b", item.case_id), " · ", item.hospital, style="d-title"))
        right.button(
            say("open"),
            key="claim_open",
            type="primary",
            width="stretch",
            on_click=claim_desk.open_claim,
            args=(item.id,),
        )
        parts: list[Markup] = [tag("li", reason_text(one, lang)) for one in raising(item)[:SHOWN_REASONS]]
        names = [tag("span", pattern.name(lang), style="d-badge") for pattern in line.patterns]
        if line.elsewhere:
            names.append(tag("span", say("elsewhere_long", count=line.elsewhere), style="d-badge changed"))
        visit = visits.of_case(item.case_id) if visits else None
        facts = claim_facts.of_visit(person, visit) if visit else []
        markup.show(
            tag("div", *names, style="d-badges"),
            tag("div", *facts, style="d-facts"),
            tag("ul", *parts, style="d-reasons"),
        )
