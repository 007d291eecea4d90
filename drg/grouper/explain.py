"""One case with everything that decided its group.

The explainer follows the same plan as the kernel, but evaluates the rules themselves over the codes' sets: it
shares neither the compiled graph nor the bit rows, so that each proves the other (tests compare them).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from drg import messages
from drg.case import Case
from drg.codes.catalogue import How, System, load_catalogue
from drg.errors import input_error
from drg.scheme import language
from drg.scheme.language import Always, And, CodeTest, HitsTest, LengthTest, Not, Or, Rule, ScalarTest
from drg.scheme.pack import Pack, Row, choose_id, find_pack
from drg.scheme.plan import Outcome, Status, make_plan

Role = Literal["principal_dx", "other_dx", "principal_proc", "other_proc"]
FIELD_OF_ROLE: dict[Role, str] = dict(zip(get_args(Role), language.CODE_FIELDS, strict=True))
Level = Literal["mdc", "adrg", "drg"]


@dataclass(frozen=True)
class ReadCode:
    """A code of the case: as written, and what it was read as. ``counts`` is false where the scheme drops it."""

    role: Role
    written: str
    code: str | None
    name: str | None
    how: How
    counts: bool = True


@dataclass(frozen=True)
class Complication:
    """A diagnosis that is a complication by itself; not ``counted`` where ``exclusion_table`` lists the principal.

    A diagnosis that is coded twice is one complication.
    """

    code: str
    name: str | None
    level: str
    counted: bool
    exclusion_table: str


@dataclass(frozen=True)
class CheckedTest:
    """One test of a rule, with the codes of the case that meet it, or the ``value`` that was compared."""

    text: str
    met: bool
    codes: tuple[str, ...] = ()
    value: float | None = None


@dataclass(frozen=True)
class Step:
    """A row of the scheme that was tried. ``rule`` is as the scheme has it, ``tests`` all of its tests."""

    level: Level
    code: str
    name: str
    rule: str
    held: bool
    tests: tuple[CheckedTest, ...]


@dataclass(frozen=True)
class Grouping:
    """The result, the same as a row of ``grouper.table.group``."""

    case_id: str
    status: Status
    mdc: str | None
    adrg: str | None
    drg: str | None
    drg_name: str | None
    cc_level: str | None
    cc_code: str | None
    excluded_cc: tuple[str, ...]
    unknown_codes: tuple[str, ...]
    reason: str
    scheme: str


@dataclass(frozen=True)
class Explanation:
    """A case's group with every MDC gate, ADRG row and DRG row that was tried, in order."""

    case: Case
    grouping: Grouping
    codes: tuple[ReadCode, ...]
    complications: tuple[Complication, ...]
    steps: tuple[Step, ...]
    names: dict[str, str] = field(repr=False)

    def sentence(self, lang: str = "en") -> str:
        """Why the case is in its group, in one plain sentence."""
        return " ".join(_sentence_parts(self, lang)) if lang == "en" else "".join(_sentence_parts(self, lang))


def explain(case: Case, scheme: str | Path | Pack | None = None) -> Explanation:
    """Group one case and record every step.

    ``scheme`` as in ``group``. Raises ``InputError`` where the scheme does not exist, or none applies.
    """
    pack = scheme if isinstance(scheme, Pack) else find_pack(scheme or _applicable(case))
    reader = _Reader(case, pack)
    outcome, steps = _follow(reader, pack)
    counted = [found for found in reader.complications if found.counted]
    strongest = next(
        (found for level in language.CC_LEVELS for found in counted if found.level == level), None
    )
    grouping = Grouping(
        case_id=case.case_id,
        status=outcome.status,
        mdc=outcome.mdc,
        adrg=outcome.adrg,
        drg=outcome.drg,
        drg_name=outcome.drg_name,
        cc_level=strongest.level if strongest else "none",
        cc_code=strongest.code if strongest else None,
        excluded_cc=tuple(found.code for found in reader.complications if not found.counted),
        unknown_codes=tuple(read.written for read in reader.codes if read.code is None),
        reason=outcome.reason,
        scheme=pack.id,
    )
    return Explanation(
        case, grouping, tuple(reader.codes), tuple(reader.complications), tuple(steps), dict(pack.names)
    )


