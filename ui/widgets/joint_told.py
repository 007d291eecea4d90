"""What an action on the page of joint computing says, kept for the next run of the page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from drg.errors import InputError
from privacy.errors import Refused
from ui import access, home, joint_desk
from ui.access import Person
from ui.widgets import markup
from ui.widgets.markup import tag

VIEW = "joint_view"
TOLD = "joint_told"


def act(person: Person, action: str, what: Callable[[], str]) -> None:
    """Do something that only ``action`` allows, and keep the sentence that it returns, or what was wrong."""
    try:
        access.require(person, action)
        st.session_state[TOLD] = what()
    except Refused as refused:
        st.session_state[TOLD] = joint_desk.as_input_error(refused)
    except InputError as error:
        st.session_state[TOLD] = error


def show() -> None:
    """Show it, once."""
    told = st.session_state.pop(TOLD, None)
    if isinstance(told, InputError):
        home.show_error(told)
    elif told is not None:
        markup.show(tag("div", told, style="d-told"))
