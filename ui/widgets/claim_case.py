"""The page of one claim: what it is, why it stands out, its rows, its surroundings, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from claims import messages
from claims.claim_desk import assessment, evidence, peers
from claims.claim_desk.patterns import patterns_of
from claims.store import WorkItem, get_item
from drg.errors import InputError
from ui import claim_desk, home
from ui.claim_desk import say
from ui.widgets import (
    claim_decision,
    claim_facts,
    claim_network,
    claim_peers,
    claim_reasons,
    claim_visits,
    language,
    markup,
)
from ui.widgets.claim_facts import fact
from ui.widgets.claim_words import band_name, share, short_hash, yuan
from ui.widgets.markup import Markup, tag

if TYPE_CHECKING:
    from claims.claim_desk.visits import Visits
    from claims.nightly.results import Results
    from ui.access import Person

WIDTHS = (7, 3)


def show(person: Person, item_id: int, results: Results | None, visits: Visits | None) -> None:
    """The claim of a work item."""
    st.button(say("back"), key="claim_back", type="tertiary", on_click=claim_desk.back_to_list)
    item = get_item(home.store(), item_id)
    if item.kind != "claim":
        home.show_empty("desk.no_claim")
        return
    claim_desk.note_view(person, item_id)
    visit = visits.of_case(item.case_id) if visits else None
    _show_strip(person, item, visit, visits)
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        if results is None or visits is None:
            home.show_empty("desk.no_results")
        else:
            _show_tabs(person, item, results, visits)
    with right:
        claim_decision.show(person, item)


def _show_strip(person: Person, item: WorkItem, visit: dict[str, Any] | None, visits: Visits | None) -> None:
    lang = language.chosen()
    badges = [tag("span", band_name(item.risk_band), style=f"d-badge d-band-{item.risk_band}")]
    badges += [tag("span", one.name(lang), style="d-badge") for one in patterns_of(item.reasons)]
    elsewhere = visits.elsewhere([item.case_id]).get(item.case_id, 0) if visits else 0
    if elsewhere:
        badges.append(tag("span", say("elsewhere_long", count=elsewhere), style="d-badge changed"))
    head = tag(
        "div",
        tag("b", item.case_id, style="d-code"),
        tag("span", messages.text(f"desk.state_{item.state.value}", lang), style="d-badge counted"),
        *badges,
        style="d-badges",
    )
    facts = [
        fact("score", share(item.risk_score)),
        fact("amount", yuan(item.amount_fen)),
        fact("priority", yuan(item.priority)),
        fact("hospital", item.hospital),
        *([] if visit is None else claim_facts.of_visit(person, visit)),
        *_facts_of_models(item),
    ]
    markup.show(tag("div", head, tag("div", *facts, style="d-facts"), style="d-claim"))


def _facts_of_models(item: WorkItem) -> list[Markup]:
    """What made score and band; with a policy they are the joint result of two parties."""
    found = [fact("model", short_hash(item.model_hash))]
    if item.policy_hash is not None:
        found += [fact("policy", short_hash(item.policy_hash)), fact("joint", band_name(item.risk_band))]
    return found


def _show_tabs(person: Person, item: WorkItem, results: Results, visits: Visits) -> None:
    lang = language.chosen()
    hits = evidence.hits_of(results, item.case_id, lang)
    lines = evidence.fee_lines(results, item.case_id)
    compared = peers.compare(results, visits, item.case_id)
    assessed, problem = _assessed(results, item.case_id)
    names = ("reasons", "lines", "peers", "visits", "network", "changes")
    tabs = st.tabs([say(f"tab_{name}") for name in names])
    with tabs[0]:
        if problem is not None:
            home.show_error(problem)
        claim_reasons.show(person, item, hits, assessed, claim_reasons.Behind(lines, visits, compared))
    with tabs[1]:
        claim_reasons.show_lines(lines, {place for hit in hits for place in hit.lines})
    with tabs[2]:
        claim_peers.show(compared)
    with tabs[3]:
        claim_visits.show(person, item.case_id, visits)
    with tabs[4]:
        claim_network.show(person, item.case_id, results, visits)
    with tabs[5]:
        _show_changes(item, assessed)


def _assessed(results: Results, case_id: str) -> tuple[assessment.Assessment | None, InputError | None]:
    """The model's view; a model that does not fit is told, and the rest of the page stays."""
    try:
        model = claim_desk.model()
        lang = language.chosen()
        return (None if model is None else assessment.assess(results, *model, case_id, lang)), None
    except InputError as error:
        return None, error


def _show_changes(item: WorkItem, assessed: assessment.Assessment | None) -> None:
    """What would change the band, and the known claims that are alike."""
    if assessed is None:
        home.show_empty("desk.no_model")
        return
    markup.show(tag("div", say("changes_note"), style="d-note"))
    if assessed.changes:
        markup.show(tag("ul", *(tag("li", one) for one in assessed.changes), style="d-reasons"))
    else:
        markup.show(tag("p", say("no_changes"), style="d-small"))
    markup.show(tag("b", say("known_title")), tag("div", say("known_note"), style="d-note"))
    st.dataframe(
        {
            say("column_case"): [one.case_id for one in assessed.known],
            say("column_outcome"): [say(f"label_{one.label}") for one in assessed.known],
        },
        hide_index=True,
        key=f"known {item.id}",
    )
