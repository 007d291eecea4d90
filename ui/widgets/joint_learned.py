"""What each side learned in each job, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claims.joint.trace import learned_before
from privacy.history import PastJob
from privacy.node.records import JobRecord
from privacy.party import PartyConfig
from ui import home, joint_desk, joint_words
from ui.access import Person
from ui.joint_desk import Started
from ui.text import text
from ui.widgets import joint_jobs, markup
from ui.widgets.markup import Markup, tag

MOST_JOBS = 100


def show(person: Person, config: PartyConfig, lang: str) -> None:
    """The view of what each side learned."""
    started = {one.status.job: one for one in joint_desk.started(config) if one.status is not None}
    records = joint_desk.asked_by_peer(config)
    told = [
        one
        for job in joint_jobs.past_jobs(config)
        if (one := _words(job, started.get(job.id), records.get(job.id), lang))
    ]
    if not told:
        home.show_empty("joint_page.learned_none")
        return
    markup.show(tag("div", text("joint_page.learned_note", lang), style="d-note"))
    markup.show(*told[:MOST_JOBS])


def _words(job: PastJob, started: Started | None, record: JobRecord | None, lang: str) -> Markup | None:
    """A job and two sentences; nothing where it was not done."""
    parameters: Mapping[str, Any] | None = None
    if started is not None:
        parameters = started.job.parameters
    elif record is not None:
        parameters = record.parameters
    variant = "" if parameters is None else joint_words.variant(job.protocol, parameters)
    sentences = learned_before(job, variant, _common(started))
    if not sentences:
        return None
    head = text(
        "joint_page.learned_job",
        lang,
        protocol=joint_words.protocol_name(job.protocol, lang),
        day=joint_jobs.moment(job.begun),
        purpose=job.purpose,
    )
    lines = [
        tag("p", tag("b", text("joint_page.learned_by", lang, party=one.party)), one.sentence(lang))
        for one in sentences
    ]
    return tag("div", tag("b", head), " ", tag("span", job.id, style="j-key"), *lines, style="j-learned")


def _common(started: Started | None) -> int | None:
    """How many rows both have, where the result says so."""
    if started is None or started.status is None:
        return None
    summary = started.status.summary
    found = summary.get("common", summary.get("rows"))
    return found if isinstance(found, int) else None
