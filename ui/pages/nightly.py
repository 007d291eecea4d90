"""Nightly runs: how the last one ended and what it gave, all before it, rejected rows, and start, plan and resume."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from claims import messages as claim_messages
from claims.nightly.results import Results
from drg.analytics.document import Bars, Column, Figure, Grid, Kind
from drg.errors import InputError
from ui import access, home, night
from ui.access import Person
from ui.nightly_words import lack_lines, plan_lines
from ui.text import TEXTS, text
from ui.widgets import language, markup, report
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.nightly.config import Config
    from claims.nightly.plan import Plan

PLAN, STARTED = "nightly_plan", "nightly_started"
SECONDS_BETWEEN_LOOKS = 2
MOST_REJECTED, MOST_EXPORTED = 500, 100_000
RESUMABLE = ("interrupted", "failed", "running")
"""A run that says it is running while nobody works in the folder was killed."""
COUNTED = {"groups": "status", "findings": "severity", "hits": "severity", "risk": "band"}
"""By table the column whose values the run has counted."""
MONEY = {"total_cost_fen": "cases", "payment_fen": "prices", "profit_fen": "prices", "expected_fen": "risk"}
"""Amounts that the run has added up, and their tables."""
RUN_COLUMNS: Mapping[str, Kind] = {
    "id": "text",
    "day": "text",
    "state": "text",
    "exit_code": "text",
    "started": "text",
    "minutes": "weight",
    "done": "count",
    "skipped": "count",
    "failed": "count",
    "rejected_new": "count",
}
REJECTED_COLUMNS = ("source", "row", "case_id", "field", "reason", "remedy")


def main() -> None:
    """The page."""
    person = access.enter("nightly")
    lang = language.chosen()
    report.use_styles()
    try:
        config = night.config()
    except InputError as error:
        home.show_error(error)
        return
    results = _results()
    _show_head(results, lang)
    _show_running(config, lang)
    _show_actions(person, config, results, lang)
    if results is None:
        home.show_empty("nightly_page.no_run")
        return
    names = ("result", "runs", "rejected", "seconds")
    tabs = st.tabs([text(f"nightly_page.tab_{name}", lang) for name in names])
    shows: tuple[Callable[[Results, str], None], ...] = (
        _show_result,
        _show_runs,
        partial(_show_rejected, person),
        _show_seconds,
    )
    for tab, show in zip(tabs, shows, strict=True):
        with tab:
            try:
                show(results, lang)
            except InputError as error:
                home.show_error(error)


def _results() -> Results | None:
    """The results of the runs; ``None`` before the first one."""
    try:
        return home.results()
    except InputError:
        return None


def _show_head(results: Results | None, lang: str) -> None:
    markup.show(tag("div", text("nightly_page.title", lang), style="d-head"))
    if results is None:
        return
    run = results.run()
    if run["state"] == "running" and night.who_runs(results.folder) is None:
        run = {**run, "state": "killed"}
    facts = text(
        "nightly_page.run_facts", lang, id=run["id"], day=run["day"], started=_moment(run["started"])
    )
    if run["ended"]:
        facts += text("nightly_page.run_ended", lang, ended=_moment(run["ended"]))
    badge = tag(
        "span", text(f"nightly_page.state_{run['state']}", lang), style=f"d-badge {_look(run['state'])}"
    )
    markup.show(tag("div", badge, " ", facts, style="d-words"))
    if run["exit_code"] is not None:
        markup.show(tag("div", text(f"nightly_page.exit_{run['exit_code']}", lang), style="d-note"))
    if run["problem"] is not None:
        home.show_error(InputError([_problem(run["problem"])]))


def _look(state: str) -> str:
    return {"done": "grouped", "running": "counted"}.get(state, "changed")


def _problem(told: Mapping[str, Any]) -> Any:
    from claims.errors import ClaimProblem

    return ClaimProblem(told["code"], told["where"], told["params"])


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _show_running(config: Config, lang: str) -> None:
    """Who runs now and how far it is; looked at again by itself, and the whole page when it has ended."""
    who = night.who_runs(config.out)
    if who is None:
        if st.session_state.pop(STARTED, None) == "seen":
            st.rerun()
        return
    st.session_state[STARTED] = "seen"
    run = _results()
    told = night.progress(config.out, run.run()["id"]) if run is not None else None
    line = text("nightly_page.running", lang, pid=who.pid, host=who.host, since=_moment(who.since))
    if told is not None and told.tasks:
        counts = {name: f"{told.tasks[name]:,}" for name in ("done", "skipped", "failed")}
        line += text("nightly_page.running_tasks", lang, **counts)
    markup.show(tag("div", line, style="d-told"))


def _show_actions(person: Person, config: Config, results: Results | None, lang: str) -> None:
    """Plan, start, resume; each refused on the server as well."""
    is_idle = night.who_runs(config.out) is None
    resumable = results is not None and results.run()["state"] in RESUMABLE
    with st.container(horizontal=True):
        if access.may(person, "start_run"):
            if st.button(text("nightly_page.plan", lang), key="nightly_plan_button"):
                with st.spinner(text("nightly_page.planning", lang)):
                    st.session_state[PLAN] = _plan(config)
            if st.button(
                text("nightly_page.start", lang), key="nightly_start", type="primary", disabled=not is_idle
            ):
                _start(person, "start_run", config, "run")
        if access.may(person, "resume_run") and st.button(
            text("nightly_page.resume", lang), key="nightly_resume", disabled=not (is_idle and resumable)
        ):
            _start(person, "resume_run", config, "resume")
    found: Plan | InputError | None = st.session_state.get(PLAN)
    if isinstance(found, InputError):
        home.show_error(found)
    elif found is not None:
        markup.show(
            tag(
                "div",
                *(tag("p", line) for line in plan_lines(found, config.settings.workers, lang)),
                style="d-told",
            )
        )


def _plan(config: Config) -> Plan | InputError:
    from claims.nightly.inputs import find_sources
    from claims.nightly.plan import plan

    try:
        return plan(config, find_sources(config, dt.date.today()), config.settings.workers)
    except InputError as error:
        return error


def _start(person: Person, action: str, config: Config, command: night.Command) -> None:
    access.require(person, action)
    home.audit(person, action, "run", config.out.name)
    night.start(config.path, command)
    st.session_state[PLAN] = None
    st.toast(text("nightly_page.started", language.chosen()))


def _show_result(results: Results, lang: str) -> None:
    """What the last run's results come to."""
    run = results.run()
    rows = run["rows"]
    if not rows:
        home.show_empty("nightly_page.no_rows")
        return
    figures = [
        Figure(text(f"nightly_page.rows_{name}", lang), rows.get(name, 0), "count")
        for name in ("cases", "records", "lines", "rejected", "hits_across")
        if name in rows or name == "rejected"
    ]
    figures += [
        Figure(text(f"nightly_page.sum_{name}", lang), run["sums"][f"{table}/{name}"], "money")
        for name, table in MONEY.items()
        if f"{table}/{name}" in run["sums"]
    ]
    if run["items_new"] is not None:
        figures.append(Figure(text("nightly_page.items_new", lang), run["items_new"], "count"))
    report.show_figures(figures, lang)
    counts_of = {table: run["counts"].get(f"{table}/{column}") for table, column in COUNTED.items()}
    counted = [(table, counts) for table, counts in counts_of.items() if counts]
    for cell, (kind, counts) in zip(st.columns(max(len(counted), 1)), counted, strict=False):
        with cell:
            report.show_grid(_counts_grid(kind, counts, lang), lang, f"counts {kind}")
    if run["joint"] is not None:
        _show_joint(run["joint"], lang)
    refused = [tag("p", line) for line in lack_lines(run["refused"], lang)]
    if refused:
        markup.show(tag("div", *refused, style="d-note"))


