"""What another scheme does to a hospital: the same cases on two sides, group by group and case by case."""

# ruff: noqa: S608 - the SQL is put together from constants of this module

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from drg import messages
from drg.analytics.database import connected
from drg.analytics.document import Column, Document, Figure, Grid, Kind, Section, bars, grid, heading
from drg.analytics.sides import Side
from drg.case import Case, from_row
from drg.codes.catalogue import System, load_catalogue
from drg.errors import input_error
from drg.grouper.explain import Explanation, Step, explain
from drg.grouper.whatif import Difference, compare

if TYPE_CHECKING:
    from drg.dip.trace import Trace
    from drg.payment.contract import Contract

MOST_LOSERS = 20
MOST_CODES = 200

CASE_TEXTS = ("case_id", "hospital", "department", "doctor")


@dataclass(frozen=True)
class Impact:
    """What moves between two sides ``a`` and ``b``. All tables count every case of the input.

    ``flow``: group_a, group_b with cases, weight and payment of both sides. ``statuses``: status_a, status_b, cases;
    ``price_reasons``: side, price_reason (message id), cases.
    ``by_department``, ``by_group``: cases, weights, payments and their change. ``newly_left_out``: cases grouped in a
    and not in b, with the reason. ``losers``: the cases that lose most, by payment where both sides have one, else
    by weight. ``codes``: codes behind cases that a's scheme takes and b's does not, or takes with a lower level.
    """

    a: Side
    b: Side
    totals: pa.Table
    flow: pa.Table
    statuses: pa.Table
    price_reasons: pa.Table
    by_department: pa.Table
    by_group: pa.Table
    newly_left_out: pa.Table
    losers: pa.Table
    codes: pa.Table


_FIGURES = """
count(*) AS cases,
count(*) FILTER (status_a = 'grouped') AS grouped_a, count(*) FILTER (status_b = 'grouped') AS grouped_b,
count(*) FILTER (group_a IS DISTINCT FROM group_b) AS moved,
count(*) FILTER (status_a = 'grouped' AND status_b <> 'grouped') AS newly_left_out,
sum(weight_a)::DOUBLE AS weight_a, sum(weight_b)::DOUBLE AS weight_b,
sum(weight_change)::DOUBLE AS weight_change,
count(*) FILTER (weight_change IS NULL) AS weight_missing,
sum(payment_fen_a)::BIGINT AS payment_fen_a, sum(payment_fen_b)::BIGINT AS payment_fen_b,
sum(payment_fen_b - payment_fen_a)::BIGINT AS payment_fen_change,
count(*) FILTER (payment_fen_a IS NULL OR payment_fen_b IS NULL) AS payment_missing
"""

_LOST = (
    "CASE WHEN (SELECT count(payment_fen_b - payment_fen_a) FROM moves) > 0 "
    "THEN payment_fen_b - payment_fen_a ELSE weight_change END"
)
"""What a case gains: money as soon as some case has money on both sides, so that one measure orders all cases."""
_LARGEST_LOSS_FIRST = "ORDER BY payment_fen_change NULLS LAST, weight_change NULLS LAST"

