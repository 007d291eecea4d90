"""The analyst's desk: the list of claims by risk and amount, and the claim that the address names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from claims.claim_desk.patterns import patterns
from drg.errors import InputError
from ui import access, claim_desk, home
from ui.widgets import claim_case, claim_list

STYLES = Path(claim_list.__file__).with_name("claims.css")

if TYPE_CHECKING:
    from claims.claim_desk.visits import Visits
    from claims.nightly.results import Results


def main() -> None:
    """The page."""
    person = access.enter("claims")
    st.html(STYLES)
    with st.spinner(claim_desk.say("loading")):
        results, visits = _results()
        patterns()
    opened = claim_desk.opened()
    if opened is None:
        claim_list.show(person, results, visits)
    else:
        claim_case.show(person, opened, results, visits)


def _results() -> tuple[Results | None, Visits | None]:
    """The results of the nightly run; where they cannot be read, that is told and the work items are shown."""
    try:
        results = home.results()
        return results, claim_desk.visits(results)
    except InputError as error:
        home.show_error(error)
        return None, None


try:
    main()
except InputError as error:
    home.show_error(error)
