"""Who may see which page, do what, and read which personal field: ``access.toml``, asked on the server at every run.

person = access.enter("workbench")            # first line of every page
if access.may(person, "sign_off"): ...        # what to offer
access.require(person, "sign_off")            # again, before it is done
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from ui import home, login, session
from ui.errors import UiError
from ui.roles import ANY, Page, parties, rules

if TYPE_CHECKING:
    from claims.store import Account

MASK = "＊"
SHORTEST_MASK = 2
VIEWED = "viewed_page"
"""Where the session keeps the page whose view was recorded last."""


@dataclass(frozen=True)
class Person:
    """Who is at the page. ``account_id`` is ``None`` for the visitor of an installation without a configuration."""

    name: str
    display_name: str
    roles: frozenset[str]
    account_id: int | None


class Refused(UiError):  # noqa: N818 - the name says what happened
    """A person may not do this; nothing was done."""


VISITOR = Person("visitor", "", frozenset(), None)


def enter(page: str) -> Person:
    """The signed-in person who may see ``page``; else the sign-in or a refusal is shown and the run stops.

    Either way the audit trail gets an entry when the person comes to the page.
    """
    person = person_here()
    if person is None:
        show_sign_in()
    if not sees(person, page):
        _refuse_page(person, page)
    _note_view(person, "view", page)
    return person


def show_sign_in() -> NoReturn:
    """Show the sign-in, or the choice of a new password, and stop the run."""
    login.show(session.account())
    st.stop()


def person_here() -> Person | None:
    """Who is at the page; ``None`` where nobody is signed in, or has to choose a password first."""
    if not home.is_configured():
        return VISITOR
    return _person(session.account())


def sees(person: Person, page: str) -> bool:
    """Whether a person may see a page of this installation."""
    if person.account_id is None:
        return page in rules().without_login.pages
    found = rules().pages.get(page)
    return (
        found is not None
        and not person.roles.isdisjoint(found.roles)
        and _is_served(found)
        and _is_for(found, person)
    )


def may(person: Person, action: str) -> bool:
    """Whether a person may do something. Raises ``KeyError`` for an action that ``access.toml`` does not have."""
    return not person.roles.isdisjoint(rules().actions[action]) and len(parties(person.roles)) <= 1


def require(person: Person, action: str) -> None:
    """Raises :class:`Refused` where a person may not do this now.

    Who is here is asked again: what a button does runs before its page, with the person of the run before.
    """
    _check(person_here(), person, action)


def at_download(person: Person, action: str, make: Callable[[], bytes]) -> Callable[[], bytes]:
    """The data of a download button: ``make``, for as long as the person is signed in and may do this.

    A browser asks for it past the page, which may be long after it was shown.
    """
    token = session.token()

    def made() -> bytes:
        _check(_person(session.account_of(token) if token else None), person, action)
        return make()

    return made


def masked(person: Person, field: str, value: str | None) -> str:
    """A personal field as this person may read it: whole, or with all but a few signs replaced."""
    found = rules().fields[field]
    if not value or not person.roles.isdisjoint(found.roles):
        return value or ""
    start, end = found.keep
    hidden = max(len(value) - start - end, SHORTEST_MASK)
    if len(value) <= start + end:
        return MASK * hidden
    return value[:start] + MASK * hidden + (value[-end:] if end else "")


def _check(now: Person | None, person: Person, action: str) -> None:
    if now is None or now.account_id != person.account_id or not may(now, action):
        raise Refused("access.action_refused", action=action)


def _person(account: Account | None) -> Person | None:
    """The person of an account; ``None`` where there is none, or a password must be chosen first."""
    if account is None or account.must_change_password:
        return None
    known = frozenset(account.roles) & set(rules().roles)
    return Person(account.name, account.display_name, known, account.id)


def _is_served(page: Page) -> bool:
    return page.party == ANY or home.installation().party in (page.party, "both")


def _is_for(page: Page, person: Person) -> bool:
    """Whether a page is of the person's party; a person of two parties has none."""
    own = parties(person.roles)
    return len(own) <= 1 and (page.party == ANY or own == {page.party})


def _note_view(person: Person, action: str, page: str) -> None:
    """Write that a person came to a page; not again at the next run of the same page."""
    if person.account_id is None or st.session_state.get(VIEWED) == page:
        return
    home.audit(person, action, "page", page)
    st.session_state[VIEWED] = page


def _refuse_page(person: Person, page: str) -> NoReturn:
    _note_view(person, "view_refused", page)
    home.show_empty("access.page_refused")
    st.stop()