_STATEMENTS = {
    "totals": f"SELECT {_FIGURES} FROM moves",
    "flow": f"SELECT group_a, any_value(group_name_a) AS group_name_a, group_b, "
    f"any_value(group_name_b) AS group_name_b, {_FIGURES} FROM moves GROUP BY group_a, group_b "
    "ORDER BY cases DESC, group_a NULLS LAST, group_b NULLS LAST",
    "statuses": "SELECT status_a, status_b, count(*) AS cases FROM moves GROUP BY ALL ORDER BY ALL",
    "price_reasons": "SELECT side, price_reason, count(*) AS cases FROM (SELECT 'a' AS side, price_reason_a AS "
    "price_reason FROM moves UNION ALL SELECT 'b', price_reason_b FROM moves) WHERE price_reason IS NOT NULL "
    "GROUP BY ALL ORDER BY side, cases DESC, price_reason",
    "by_department": f"SELECT department, {_FIGURES} FROM moves GROUP BY department "
    f"{_LARGEST_LOSS_FIRST}, department NULLS LAST",
    "by_group": f"SELECT group_a, any_value(group_name_a) AS group_name_a, {_FIGURES} FROM moves GROUP BY group_a "
    f"{_LARGEST_LOSS_FIRST}, group_a NULLS LAST",
    "newly_left_out": "SELECT case_id, department, principal_dx, group_a, group_name_a, status_b, reason_b "
    "FROM moves WHERE status_a = 'grouped' AND status_b <> 'grouped' ORDER BY place",
    "losers": "SELECT place, case_id, department, doctor, group_a, group_name_a, group_b, group_name_b, "
    "weight_a::DOUBLE AS weight_a, weight_b::DOUBLE AS weight_b, payment_fen_a, payment_fen_b, "
    f"payment_fen_b - payment_fen_a AS payment_fen_change FROM moves WHERE {_LOST} < 0 "
    f"ORDER BY {_LOST}, place LIMIT {MOST_LOSERS}",
    "codes": f"""
SELECT problem, code, count(*) AS cases,
       sum(payment_fen_b - payment_fen_a)::BIGINT AS payment_fen_change, any_value(case_id) AS example
FROM (
    SELECT 'unknown' AS problem, code, case_id, payment_fen_a, payment_fen_b
    FROM (SELECT *, unnest(list_filter(list_distinct(unknown_codes_b),
                 lambda code: NOT list_contains(coalesce(unknown_codes_a, []), code))) AS code
          FROM moves WHERE len(unknown_codes_b) > 0)
    UNION ALL
    SELECT 'left_out_' || status_b, principal_dx, case_id, payment_fen_a, payment_fen_b
    FROM moves WHERE status_a = 'grouped' AND status_b <> 'grouped' AND principal_dx IS NOT NULL
    UNION ALL
    SELECT 'complication_lower', cc_code_a, case_id, payment_fen_a, payment_fen_b
    FROM moves WHERE cc_code_a IS NOT NULL AND cc_level_b IS NOT NULL
      AND (cc_level_b = 'none' OR (cc_level_a = 'MCC' AND cc_level_b = 'CC'))
)
GROUP BY problem, code ORDER BY cases DESC, problem, code LIMIT {MOST_CODES}
""",
}


def compare_sides(cases: pa.Table, a: Side, b: Side) -> Impact:
    """What moves between two sides over the same cases (``CASE_SCHEMA``), in one pass a table."""
    if not len(cases) == len(a.rows) == len(b.rows):
        raise input_error("analytics.sides_differ", a=len(a.rows), b=len(b.rows), cases=len(cases))
    with connected(moves=_moves(cases, a, b)) as connection:
        tables = {name: connection.sql(sql).to_arrow_table() for name, sql in _STATEMENTS.items()}
    return Impact(a, b, **tables)


def _moves(cases: pa.Table, a: Side, b: Side) -> pa.Table:
    """Both sides beside each other, a row a case; the change of weight where the scales are the same."""
    import numpy as np

    columns = {
        name: cases.column(name) if name in cases.column_names else pa.nulls(len(cases), pa.string())
        for name in CASE_TEXTS
    }
    columns["place"] = pa.array(np.arange(len(cases)))
    columns["principal_dx"] = _principal(cases)
    for side, letter in ((a, "a"), (b, "b")):
        columns.update({f"{name}_{letter}": side.rows.column(name) for name in side.rows.column_names})
    change = pc.subtract(columns["weight_b"], columns["weight_a"])
    columns["weight_change"] = change if _same_scale(a, b) else pa.nulls(len(cases), change.type)
    return pa.table(columns)


def _same_scale(a: Side, b: Side) -> bool:
    """Whether weights can be compared: those of a DRG scheme and of a DIP catalogue cannot."""
    return (a.catalogue is None) == (b.catalogue is None)


