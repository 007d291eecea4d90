"""The report of a hospital: every indicator as a whole and by department, month, doctor and group, with charts."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from drg import messages
from drg.analytics.document import Bars, Column, Document, Figure, Grid, Kind, Section, bars, course, heading
from drg.analytics.indicators import BASE, MISSING, Indicator, definitions, few_cases, indicators

SECTIONS = ("hospital", "department", "month", "doctor", "drg")
"""The divisions of the report, in its order; hospitals only where there are several."""

FEW = "_few"
"""Ends the name of the column that says whether an indicator is computed over few cases."""

GROUP_INDICATORS = (
    *("cases", "total_weight", "cost_fen", "payment_fen", "profit_fen"),
    *("mean_cost_fen", "mean_los_days", "cost_index", "time_index"),
    *("high_outlier_share", "low_outlier_share", "cc_rate", "drug_share", "consumable_share"),
)
"""The indicators shown of a group; its CMI and its rate of ungrouped cases say nothing."""


def document(
    grouped: pa.Table, reference: pa.Table | None, lang: str, title: str, contract: str | None = None
) -> Document:
    """The report over cases with their group and price (see :func:`drg.analytics.indicators.indicators`)."""

    def say(key: str, **params: object) -> str:
        return messages.text(f"analytics.{key}", lang, **params)

    whole = indicators(grouped, (), reference)
    sections = [
        Section(say("section_overview"), _scope(grouped, reference, lang), tuple(figures(whole, lang)))
    ]
    for name in SECTIONS:
        table = indicators(grouped, (name,), reference)
        if name == "hospital" and len(table) < 2:
            continue
        sections.append(
            _section(name, _of_groups(table, grouped, reference) if name == "drg" else table, lang)
        )
    sections.append(
        Section(say("section_reasons"), say("reasons_text"), grids=tuple(_reasons(grouped, lang)))
    )
    sections.append(Section(say("section_definitions"), grids=(_definitions_grid(lang),)))
    subtitle = say("report_subtitle", title=title, contract=contract or say("no_contract"))
    return Document(say("report_title"), subtitle, lang, tuple(sections), say("footer"))


def _scope(grouped: pa.Table, reference: pa.Table | None, lang: str) -> str:
    days = (
        pc.min_max(grouped.column("discharge_date")).as_py()
        if "discharge_date" in grouped.column_names
        else {}
    )
    first, last = (days.get(name) or "–" for name in ("min", "max"))
    key = "analytics.scope" if reference is not None else "analytics.scope_no_reference"
    return messages.text(key, lang, first=first, last=last)


def _reasons(grouped: pa.Table, lang: str) -> Iterator[Grid]:
    """How many cases were grouped and priced, and how, by reason."""
    for name in ("reason", "price_reason"):
        if name in grouped.column_names:
            counts = pc.value_counts(grouped.column(name).cast(pa.string())).to_pylist()
            rows = [
                {"why": messages.text(one["values"], lang, value="…"), "cases": one["counts"]}
                for one in sorted(counts, key=lambda one: (-one["counts"], one["values"] or ""))
                if one["values"] is not None
            ]
            columns = (Column("why", heading("why", lang)), Column("cases", heading("cases", lang), "count"))
            schema = pa.schema([("why", pa.string()), ("cases", pa.int64())])
            table = pa.Table.from_pylist(rows, schema)
            yield Grid(messages.text(f"analytics.grid_{name}", lang), columns, table)


def figures(whole: pa.Table, lang: str) -> Iterator[Figure]:
    """Every indicator of a table of one row, with what is to be known about it."""
    row = whole.to_pylist()[0]
    for one in definitions():
        base, missing = row[one.id + BASE], row[one.id + MISSING]
        notes = []
        if one.is_mean and base < few_cases():
            notes.append(messages.text("analytics.few_cases", lang, count=base))
        if missing:
            notes.append(messages.text("analytics.left_out", lang, count=f"{missing:,}"))
        yield Figure(name_of(one, lang), row[one.id], one.kind, "; ".join(notes))


def name_of(one: Indicator, lang: str) -> str:
    """The name of an indicator."""
    return one.name.zh if lang == "zh" else one.name.en


def _section(division: str, table: pa.Table, lang: str) -> Section:
    title = messages.text(f"analytics.by_{division}", lang)
    shown = [one for one in definitions() if division != "drg" or one.id in GROUP_INDICATORS]
    labels = [division, *(("drg_name",) if division == "drg" else ())]
    columns = [Column(label, heading(label, lang)) for label in labels]
    for one in shown:
        few = one.id + FEW if one.is_mean else None
        columns.append(Column(one.id, name_of(one, lang), one.kind, few=few))
        if few is not None:
            table = table.append_column(few, pc.less(table.column(one.id + BASE), few_cases()))
        for ending, key in ((BASE, "column_base"), (MISSING, "column_left_out")):
            said = messages.text(f"analytics.{key}", lang, name=name_of(one, lang))
            columns.append(Column(one.id + ending, said, "count", on_page=False))
    if division == "drg":
        columns += [
            Column(f"reference_{name}", heading(f"reference_{name}", lang), kind)
            for name, kind in REFERENCE_FIGURES
        ]
    note = messages.text("analytics.few_marked", lang, few=few_cases())
    return Section(
        title,
        charts=tuple(_charts(division, table, lang)),
        grids=(Grid("", tuple(columns), table, note=note),),
    )


def _charts(division: str, table: pa.Table, lang: str) -> Iterator[Bars]:
    """Where money is lost and what the cases weigh; months in their order, all else from the largest loss."""
    has_money = table.column("profit_fen").null_count < len(table)
    wanted: tuple[tuple[str, Kind], ...] = (
        ("profit_fen", "money") if has_money else ("cases", "count"),
        ("cmi", "ratio") if division != "drg" and has_money else ("cost_index", "ratio"),
    )
    by_id = {one.id: one for one in definitions()}
    for name, kind in wanted:
        if table.column(name).null_count == len(table):
            continue
        title = name_of(by_id[name], lang)
        if division == "month":
            yield course(title, table.filter(pc.is_valid(table.column("month"))), division, name, kind)
        else:
            yield bars(title, table.sort_by([(name, _direction(name))]), division, name, kind)


def _direction(name: str) -> str:
    return "ascending" if name == "profit_fen" else "descending"


REFERENCE_FIGURES: tuple[tuple[str, Kind], ...] = (
    ("mean_cost_fen", "mean_money"),
    ("mean_los_days", "ratio"),
    ("cc_share", "share"),
)
"""Figures of the reference that stand beside those of a group, with ``reference_`` before their name."""


def _of_groups(table: pa.Table, grouped: pa.Table, reference: pa.Table | None) -> pa.Table:
    """The table of groups with the group's name and what is usual in it, largest loss first."""
    names: dict[str, str] = {}
    if "drg_name" in grouped.column_names:
        pairs = grouped.select(["drg", "drg_name"]).group_by(["drg", "drg_name"]).aggregate([]).to_pylist()
        names = {pair["drg"]: pair["drg_name"] for pair in pairs}
    usual = {} if reference is None else {row["drg"]: row for row in reference.to_pylist()}
    codes = table.column("drg").to_pylist()
    table = table.append_column("drg_name", pa.array([names.get(code) for code in codes], pa.string()))
    for name, _ in REFERENCE_FIGURES:
        figures = [usual.get(code, {}).get(name) for code in codes]
        table = table.append_column(f"reference_{name}", pa.array(figures, pa.float64()))
    return table.sort_by([("profit_fen", "ascending"), ("cases", "descending")])


def _definitions_grid(lang: str) -> Grid:
    names = ("name", "formula", "unit", "source")
    rows = [
        {
            "name": name_of(one, lang),
            "formula": one.formula.zh if lang == "zh" else one.formula.en,
            "unit": one.unit,
            "source": one.source,
        }
        for one in definitions()
    ]
    columns = tuple(Column(name, heading(name, lang)) for name in names)
    return Grid("", columns, pa.Table.from_pylist(rows), len(rows))