def _applicable(case: Case) -> str:
    chosen = choose_id(case.region, case.discharge_date)
    if chosen is None:
        raise input_error("grouper.no_scheme", case.case_id)
    return chosen


def _follow(reader: _Reader, pack: Pack) -> tuple[Outcome, list[Step]]:
    """Try the rows of the plan in order; the outcome, and a step for each row that was tried."""
    plan = make_plan(pack)
    steps: list[Step] = []

    def tried(level: Level, row: Row, rule: Rule) -> bool:
        held = reader.holds(rule)
        steps.append(Step(level, row.code, row.name, row.text, held, tuple(reader.check(rule))))
        return held

    if reader.holds(plan.barred):
        return plan.barred_outcome, steps
    entered = False
    for mdc in plan.mdcs:
        if not tried("mdc", mdc.row, mdc.row.rule):
            continue
        entered = entered or mdc.tests_dx
        for adrg in mdc.adrgs:
            if not tried("adrg", adrg.row, adrg.rule):
                continue
            if adrg.outcome is not None:
                return adrg.outcome, steps
            for drg in adrg.drgs:
                if tried("drg", drg.row, drg.row.rule):
                    return drg.outcome, steps
    if reader.codes[0].code is None:
        return Outcome("ungrouped", "grouper.principal_dx_unknown", drg=plan.no_mdc.drg), steps
    return plan.no_adrg if entered else plan.no_mdc, steps


class _Reader:
    """A case as rules see it: codes by field, counted complications, scalars."""

    def __init__(self, case: Case, pack: Pack):
        self.pack = pack
        self.codes = [*_read(case.dx, "icd10", pack), *_read(case.proc, "icd9cm3", pack)]
        self.by_field: dict[str, list[str]] = {name: [] for name in language.CODE_FIELDS}
        for read in self.codes:
            if read.code is not None and read.counts:
                self.by_field[FIELD_OF_ROLE[read.role]].append(read.code)
        self.complications = list(self._complications())
        self.scalars: dict[str, float | None] = {
            "NL": case.age,
            "XB": case.sex,
            "XSRTL": case.age_days,
            "XSRTZ": getattr(case, f"{pack.settings.evaluation.weight}_weight_g"),
            "ZYTS": case.los_days,
            "LYFS": case.discharge_way,
            "ICUXS": case.icu_hours,
            "CYKB": _whole_number(case.department),
        }

    def _complications(self) -> Iterator[Complication]:
        principal = next((read.code for read in self.codes if read.role == "principal_dx"), None)
        others = {read.code: read.name for read in self.codes if read.role == "other_dx"}
        for code, name in others.items():
            entry = self.pack.complications.get(code or "")
            if code is not None and entry is not None:
                listed = self.pack.exclusions.get(entry.exclusion_table, frozenset())
                yield Complication(code, name, entry.level, principal not in listed, entry.exclusion_table)

    def holds(self, rule: Rule) -> bool:
        match rule:
            case Always(value):
                return value
            case Not(inner):
                return not self.holds(inner)
            case And(parts):
                return all(self.holds(part) for part in parts)
            case Or(parts):
                return any(self.holds(part) for part in parts)
            case _:
                return self.test(rule).met

    def check(self, rule: Rule) -> Iterator[CheckedTest]:
        return (self.test(test) for test in language.tests(rule))

    def test(self, test: language.Test) -> CheckedTest:
        text = language.to_text(test)
        match test:
            case CodeTest(fields, sets):
                met_by = tuple(dict.fromkeys(self._codes_in(fields, sets)))
                return CheckedTest(text, bool(met_by), met_by)
            case ScalarTest(scalar, op, number):
                value = self.scalars[scalar]
                return CheckedTest(text, value is not None and _compare(value, op, number), value=value)
            case LengthTest(set_name, fields, op, number):
                counted = tuple(dict.fromkeys(self._codes_in(fields, (set_name,))))
                return CheckedTest(text, _compare(len(counted), op, number), counted, len(counted))
            case HitsTest(fields, sets, op, number):
                hits = [tuple(self._codes_in(fields, (name,))) for name in sets]
                count = sum(bool(codes) for codes in hits)
                codes = tuple(dict.fromkeys(code for found in hits for code in found))
                return CheckedTest(text, _compare(count, op, number), codes, count)

    def _codes_in(self, fields: Iterable[str], sets: tuple[str, ...]) -> Iterator[str]:
        real = [self.pack.sets[name] for name in sets if name not in language.CC_LEVELS]
        for name in fields:
            yield from (code for code in self.by_field[name] if any(code in members for members in real))
        for found in self.complications:
            if found.counted and found.level in sets:
                yield found.code


