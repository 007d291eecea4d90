"""The case a person works on: as submitted, and the working copy that every edit replaces.

Both live in the session; the widgets of the facts keep their values there under ``fact_key``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st
from pydantic import ValidationError

from drg.case import MAX_CODES, Case
from drg.grouper import whatif
from drg.grouper.whatif import CodeList
from ui.text import text

SCHEME_KEY = "scheme"
"""Where the widget of the scheme keeps its value."""
Action = Literal["principal", "up", "down", "remove"]
FACTS = (
    "sex",
    "age",
    "age_days",
    "los_days",
    "discharge_way",
    "icu_hours",
    "birth_weight_g",
    "admission_weight_g",
    "department",
)


def fact_key(field: str) -> str:
    """Where the widget of a fact keeps its value."""
    return f"fact_{field}"


def is_open() -> bool:
    """Whether a case was picked or a new one begun."""
    return "case" in st.session_state


def case() -> Case | None:
    """The working copy; ``None`` for a new case without a diagnosis."""
    found: Case | None = st.session_state.case
    return found


def submitted() -> Case | None:
    """The case as it was picked; ``None`` for a new one."""
    found: Case | None = st.session_state.submitted
    return found


def open_case(picked: Case | None, scheme: str) -> None:
    """Work on a case that was grouped by ``scheme``, or with ``None`` on a new one."""
    st.session_state.submitted = picked
    st.session_state.submitted_scheme = scheme
    _take_submitted()


def reset() -> None:
    """Take back every edit, and the choice of another scheme."""
    st.session_state[SCHEME_KEY] = submitted_scheme()
    _take_submitted()


def submitted_scheme() -> str:
    """The scheme that the submitted version is grouped by."""
    scheme: str = st.session_state.submitted_scheme
    return scheme


def _take_submitted() -> None:
    st.session_state.case = submitted()
    st.session_state.problem = None
    for field in FACTS:
        st.session_state[fact_key(field)] = getattr(submitted(), field, None)


def take_problem() -> tuple[str, dict[str, Any]] | None:
    """Why the last edit was not made: message id and parameters. Told once."""
    problem: tuple[str, dict[str, Any]] | None = st.session_state.problem
    st.session_state.problem = None
    return problem


def change_fact(field: str) -> None:
    """Take the value of a fact's widget over; back to the old one where the facts would contradict each other."""
    before = case()
    if before is None:
        return
    try:
        st.session_state.case = whatif.change_facts(before, **{field: _fact(field)})
    except ValidationError:
        st.session_state.problem = ("page.facts_invalid", {})
        st.session_state[fact_key(field)] = getattr(before, field)


def add_code(codes: CodeList, code: str, lang: str) -> None:
    """Add a code at the end of its list; the first diagnosis makes a new case a case."""
    before = case()
    if before is not None:
        _edit(lambda: whatif.add_code(before, codes, code))
    elif codes == "dx":
        facts = {field: _fact(field) for field in FACTS}
        _edit(lambda: Case.model_validate({"case_id": text("page.new_case", lang), "dx": [code], **facts}))
    else:
        st.session_state.problem = ("page.first_dx_first", {})


def edit_code(codes: CodeList, place: int, code: str, action: Action) -> None:
    """Move, remove or promote the code at ``place``; nothing where another code stands there by now."""
    before = case()
    listed = list(getattr(before, codes, []))
    if before is None or listed[place : place + 1] != [code]:
        return
    match action:
        case "principal":
            _edit(lambda: whatif.make_principal(before, codes, place))
        case "remove":
            _edit(lambda: whatif.remove_code(before, codes, place))
        case "up":
            _edit(lambda: whatif.move_code(before, codes, place, max(place - 1, 0)))
        case "down":
            _edit(lambda: whatif.move_code(before, codes, place, place + 1))


def _edit(make: Callable[[], Case]) -> None:
    try:
        st.session_state.case = make()
    except ValidationError as error:
        about_facts = any(not found["loc"] for found in error.errors())
        st.session_state.problem = (
            ("page.facts_invalid", {}) if about_facts else ("page.codes_invalid", {"limit": MAX_CODES})
        )


def _fact(field: str) -> Any:
    """What the widget of a fact holds; an empty text is a value that is not known."""
    value = st.session_state[fact_key(field)]
    return None if value == "" else value
