"""Stays still running: the likely groups and what decides between them, cost, days and fees against what is usual."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from drg import messages
from drg.analytics.document import Document, Figure, Grid, Section, grid, shown
from drg.case import Case, from_table
from drg.errors import InputError, Problem
from drg.grouper.explain import Explanation, Step, explain
from drg.scheme import language
from drg.scheme.language import Always, And, Not, Or, Rule, ScalarTest
from drg.scheme.pack import Pack, choose_id, find_pack
from drg.scheme.words import rule_in_words

StandardOf = Callable[[Case, str], "int | None"]
"""The standard of a case, in fen, if it were in a group; ``None`` where the contract does not say."""


class Limits(BaseModel):
    """``running.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    near_standard: float
    long_stay: float
    structure: float
    structure_points: float
    consumables_without_procedure_fen: int
    intensive_hours: float
    most_reachable: int
    fewest_peers: int


@cache
def default_limits() -> Limits:
    """The limits that come with the project."""
    path = Path(__file__).with_name("running.toml")
    return Limits.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Candidate:
    """A DRG of the likely ADRG; ``rule`` is what decides for it, ``now`` whether the case is in it as coded."""

    drg: str
    name: str
    rule: Rule
    now: bool
    standard_fen: int | None

    def decided_by(self, lang: str) -> str:
        """What decides for this DRG, in words."""
        if isinstance(self.rule, Always):
            return messages.text("analytics.decided_by_rest", lang)
        return rule_in_words(self.rule, lang)


@dataclass(frozen=True)
class Reachable:
    """An ADRG of the same MDC, tried before the likely one, that lacks nothing but a procedure."""

    adrg: str
    name: str
    rule: Rule


