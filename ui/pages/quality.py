"""Record quality: the share of grade A, what is found most, the trend, and the way down to a case and its findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from claims import finding_appeals
from claims.coding_desk.findings import Finding, findings
from claims.store import Appeal, AppealState
from drg.analytics.document import Column, Figure, Grid, bars, course
from drg.errors import InputError
from drg.quality import overview
from drg.quality.finding import evidence_text
from drg.quality.known_rules import known_rules
from drg.quality.overview import Choice
from ui import access, drill, home, hospital
from ui.access import Person
from ui.personal import shown_finding
from ui.text import text
from ui.widgets import language, markup, report
from ui.widgets.markup import tag

FILTERS = ("department", "doctor", "month", "grade")
MOST_DEFECTS = 15
MOST_CASES = 500
CASE_KINDS = {"block": "count", "warn": "count", "hint": "count", "score": "weight"}


def main() -> None:
    """The page."""
    person = access.enter("quality")
    lang = language.chosen()
    report.use_styles()
    try:
        found = hospital.records(hospital.stamp(home.results()))
    except InputError as error:
        home.show_error(error)
        return
    if not len(found.records):
        home.show_empty("quality_page.no_records")
        return
    case = drill.here("case")
    if case is not None:
        _show_case(person, found, case, lang)
    elif drill.here("rule") is not None:
        _show_cases(found, lang)
    else:
        _show_overview(lang)


def _choice() -> Choice:
    return Choice(rule=drill.here("rule"), **{name: drill.here(name) for name in FILTERS})


def _show_overview(lang: str) -> None:
    _head(text("quality_page.title", lang), lang)
    _show_filters(lang)
    seen = hospital.quality_overview(hospital.stamp(home.results()), _choice())
    if not seen.count:
        home.show_empty("quality_page.nothing_chosen")
        return
    report.show_figures(_figures(seen, lang), lang)
    defects = overview.with_titles(seen.defects, known_rules(), lang)
    known = seen.months.filter(pc.is_valid(seen.months.column("month")))
    charts = (
        course(text("quality_page.chart_trend", lang), known, "month", "top_grade_share", "share"),
        bars(text("quality_page.chart_defects", lang), defects, "title", "count", "count", limit=10),
    )
    report.show_charts(charts, lang, hospital.source(lang))
    _show_defects(defects, lang)
    for column, (by, table) in zip(st.columns(len(seen.by), gap="medium"), seen.by.items(), strict=True):
        with column:
            _show_division(table, by, lang)
    if st.button(text("quality_page.all_cases", lang, count=f"{seen.count:,}"), key="all_cases"):
        drill.go(rule="*")
        st.rerun()


def _head(title: str, lang: str) -> None:
    markup.show(tag("div", title, style="d-head"), tag("div", hospital.source(lang), style="d-source"))


def _show_filters(lang: str) -> None:
    for column, name in zip(st.columns(len(FILTERS)), FILTERS, strict=True):
        with column:
            values = hospital.record_values(hospital.stamp(home.results()), name)
            drill.choose(
                text(f"quality_page.{name}", lang), name, values, text("quality_page.everything", lang)
            )


def _figures(seen: hospital.Overview, lang: str) -> list[Figure]:
    row = seen.whole.to_pylist()[0]
    kinds = {"records": "count", "top_grade_share": "share", "mean_score": "weight", "blocked": "count"}
    figures = [
        Figure(text(f"quality_page.figure_{name}", lang), row[name], kind)  # type: ignore[arg-type]
        for name, kind in kinds.items()
    ]
    told = text("page.separator", lang).join(
        text("quality_page.grade_count", lang, grade=one["grade"], count=f"{one['records']:,}")
        for one in seen.grades.to_pylist()
    )
    return [figures[0], replace(figures[1], note=told), *figures[2:]]


def _show_defects(defects: pa.Table, lang: str) -> None:
    names = {"rule": "text", "title": "text", "severity": "text", "count": "count", "share": "share"}
    picked = report.show_grid(
        replace(
            _grid(_with_severities(defects, lang), names, lang),
            title=text("quality_page.top_defects", lang),
            shown=MOST_DEFECTS,
            note=text("quality_page.pick_defect", lang),
        ),
        lang,
        "defects",
        selectable=True,
    )
    if picked is not None:
        drill.go(rule=defects.column("rule")[picked].as_py())
        st.rerun()


def _with_severities(table: pa.Table, lang: str) -> pa.Table:
    words = [text(f"quality.severity_{one}", lang) for one in table.column("severity").to_pylist()]
    place = table.schema.get_field_index("severity")
    return table.set_column(place, "severity", pa.array(words, pa.string()))


def _show_division(table: pa.Table, by: str, lang: str) -> None:
    names = {
        by: "text",
        "records": "count",
        "top_grade_share": "share",
        "blocked": "count",
        "mean_score": "weight",
    }
    grid = replace(
        _grid(table, names, lang), title=text(f"quality_page.by_{by}", lang), shown=max(len(table), 1)
    )
    picked = report.show_grid(grid, lang, f"by {by} {drill.here(by)}", selectable=True)
    if picked is not None and (value := table.column(by)[picked].as_py()) not in (None, drill.here(by)):
        drill.go(**{by: value})
        st.rerun()


def _grid(table: pa.Table, kinds: dict[str, str], lang: str) -> Grid:
    columns = tuple(
        Column(name, text(f"quality_page.column_{name}", lang), kind)  # type: ignore[arg-type]
        for name, kind in kinds.items()
    )
    return Grid("", columns, table)


def _show_cases(found: hospital.Records, lang: str) -> None:
    rule = drill.here("rule")
    choice = _choice() if rule in known_rules() else replace(_choice(), rule=None)
    _show_back({"rule": None}, lang)
    _head(_title(choice, lang), lang)
    _show_filters(lang)
    chosen = overview.chosen_records(found.records, found.findings, choice)
    if not len(chosen):
        home.show_empty("quality_page.nothing_chosen")
        return
    names = {"case_id": "text", "department": "text", "doctor": "text", "month": "text", "grade": "text"}
    grid = replace(
        _grid(chosen, {**names, **CASE_KINDS}, lang),
        title=text("quality_page.cases", lang, count=f"{len(chosen):,}"),
        shown=MOST_CASES,
        note=text("quality_page.pick_case", lang),
    )
    picked = report.show_grid(grid, lang, f"cases {rule}", selectable=True)
    if picked is not None:
        drill.go(case=chosen.column("case_id")[picked].as_py())
        st.rerun()


def _title(choice: Choice, lang: str) -> str:
    if choice.rule is None:
        return text("quality_page.all_records", lang)
    return f"{choice.rule} {known_rules()[choice.rule].title.text(lang)}"


def _show_back(values: dict[str, str | None], lang: str) -> None:
    if st.button(text("quality_page.back", lang), key="back", shortcut="Alt+ArrowLeft"):
        drill.go(**values)
        st.rerun()


def _show_case(person: Person, found: hospital.Records, case: str, lang: str) -> None:
    _show_back({"case": None}, lang)
    row = found.records.filter(pc.equal(found.records.column("case_id"), case)).to_pylist()
    if not row:
        home.show_empty("quality_page.no_case", case=case)
        return
    if st.session_state.get("quality_case") != case:
        home.audit(person, "view", "case", case)
        st.session_state.quality_case = case
    told = [
        text("quality_page.case_grade", lang, grade=row[0]["grade"], score=f"{row[0]['score']:g}"),
        *(
            f"{text(f'quality_page.{name}', lang)} {row[0][name] or '–'}"
            for name in ("department", "doctor", "month")
        ),
    ]
    markup.show(tag("div", case, style="d-head"), tag("div", " · ".join(told), style="d-note"))
    _tell_problem(lang)
    rows = home.results().table("findings", case_ids=[case]).to_pylist()
    listed = [shown_finding(person, one) for one in findings(rows, ())]
    if not listed:
        home.show_empty("quality_page.no_findings")
    appeals = finding_appeals.appeals_of(home.store(), case)
    for place, finding in enumerate(listed):
        _show_finding(finding, lang)
        is_first = finding.rule.id not in {one.rule.id for one in listed[:place]}
        if is_first:
            _show_appeals(person, case, finding, appeals.get(finding.rule.id, ()), lang)
    silenced = sorted(set(appeals) - {one.rule.id for one in listed})
    for rule in silenced:
        markup.show(tag("div", text("quality_page.silenced", lang, rule=rule), style="d-note"))


def _show_finding(finding: Finding, lang: str) -> None:
    words = finding.words(lang)
    told = {
        "place": finding.where(lang),
        "evidence": evidence_text(finding.row["evidence"], lang),
        "remedy": words.remedy,
        "payer": words.payer,
        "basis": words.basis,
    }
    pairs = [
        part
        for name, said in told.items()
        for part in (tag("dt", text(f"quality_page.{name}", lang)), tag("dd", said))
    ]
    head = (
        tag("span", text(f"quality.severity_{finding.severity}", lang), style="d-badge"),
        " ",
        tag("b", finding.rule.id),
        " ",
        words.message,
    )
    markup.show(tag("div", tag("div", *head), tag("dl", *pairs), style=f"d-finding {finding.severity}"))


def _show_appeals(person: Person, case: str, finding: Finding, appeals: Sequence[Appeal], lang: str) -> None:
    for one in appeals:
        state = text(f"quality_page.appeal_{one.state.value}", lang)
        told = text("quality_page.appeal", lang, state=state, person=one.filed_by, reason=one.reason)
        answer = (
            text("quality_page.answer", lang, person=one.changed_by, answer=one.answer) if one.answer else ""
        )
        markup.show(tag("div", told, answer, style="d-note"))
    waiting = next((one for one in appeals if one.state is AppealState.FILED), None)
    if waiting is None and finding.rule.appealable and access.may(person, "file_appeal"):
        _offer_appeal(person, case, finding, lang)
    elif waiting is not None and access.may(person, "settle_appeal"):
        _offer_settlement(person, waiting, lang)


def _offer_appeal(person: Person, case: str, finding: Finding, lang: str) -> None:
    rule = finding.rule.id
    with (
        st.expander(text("quality_page.file_appeal", lang, rule=rule)),
        st.form(f"appeal {rule}", border=False),
    ):
        reason = st.text_area(
            text("quality_page.reason", lang), key=f"reason {rule}", max_chars=finding_appeals.MAX_REASON
        )
        if st.form_submit_button(text("quality_page.send", lang), key=f"send {rule}"):
            access.require(person, "file_appeal")
            _do(
                partial(finding_appeals.appeal_finding, home.store(), case, finding.rule, reason, person.name)
            )


def _offer_settlement(person: Person, appeal: Appeal, lang: str) -> None:
    with st.form(f"settle {appeal.id}", border=True):
        answer = st.text_input(
            text("quality_page.answer_label", lang),
            key=f"answer {appeal.id}",
            max_chars=finding_appeals.MAX_REASON,
        )
        with st.container(horizontal=True):
            for outcome in (AppealState.UPHELD, AppealState.DISMISSED):
                label = text(f"quality_page.settle_{outcome.value}", lang)
                if st.form_submit_button(label, key=f"{outcome.value} {appeal.id}"):
                    access.require(person, "settle_appeal")
                    _do(partial(finding_appeals.settle, home.store(), appeal, outcome, answer, person.name))


def _do(change: Callable[[], object]) -> None:
    """Make a change and show the page as it is then; a refusal is told there."""
    try:
        change()
    except InputError as error:
        st.session_state.quality_problem = error
    st.rerun()


def _tell_problem(lang: str) -> None:
    error = st.session_state.pop("quality_problem", None)
    if error is not None:
        home.show_error(error)


main()
