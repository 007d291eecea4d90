"""Jobs: those started here with their progress, the peer's that wait for a person, and all that the log has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import streamlit as st

from drg.analytics.document import Column, Figure, Grid, Kind
from privacy import audit, history
from privacy.history import PastJob
from privacy.node.records import JobRecord
from privacy.party import PartyConfig
from privacy.protocols import Role
from ui import access, home, joint_desk, joint_words
from ui.access import Person
from ui.joint_desk import Started
from ui.text import TEXTS, text
from ui.widgets import joint_parties, joint_told, markup, report
from ui.widgets.markup import Markup, tag

SECONDS_BETWEEN_LOOKS, SECONDS_IDLE = 2, 15
"""While a job of ours runs, and otherwise: the peer may ask for one."""
MOST_CARDS, MOST_JOBS = 3, 500
MOST_REASON = 80
SEEN = "joint_seen"
COLUMNS: Mapping[str, Kind] = {
    "begun": "text",
    "direction": "text",
    "protocol": "text",
    "purpose": "text",
    "state": "text",
    "reason": "text",
    "own_rows": "count",
    "peer_rows": "count",
    "megabytes": "weight",
    "seconds": "weight",
    "job": "text",
}
MEGABYTE = 1_000_000
LOOKS = {"done": "grouped", "running": "counted", "starting": "counted", "waiting": "counted"}


def show(person: Person, config: PartyConfig, lang: str) -> None:
    """The view of jobs."""
    past, records = past_jobs(config), joint_desk.asked_by_peer(config)
    waits = joint_desk.waiting(config)
    started = joint_desk.started(config)
    _show_figures(past, records, started, len(waits), lang)
    _show_waiting(person, config, waits, lang)
    markup.show(tag("h4", _say("started_title", lang), style="d-title"))
    # What this run shows; the fragment compares when it runs by itself later.
    st.session_state[SEEN] = _state(started, waits)
    seconds = SECONDS_BETWEEN_LOOKS if any(one.runs for one in started) else SECONDS_IDLE
    st.fragment(_show_started, run_every=seconds)(config, lang)
    _show_history(config, past, records, lang)


def _state(started: list[Started], waits: list[JobRecord]) -> tuple[set[str], set[str]]:
    """Which jobs of ours run, and which of the peer's wait."""
    return {one.id for one in started if one.runs}, {one.id for one in waits}


def past_jobs(config: PartyConfig) -> list[PastJob]:
    """The jobs of our logs, read again when a log has grown."""
    logs = (config.state / "audit" / audit.LOG, config.state / "log.jsonl")
    return _past_jobs(str(config.state), tuple(map(_stamp, logs)))


@st.cache_data(show_spinner=False, max_entries=4)
def _past_jobs(state: str, stamps: tuple[tuple[int, int], ...]) -> list[PastJob]:
    return history.jobs(Path(state))


def peer_head(config: PartyConfig) -> audit.TreeHead | None:
    """The peer's newest signed tree head that our log holds."""
    stamp = _stamp(config.state / "audit" / audit.LOG)
    return _peer_head(str(config.state / "audit"), stamp, config)


