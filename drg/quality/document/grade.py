"""The grade of a whole record: points by check, caps by section, single vetoes (``grade.toml``), traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from drg.errors import InputError, Problem
from drg.quality.document.rule import DocumentRule
from drg.quality.rule import Wording
from drg.quality.score import FULL_SCORE, Band
from drg.scheme.pack import read_toml

HINT = "hint"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Points(_Data):
    """What a check costs: ``each`` finding, or ``once`` however many."""

    id: str
    each: float = Field(0.0, ge=0)
    once: float = Field(0.0, ge=0)

    def lost(self, findings: int) -> float:
        """The points for so many findings."""
        return self.once + self.each * findings if findings else 0.0


class Section(_Data):
    """A part of the record that loses at most ``total`` points."""

    id: str
    title: Wording
    total: float
    checks: tuple[Points, ...]


class Veto(_Data):
    """A check whose finding alone puts the record into ``grade`` (English title of one) or below."""

    check: str
    grade: str
    title: Wording
    missing_only: bool = False


class GradeSheet(_Data):
    """How a whole record is graded."""

    source: str
    grades: tuple[Band, ...]
    sections: tuple[Section, ...]
    vetoes: tuple[Veto, ...]
    not_judged: dict[str, Wording]


@dataclass(frozen=True)
class Deduction:
    """Points that a check cost: ``lost`` by its findings, ``counted`` after the cap of the section."""

    section: Section
    check: str
    findings: int
    lost: float
    counted: float


@dataclass(frozen=True)
class Grade:
    """The grade, how it came about, and vetoes of hints, which a person has to confirm."""

    score: float
    title: Wording
    by_points: Wording
    deductions: tuple[Deduction, ...]
    vetoes: tuple[Veto, ...]
    possible_vetoes: tuple[Veto, ...]


SHIPPED = Path(__file__).with_name("grade.toml")


@cache
def load_grade_sheet(path: Path = SHIPPED) -> GradeSheet:
    """The shipped sheet, or that of another file. Raises ``InputError`` where it is wrong."""
    return read_toml(path, GradeSheet)


def proved(sheet: GradeSheet, rules: Mapping[str, DocumentRule]) -> None:
    """Raises ``InputError`` where the sheet names checks or grades that do not exist."""
    named = [points.id for section in sheet.sections for points in section.checks]
    named += [veto.check for veto in sheet.vetoes]
    grades = {band.title.en for band in sheet.grades}
    wrong = [name for name in named if name not in rules]
    wrong += [veto.grade for veto in sheet.vetoes if veto.grade not in grades]
    if wrong:
        raise InputError(
            [Problem("document.grade_rule_unknown", "grade.toml", {"name": name}) for name in wrong]
        )


def grade(
    sheet: GradeSheet,
    findings: Mapping[str, int],
    missing: Mapping[str, bool],
    rules: Mapping[str, DocumentRule],
) -> Grade:
    """The grade of a record. ``findings``: check -> its number of open findings; ``missing``: check -> whether one of
    them says that the document is not there at all."""
    deductions = []
    for section in sheet.sections:
        left = section.total
        for points in section.checks:
            count = findings.get(points.id, 0)
            if count and rules[points.id].severity != HINT:
                lost = points.lost(count)
                counted = min(lost, left)
                left -= counted
                deductions.append(Deduction(section, points.id, count, lost, counted))
    score = FULL_SCORE - sum(one.counted for one in deductions)
    by_points = next(band for band in sheet.grades if score >= band.minimum)
    hit = [
        veto
        for veto in sheet.vetoes
        if findings.get(veto.check) and (missing.get(veto.check) or not veto.missing_only)
    ]
    certain = tuple(veto for veto in hit if rules[veto.check].severity != HINT)
    order = [band.title.en for band in sheet.grades]
    worst = max([order.index(by_points.title.en), *(order.index(veto.grade) for veto in certain)])
    possible = tuple(veto for veto in hit if rules[veto.check].severity == HINT)
    return Grade(score, sheet.grades[worst].title, by_points.title, tuple(deductions), certain, possible)
