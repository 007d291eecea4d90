"""Joint computing: both parties, jobs, policies, consents, what each side learned, and the verification of the log."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from drg.errors import InputError
from privacy.errors import Refused
from privacy.party import PartyConfig
from ui import access, home, joint_desk
from ui.access import Person
from ui.text import text
from ui.widgets import (
    joint_consents,
    joint_jobs,
    joint_learned,
    joint_log,
    joint_parties,
    joint_policies,
    joint_start,
    joint_told,
    language,
    markup,
    report,
)
from ui.widgets.markup import tag

Show = Callable[[Person, PartyConfig, str], None]
VIEWS: dict[str, Show] = {
    "jobs": joint_jobs.show,
    "start": joint_start.show,
    "policies": joint_policies.show,
    "consents": joint_consents.show,
    "learned": joint_learned.show,
    "parties": joint_parties.show,
    "log": joint_log.show,
}
NEEDED = {"start": "start_job", "log": "verify_log"}
"""Views that are for an action only."""


def main() -> None:
    """The page."""
    person = access.enter("joint")
    lang = language.chosen()
    report.use_styles()
    joint_parties.use_styles()
    markup.show(tag("div", text("joint_page.title", lang), style="d-head"))
    try:
        if home.installation().node is None:
            home.show_empty("joint_page.empty")
            return
        config = joint_desk.party()
        joint_parties.show_strip(config, lang)
        view = _choose_view(person, lang)
        joint_told.show()
        VIEWS[view](person, config, lang)
    except Refused as refused:
        home.show_error(joint_desk.as_input_error(refused))
    except InputError as error:
        home.show_error(error)


def _choose_view(person: Person, lang: str) -> str:
    offered = [name for name in VIEWS if name not in NEEDED or access.may(person, NEEDED[name])]
    if st.session_state.get(joint_told.VIEW) not in offered:
        st.session_state[joint_told.VIEW] = offered[0]
    chosen = st.segmented_control(
        text("joint_page.view", lang),
        offered,
        format_func=lambda one: text(f"joint_page.view_{one}", lang),
        key=joint_told.VIEW,
        required=True,
        label_visibility="collapsed",
    )
    return chosen or offered[0]


main()