def _principal(cases: pa.Table) -> pa.Array:
    """The first diagnosis of each case, null where it has none."""
    import numpy as np

    from drg.grouper.table import flat_codes

    starts, codes = flat_codes(cases, "dx")
    return codes.take(pa.array(starts[:-1], mask=np.diff(starts) == 0))


@dataclass(frozen=True)
class Loss:
    """One of the cases that lose most, with its way through both sides."""

    row: dict[str, object]
    before: Explanation | Trace
    after: Explanation | Trace
    contracts: tuple[Contract | None, Contract | None] = (None, None)

    @property
    def difference(self) -> Difference | None:
        """Where the ways part; ``None`` where one of them is not that of a DRG scheme."""
        if isinstance(self.before, Explanation) and isinstance(self.after, Explanation):
            return compare(self.before, self.after)
        return None

    def price(self, side: Literal[0, 1], lang: str) -> str | None:
        """How the case is priced on side a (0) or b (1), step by step; ``None`` without a contract for DRG."""
        from drg.payment.explain import explain_price

        contract, way = self.contracts[side], (self.before, self.after)[side]
        if contract is None or not isinstance(way, Explanation):
            return None
        steps = explain_price(way.case, way.grouping, contract, as_if=True).lines(lang)
        return "; ".join(steps[1:])

    def why(self, lang: str) -> str:
        """The reason in words: the two ways, and the first row of the scheme that went another way."""
        before, after = _told(self.before, lang), _told(self.after, lang)
        difference = self.difference
        if difference is None:
            return messages.text("analytics.why_each", lang, before=before, after=after)
        if difference.parting == (None, None):
            return messages.text("analytics.why_same", lang, after=after)
        one, two = (_step(step, lang) for step in difference.parting)
        return messages.text(
            "analytics.why",
            lang,
            before=before,
            after=after,
            one=one,
            two=two,
            scheme_a=difference.before.grouping.scheme,
            scheme_b=difference.after.grouping.scheme,
        )


def _told(way: Explanation | Trace, lang: str) -> str:
    return (
        way.sentence(lang) if isinstance(way, Explanation) else "; ".join(map(str.strip, way.lines(lang)[1:]))
    )


def _step(step: Step | None, lang: str) -> str:
    if step is None:
        return messages.text("analytics.step_end", lang)
    key = "analytics.step_held" if step.held else "analytics.step_failed"
    return messages.text(key, lang, code=step.code, name=step.name)


def losses(cases: pa.Table, impact: Impact) -> Iterator[Loss]:
    """The cases that lose most, trace against trace; none where a side has no scheme to trace them by."""
    for row in impact.losers.to_pylist():
        case: Case = from_row(cases.slice(row["place"], 1).to_pylist()[0])
        before, after = (_way(case, side) for side in (impact.a, impact.b))
        if before is not None and after is not None:
            yield Loss(row, before, after, (impact.a.contract, impact.b.contract))


def _way(case: Case, side: Side) -> Explanation | Trace | None:
    from drg.dip.trace import trace

    if side.pack is not None:
        return explain(case, side.pack)
    return None if side.catalogue is None else trace(case, side.catalogue)


_MONEY: tuple[tuple[str, Kind], ...] = (
    ("weight_a", "weight"),
    ("weight_b", "weight"),
    ("weight_change", "weight"),
    ("payment_fen_a", "money"),
    ("payment_fen_b", "money"),
    ("payment_fen_change", "money"),
)
_FLOW: tuple[tuple[str, Kind], ...] = (
    ("group_a", "text"),
    ("group_name_a", "text"),
    ("group_b", "text"),
    ("group_name_b", "text"),
    ("cases", "count"),
)


