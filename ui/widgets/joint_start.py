"""Start a job: the form, what it will take, and the start."""

from __future__ import annotations

import hashlib
from functools import partial

import streamlit as st

from drg.analytics.document import Figure
from drg.errors import InputError
from privacy.job_file import JobFile
from privacy.job_status import JobStatus, Plan
from privacy.party import PartyConfig
from ui import access, home, joint_desk, joint_words
from ui.access import Person
from ui.cli.refusal import sentence
from ui.joint_words import names
from ui.text import text
from ui.widgets import joint_form, joint_told, markup, report
from ui.widgets.joint_form import Filled
from ui.widgets.joint_jobs import MEGABYTE
from ui.widgets.markup import tag

PLANNED = "joint_planned"
FORM_AND_PLAN = (3, 2)


def show(person: Person, config: PartyConfig, lang: str) -> None:
    """The view in which a job is started."""
    if not config.tables:
        home.show_empty("joint_page.no_tables")
        return
    left, right = st.columns(FORM_AND_PLAN, gap="large")
    with left:
        markup.show(tag("h4", _say("form_title", lang), style="d-title"))
        try:
            filled = joint_form.show(config, lang)
        except InputError as error:
            home.show_error(error)
            return
        _show_words(config, filled, lang)
    with right:
        markup.show(tag("h4", _say("plan_title", lang), style="d-title"))
        _show_plan(person, config, filled, lang)


def _show_words(config: PartyConfig, filled: Filled, lang: str) -> None:
    """The job as it will be told to the other party, or what is still to fill in."""
    if filled.job is None:
        told = _say("form_incomplete", lang, what=names(filled.missing, lang))
        markup.show(tag("div", told, style="d-note"))
        return
    words = joint_words.asked(filled.protocol, filled.job.parameters, config.party, config.peer.name, lang)
    markup.show(tag("div", *(tag("p", one) for one in words), style="j-job"))


def _show_plan(person: Person, config: PartyConfig, filled: Filled, lang: str) -> None:
    name = "" if filled.job is None else _name(filled.protocol, filled.job)
    row, below = st.container(horizontal=True), st.empty()
    asked = row.button(_say("check", lang), key="joint_check", disabled=filled.job is None)
    if asked and filled.job is not None:
        access.require(person, "start_job")
        with below, st.spinner(_say("checking", lang)):
            st.session_state[PLANNED] = (name, joint_desk.plan(config, filled.protocol, filled.job, lang))
    planned_name, status = st.session_state.get(PLANNED, ("", None))
    is_planned = bool(name) and planned_name == name
    row.button(
        _say("start", lang),
        key="joint_start",
        type="primary",
        disabled=not (is_planned and status.state == "planned"),
        on_click=partial(_start, person, config, filled, lang),
    )
    if is_planned:
        _show_status(status, filled, lang)
    else:
        markup.show(tag("div", _say("check_first", lang), style="d-note"))


def _show_status(status: JobStatus, filled: Filled, lang: str) -> None:
    if status.refusal is not None:
        home.show_error(joint_desk.as_input_error(status.refusal.refused()))
    elif status.plan is not None:
        _show_estimate(status.plan, lang)
        if filled.protocol == "score" and filled.job is not None:
            approval = _approval(filled.job)
            markup.show(tag("div", _say("approval_hash", lang, sha256=approval), style="d-note"))


def _show_estimate(plan: Plan, lang: str) -> None:
    expected = plan.estimate
    left_out = _say(
        "plan_left_out", lang, invalid=f"{plan.invalid_ids:,}", without=f"{plan.without_consent:,}"
    )
    report.show_figures(
        [
            Figure(_say("plan_rows", lang), plan.rows, "count", left_out),
            Figure(_say("plan_bytes", lang), expected.bytes / MEGABYTE, "weight"),
            Figure(_say("plan_seconds", lang), expected.seconds, "weight"),
            Figure(_say("plan_memory", lang), expected.memory_mb, "count"),
        ],
        lang,
    )
    markup.show(tag("div", _say("plan_good", lang), style="d-told"))
    if plan.foretold is not None:
        why = sentence(plan.foretold.refused(), lang)
        markup.show(tag("div", tag("p", _say("foretold", lang, why=why)), style="d-problem"))
    markup.show(tag("div", _say("plan_note", lang), style="d-small"))


def _approval(job: JobFile) -> str:
    from privacy.protocols.score.messages import ScoreParameters

    return ScoreParameters.model_validate(job.parameters).approved_sha256


def _start(person: Person, config: PartyConfig, filled: Filled, lang: str) -> None:
    """Begin the job that was checked."""

    def start() -> str:
        assert filled.job is not None  # noqa: S101 - the button is for a job that was checked
        id = joint_desk.start(config, filled.protocol, filled.job, person.name)
        home.audit(person, "start_job", "joint_job", id)
        st.session_state.pop(PLANNED, None)
        st.session_state[joint_told.VIEW] = "jobs"
        return _say("started", lang)

    joint_told.act(person, "start_job", start)


def _name(protocol: str, job: JobFile) -> str:
    """A name of exactly this job, so that only what was checked is started."""
    return hashlib.sha256(f"{protocol}\n{job.as_toml()}".encode()).hexdigest()


def _say(key: str, lang: str, **params: object) -> str:
    return text(f"joint_page.{key}", lang, **params)