def _read(written: list[str], system: System, pack: Pack) -> Iterator[ReadCode]:
    dropped, kept = pack.non_grouping_procedures
    principal, other = get_args(Role)[:2] if system == "icd10" else get_args(Role)[2:]
    catalogue = load_catalogue(system)
    for place, text in enumerate(written):
        resolution = catalogue.resolve(text, pack.own_codes(system))
        code = resolution.code
        counts = system == "icd10" or code not in (dropped if place == 0 else dropped - kept)
        name = catalogue.name(code) if code else None
        yield ReadCode(principal if place == 0 else other, text, code, name, resolution.how, counts)


def _whole_number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) <= 15 else None


def _compare(value: float, op: str, number: float) -> bool:
    return {
        "=": value == number,
        "!=": value != number,
        "<": value < number,
        "<=": value <= number,
        ">": value > number,
        ">=": value >= number,
    }[op]


def _sentence_parts(explanation: Explanation, lang: str) -> Iterator[str]:
    grouping = explanation.grouping
    if grouping.status != "grouped":
        principal = _label(explanation, explanation.codes[0].written)
        yield messages.text("explain.not_grouped", lang, principal=principal)
        yield messages.text(grouping.reason, lang)
        return
    held = {step.level: step for step in explanation.steps if step.held}
    mdc, adrg, drg = held["mdc"], held["adrg"], held["drg"]
    for step, key in ((mdc, "explain.mdc"), (adrg, "explain.adrg")):
        by = _labels(
            explanation, dict.fromkeys(code for test in step.tests if test.met for code in test.codes), lang
        )
        yield messages.text(key, lang, by=by, code=step.code, name=step.name)
    yield _complication_part(explanation, lang)
    yield messages.text("explain.drg", lang, code=drg.code, name=drg.name)


def _complication_part(explanation: Explanation, lang: str) -> str:
    """What the complications did; nothing where the ADRG is not divided."""
    if not any(step.level == "drg" and step.tests for step in explanation.steps):
        return messages.text("explain.not_divided", lang)
    grouping = explanation.grouping
    excluded = _labels(explanation, grouping.excluded_cc, lang)
    also = messages.text("explain.excluded", lang, codes=excluded) if grouping.excluded_cc else ""
    if grouping.cc_code is None:
        return messages.text("explain.no_complication", lang, also=also)
    code = _label(explanation, grouping.cc_code)
    key = "explain.complication" if _a_complication_decided(explanation) else "explain.complication_idle"
    return messages.text(key, lang, code=code, level=grouping.cc_level, also=also)


def _a_complication_decided(explanation: Explanation) -> bool:
    """Whether a counted complication met the DRG row; an ADRG may be divided by MCC only, and the case have a CC."""
    counted = {found.code for found in explanation.complications if found.counted}
    met_by = {
        code
        for step in explanation.steps
        if step.level == "drg" and step.held
        for test in step.tests
        if test.met
        for code in test.codes
    }
    return not counted.isdisjoint(met_by)


def _labels(explanation: Explanation, codes: Iterable[str], lang: str) -> str:
    """At most three codes with their names, and how many more there are."""
    labels = [_label(explanation, code) for code in codes]
    more = messages.text("explain.more", lang, count=len(labels) - 3) if len(labels) > 3 else ""
    return messages.text("explain.separator", lang).join(labels[:3]) + more


def _label(explanation: Explanation, code: str) -> str:
    found = next((read for read in explanation.codes if code in (read.code, read.written)), None)
    return f"{code} {found.name}" if found and found.name else code
