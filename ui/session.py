"""Who is signed in: the session of the browser, kept in the store and named by a token in this page or its cookie."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from drg.errors import InputError
from ui import home, tickets
from ui.widgets import language

if TYPE_CHECKING:
    from claims.store import Account, SignedIn
    from ui.home import Login, Oidc

COOKIE = "drgbridge_session"
COOKIE_PATH = "session/keep"
TOKEN = "signed_in_token"  # noqa: S105 - a name in the session
TICKET = "signed_in_ticket"
ENDED = "signed_in_ended"
PROBLEM = "signed_in_problem"
FRESH_SECONDS = 120
"""A token of the identity provider opens a session only so soon after it was given."""

_keeper = st.components.v2.component(
    "drgbridge_keep_session", js=Path(__file__).with_name("keep_session.js").read_text(encoding="utf-8")
)


def account() -> Account | None:
    """The account that is signed in here, ``None`` where nobody is. Raises ``InputError`` where the store fails.

    Where a session has ended, nothing stays of what its page held: whoever comes next may be somebody else.
    """
    own = token()
    given = own or _cookie()
    if given:
        found = account_of(given)
        if found is not None:
            st.session_state[TOKEN] = given
            return found
        if own:
            _forget_page()
            st.session_state[ENDED] = True
    return _from_provider(home.installation().login)


def token() -> str | None:
    """The token of the session on this page, ``None`` where there is none."""
    found: str | None = st.session_state.get(TOKEN)
    return found


def account_of(token: str) -> Account | None:
    """Whose session this is now, ``None`` where it has ended. Raises ``InputError`` where the store fails."""
    from claims.store import resume_session

    idle = timedelta(minutes=home.installation().login.idle_minutes)
    return resume_session(home.store(), token, idle)


def sign_in(name: str, password: str) -> None:
    """Sign in by name and password. Raises ``InputError`` where it is refused."""
    from claims import store

    settings = home.installation().login
    _open(store.sign_in(home.store(), name, password, timedelta(hours=settings.most_hours)), settings)


def sign_out() -> None:
    """End the session, here and in the store; what the page held is forgotten, but not the language."""
    from claims.store import sign_out as end

    if own := token():
        end(home.store(), own)
    _forget_page()
    if home.installation().login.oidc is not None and _user().get("is_logged_in"):
        st.logout()


def keep() -> None:
    """Give the browser its cookie after a sign-in; put on the page, it shows nothing."""
    ticket = st.session_state.get(TICKET)
    if ticket is None:
        return
    data = {"address": address_of(COOKIE_PATH), "ticket": ticket}
    _keeper(key="keep_session", data=data, on_kept_change=_forget_ticket)


def address_of(path: str) -> str:
    """A path of the server as a browser asks for it."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/{path}" if base else f"/{path}"


def subject_of(user: Mapping[str, Any], settings: Oidc, now: float) -> str | None:
    """Who a token of the identity provider names, ``None`` for one of another provider or not fresh.

    Raises nothing: a claim that is missing or no text is nobody.
    """
    given, subject = user.get("iat"), user.get(settings.claim)
    is_fresh = isinstance(given, int | float) and abs(now - given) <= FRESH_SECONDS
    is_ours = user.get("is_logged_in") is True and user.get("iss") == settings.issuer
    is_proven = settings.claim != "email" or user.get("email_verified") is True
    return subject if is_ours and is_fresh and is_proven and isinstance(subject, str) and subject else None


def _from_provider(settings: Login) -> Account | None:
    from claims.store import sign_in_by_subject

    if settings.oidc is None or st.session_state.get(PROBLEM):
        return None
    subject = subject_of(_user(), settings.oidc, time.time())
    if subject is None:
        return None
    try:
        opened = sign_in_by_subject(home.store(), subject, timedelta(hours=settings.most_hours))
    except InputError as error:
        st.session_state[PROBLEM] = error
        return None
    _open(opened, settings)
    return opened.account


def _open(opened: SignedIn, settings: Login) -> None:
    """Begin with an empty page: nothing of whoever was here before."""
    _forget_page()
    st.session_state[TOKEN] = opened.token
    st.session_state[TICKET] = tickets.issue(opened.token, settings.https)


def _forget_page() -> None:
    """Empty the page of everything but its language."""
    lang = language.chosen()
    st.session_state.clear()
    st.session_state[language.KEY] = lang


def _forget_ticket() -> None:
    st.session_state.pop(TICKET, None)


def _cookie() -> str | None:
    """The token that the browser brought; a page without a browser, in a test, has no such text."""
    found = st.context.cookies.get(COOKIE)
    return found if isinstance(found, str) else None


def _user() -> Mapping[str, Any]:
    return st.user.to_dict()