def _counts_grid(kind: str, counts: Mapping[str, int], lang: str) -> Grid:
    names = [_value(COUNTED[kind], name, lang) for name in counts]
    table = pa.table({"name": names, "count": list(counts.values())})
    columns = (
        Column("name", text(f"nightly_page.counted_{kind}", lang), "text"),
        Column("count", text("nightly_page.count", lang), "count"),
    )
    return Grid("", columns, table, len(table))


def _value(column: str, name: str, lang: str) -> str:
    """What a value of a counted column is called."""
    if column == "band":
        key = f"risk.band_{name}"
        return claim_messages.text(key, lang) if key in claim_messages.TEXTS.catalogue else name
    return _word(f"nightly.{column}_{name}", name, lang)


def _word(key: str, name: str, lang: str) -> str:
    return text(key, lang) if key in TEXTS.catalogue else name


def _show_joint(joint: Mapping[str, Any], lang: str) -> None:
    """How the joint step ended, and how many claims it did what with."""
    markup.show(tag("h4", text("nightly_page.joint", lang), style="d-title"))
    markup.show(tag("div", text(f"joint_risk.state_{joint['state']}", lang), style="d-words"))
    figures = [
        Figure(text(f"joint_risk.claims_{name}", lang), count, "count")
        for name, count in joint["counts"].items()
    ]
    figures += [
        Figure(text("joint_risk.band", lang, band=name), count, "count")
        for name, count in joint["bands"].items()
    ]
    report.show_figures(figures, lang)


