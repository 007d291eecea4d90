"""What the analyst's desk keeps between two runs of its page: visits, model, and where one is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from drg.errors import InputError
from ui import access, home
from ui.text import text
from ui.widgets import language

if TYPE_CHECKING:
    from claims.claim_desk.visits import Visits
    from claims.nightly.results import Results
    from claims.risk.store import Stored
    from ui.access import Person

CLAIM = "claim"
"""The parameter of the address that names the work item of an open claim."""
VIEWED = "claim_viewed"
TOLD = "claim_told"
KEPT = "claim_kept"
ANALYST = "analyst"


def visits(results: Results) -> Visits:
    """The visits of the results, read again when a partition was added."""
    changed = tuple(
        path.stat().st_mtime_ns for name in ("parts", "_run.json") if (path := results.folder / name).exists()
    )
    return _visits(results, str(results.folder), changed)


@st.cache_resource(show_spinner=False, max_entries=2)
def _visits(_results: Results, folder: str, changed: tuple[int, ...]) -> Visits:
    from claims.claim_desk.visits import read_visits

    return read_visits(_results)


def model() -> tuple[Stored, str] | None:
    """The risk model of the installation and its hash as the nightly run names it, ``None`` where there is none.

    Raises ``InputError`` for a damaged one.
    """
    folder = home.installation().model
    manifest = None if folder is None else folder / "manifest.json"
    if folder is None or manifest is None or not manifest.is_file():
        return None
    return _model(folder, manifest.stat().st_mtime_ns)


@st.cache_resource(show_spinner=False, max_entries=2)
def _model(folder: Path, changed: int) -> tuple[Stored, str]:
    from claims.nightly.inputs import content_hash
    from claims.risk.store import load

    return load(folder), content_hash(folder)


def analysts() -> list[str]:
    """The names of the accounts to which a claim can be given."""
    from claims.store import accounts

    return sorted(one.name for one in accounts(home.store()) if ANALYST in one.roles and not one.disabled)


def opened() -> int | None:
    """The work item that the address names."""
    given = st.query_params.get(CLAIM, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None


def open_claim(item_id: int) -> None:
    """Go to a claim."""
    st.query_params[CLAIM] = str(item_id)


def back_to_list() -> None:
    """Go to the list."""
    st.query_params.pop(CLAIM, None)
    st.session_state.pop(VIEWED, None)


def note_view(person: Person, item_id: int) -> None:
    """Write into the audit trail that a claim is looked at; once, not at every run."""
    if st.session_state.get(VIEWED) != item_id:
        home.audit(person, "view", "work_item", str(item_id))
        st.session_state[VIEWED] = item_id


def attempt(person: Person, action: str, what: Callable[[], str]) -> bool:
    """Do what a person asks for, if he may; ``what`` returns the sentence to show. What is refused is told instead."""
    try:
        access.require(person, action)
        st.session_state[TOLD] = what()
    except InputError as error:
        st.session_state[TOLD] = error
        return False
    return True


def show_told() -> None:
    """What became of the last action; told once."""
    told: str | InputError | None = st.session_state.pop(TOLD, None)
    if isinstance(told, InputError):
        home.show_error(told)
    elif told:
        st.toast(told)


def say(key: str, **params: Any) -> str:
    """A text of ``ui/texts/desk.toml`` in the language of the page."""
    return text(f"desk.{key}", language.chosen(), **params)