def document(cases: pa.Table, impact: Impact, lang: str, title: str) -> Document:
    """The impact as a report."""

    def say(key: str, **params: object) -> str:
        return messages.text(f"analytics.{key}", lang, **params)

    moved = impact.flow.filter(pc.not_equal(impact.flow.column("moved"), 0))
    changes = _changes(impact)
    counted: tuple[tuple[str, Kind], ...] = (
        ("cases", "count"),
        ("moved", "count"),
        ("newly_left_out", "count"),
    )
    sections = (
        Section(say("section_overview"), _caution(impact, lang), tuple(_figures(impact, lang))),
        Section(
            say("section_flow"),
            say("flow_text"),
            charts=_flow_chart(moved, lang),
            grids=(grid(say("grid_flow"), moved, (*_FLOW, *changes), lang, 40),),
        ),
        Section(
            say("section_left_out"),
            grids=(
                grid(
                    say("grid_statuses"),
                    _said(impact.statuses, ("status_a", "status_b"), "status_", lang),
                    (("status_a", "text"), ("status_b", "text"), ("cases", "count")),
                    lang,
                ),
                grid(
                    say("grid_left_out"),
                    _with_reason(impact.newly_left_out, lang),
                    tuple((name, "text") for name in ("case_id", "department", "principal_dx", "group_a"))
                    + tuple((name, "text") for name in ("group_name_a", "status_b", "reason_b")),
                    lang,
                ),
            ),
        ),
        Section(
            say("section_department"),
            charts=(bars(say("chart_department"), impact.by_department, "department", *_measure(impact)),),
            grids=(
                grid(
                    say("grid_department"),
                    impact.by_department,
                    (("department", "text"), *counted, *changes),
                    lang,
                ),
                grid(
                    say("grid_group"),
                    impact.by_group,
                    (("group_a", "text"), ("group_name_a", "text"), *counted, *changes),
                    lang,
                ),
            ),
        ),
        Section(say("section_price"), grids=(_price_grid(impact, lang),)),
        Section(say("section_losers"), grids=(_losers_grid(cases, impact, lang),)),
        Section(say("section_codes"), say("codes_text"), grids=(_codes_grid(impact, lang),)),
    )
    subtitle = say("impact_subtitle", title=title, a=impact.a.name, b=impact.b.name)
    return Document(say("impact_title"), subtitle, lang, sections, say("footer"))


def _changes(impact: Impact) -> tuple[tuple[str, Kind], ...]:
    """The columns of weight and money that hold anything, and the cases that the changes leave out."""
    row = impact.totals.to_pylist()[0]
    known = [column for column in _MONEY if row[column[0]] is not None]
    pairs = (("weight_change", "weight_missing"), ("payment_fen_change", "payment_missing"))
    left_out: list[tuple[str, Kind]] = [
        (missing, "count") for change, missing in pairs if row[change] is not None and row[missing]
    ]
    return (*known, *left_out)


def _caution(impact: Impact, lang: str) -> str:
    """What is to be known before the weights are compared."""
    return "" if _same_scale(impact.a, impact.b) else messages.text("analytics.scales_differ", lang)


def _figures(impact: Impact, lang: str) -> Iterator[Figure]:
    row = impact.totals.to_pylist()[0]
    kinds: tuple[tuple[str, Kind], ...] = (
        ("cases", "count"),
        ("moved", "count"),
        ("newly_left_out", "count"),
        ("grouped_a", "count"),
        ("grouped_b", "count"),
        *_MONEY,
    )
    for name, kind in kinds:
        if name == "weight_change" and not _same_scale(impact.a, impact.b):
            continue
        # Only a change needs both sides of a case; each side's total has all that side knows.
        missing = {"weight_change": row["weight_missing"], "payment_fen_change": row["payment_missing"]}.get(
            name, 0
        )
        note = messages.text("analytics.left_out", lang, count=f"{missing:,}") if missing else ""
        yield Figure(messages.text(f"analytics.column_{name}", lang), row[name], kind, note)


def _measure(impact: Impact) -> tuple[str, Kind]:
    """What the chart of departments shows: money where both sides have it, else weight, else moved cases."""
    row = impact.totals.to_pylist()[0]
    if row["payment_fen_change"] is not None:
        return "payment_fen_change", "money"
    return ("weight_change", "weight") if row["weight_change"] is not None else ("moved", "count")