@st.cache_data(show_spinner=False, max_entries=4)
def _peer_head(folder: str, stamp: tuple[int, int], _config: PartyConfig) -> audit.TreeHead | None:
    return audit.peer_heads(Path(folder), _config.peer.signing_key).newest


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def moment(at: datetime) -> str:
    """A moment as people read it, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def moment_of(iso: str) -> str:
    """The same, of a moment as it is written in a file."""
    return moment(datetime.fromisoformat(iso))


def _say(key: str, lang: str, **params: object) -> str:
    return text(f"joint_page.{key}", lang, **params)


def _word(key: str, name: str, lang: str) -> str:
    """What something is called, where this version knows it."""
    return _say(key, lang) if f"joint_page.{key}" in TEXTS.catalogue else name


def _show_figures(
    past: list[PastJob], records: Mapping[str, JobRecord], started: list[Started], waits: int, lang: str
) -> None:
    ended = [joint_words.outcome(job, records.get(job.id))[0] for job in past]
    running = sum(one.state == "running" for one in records.values()) + sum(one.runs for one in started)
    failed = sum(one in ("failed", "refused", "lost") for one in ended)
    counts = {"running": running, "waiting": waits, "done": ended.count("done"), "failed": failed}
    report.show_figures([Figure(_say(f"figure_{key}", lang), n, "count") for key, n in counts.items()], lang)


def _show_waiting(person: Person, config: PartyConfig, waits: list[JobRecord], lang: str) -> None:
    markup.show(tag("h4", _say("waiting_title", lang), style="d-title"))
    if not waits:
        markup.show(tag("div", _say("waiting_none", lang), style="d-small"))
        return
    if joint_parties.answers(config)[0].answer != "answers":
        markup.show(tag("div", _say("waiting_node_down", lang), style="d-note"))
    for record in waits:
        _show_one_waiting(person, config, record, lang)


def _show_one_waiting(person: Person, config: PartyConfig, record: JobRecord, lang: str) -> None:
    """A job in plain words, and the decision."""
    head = _say(
        "waiting_facts",
        lang,
        protocol=joint_words.protocol_name(record.protocol, lang),
        peer=record.peer,
        table=record.table,
        purpose=record.purpose,
        opened=moment_of(record.opened_at),
    )
    size = _say(
        "waiting_size",
        lang,
        rows=f"{record.rows:,}",
        peer_rows=f"{record.peer_rows:,}",
        seconds=f"{record.estimate.seconds:,.0f}",
        megabytes=_megabytes(record.estimate.bytes),
        memory=f"{record.estimate.memory_mb:,}",
    )
    words = joint_words.asked(record.protocol, record.parameters, record.peer, config.party, lang)
    job = tag("div", _say("column_job", lang), " ", tag("span", record.id, style="j-key"), style="d-small")
    markup.show(
        tag(
            "div",
            tag("b", head),
            *(tag("p", one) for one in words),
            tag("p", size),
            job,
            style="j-job waiting",
        )
    )
    if access.may(person, "manage_policy"):
        _show_decision(person, config, record, lang)


def _show_decision(person: Person, config: PartyConfig, record: JobRecord, lang: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reason_key = f"joint_reason_{record.id}"
        st.text_input(
            _say("decision_reason", lang),
            placeholder=_say("reason_hint", lang),
            max_chars=MOST_REASON,
            key=reason_key,
            width=360,
        )
        for name, is_approved in (("approve", True), ("refuse", False)):
            st.button(
                _say(name, lang),
                key=f"joint_{name}_{record.id}",
                type="primary" if is_approved else "secondary",
                on_click=_decide,
                args=(person, config, record.id, is_approved, lang),
            )


def _decide(person: Person, config: PartyConfig, job: str, is_approved: bool, lang: str) -> None:
    def decide() -> str:
        reason = str(st.session_state.get(f"joint_reason_{job}") or "").strip()
        joint_desk.decide(config, job, is_approved, person.name, reason)
        home.audit(person, "approve_job" if is_approved else "refuse_job", "joint_job", job)
        return _say("approved" if is_approved else "refused", lang)

    joint_told.act(person, "manage_policy", decide)


def _show_started(config: PartyConfig, lang: str) -> None:
    """The jobs that were started here; looked at again by itself, and the whole page when something else changed."""
    found = joint_desk.started(config)
    if st.session_state[SEEN] != _state(found, joint_desk.waiting(config)):
        st.rerun()
    if not found:
        markup.show(tag("div", _say("started_none", lang), style="d-small"))
        return
    shown = [one for place, one in enumerate(found) if one.runs or place < MOST_CARDS]
    for one in shown:
        markup.show(_card(one, config, lang))
        _show_figures_of(one, lang)
    others = [one for one in found if one not in shown]
    if others:
        with st.expander(_say("more_started", lang)):
            markup.show(*(_card(one, config, lang) for one in others))


def _card(one: Started, config: PartyConfig, lang: str) -> Markup:
    facts = _say(
        "started_facts",
        lang,
        protocol=joint_words.protocol_name(one.protocol, lang),
        table=one.job.table,
        peer_table=one.job.peer_table,
        purpose=one.job.purpose,
        by=one.by,
        at=moment(one.at),
    )
    badge = tag("span", _say(f"state_{one.state}", lang), style=f"d-badge {LOOKS.get(one.state, 'changed')}")
    words = joint_words.asked(one.protocol, one.job.parameters, config.party, config.peer.name, lang)
    parts = [tag("div", badge, " ", tag("b", facts)), *(tag("p", word, style="d-small") for word in words)]
    parts += [tag("p", line) for line in _lines(one, lang)]
    return tag("div", *parts, style=f"j-job {one.state}")


def _lines(one: Started, lang: str) -> list[str]:
    """How far a job is, or what came of it."""
    status = one.status
    if one.state in ("refused", "failed", "lost"):
        return [why] if (why := joint_words.why(one, lang)) else []
    if status is None:
        return []
    if one.state != "done":
        lines = [_say("elapsed", lang, seconds=f"{(datetime.now(UTC) - one.at).total_seconds():,.0f}")]
        if status.total:
            what = _word(f"what_{status.what}", status.what, lang)
            lines.insert(
                0, _say("progress", lang, what=what, done=f"{status.done:,}", total=f"{status.total:,}")
            )
        return lines
    took = datetime.fromisoformat(status.changed) - datetime.fromisoformat(status.begun)
    lines = [_summary(one, lang) + _say("took", lang, seconds=f"{took.total_seconds():,.1f}")]
    result = one.folder / joint_desk.RESULT
    if result.is_file():
        lines.append(_say("result_file", lang, path=result))
    return lines


def _summary(one: Started, lang: str) -> str:
    """The figures of a result that are about no single row."""
    assert one.status is not None  # noqa: S101 - it is done
    names = [name for name in one.status.summary if f"joint_page.sum_{name}" in TEXTS.catalogue]
    told = (_say(f"sum_{name}", lang, value=_value(one.status.summary[name])) for name in names)
    return "".join(line + _say("stop", lang) for line in told)


def _value(value: object) -> str:
    if isinstance(value, list):
        return _value(value[-1]) if value else ""
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _show_figures_of(one: Started, lang: str) -> None:
    """The figures of joint statistics, which are about enough persons; results of rows are not shown."""
    result = one.folder / joint_desk.RESULT
    if one.state != "done" or not result.is_file():
        return
    if one.protocol != "stats":
        markup.show(tag("div", _say("result_note", lang), style="d-small"))
        return
    with st.expander(_say("figures", lang)):
        report.show_grid(_figures(result, lang), lang, f"figures {one.id}")


def _figures(result: Path, lang: str) -> Grid:
    """The table of a statistics job; what it has no value for at all is left out."""
    table = pyarrow.csv.read_csv(result)
    names = [name for name in table.column_names if table.column(name).null_count < len(table)]
    columns = tuple(
        Column(name, _word(f"figure_of_{name}", name, lang), _kind(table.column(name).type)) for name in names
    )
    return Grid("", columns, table, MOST_JOBS, _say("figures_note", lang))


def _kind(type_: pa.DataType) -> Kind:
    if pa.types.is_integer(type_):
        return "count"
    return "weight" if pa.types.is_floating(type_) else "text"


def _show_history(
    config: PartyConfig, past: list[PastJob], records: Mapping[str, JobRecord], lang: str
) -> None:
    if not past:
        home.show_empty("joint_page.history_none")
        return
    markup.show(tag("h4", _say("history_title", lang), style="d-title"))
    rows = [_row(config, job, records.get(job.id), lang) for job in past[:MOST_JOBS]]
    columns = tuple(Column(name, _say(f"column_{name}", lang), kind) for name, kind in COLUMNS.items())
    note = _say("history_note", lang, most=MOST_JOBS)
    table = pa.Table.from_pylist(rows, schema=_schema())
    report.show_grid(Grid("", columns, table, MOST_JOBS, note), lang, "joint history")


def _schema() -> pa.Schema:
    types = {"text": pa.string(), "count": pa.int64(), "weight": pa.float64()}
    return pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])


def _row(config: PartyConfig, job: PastJob, record: JobRecord | None, lang: str) -> dict[str, object]:
    state, code = joint_words.outcome(job, record)
    is_ours = job.role == "initiator" or (job.role is None and record is None)
    own: Role = "initiator" if is_ours else "responder"
    peer: Role = "responder" if is_ours else "initiator"
    return {
        "begun": moment(job.begun),
        "direction": config.party if is_ours else config.peer.name,
        "protocol": joint_words.protocol_name(job.protocol or (record.protocol if record else ""), lang),
        "purpose": job.purpose or (record.purpose if record else ""),
        "state": _say(f"outcome_{state}", lang) if state != "running" else _say("state_running", lang),
        "reason": _reason(job, code, lang),
        "own_rows": job.rows(own) if record is None else record.rows,
        "peer_rows": job.rows(peer) if record is None else record.peer_rows,
        "megabytes": (job.bytes_sent + job.bytes_received) / MEGABYTE,
        "seconds": job.seconds,
        "job": job.id,
    }


def _reason(job: PastJob, code: str, lang: str) -> str:
    parts = [joint_words.reason(code, lang)]
    if job.decision:
        parts.append(_say(f"decided_{job.decision}", lang, by=job.decided_by))
    return _say("separator", lang).join(part for part in parts if part)


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:,.1f}"