@dataclass(frozen=True)
class Alert:
    """Something to look at; ``code`` is a message id."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)

    def render(self, lang: str) -> str:
        """The alert in words."""
        return messages.text(self.code, lang, **self.params)


@dataclass(frozen=True)
class Stay:
    """A stay as it is today. What is not known is ``None``."""

    case: Case
    explanation: Explanation
    candidates: tuple[Candidate, ...]
    reachable: tuple[Reachable, ...]
    days: int | None
    usual_days: float | None
    standard_fen: int | None
    drug_share: float | None
    usual_drug_share: float | None
    consumable_share: float | None
    usual_consumable_share: float | None
    alerts: tuple[Alert, ...]

    @property
    def ratio(self) -> float | None:
        """Cost so far / standard."""
        if self.case.total_cost_fen is None or not self.standard_fen:
            return None
        return self.case.total_cost_fen / self.standard_fen


def running(
    cases: pa.Table,
    today: dt.date,
    scheme: str | Path | Pack | None = None,
    reference: pa.Table | None = None,
    standard_of: StandardOf | None = None,
    limits: Limits | None = None,
) -> list[Stay]:
    """The cases (``CASE_SCHEMA``) without a day of discharge, in their order.

    ``scheme`` is by default the one that would apply if the case ended ``today``; ``reference`` a table in
    ``REFERENCE_SCHEMA``. Raises ``InputError`` where no scheme applies to some case, with all of them.
    """
    if isinstance(scheme, str | Path):
        # Also where no stay is open: a name that no scheme has is always told.
        scheme = find_pack(scheme)
    open_cases = from_table(cases.filter(pc.is_null(cases.column("discharge_date"))))
    packs = [_pack(case, today, scheme) for case in open_cases]
    lacking = [case for case, pack in zip(open_cases, packs, strict=True) if pack is None]
    if lacking:
        raise InputError(
            Problem("analytics.no_scheme_today", case.case_id, {"day": today}) for case in lacking
        )
    usual = {} if reference is None else {row["drg"]: row for row in reference.to_pylist()}
    return [
        _stay(case, pack, today, usual, standard_of, limits or default_limits())
        for case, pack in zip(open_cases, packs, strict=True)
        if pack is not None
    ]


def _pack(case: Case, today: dt.date, scheme: Pack | None) -> Pack | None:
    if scheme is not None:
        return scheme
    chosen = choose_id(case.region, today)
    return None if chosen is None else find_pack(chosen)


def _stay(
    case: Case,
    pack: Pack,
    today: dt.date,
    usual: Mapping[str, Mapping[str, Any]],
    standard_of: StandardOf | None,
    limits: Limits,
) -> Stay:
    explanation = explain(case, pack)
    drg = explanation.grouping.drg if explanation.grouping.status == "grouped" else None
    candidates = tuple(_candidates(explanation, pack, standard_of))
    peers = usual.get(drg or "", {})
    if peers.get("cases") is not None and peers["cases"] < limits.fewest_peers:
        peers = {}
    stay = Stay(
        case=case,
        explanation=explanation,
        candidates=candidates,
        reachable=tuple(_reachable(explanation, pack))[: limits.most_reachable],
        days=_days(case, today),
        usual_days=peers.get("mean_los_days"),
        standard_fen=next((one.standard_fen for one in candidates if one.now), None),
        drug_share=_share(case.drug_cost_fen, case.total_cost_fen),
        usual_drug_share=peers.get("drug_share"),
        consumable_share=_share(case.consumable_cost_fen, case.total_cost_fen),
        usual_consumable_share=peers.get("consumable_share"),
        alerts=(),
    )
    return Stay(**{**vars(stay), "alerts": tuple(_alerts(stay, limits))})


def _days(case: Case, today: dt.date) -> int | None:
    """Days so far; not known where the admission is not, or lies after ``today``."""
    if case.admission_date is None:
        return case.los_days
    return (today - case.admission_date).days if case.admission_date <= today else None


def _share(part: int | None, total: int | None) -> float | None:
    return part / total if part is not None and total else None


def _candidates(explanation: Explanation, pack: Pack, standard_of: StandardOf | None) -> Iterator[Candidate]:
    grouping = explanation.grouping
    for row in pack.drgs_of.get(grouping.adrg or "", ()):
        standard = standard_of(explanation.case, row.code) if standard_of is not None else None
        yield Candidate(row.code, row.name, row.rule, row.code == grouping.drg, standard)


def _reachable(explanation: Explanation, pack: Pack) -> Iterator[Reachable]:
    mdc_of = {row.code: row.parent for row in pack.adrgs}
    for step in explanation.steps:
        if step.level != "adrg" or step.held or mdc_of.get(step.code) != explanation.grouping.mdc:
            continue
        rule = language.parse(step.rule)
        if language.tests_a_procedure(rule) and _could_hold(rule, _met(step)):
            yield Reachable(step.code, step.name, rule)


def _met(step: Step) -> dict[str, bool]:
    return {test.text: test.met for test in step.tests}


def _could_hold(rule: Rule, met: Mapping[str, bool]) -> bool:
    """Whether a rule holds once the procedures it asks for are there; a test of anything else stays as it is."""
    match rule:
        case Always(value):
            return value
        case Not(inner):
            return not _holds(inner, met)
        case And(parts):
            return all(_could_hold(part, met) for part in parts)
        case Or(parts):
            return any(_could_hold(part, met) for part in parts)
        case ScalarTest():
            return met[language.to_text(rule)]
        case _:
            return rule.fields[0] not in language.DX_FIELDS or met[language.to_text(rule)]


def _holds(rule: Rule, met: Mapping[str, bool]) -> bool:
    match rule:
        case Always(value):
            return value
        case Not(inner):
            return not _holds(inner, met)
        case And(parts):
            return all(_holds(part, met) for part in parts)
        case Or(parts):
            return any(_holds(part, met) for part in parts)
        case _:
            return met[language.to_text(rule)]


def _alerts(stay: Stay, limits: Limits) -> Iterator[Alert]:
    """What can be said from the data there is; nothing is said of what is not known."""
    case, ratio = stay.case, stay.ratio
    if ratio is not None and ratio > 1:
        yield Alert("analytics.alert_over", {"share": f"{ratio:.0%}"})
    elif ratio is not None and ratio >= limits.near_standard:
        yield Alert("analytics.alert_near", {"share": f"{ratio:.0%}"})
    if stay.days is not None and stay.usual_days and stay.days > limits.long_stay * stay.usual_days:
        yield Alert("analytics.alert_long", {"days": str(stay.days), "usual": f"{stay.usual_days:.1f}"})
    for name, share, peers in (
        ("drugs", stay.drug_share, stay.usual_drug_share),
        ("consumables", stay.consumable_share, stay.usual_consumable_share),
    ):
        if share is not None and peers and _stands_out(share, peers, limits):
            yield Alert(f"analytics.alert_{name}", {"share": f"{share:.0%}", "peers": f"{peers:.0%}"})
    consumables = case.consumable_cost_fen
    if not case.proc and consumables is not None and consumables >= limits.consumables_without_procedure_fen:
        yield Alert("analytics.alert_no_procedure", {"cost": shown(consumables, "money")})
    hours = case.icu_hours
    if hours is not None and hours >= limits.intensive_hours and not stay.explanation.complications:
        yield Alert("analytics.alert_no_diagnosis", {"hours": f"{hours:g}"})
    if stay.explanation.grouping.status != "grouped":
        yield Alert("analytics.alert_not_grouped")


def _stands_out(share: float, peers: float, limits: Limits) -> bool:
    return share > limits.structure * peers and share - peers >= limits.structure_points


def table(stays: Sequence[Stay], lang: str) -> pa.Table:
    """One row a stay: group, days, money, fee structure, alerts and what decides, as texts in ``lang``."""
    return pa.Table.from_pylist([_row(stay, lang) for stay in stays], schema=STAY_SCHEMA)


STAY_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("case_id", "department", "drg", "drg_name")),
        ("days", pa.int32()),
        ("usual_days", pa.float64()),
        ("cost_so_far_fen", pa.int64()),
        ("standard_fen", pa.int64()),
        ("cost_ratio", pa.float64()),
        *(
            (f"{usual}{name}_share", pa.float64())
            for name in ("drug", "consumable")
            for usual in ("", "usual_")
        ),
        *((name, pa.string()) for name in ("alerts", "decides", "reachable")),
    ]
)


def _row(stay: Stay, lang: str) -> dict[str, Any]:
    grouping = stay.explanation.grouping
    decides = [f"{one.drg}: {one.decided_by(lang)}" for one in stay.candidates]
    reach = [f"{one.adrg} {one.name}" for one in stay.reachable]
    return {
        "case_id": stay.case.case_id,
        "department": stay.case.department,
        "drg": grouping.drg,
        "drg_name": grouping.drg_name,
        "days": stay.days,
        "usual_days": stay.usual_days,
        "cost_so_far_fen": stay.case.total_cost_fen,
        "standard_fen": stay.standard_fen,
        "cost_ratio": stay.ratio,
        "drug_share": stay.drug_share,
        "usual_drug_share": stay.usual_drug_share,
        "consumable_share": stay.consumable_share,
        "usual_consumable_share": stay.usual_consumable_share,
        "alerts": "; ".join(alert.render(lang) for alert in stay.alerts) or None,
        "decides": "; ".join(decides) or None,
        "reachable": "; ".join(reach) or None,
    }


def document(stays: Sequence[Stay], today: dt.date, lang: str, title: str) -> Document:
    """The stays as a report: all in one table, then the candidates of each."""

    def say(key: str, **params: object) -> str:
        return messages.text(f"analytics.{key}", lang, **params)

    alerted = [stay for stay in stays if stay.alerts]
    figures = (
        Figure(say("running_stays"), len(stays), "count"),
        Figure(say("running_alerted"), len(alerted), "count"),
    )
    overview = grid(
        say("grid_stays"),
        table(stays, lang),
        (
            *((name, "text") for name in ("case_id", "department", "drg", "drg_name", "alerts")),
            ("days", "count"),
            ("usual_days", "ratio"),
            ("cost_so_far_fen", "money"),
            ("standard_fen", "money"),
            ("cost_ratio", "share"),
            *(
                (f"{usual}{name}_share", "share")
                for name in ("drug", "consumable")
                for usual in ("", "usual_")
            ),
        ),
        lang,
        200,
    )
    sections = (
        Section(say("section_overview"), say("running_text"), figures, grids=(overview,)),
        Section(say("section_candidates"), say("candidates_text"), grids=(_candidates_grid(stays, lang),)),
        Section(say("section_reachable"), say("reachable_text"), grids=(_reachable_grid(stays, lang),)),
    )
    return Document(
        say("running_title"), say("running_subtitle", title=title, day=today), lang, sections, say("footer")
    )


def _candidates_grid(stays: Sequence[Stay], lang: str) -> Grid:
    rows = [
        {
            "case_id": stay.case.case_id,
            "drg": one.drg,
            "drg_name": one.name,
            "now": "✓" if one.now else "",
            "decided_by": one.decided_by(lang),
            "standard_fen": one.standard_fen,
            "cost_so_far_fen": stay.case.total_cost_fen,
        }
        for stay in stays
        for one in stay.candidates
    ]
    fields = [(name, pa.string()) for name in ("case_id", "drg", "drg_name", "now", "decided_by")]
    fields += [("standard_fen", pa.int64()), ("cost_so_far_fen", pa.int64())]
    columns = [(name, "text") for name in ("case_id", "drg", "drg_name", "now", "decided_by")]
    columns += [("standard_fen", "money"), ("cost_so_far_fen", "money")]
    found = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    return grid(messages.text("analytics.section_candidates", lang), found, columns, lang, 400)  # type: ignore[arg-type]


def _reachable_grid(stays: Sequence[Stay], lang: str) -> Grid:
    rows = [
        {
            "case_id": stay.case.case_id,
            "adrg": one.adrg,
            "name": one.name,
            "decided_by": rule_in_words(one.rule, lang),
        }
        for stay in stays
        for one in stay.reachable
    ]
    names = ("case_id", "adrg", "name", "decided_by")
    found = pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))
    title = messages.text("analytics.section_reachable", lang)
    return grid(title, found, tuple((name, "text") for name in names), lang, 400)
