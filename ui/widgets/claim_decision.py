"""What an analyst does with a claim: take it, decide, correct, close, reopen; and what was done before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from claims import messages
from claims.store import (
    Judgement,
    Kind,
    StaleEdit,
    State,
    WorkItem,
    assign,
    close,
    correct,
    decide,
    decisions,
    events,
    get_run,
    release,
    reopen,
    resolutions,
    resolutions_of,
)
from ui import access, claim_desk, home
from ui.claim_desk import KEPT, TOLD, say
from ui.errors import UiError
from ui.widgets import language, markup
from ui.widgets.claim_words import moment, short_hash
from ui.widgets.markup import Markup, tag

if TYPE_CHECKING:
    from ui.access import Person

REASON_HEIGHT = 92
MOST_SIGNS = 2_000
RULES = "claim_rules"
TOLD_BY_DECISION = ("decide", "correct")
"""Events that come with a decision, which tells more."""
UNKNOWN_VERSION = "unknown"


def show(person: Person, item: WorkItem) -> None:
    """The panel of the decision."""
    with st.container(border=True, key="claim_decision"):
        owner = item.owner or say("nobody")
        state = messages.text(f"desk.state_{item.state.value}", language.chosen())
        markup.show(
            tag(
                "div",
                tag("b", say("decision"), style="d-title"),
                tag("span", state, style="d-badge counted"),
                style="d-badges",
            ),
            tag("div", say("owned_by", name=owner), style="d-note"),
        )
        claim_desk.show_told()
        _show_kept(item)
        if item.state in (State.OPEN, State.REOPENED):
            _button("take", person, "assign_claim", item, lambda: _take(person, item), primary=True)
        elif item.state is State.ASSIGNED and item.owner != person.name:
            _button("take_over", person, "assign_claim", item, lambda: _take(person, item))
        elif item.state is State.ASSIGNED:
            _show_form(person, item, "decide")
            _button("release", person, "assign_claim", item, lambda: _release(person, item))
        else:
            _show_decided(person, item)
    _show_history(item)


def _button(
    name: str, person: Person, action: str, item: WorkItem, what: Callable[[], str], primary: bool = False
) -> None:
    st.button(
        say(name),
        key=f"claim_{name}",
        type="primary" if primary else "secondary",
        width="stretch",
        disabled=not access.may(person, action),
        on_click=_do,
        args=(person, action, item, what),
    )


def _do(person: Person, action: str, item: WorkItem, what: Callable[[], str]) -> None:
    if claim_desk.attempt(person, action, what):
        st.session_state.pop(KEPT, None)
        return
    # What was typed outlives the form that a changed state takes away.
    typed = st.session_state.get(f"reason {item.id}")
    if isinstance(st.session_state[TOLD], StaleEdit) and typed:
        st.session_state[KEPT] = (item.id, typed)


def _show_kept(item: WorkItem) -> None:
    kept = st.session_state.get(KEPT)
    if kept is not None and kept[0] == item.id:
        markup.show(tag("div", tag("b", say("kept")), tag("p", kept[1]), style="d-empty d-kept"))


def _show_form(person: Person, item: WorkItem, how: str) -> None:
    """Resolution and reason; ``how``: decide, or correct."""
    offered = {one.id: one for one in resolutions_of(Kind.CLAIM)}
    lang = language.chosen()
    st.radio(
        say("resolution"),
        list(offered),
        index=None,
        format_func=lambda id: offered[id].zh if lang == "zh" else offered[id].en,
        key=f"resolution {item.id}",
    )
    st.text_area(
        say("reason"),
        key=f"reason {item.id}",
        height=REASON_HEIGHT,
        max_chars=MOST_SIGNS,
        placeholder=say("reason_hint"),
    )
    _button(how, person, "decide_claim", item, lambda: _judge(person, item, how), primary=True)


def _judge(person: Person, item: WorkItem, how: str) -> str:
    resolution = st.session_state.get(f"resolution {item.id}")
    reason = (st.session_state.get(f"reason {item.id}") or "").strip()
    if not resolution:
        raise UiError("desk.resolution_missing")
    if not reason:
        raise UiError("desk.reason_missing")
    judgement = Judgement(resolution, reason, _rules_version(item), item.model_hash)
    act = decide if how == "decide" else correct
    act(home.store(), item.id, item.version, judgement, person.name)
    for name in ("resolution", "reason"):
        st.session_state.pop(f"{name} {item.id}", None)
    return say(f"done_{how}")


def _rules_version(item: WorkItem) -> str:
    """The rules that the analyst saw the hits of: those of the run that brought the claim up."""
    return get_run(home.store(), item.source_run).hashes.get(RULES, UNKNOWN_VERSION)


def _take(person: Person, item: WorkItem) -> str:
    assign(home.store(), item.id, item.version, person.name, person.name)
    return say("done_take")


def _release(person: Person, item: WorkItem) -> str:
    release(home.store(), item.id, item.version, person.name)
    return say("done_release")


def _close(person: Person, item: WorkItem) -> str:
    close(home.store(), item.id, item.version, person.name)
    return say("done_close")


def _reopen(person: Person, item: WorkItem) -> str:
    reason = (st.session_state.get(f"reopen {item.id}") or "").strip()
    if not reason:
        raise UiError("desk.reason_missing")
    reopen(home.store(), item.id, item.version, reason, person.name)
    return say("done_reopen")


def _show_decided(person: Person, item: WorkItem) -> None:
    last = decisions(home.store(), item.id)[-1]
    resolution = resolutions()[last.resolution]
    name = resolution.zh if language.chosen() == "zh" else resolution.en
    markup.show(
        tag(
            "div",
            tag("b", name),
            tag("p", last.reason),
            tag("div", f"{last.person} · {moment(last.at)}", style="d-small"),
            style="d-held",
        )
    )
    if item.state is State.DECIDED:
        _button("close", person, "close_claim", item, lambda: _close(person, item), primary=True)
    with st.expander(say("correct_title")):
        _show_form(person, item, "correct")
    with st.expander(say("reopen_title")):
        st.text_area(say("reason"), key=f"reopen {item.id}", height=REASON_HEIGHT, max_chars=MOST_SIGNS)
        _button("reopen", person, "reopen_claim", item, lambda: _reopen(person, item))


def _show_history(item: WorkItem) -> None:
    """Every step and decision, the last one first."""
    told: list[tuple[datetime, Markup]] = []
    for event in events(home.store(), item.id):
        if event.action.value in TOLD_BY_DECISION:
            continue
        what = say(f"action_{event.action.value}", name=event.assignee or "")
        told.append((event.at, _step(what, event.person, moment(event.at), event.reason or "")))
    for one in decisions(home.store(), item.id):
        resolution = resolutions()[one.resolution]
        name = resolution.zh if language.chosen() == "zh" else resolution.en
        versions = say("versions", rules=short_hash(one.rules_version), model=short_hash(one.model_version))
        told.append((one.at, _step(name, one.person, moment(one.at), f"{one.reason}　{versions}")))
    created = _step(say("brought_up", run=item.source_run), "", moment(item.created_at), "")
    steps = [step for _, step in sorted(told, key=lambda pair: pair[0], reverse=True)]
    with st.expander(say("history", count=len(steps) + 1), expanded=True):
        markup.show(tag("ol", *steps, created, style="d-history"))


def _step(what: str, person: str, at: str, more: str) -> Markup:
    who = f"{person} · {at}" if person else at
    parts = [tag("b", what), tag("div", who, style="d-small")]
    if more:
        parts.append(tag("div", more))
    return tag("li", *parts)