def _show_runs(results: Results, lang: str) -> None:
    """All runs, the last one first."""
    rows = [_run_row(run, lang) for run in results.runs()]
    columns = tuple(
        Column(name, text(f"nightly_page.run_{name}", lang), kind) for name, kind in RUN_COLUMNS.items()
    )
    table = pa.Table.from_pylist(rows) if rows else pa.table({name: [] for name in RUN_COLUMNS})
    report.show_grid(Grid("", columns, table, len(table)), lang, "runs")


def _run_row(run: Mapping[str, Any], lang: str) -> dict[str, Any]:
    took = None
    if run["ended"]:
        took = dt.datetime.fromisoformat(run["ended"]) - dt.datetime.fromisoformat(run["started"])
    return {
        **{name: run[name] for name in ("id", "day", "rejected_new")},
        **{name: run["parts"][name] for name in ("done", "skipped", "failed")},
        "state": text(f"nightly_page.state_{run['state']}", lang),
        "exit_code": "" if run["exit_code"] is None else str(run["exit_code"]),
        "started": _moment(run["started"]),
        "minutes": None if took is None else took.total_seconds() / 60,
    }


def _show_rejected(person: Person, results: Results, lang: str) -> None:
    """Rows that are no result, with the reason and what to do about it. Their values are not shown here."""
    if not results.has("rejected"):
        home.show_empty("nightly_page.no_rejected")
        return
    found = _in_words(results.table("rejected"), lang)
    if not len(found):
        home.show_empty("nightly_page.no_rejected")
        return
    left, right = st.columns(2)
    source = _choose(left, found, "source", lang)
    reason = _choose(right, found, "reason", lang)
    for name, value in (("source", source), ("reason", reason)):
        if value is not None:
            found = found.filter(pc.equal(found.column(name), value))
    columns = tuple(
        Column(name, text(f"nightly_page.rejected_{name}", lang), "text") for name in REJECTED_COLUMNS
    )
    report.show_grid(Grid("", columns, found, MOST_REJECTED), lang, "rejected")
    if access.may(person, "export_rejections"):
        st.download_button(
            text("nightly_page.export", lang),
            data=access.at_download(person, "export_rejections", partial(_export, person, found)),
            file_name="rejected.csv",
            mime="text/csv",
            on_click="ignore",
            key="rejected_export",
        )
        markup.show(
            tag("div", text("nightly_page.export_note", lang, most=f"{MOST_EXPORTED:,}"), style="d-small")
        )


def _in_words(rejected: pa.Table, lang: str) -> pa.Table:
    plain = {name: rejected.column(name).cast(pa.string()) for name in ("source", "row", "case_id", "field")}
    words = {"reason": rejected.column(f"text_{lang}"), "remedy": rejected.column(f"remedy_{lang}")}
    return pa.table({**plain, **words})


def _choose(place: Any, found: pa.Table, name: str, lang: str) -> str | None:
    counts = pc.value_counts(found.column(name)).to_pylist()
    values = [one["values"] for one in sorted(counts, key=lambda one: -one["counts"])]
    chosen: str | None = place.selectbox(
        text(f"nightly_page.rejected_{name}", lang),
        values,
        index=None,
        placeholder=text("nightly_page.everything", lang),
        key=f"rejected_{name}",
    )
    return chosen


def _export(person: Person, found: pa.Table) -> bytes:
    """The CSV, made and recorded when it is asked for."""
    from ui.cli.output import CsvWriter

    home.audit(person, "export", "rejections", "nightly")
    file = BytesIO()
    writer = CsvWriter(file, bom=True)
    writer.write(found.slice(0, MOST_EXPORTED))
    writer.close()
    return file.getvalue()


def _show_seconds(results: Results, lang: str) -> None:
    """Where the time of the last run went."""
    run = results.run()
    seconds = sorted(run["seconds"].items(), key=lambda one: -one[1])
    if not any(value for _, value in seconds):
        home.show_empty("nightly_page.no_seconds")
        return
    named = [(_word(f"nightly_page.step_{name}", name, lang), value) for name, value in seconds]
    drawn = Bars(text("nightly_page.seconds", lang), "weight", named)
    report.show_charts([drawn], lang, text("nightly_page.source", lang, id=run["id"]))


def _moment(iso: str) -> str:
    """A moment as people read it, in UTC."""
    return dt.datetime.fromisoformat(iso).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


main()
