"""The 27 indicators of record management (``indicators.toml``), by department and month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from drg.quality.document.codes import members
from drg.quality.document.engine import CheckedRecord, RuleResult
from drg.quality.document.limits import MISSING
from drg.quality.document.words import any_of
from drg.quality.rule import Wording
from drg.scheme.pack import read_toml

Kind = Literal["pass", "present", "occurrence", "noted", "front_page", "grade", "needs"]
ALL = ""
"""Department or month of the rows over everything."""

INDICATOR_SCHEMA = pa.schema(
    [
        ("number", pa.int32()),
        ("code", pa.string()),
        ("title", pa.string()),
        ("department", pa.string()),
        ("month", pa.string()),
        ("numerator", pa.int64()),
        ("denominator", pa.int64()),
        ("not_applicable", pa.int64()),
        ("value", pa.float64()),
        ("needs", pa.string()),
        ("note", pa.string()),
    ]
)
"""One row an indicator, department and month (empty: all). ``value`` is numerator / denominator, null where there is no
record of the denominator or the indicator cannot be computed (``needs`` says what is missing). ``not_applicable``:
records outside the denominator, among them those whose data do not tell."""


class Indicator(BaseModel):
    """An indicator as the file defines it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    code: str = ""
    title: Wording
    kind: Kind
    rules: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    codes: str = ""
    both: bool = False
    procedures: str = ""
    words: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    grade: str = ""
    note: Wording | None = None
    needs: Wording | None = None


class IndicatorFile(BaseModel):
    """``indicators.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    indicators: tuple[Indicator, ...]


@cache
def load_indicators() -> tuple[Indicator, ...]:
    """The indicators by number."""
    return read_toml(Path(__file__).with_name("indicators.toml"), IndicatorFile).indicators


def _results(indicator: Indicator, checked: CheckedRecord) -> list[RuleResult]:
    """The results of the indicator's rules that apply to the record."""
    return [
        one for one in checked.results if one.rule.id in indicator.rules and one.status != "not_applicable"
    ]


def _passes(indicator: Indicator, checked: CheckedRecord) -> bool | None:
    found = _results(indicator, checked)
    return all(one.status != "hit" for one in found) if found else None


def _is_present(indicator: Indicator, checked: CheckedRecord) -> bool | None:
    found = _results(indicator, checked)
    missing = (one for one in found if one.status == "hit" and any(hit.check == MISSING for hit in one.found))
    return not any(missing) if found else None


def _occurs(indicator: Indicator, checked: CheckedRecord) -> bool | None:
    passes = _passes(indicator, checked)
    return None if passes is None else not passes


def _is_noted(indicator: Indicator, checked: CheckedRecord) -> bool | None:
    record = checked.record
    if not record.carries("documents") or not _in_population(indicator, checked):
        return None
    notes = record.of_kind(*indicator.notes) if indicator.notes else record.documents
    words = any_of(indicator.words)
    return any(words.search(note.body) for note in notes)


def _in_population(indicator: Indicator, checked: CheckedRecord) -> bool:
    record = checked.record
    asked: list[bool] = []
    if indicator.orders:
        ordered = any_of(indicator.orders)
        asked.append(any(ordered.search(row.text("name")) for row in record.rows("orders")))
    if indicator.codes:
        asked.append(bool(members(record.codes, indicator.codes)))
    if indicator.procedures:
        codes = (row.text("code").strip() for row in record.rows("procedures"))
        asked.append(bool(members(codes, indicator.procedures)))
    return all(asked) if indicator.both else any(asked)


def _front_page_in_time(indicator: Indicator, checked: CheckedRecord) -> bool | None:
    done, left = checked.record.time("quality_date"), checked.record.discharge
    return None if done is None or left is None else (done.date() - left.date()).days <= 1


def _has_grade(indicator: Indicator, checked: CheckedRecord) -> bool | None:
    return checked.grade.title.en == indicator.grade


_COUNTED: dict[Kind, Callable[[Indicator, CheckedRecord], bool | None]] = {
    "pass": _passes,
    "present": _is_present,
    "occurrence": _occurs,
    "noted": _is_noted,
    "front_page": _front_page_in_time,
    "grade": _has_grade,
}


@dataclass
class IndicatorCounter:
    """Adds up records; memory grows with departments and months only."""

    _counts: Counter[tuple[int, str, str, bool | None]] = field(default_factory=Counter)
    _cells: set[tuple[str, str]] = field(default_factory=set)

    def add(self, checked: CheckedRecord) -> None:
        """Count a record under its department, its month of discharge, and under all."""
        department, month = checked.record.text("department"), checked.record.text("discharge_time")[:7]
        cells = {(ALL, ALL), (department, ALL), (ALL, month), (department, month)}
        self._cells |= cells
        for indicator in load_indicators():
            if indicator.kind == "needs":
                continue
            counts = _COUNTED[indicator.kind](indicator, checked)
            self._counts.update({(indicator.number, *cell, counts): 1 for cell in cells})

    def table(self, lang: str = "en") -> pa.Table:
        """The indicators in ``INDICATOR_SCHEMA``; those that need other data have one row."""
        rows = []
        for indicator in load_indicators():
            cells = [(ALL, ALL)] if indicator.kind == "needs" else sorted(self._cells)
            rows += [self._row(indicator, *cell, lang) for cell in cells]
        return pa.Table.from_pylist(rows, schema=INDICATOR_SCHEMA)

    def _row(self, indicator: Indicator, department: str, month: str, lang: str) -> dict[str, object]:
        computed = indicator.kind != "needs"
        yes, no, unknown = (
            self._counts[indicator.number, department, month, answer] for answer in (True, False, None)
        )
        return {
            "number": indicator.number,
            "code": indicator.code or None,
            "title": indicator.title.text(lang),
            "department": department,
            "month": month,
            "numerator": yes if computed else None,
            "denominator": yes + no if computed else None,
            "not_applicable": unknown if computed else None,
            "value": yes / (yes + no) if computed and yes + no else None,
            "needs": indicator.needs.text(lang) if indicator.needs else None,
            "note": indicator.note.text(lang) if indicator.note else None,
        }