def _flow_chart(moved: pa.Table, lang: str) -> tuple:  # type: ignore[type-arg]
    labels = [f"{one or '–'} → {two or '–'}" for one, two in zip(*_pairs(moved), strict=True)]
    labelled = moved.append_column("label", pa.array(labels, pa.string()))
    return (bars(messages.text("analytics.chart_flow", lang), labelled, "label", "cases", "count"),)


def _pairs(moved: pa.Table) -> tuple[list[str | None], list[str | None]]:
    return moved.column("group_a").to_pylist(), moved.column("group_b").to_pylist()


def _said(table: pa.Table, columns: tuple[str, ...], start: str, lang: str) -> pa.Table:
    """The table with values of some columns as texts ``analytics.<start><value>``."""
    for name in columns:
        texts = [
            None if one is None else messages.text(f"analytics.{start}{one}", lang)
            for one in table.column(name).to_pylist()
        ]
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(texts, pa.string()))
    return table


def _with_reason(table: pa.Table, lang: str) -> pa.Table:
    texts = [
        messages.text(one, lang, value="…") if one else None for one in table.column("reason_b").to_pylist()
    ]
    place = table.schema.get_field_index("reason_b")
    return _said(
        table.set_column(place, "reason_b", pa.array(texts, pa.string())), ("status_b",), "status_", lang
    )


def _price_grid(impact: Impact, lang: str) -> Grid:
    """How the cases of both sides were priced, and why some were not."""
    names = {"a": impact.a.name, "b": impact.b.name}
    rows = [
        {
            "scheme": names[row["side"]],
            "why": messages.text(row["price_reason"], lang, value="…"),
            "cases": row["cases"],
        }
        for row in impact.price_reasons.to_pylist()
    ]
    columns = (
        Column("scheme", heading("scheme", lang)),
        Column("why", heading("why", lang)),
        Column("cases", heading("cases", lang), "count"),
    )
    schema = pa.schema([("scheme", pa.string()), ("why", pa.string()), ("cases", pa.int64())])
    return Grid("", columns, pa.Table.from_pylist(rows, schema))


def _losers_grid(cases: pa.Table, impact: Impact, lang: str) -> Grid:
    told = {
        loss.row["place"]: (loss.why(lang), loss.price(0, lang), loss.price(1, lang))
        for loss in losses(cases, impact)
    }
    texts = [told.get(place, (None, None, None)) for place in impact.losers.column("place").to_pylist()]
    table = impact.losers
    for number, name in enumerate(("why", "price_a", "price_b")):
        table = table.append_column(name, pa.array([text[number] for text in texts], pa.string()))
    sides = (("price_a", impact.a), ("price_b", impact.b))
    priced: list[tuple[str, Kind]] = [(name, "text") for name, side in sides if side.contract is not None]
    columns: tuple[tuple[str, Kind], ...] = (
        ("case_id", "text"),
        ("department", "text"),
        ("group_a", "text"),
        ("group_b", "text"),
        ("weight_a", "weight"),
        ("weight_b", "weight"),
        ("payment_fen_a", "money"),
        ("payment_fen_b", "money"),
        ("payment_fen_change", "money"),
        ("why", "text"),
        *priced,
    )
    return grid(messages.text("analytics.grid_losers", lang), table, columns, lang, MOST_LOSERS)


def _codes_grid(impact: Impact, lang: str) -> Grid:
    names = [_name(code) for code in impact.codes.column("code").to_pylist()]
    table = _said(impact.codes, ("problem",), "problem_", lang).append_column(
        "name", pa.array(names, pa.string())
    )
    columns: tuple[tuple[str, Kind], ...] = (
        ("code", "text"),
        ("name", "text"),
        ("problem", "text"),
        ("cases", "count"),
        ("payment_fen_change", "money"),
        ("example", "text"),
    )
    return grid(messages.text("analytics.grid_codes", lang), table, columns, lang, 50)


def _name(code: str) -> str | None:
    systems: tuple[System, ...] = ("icd10", "icd9cm3")
    for system in systems:
        catalogue = load_catalogue(system)
        if code in catalogue:
            return catalogue.name(code)
    return None
