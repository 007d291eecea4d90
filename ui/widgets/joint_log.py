"""The verification of our audit log, of the peer's signed tree heads in it, and against a copy of the peer's log."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from privacy import audit
from privacy.audit import PeerHeads, Problem
from privacy.party import PartyConfig
from ui import access, home
from ui.access import Person
from ui.cli.audit import sentence
from ui.text import text
from ui.widgets import joint_jobs, markup
from ui.widgets.markup import tag

VERIFIED, COMPARED = "joint_verified", "joint_compared"
MOST_MEGABYTES = 50
MOST_HEAD_BYTES = 10_000


@dataclass(frozen=True)
class Verified:
    """What a verification found."""

    entries: int
    problems: list[Problem]
    heads: PeerHeads


def show(person: Person, config: PartyConfig, lang: str) -> None:
    """The view of the log."""
    folder = config.state / "audit"
    if not (folder / audit.LOG).is_file():
        home.show_empty("joint_page.log_none")
        return
    left, right = st.columns(2, gap="large")
    with left:
        _show_own(person, config, folder, lang)
    with right:
        _show_compare(person, config, folder, lang)


def _show_own(person: Person, config: PartyConfig, folder: Path, lang: str) -> None:
    markup.show(tag("h4", _say("log_title", lang), style="d-title"))
    markup.show(tag("div", _say("log_note", lang), style="d-note"))
    if st.button(_say("verify", lang), key="joint_verify", type="primary"):
        access.require(person, "verify_log")
        home.audit(person, "verify_log", "joint_log", config.party)
        with st.spinner(_say("verifying", lang)):
            st.session_state[VERIFIED] = verified(config, folder)
    found: Verified | None = st.session_state.get(VERIFIED)
    if found is None:
        return
    if found.problems:
        _show_problems(_say("not_verified", lang, count=len(found.problems)), found.problems, lang)
    else:
        markup.show(tag("div", _say("verified", lang, entries=f"{found.entries:,}"), style="d-told"))
    _show_heads(found.heads, lang)


def verified(config: PartyConfig, folder: Path) -> Verified:
    """Check our log by our public key, and the peer's heads by the pinned one."""
    problems = audit.verify(folder, config.public_key)
    entries = sum(1 for _ in audit.entries(folder))
    return Verified(entries, problems, audit.peer_heads(folder, config.peer.signing_key))


def _show_heads(heads: PeerHeads, lang: str) -> None:
    if heads.problems:
        _show_problems(_say("heads_wrong", lang, count=len(heads.problems)), heads.problems, lang)
    elif heads.newest is None:
        markup.show(tag("div", _say("heads_none", lang), style="d-note"))
    else:
        told = _say(
            "heads_good",
            lang,
            count=f"{heads.accepted:,}",
            size=f"{heads.newest.size:,}",
            time=joint_jobs.moment_of(heads.newest.time),
        )
        markup.show(tag("div", told, style="d-told"))


def _show_problems(title: str, problems: Sequence[Problem], lang: str) -> None:
    lines = (tag("p", sentence(one, lang)) for one in problems)
    markup.show(tag("div", tag("b", title), *lines, style="d-problem"))


def _show_compare(person: Person, config: PartyConfig, folder: Path, lang: str) -> None:
    markup.show(tag("h4", _say("compare_title", lang), style="d-title"))
    markup.show(tag("div", _say("compare_note", lang), style="d-note"))
    with st.form("joint_compare", border=False):
        log = st.file_uploader(_say("compare_log", lang), type=["jsonl"], key="joint_compare_log")
        head = st.file_uploader(_say("compare_head", lang), type=["json"], key="joint_compare_head")
        asked = st.form_submit_button(_say("compare", lang))
    if asked:
        access.require(person, "verify_log")
        if log is None or head is None or log.size > MOST_MEGABYTES << 20 or head.size > MOST_HEAD_BYTES:
            st.session_state.pop(COMPARED, None)
            markup.show(tag("div", _say("compare_incomplete", lang, most=MOST_MEGABYTES), style="d-note"))
            return
        home.audit(person, "compare_log", "joint_log", config.peer.name)
        with st.spinner(_say("verifying", lang)):
            st.session_state[COMPARED] = compared(config, folder, log.getvalue(), head.getvalue())
    problems: list[Problem] | None = st.session_state.get(COMPARED)
    if problems:
        _show_problems(_say("not_compared", lang, count=len(problems)), problems, lang)
    elif problems is not None:
        markup.show(tag("div", _say("compared", lang), style="d-told"))


def compared(config: PartyConfig, folder: Path, log: bytes, head: bytes) -> list[Problem]:
    """Where our log and a copy of the peer's disagree; the copy is on the disk only meanwhile."""
    with tempfile.TemporaryDirectory(prefix="drgbridge-log-") as copy:
        (Path(copy) / audit.LOG).write_bytes(log)
        (Path(copy) / audit.HEAD).write_bytes(head)
        return audit.compare(folder, config.public_key, Path(copy), config.peer.signing_key)


def _say(key: str, lang: str, **params: object) -> str:
    return text(f"joint_page.{key}", lang, **params)
