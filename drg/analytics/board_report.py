"""The board of a manager as sections of a report: what a page shows is what its export holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from drg import messages
from drg.analytics.board import (
    OUTLIER_COLUMNS,
    OUTLIER_KINDS,
    complication_rates,
    ledger,
    outlier_shares,
    outliers,
    peers_of,
)
from drg.analytics.document import Bars, Column, Document, Grid, Kind, Section, bars, course, grid, heading
from drg.analytics.indicators import definitions, indicators
from drg.analytics.report import figures

if TYPE_CHECKING:
    from drg.analytics.feedback import Feedback

CHARTED = ("department", "drg")
"""Divisions of the profit and loss account that have a chart."""
MOST_CASES = 200
"""So many cases of a list are on a page; the workbook has all."""
KINDS: dict[str, Kind] = {
    **{one.id: one.kind for one in definitions()},
    **dict.fromkeys(("total_cost_fen", "standard_fen", "payment_fen", "profit_fen"), "money"),
    "ratio": "ratio",
    "expected_rate": "share",
    "los_days": "count",
}
"""How a column is shown; one that is not named here is a text."""


@dataclass(frozen=True)
class Board:
    """Cases with group and price (``board.board_cases``), the reference table of peers if there is one, a language."""

    cases: pa.Table
    reference: pa.Table | None
    lang: str

    @cached_property
    def peers(self) -> pa.Table:
        return peers_of(self.cases, self.reference)

    def say(self, key: str, **params: object) -> str:
        """A text of ``analytics.toml``."""
        return messages.text(f"analytics.{key}", self.lang, **params)

    def grid(self, title: str, table: pa.Table, names: Sequence[str], shown: int) -> Grid:
        """A grid of some columns, each shown as its kind."""
        return grid(title, table, tuple((name, KINDS.get(name, "text")) for name in names), self.lang, shown)


def overview(board: Board) -> Section:
    """Every indicator of the cases, and their course over the months."""
    days = pc.min_max(board.cases.column("discharge_date")).as_py()
    first, last = (days[name] or "–" for name in ("min", "max"))
    peers = board.say("board_peers_own" if board.reference is None else "board_peers_given")
    told = board.say(
        "board_overview_text", first=first, last=last, cases=f"{len(board.cases):,}", peers=peers
    )
    months = indicators(board.cases, ("month",)).filter(pc.field("month").is_valid())
    charts = (
        course(board.say("chart_month_profit"), months, "month", "profit_fen", "money"),
        course(board.say("chart_month_cmi"), months, "month", "cmi", "ratio"),
    )
    whole = indicators(board.cases, (), board.peers)
    return Section(board.say("section_overview"), told, tuple(figures(whole, board.lang)), charts)


def accounts(board: Board, divisions: Sequence[str] = ("department", "drg", "doctor")) -> Section:
    """Profit and loss by each division: a chart of the largest losses, and a table of all."""
    charts, grids = [], []
    for by in divisions:
        table = ledger(board.cases, by, board.peers)
        named = heading(by, board.lang)
        if by in CHARTED:
            charts.append(bars(board.say("chart_ledger", by=named), table, by, "profit_fen", "money"))
        grids.append(
            board.grid(board.say("grid_ledger", by=named), table, table.column_names, max(len(table), 1))
        )
    return Section(board.say("section_ledger"), board.say("ledger_text"), (), tuple(charts), tuple(grids))


def outlying(board: Board) -> Section:
    """High and low outliers: their shares by department, and the cases."""
    shares = outlier_shares(board.cases, "department")
    charts = tuple(_shares(board, shares, kind) for kind in OUTLIER_KINDS)
    grids = tuple(
        board.grid(
            board.say(f"grid_{kind}_outliers"), outliers(board.cases, kind), OUTLIER_COLUMNS, MOST_CASES
        )
        for kind in OUTLIER_KINDS
    )
    return Section(board.say("section_outliers"), board.say("outliers_text"), (), charts, grids)


def _shares(board: Board, shares: pa.Table, kind: str) -> Bars:
    name = f"{kind}_outlier_share"
    ordered = shares.sort_by([(name, "descending"), ("cases", "descending")])
    return bars(board.say(f"chart_{kind}_outliers"), ordered, "department", name, "share")


def complications(board: Board, divisions: Sequence[str] = ("department", "adrg", "doctor")) -> Section:
    """The rate of counted complications beside that of peers."""
    title = board.say("section_complications")
    tables = {by: complication_rates(board.cases, board.peers, by) for by in divisions}
    if not any(len(table) for table in tables.values()):
        return Section(title, board.say("complications_none"))
    chart = bars(board.say("chart_complications"), tables[divisions[0]], divisions[0], "cc_index", "ratio")
    grids = tuple(
        board.grid(
            board.say("grid_complications", by=heading(by, board.lang)),
            table,
            table.column_names,
            max(len(table), 1),
        )
        for by, table in tables.items()
    )
    return Section(title, board.say("complications_text"), (), (chart,), grids)


def settled(feedback: Feedback, lang: str) -> Section:
    """The payer's settlement against ours: causes with their money, and every difference."""
    from drg.analytics.document import shown
    from drg.analytics.feedback import summary, with_texts

    def say(key: str, **params: object) -> str:
        return messages.text(f"analytics.{key}", lang, **params)

    counts = {"agreed": f"{feedback.agreed:,}", "differences": f"{len(feedback.differences):,}"}
    told = say("feedback_text", share=shown(feedback.explained_share, "share"), **counts)
    causes = _in_words(summary(feedback), lang)
    chart = bars(say("chart_feedback"), causes, "cause", "cases", "count")
    columns = ("case_id", "department", "group_ours", "group_payer", "payment_fen_ours", "payment_fen_payer")
    texts = _in_words(with_texts(feedback.differences, lang), lang)
    names = (*columns, "payment_fen_change", "payer_reason", "cause", "evidence", "proposal")
    grids = (
        Grid(say("grid_feedback_causes"), tuple(_columns(causes.column_names, lang)), causes, len(causes)),
        Grid(say("grid_feedback"), tuple(_columns(names, lang)), texts, MOST_CASES),
    )
    return Section(say("section_feedback"), told, (), (chart,), grids)


def _columns(names: Sequence[str], lang: str) -> Iterator[Column]:
    for name in names:
        kind: Kind = "money" if "_fen" in name else "count" if name == "cases" else "text"
        yield Column(name, heading(name, lang), kind)


def _in_words(table: pa.Table, lang: str) -> pa.Table:
    """Causes and proposals as their texts."""
    for name in ("cause", "proposal"):
        texts = [messages.text(f"analytics.{name}_{value}", lang) for value in table.column(name).to_pylist()]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(texts, pa.string()))
    return table


def document(board: Board, more: Sequence[Section], origin: Sequence[tuple[str, str]]) -> Document:
    """The whole board, and ``more`` sections that a person asked for (impact, feedback), as a report."""
    sections = (overview(board), accounts(board), outlying(board), complications(board), *more)
    title = board.say("board_title")
    return Document(title, sections[0].text, board.lang, sections, board.say("footer"), tuple(origin))
