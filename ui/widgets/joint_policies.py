"""Policies: ours as they stand, with the signature of a person where it is wanted, and the peer's as far as known."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import streamlit as st

from drg.analytics.document import Column, Grid, Kind
from privacy import history, peer_policy
from privacy.party import PartyConfig
from privacy.policy import MAX_POLICY_BYTES, Policy, PolicyDocument, PolicyFile, Quota
from ui import access, home, joint_desk
from ui.access import Person
from ui.joint_words import names, protocol_name
from ui.text import text
from ui.widgets import joint_jobs, joint_told, markup, report
from ui.widgets.markup import tag

PERMISSIONS: dict[str, Kind] = {
    "party": "text",
    "table": "text",
    "column": "text",
    "constraint": "text",
    "words": "text",
    "minimum": "count",
    "protocols": "text",
}
MOST_COLUMNS = 500
STATES = {
    "policy.signature": "policy_unsigned",
    "policy.expired": "policy_expired",
    "policy.not_yet_valid": "policy_not_yet_valid",
}


def show(person: Person, config: PartyConfig, lang: str) -> None:
    """The view of policies."""
    markup.show(tag("h4", _say("policies_own", lang), style="d-title"))
    if not config.tables:
        home.show_empty("joint_page.policies_none")
    for table in config.tables:
        _show_own(person, config, table, lang)
    markup.show(tag("h4", _say("policies_peer", lang), style="d-title"))
    _show_peers(config, lang)
    if access.may(person, "manage_policy"):
        _show_take(person, config, lang)


def _show_own(person: Person, config: PartyConfig, table: str, lang: str) -> None:
    """One policy: its state, its frame, its columns; the signature where it is missing."""
    found = joint_desk.look_at_policy(config, config.table(table))
    state = _state(found, lang)
    is_good = found.problem is None
    badge = tag("span", state, style=f"d-badge {'grouped' if is_good else 'changed'}")
    with st.container(border=True):
        head = tag("b", _say("policy_table", lang, table=table))
        sha = tag("span", f"SHA-256 {found.sha256}", style="j-key")
        markup.show(tag("div", head, " ", badge, " ", sha))
        if found.problem is not None:
            home.show_error(joint_desk.as_input_error(found.problem))
        if found.document is None:
            return
        show_document(found.document, f"policy {table}", lang, table)
        if not found.is_signed and access.may(person, "manage_policy"):
            _show_sign(person, config, table, found, lang)


def _state(found: PolicyFile, lang: str) -> str:
    if found.problem is None and found.document is not None:
        return _say("policy_good", lang, owner=found.document.owner)
    code = found.problem.code if found.problem is not None else ""
    return _say(STATES.get(code, "policy_unusable"), lang)


def show_document(document: PolicyDocument, key: str, lang: str, table: str | None = None) -> None:
    """What a policy permits, in words and column by column; ``table``: of this table only."""
    markup.show(tag("div", *(tag("div", line) for line in frame(document, lang)), style="d-note"))
    rows = [
        {
            "party": one.party,
            "table": one.table,
            "column": one.column,
            "constraint": one.constraint,
            "words": _say(f"constraint_{one.constraint}", lang),
            "minimum": one.minimum_group,
            "protocols": names(
                dict.fromkeys(protocol_name(use.partition(":")[0], lang) for use in one.uses), lang
            ),
        }
        for one in Policy(document, "").permissions()
        if table is None or one.table == table
    ]
    types = {"text": pa.string(), "count": pa.int64()}
    schema = pa.schema([(name, types[kind]) for name, kind in PERMISSIONS.items()])
    columns = tuple(
        Column(name, _say(f"permission_{name}", lang), kind, on_page=table is None or name != "table")
        for name, kind in PERMISSIONS.items()
    )
    report.show_grid(Grid("", columns, pa.Table.from_pylist(rows, schema=schema), MOST_COLUMNS), lang, key)


def frame(document: PolicyDocument, lang: str) -> list[str]:
    """When, for what, how often."""
    lines = [
        _say(
            "policy_frame",
            lang,
            first=document.valid_from,
            last=document.expires,
            purposes=names(document.purposes, lang),
            protocols=names((protocol_name(one, lang) for one in document.protocols), lang),
            persons=document.minimum_group,
        ),
        _say("policy_sets", lang, days=document.sets.days, rows=document.sets.differ_by),
    ]
    lines += [_quota(one, lang) for one in document.quotas]
    if document.approved_models:
        lines.append(_say("policy_models", lang, models=names(document.approved_models, lang)))
    return lines


def _quota(quota: Quota, lang: str) -> str:
    what = [
        one
        for one in (quota.table, protocol_name(quota.protocol or "", lang), (quota.model_sha256 or "")[:12])
        if one
    ]
    filters = _say("policy_quota_of", lang, what=names(what, lang)) if what else ""
    most = [
        _say(f"policy_quota_{name}", lang, count=f"{count:,}")
        for name in ("jobs", "queries")
        if (count := getattr(quota, name)) is not None
    ]
    return _say("policy_quota", lang, days=quota.days, filters=filters, most=names(most, lang))


def _show_sign(person: Person, config: PartyConfig, table: str, found: PolicyFile, lang: str) -> None:
    markup.show(tag("div", _say("sign_note", lang), style="d-note"))
    with st.container(horizontal=True, vertical_alignment="center"):
        # The tick is for this very content.
        has_read = st.checkbox(_say("sign_read", lang), key=f"joint_read_{table}_{found.sha256[:16]}")
        st.button(
            _say("sign", lang),
            key=f"joint_sign_{table}",
            type="primary",
            disabled=not has_read,
            on_click=_sign,
            args=(person, config, table, found.sha256, lang),
        )


def _sign(person: Person, config: PartyConfig, table: str, sha256: str, lang: str) -> None:
    def sign() -> str:
        joint_desk.sign_policy(config, config.table(table).policy, sha256, lang)
        home.audit(person, "sign_policy", "policy", f"{table}:{sha256}")
        return _say("signed", lang, table=table, sha256=sha256)

    joint_told.act(person, "manage_policy", sign)


def _show_peers(config: PartyConfig, lang: str) -> None:
    """The policies by which the peer took part, by their hash, and the copies that it gave us."""
    copies = peer_policy.known(config)
    used = history.peer_policies(joint_jobs.past_jobs(config))
    if not copies and not used:
        home.show_empty("joint_page.peer_none")
        return
    known = {copy.policy.sha256 for copy in copies}
    rows = [
        {
            "sha": sha256,
            "first": joint_jobs.moment(first),
            "last": joint_jobs.moment(last),
            "jobs": jobs,
            "copy": _say("yes" if sha256 in known else "no", lang),
        }
        for sha256, (first, last, jobs) in sorted(used.items(), key=lambda one: one[1][1], reverse=True)
    ]
    if rows:
        columns = tuple(
            Column(name, _say(f"peer_{name}", lang), "count" if name == "jobs" else "text")
            for name in rows[0]
        )
        table = pa.Table.from_pylist(rows)
        report.show_grid(Grid("", columns, table, MOST_COLUMNS), lang, "peer policies")
    for place, copy in enumerate(copies):
        taken = joint_jobs.moment(datetime.fromtimestamp(copy.taken, UTC))
        title = _say("peer_copy_title", lang, taken=taken, sha256=copy.policy.sha256[:16])
        with st.expander(title, expanded=place == 0):
            show_document(copy.policy.document, f"peer policy {place}", lang)


def _show_take(person: Person, config: PartyConfig, lang: str) -> None:
    with st.form("joint_take", border=True, clear_on_submit=True):
        markup.show(tag("b", _say("take_title", lang)))
        left, right = st.columns(2)
        content = left.file_uploader(_say("take_policy", lang), type=["toml"], key="joint_take_policy")
        signature = right.file_uploader(
            _say("take_signature", lang), type=["sig"], key="joint_take_signature"
        )
        asked = st.form_submit_button(_say("take", lang))
    if not asked:
        return
    files = [
        one.getvalue() for one in (content, signature) if one is not None and one.size <= MAX_POLICY_BYTES
    ]
    joint_told.act(person, "manage_policy", lambda: _take(person, config, files, lang))
    st.rerun()


def _take(person: Person, config: PartyConfig, given: list[bytes], lang: str) -> str:
    if len(given) != 2:
        return _say("take_incomplete", lang)
    found = peer_policy.take(config, *given)
    home.audit(person, "take_policy", "policy", found.sha256)
    return _say("taken", lang, owner=found.document.owner, sha256=found.sha256)


def _say(key: str, lang: str, **params: object) -> str:
    return text(f"joint_page.{key}", lang, **params)
