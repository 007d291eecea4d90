"""Every indicator of ``indicators.toml`` by hospital and month, against the hospital's peers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from claims.across.database import opened
from claims.across.hits import REJECTED, Settings, load_tables
from claims.across.visits import Sources
from drg.analytics.database import literal
from drg.quality.rule import Wording

HOME = Path(__file__).parent
PARAMETERS = ("group_cases_least", "indicator_cases_least", "peer_hospitals_least", "peer_spread_least")

FIGURE_SCHEMA = pa.schema(
    [
        ("indicator", pa.string()),
        ("hospital", pa.string()),
        ("region", pa.string()),
        ("hospital_level", pa.string()),
        ("month", pa.date32()),
        ("cases", pa.int64()),
        ("value", pa.float64()),
        ("suppressed", pa.bool_()),
        ("peers", pa.int64()),
        ("peer_middle", pa.float64()),
        ("percentile", pa.float64()),
        ("robust_z", pa.float64()),
    ]
)
"""One row an indicator, hospital (with the region of its patients and its level) and month of discharge.

``value`` is in the unit of the indicator (money in fen); it and ``cases`` are null where ``suppressed``: too few cases.
``peers``: hospitals of the same region and level with a value, itself among them; null where they are too few, then so
are ``peer_middle`` (median), ``percentile`` (0 lowest, 1 highest) and ``robust_z``."""


class Indicator(BaseModel):
    """One entry of ``indicators.toml``; the keys are explained there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern="^[a-z0-9_]+$")
    name: Wording
    meaning: Wording
    unit: Literal["share", "index", "weight", "days", "fen"]
    concern: Literal["high", "low", "both"]
    columns: tuple[str, ...]
    numerator: str
    denominator: str
    cases: str


@cache
def definitions() -> tuple[Indicator, ...]:
    """The indicators in the order of ``indicators.toml``."""
    entries = tomllib.loads((HOME / "indicators.toml").read_text(encoding="utf-8"))["indicator"]
    return tuple(Indicator.model_validate(entry) for entry in entries)


@dataclass(frozen=True)
class Figures:
    """``table`` in ``FIGURE_SCHEMA``; ``missing``: indicators that are not applicable, with the columns they need;
    ``rejected``: rows that could not be read."""

    table: pa.Table
    missing: Mapping[str, tuple[str, ...]]
    rejected: pa.Table


def figures(sources: Sources, settings: Settings | None = None) -> Figures:
    """The indicators of the visits. Raises ``InputError`` where a source cannot be used."""
    chosen = settings or Settings()
    with opened(chosen.memory, chosen.threads, chosen.folder) as connection:
        held = load_tables(connection, Sources(sources.visits), chosen, PARAMETERS)["visits"]
        missing = {
            one.id: lost
            for one in definitions()
            if (lost := tuple(name for name in one.columns if name not in held))
        }
        applicable = [one for one in definitions() if one.id not in missing]
        connection.execute((HOME / "stays.sql").read_text(encoding="utf-8"))
        table = connection.sql(_statement(applicable)).to_arrow_table().cast(FIGURE_SCHEMA)
        rejected = connection.sql(REJECTED).to_arrow_table()
        return Figures(table, missing, rejected)


def _statement(indicators: list[Indicator]) -> str:
    structs = [
        f"{{'indicator': {literal(one.id)}, 'numerator': ({one.numerator})::DECIMAL(38, 6), "
        f"'denominator': ({one.denominator})::DECIMAL(38, 6), 'cases': {one.cases}}}"
        for one in indicators
    ]
    text = (HOME / "figures.sql").read_text(encoding="utf-8")
    return text.replace("{figures} AS", f"[{', '.join(structs)}] AS")
