"""What the quality page and the board read of the results, kept until a run writes more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import streamlit as st

from drg.analytics import board_report, impact
from drg.analytics.board import board_cases, part_of
from drg.analytics.board_report import Board
from drg.analytics.document import Document, Section
from drg.analytics.feedback import explain_differences
from drg.analytics.impact import compare_sides
from drg.analytics.payer_file import read_payer
from drg.analytics.reference import read_reference
from drg.analytics.sources import side_of
from drg.quality import overview
from drg.quality.score import top_defects
from ui import home
from ui.text import text

if TYPE_CHECKING:
    from claims.nightly.results import Results

SideName = tuple[str, str | None]
"""A scheme or DIP catalogue, and a contract."""
SECTIONS: Mapping[str, Callable[[Board], Section]] = {
    "overview": board_report.overview,
    "ledger": board_report.accounts,
    "outliers": board_report.outlying,
    "complications": board_report.complications,
}
Values = tuple[tuple[str, str | None], ...]
"""Names of columns, and the value that the cases have there; ``None``: any."""
KEPT = 2
"""So many states of the results are kept: the present one, and the one that open pages still show."""
SHOWN = 24
"""So many answers are kept; a page asks for the same ones at every run."""
FINDING_COLUMNS = ("case_id", "rule", "severity", "status")


@dataclass(frozen=True)
class Stamp:
    """The state of a results folder: another one as soon as a run has written a partition."""

    folder: Path
    changed: int
    partitions: int


@dataclass(frozen=True)
class Records:
    """Summaries of records (``SUMMARY_SCHEMA``) and the columns ``FINDING_COLUMNS`` of their findings."""

    records: pa.Table
    findings: pa.Table


def stamp(results: Results) -> Stamp:
    """The state of the results now."""
    manifests = list((results.folder / "parts").glob("*.json"))
    newest = max((path.stat().st_mtime_ns for path in manifests), default=0)
    return Stamp(results.folder, newest, len(manifests))


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def records(of: Stamp) -> Records:
    """The records with their scores and findings. Raises ``InputError`` where the run checked none."""
    found = home.results()
    return Records(found.table("scores"), found.table("findings", columns=FINDING_COLUMNS))


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def cases(of: Stamp) -> pa.Table:
    """The cases with group and price, see ``board_cases``."""
    found = home.results()
    prices = found.table("prices") if found.has("prices") else None
    return board_cases(found.table("cases"), found.table("groups"), prices)


@dataclass(frozen=True)
class Overview:
    """Figures of chosen records: the whole, grades, months, defects (``top_defects``), and by department and doctor."""

    count: int
    whole: pa.Table
    grades: pa.Table
    months: pa.Table
    defects: pa.Table
    by: Mapping[str, pa.Table]


@st.cache_resource(show_spinner=False, max_entries=SHOWN)
def quality_overview(of: Stamp, choice: overview.Choice) -> Overview:
    """The figures of the records of a choice."""
    found = records(of)
    chosen = overview.chosen_records(found.records, found.findings, choice)
    return Overview(
        len(chosen),
        overview.figures(chosen),
        overview.grades(chosen),
        overview.figures(chosen, "month"),
        top_defects(found.findings, chosen),
        {by: overview.figures(chosen, by) for by in ("department", "doctor")},
    )


@st.cache_resource(show_spinner=False, max_entries=SHOWN)
def record_values(of: Stamp, name: str) -> list[str]:
    """The known values of one of ``overview.FILTERS``, to choose from."""
    return overview.values_of(records(of).records, name)


@st.cache_resource(show_spinner=False, max_entries=SHOWN)
def section(of: Stamp, view: str, values: Values, lang: str, changed: int) -> Section | None:
    """A section of the board over the cases that have these values; ``None`` where none has.

    ``changed``: when the reference table of peers was.
    """
    chosen = part_of(cases(of), **dict(values))
    return SECTIONS[view](Board(chosen, peers(), lang)) if len(chosen) else None


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def reference(path: Path, changed: int) -> pa.Table:
    """The reference table of peers, as it was at the time ``changed``."""
    return read_reference(path)


def peers() -> pa.Table | None:
    """The reference table that the installation names."""
    path = home.installation().peers
    return None if path is None else reference(path, peers_changed())


def peers_changed() -> int:
    """When the reference table of peers was changed; 0 where there is none."""
    path = home.installation().peers
    return 0 if path is None else path.stat().st_mtime_ns


@st.cache_resource(show_spinner=False, max_entries=KEPT * 2)
def impact_document(of: Stamp, before: SideName, after: SideName, lang: str) -> Document:
    """What moves between two sides over the cases of the run."""
    table = home.results().table("cases")
    found = compare_sides(table, side_of(table, *before), side_of(table, *after))
    return impact.document(table, found, lang, home.installation().name)


def feedback_section(path: Path, side: SideName, lang: str) -> Section:
    """The payer's table in a file against the cases of the run. Raises ``InputError`` where it cannot be used."""
    lines = read_payer(path)
    table = home.results().table("cases")
    return board_report.settled(
        explain_differences(table, side_of(table, *side), lines.rows, lang=lang), lang
    )


def origin(lang: str) -> tuple[tuple[str, str], ...]:
    """What the results were made from: for the header sheet of an export."""
    settings, run = home.installation(), home.results().run()
    told = [
        (text("board.origin_installation", lang), settings.name if lang == "zh" else settings.name_en),
        (text("board.origin_run", lang), str(run.get("id", ""))),
        (text("board.origin_scheme", lang), " ".join(settings.schemes)),
        (text("board.origin_contract", lang), settings.contract or ""),
    ]
    hashes = run.get("hashes", {})
    return (
        *told,
        *((text("board.origin_hash", lang, name=name), str(hashes[name])) for name in sorted(hashes)),
    )


def source(lang: str) -> str:
    """What charts are made from, in a line."""
    settings, run = home.installation(), home.results().run()
    return text(
        "board.source",
        lang,
        run=run.get("id", ""),
        scheme=" ".join(settings.schemes) or "–",
        contract=settings.contract or "–",
    )
