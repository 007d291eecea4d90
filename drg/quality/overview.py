"""The quality of many records at a glance, and the way down to the cases behind a figure.

``records`` are summaries of records (``engine.SUMMARY_SCHEMA``), ``findings`` those of the same run
(``finding.FINDING_SCHEMA``). Every table is computed in one pass of DuckDB; nothing loops over records.
"""

# ruff: noqa: S608 - the SQL is put together from constants of this module

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from drg.analytics.database import literal, query, quoted
from drg.errors import input_error
from drg.quality.score import GROUPINGS, load_score_sheet

if TYPE_CHECKING:
    from drg.quality.rule import Rule

FILTERS = (*GROUPINGS, "grade")
"""The columns of a record by which a person goes down."""

_FIGURES = """
count(*) AS records,
count(*) FILTER (grade IN $top) AS top_grade,
count(*) FILTER (grade IN $top) / nullif(count(grade), 0) AS top_grade_share,
count(*) FILTER (block > 0) AS blocked,
avg(score) AS mean_score
"""


@dataclass(frozen=True)
class Choice:
    """Which records are looked at: a value for some of ``FILTERS``, and a rule with an open finding in them."""

    department: str | None = None
    doctor: str | None = None
    month: str | None = None
    grade: str | None = None
    rule: str | None = None

    def where(self) -> str:
        """The condition on a record, for SQL; a rule asks for the table ``findings``."""
        parts = [
            f"{name} = {literal(value)}" for name in FILTERS if (value := getattr(self, name)) is not None
        ]
        if self.rule is not None:
            hit = f"SELECT case_id FROM findings WHERE status = 'open' AND rule = {literal(self.rule)}"
            parts.append(f"case_id IN ({hit})")
        return " AND ".join(parts) or "true"


def figures(records: pa.Table, by: str | None = None) -> pa.Table:
    """``records``, ``top_grade`` (grade A) and its share, ``blocked`` and ``mean_score``; a row a value of ``by``
    (one of ``GROUPINGS``), months in their order, all else from the lowest share of grade A."""
    if by is None:
        return query(f"SELECT {_with_top(_FIGURES)} FROM records", records=records)
    if by not in GROUPINGS:
        raise input_error("quality.grouping_unknown", by=by, known=", ".join(GROUPINGS))
    order = "month" if by == "month" else f"top_grade_share, records DESC, {quoted(by)}"
    return query(
        f"SELECT {quoted(by)}, {_with_top(_FIGURES)} FROM records GROUP BY {quoted(by)} ORDER BY {order} NULLS LAST",
        records=records,
    )


def _with_top(sql: str) -> str:
    """The names of the best grade in every language: a run writes grades in its own."""
    best = load_score_sheet().grades[0].title
    return sql.replace("$top", f"({literal(best.zh)}, {literal(best.en)})")


def grades(records: pa.Table) -> pa.Table:
    """``grade`` and its number of ``records``, the best grade first."""
    return query(
        "SELECT grade, count(*) AS records FROM records GROUP BY grade ORDER BY max(score) DESC NULLS LAST",
        records=records,
    )


def chosen_records(records: pa.Table, findings: pa.Table, choice: Choice) -> pa.Table:
    """The records of a choice, the lowest score first."""
    return query(
        f"SELECT * FROM records WHERE {choice.where()} ORDER BY score, case_id",
        records=records,
        findings=findings.select(["case_id", "rule", "status"]),
    )


def values_of(records: pa.Table, name: str) -> list[str]:
    """The known values of one of ``FILTERS``, in order."""
    if name not in FILTERS:
        raise input_error("quality.grouping_unknown", by=name, known=", ".join(FILTERS))
    found = query(
        f"SELECT DISTINCT {quoted(name)} FROM records WHERE {quoted(name)} IS NOT NULL ORDER BY 1",
        records=records,
    )
    return cast("list[str]", found.column(0).to_pylist())


def with_titles(defects: pa.Table, rules: Mapping[str, Rule], lang: str) -> pa.Table:
    """A table of defects with the ``title`` of each rule; of a rule that is no longer there its id."""
    titles = [rules[id].title.text(lang) if id in rules else id for id in defects.column("rule").to_pylist()]
    return defects.append_column("title", pa.array(titles, pa.string()))
