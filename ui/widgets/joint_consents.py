"""Consents: how many tokens are worth what, the tokens of persons who ask, and withdrawal. Nobody is listed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import streamlit as st

from drg.analytics.document import Column, Figure, Grid
from drg.errors import InputError
from privacy.consent import ExpiryCount, expiry_counts
from privacy.party import PartyConfig
from ui import access, home, joint_desk
from ui.access import Person
from ui.cli.consent import FOUND_COLUMNS
from ui.joint_words import names
from ui.text import text
from ui.widgets import joint_told, markup, report
from ui.widgets.markup import tag

STATES = ("valid", "not_yet_issued", "expired", "revoked")
KINDS = ("resident_id", "phone", "name", "text")
MOST_CHARS, TOKEN_CHARS = 4000, 32
MOST_ROWS = 500


def show(person: Person, config: PartyConfig, lang: str) -> None:
    """The view of consents."""
    if config.consent is None:
        home.show_empty("joint_page.consent_none")
        return
    _show_counts(expiry_counts(config.consent.register_file, date.today()), lang)
    if access.may(person, "manage_consent"):
        left, right = st.columns((3, 2), gap="large")
        with left:
            _show_find(person, lang)
        with right:
            _show_revoke(person, lang)


def _show_counts(counts: list[ExpiryCount], lang: str) -> None:
    if not counts:
        home.show_empty("joint_page.consent_empty")
        return
    sums = {state: sum(getattr(one, state) for one in counts) for state in STATES}
    report.show_figures(
        [Figure(_say(f"consent_figure_{state}", lang), count, "count") for state, count in sums.items()], lang
    )
    table = pa.table(
        {
            "recipient": [one.recipient for one in counts],
            "purpose": [one.purpose for one in counts],
            "month": [f"{one.month:%Y-%m}" for one in counts],
            **{state: [getattr(one, state) for one in counts] for state in STATES},
        }
    )
    columns = (
        *(Column(name, _say(f"consent_{name}", lang)) for name in ("recipient", "purpose", "month")),
        *(Column(state, _say(f"consent_figure_{state}", lang), "count") for state in STATES),
    )
    grid = Grid(_say("consent_counts", lang), columns, table, MOST_ROWS, _say("consent_note", lang))
    report.show_grid(grid, lang, "consents")


def _show_find(person: Person, lang: str) -> None:
    """Ids go in by a form that forgets them; what comes out names persons by their line."""
    with st.form("joint_find", clear_on_submit=True):
        markup.show(tag("b", _say("consent_find_title", lang)))
        kind = st.selectbox(
            _say("consent_kind", lang),
            KINDS,
            format_func=lambda one: _say(f"kind_{one}", lang),
            key="joint_id_kind",
        )
        ids = st.text_area(_say("consent_ids", lang), max_chars=MOST_CHARS, height=90, key="joint_ids")
        markup.show(tag("div", _say("consent_ids_note", lang), style="d-small"))
        asked = st.form_submit_button(_say("consent_find", lang))
    if not asked or not ids.strip():
        return
    access.require(person, "manage_consent")
    home.audit(person, "find_consent", "consent", "register")
    try:
        found = joint_desk.find_consents(ids, kind, lang)
    except InputError as error:
        home.show_error(error)
        return
    rows = [row for one in found for row in _found_rows(one, lang)]
    columns = tuple(Column(name, text(f"consent.{name}", lang)) for name in FOUND_COLUMNS)
    report.show_grid(Grid("", columns, pa.Table.from_pylist(rows), MOST_ROWS), lang, "found consents")


def _found_rows(found: dict[str, Any], lang: str) -> list[dict[str, str]]:
    """The tokens of the person of one line."""
    empty = dict.fromkeys(FOUND_COLUMNS, "") | {"line": str(found["line"])}
    if not found["tokens"]:
        key = "consent_no_id" if found["tokens"] is None else "consent_no_token"
        return [{**empty, "state": _say(key, lang)}]
    return [
        {
            **empty,
            "state": text(f"consent.{one['state']}", lang),
            "recipient": one["recipient"],
            "purpose": one["purpose"],
            "protocols": names(one["protocols"], lang),
            "columns": names(one["columns"], lang),
            "records": f"{one['window_from']} – {one['window_to']}",
            "expires": one["expires"],
            "token": one["token_id"],
        }
        for one in found["tokens"]
    ]


def _show_revoke(person: Person, lang: str) -> None:
    with st.form("joint_revoke", clear_on_submit=True):
        markup.show(tag("b", _say("consent_revoke_title", lang)))
        token = st.text_input(_say("consent_token", lang), max_chars=TOKEN_CHARS, key="joint_token")
        is_sure = st.checkbox(_say("consent_sure", lang), key="joint_revoke_sure")
        asked = st.form_submit_button(_say("consent_revoke", lang))
    if not asked or not is_sure:
        return
    joint_told.act(person, "manage_consent", lambda: _revoke(person, token.strip().lower(), lang))
    st.rerun()


def _revoke(person: Person, token: str, lang: str) -> str:
    joint_desk.revoke_consent(token, lang)
    home.audit(person, "revoke_consent", "consent", token)
    return _say("consent_revoked", lang)


def _say(key: str, lang: str, **params: object) -> str:
    return text(f"joint_page.{key}", lang, **params)
