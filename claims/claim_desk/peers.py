"""A claim beside others of its group: cost, stay, shares and fees by category."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.claim_desk.visits import Visits
from claims.lines import FEE_LINES
from claims.nightly.results import Results
from claims.risk.values import Floats, numbers
from drg.analytics.database import connected
from drg.analytics.document import Kind

MOST_PEERS = 20
LEAST_PEERS = 5
"""Quartiles of fewer say little."""
FEN = 100
NEAR = 0.01
"""Shares and amounts that differ by less are the same to a reader."""


@dataclass(frozen=True)
class _Figure:
    """What is compared: how it is shown, its column, and the column that it is a share of."""

    id: str
    kind: Kind
    column: str
    whole: str | None = None

    def of(self, visit: Mapping[str, Any]) -> float | None:
        value: float | None = visit[self.column]
        if value is None or self.whole is None:
            return value
        return value / visit[self.whole] if visit[self.whole] else None


FIGURES = (
    _Figure("total_cost", "money", "total_cost_fen"),
    _Figure("los_days", "count", "los_days"),
    _Figure("drug_share", "share", "drug_cost_fen", "total_cost_fen"),
    _Figure("consumable_share", "share", "consumable_cost_fen", "total_cost_fen"),
    _Figure("patient_paid_share", "share", "patient_paid_fen", "total_cost_fen"),
)


@dataclass(frozen=True)
class Measure:
    """One figure of the claim beside its peers: ``own`` and the quartiles of those peers that have it, ``count``."""

    id: str
    kind: Kind
    own: float | None
    low: float | None
    middle: float | None
    high: float | None
    count: int

    @property
    def is_outside(self) -> bool:
        """Whether the claim lies outside the middle half of its peers; never where these are too few to say."""
        if self.own is None or self.low is None or self.high is None or self.count < LEAST_PEERS:
            return False
        near = NEAR * abs(self.own)
        return not self.low - near <= self.own <= self.high + near


@dataclass(frozen=True)
class Comparison:
    """A claim and its peers: visits of the same group, nearest first. ``fees``: by category, in fen."""

    peers: tuple[Mapping[str, Any], ...]
    measures: tuple[Measure, ...]
    fees: tuple[Measure, ...]


@dataclass(frozen=True)
class FeeGroup:
    """A category of fees: the columns that it sums, and the kinds of fee lines."""

    id: str
    en: str
    zh: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]

    def name(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


@cache
def fee_groups() -> Mapping[str, FeeGroup]:
    """The categories of ``fee_groups.toml`` by id."""
    entries = tomllib.loads(Path(__file__).with_name("fee_groups.toml").read_text(encoding="utf-8"))
    return {
        id: FeeGroup(id, entry["en"], entry["zh"], tuple(entry["columns"]), tuple(entry.get("kinds", ())))
        for id, entry in entries.items()
    }


def compare(results: Results, visits: Visits, case_id: str, most: int = MOST_PEERS) -> Comparison | None:
    """A claim beside at most ``most`` others of its group; ``None`` where it has no group or is alone in it."""
    own = visits.of_case(case_id)
    if own is None or own["drg"] is None:
        return None
    peers = _nearest(visits, case_id, most)
    if not peers:
        return None
    measures = tuple(
        _measure(one.id, one.kind, one.of(own), [one.of(peer) for peer in peers]) for one in FIGURES
    )
    return Comparison(tuple(peers), measures, _fees(results, case_id, [peer["case_id"] for peer in peers]))


def _nearest(visits: Visits, case_id: str, most: int) -> list[dict[str, Any]]:
    sql = Path(__file__).with_name("peers.sql").read_text(encoding="utf-8")
    own = visits.table.filter(pc.equal(visits.table.column("case_id"), case_id)).slice(0, 1)
    with connected(visits=visits.table, own=own) as connection:
        rows: list[dict[str, Any]] = connection.sql(sql, params=[most]).to_arrow_table().to_pylist()
    return rows


def _measure(id: str, kind: Kind, own: float | None, of_peers: Sequence[float | None]) -> Measure:
    known = [value for value in of_peers if value is not None]
    if not known:
        return Measure(id, kind, own, None, None, None, 0)
    low, middle, high = (float(value) for value in np.quantile(known, (0.25, 0.5, 0.75)))
    return Measure(id, kind, own, low, middle, high, len(known))


def _fees(results: Results, case_id: str, peers: Sequence[str]) -> tuple[Measure, ...]:
    """The fees by category, from the front page, else from the fee lines; empty where the claim has neither."""
    for read in (_fees_of_records, _fees_of_lines):
        found = read(results, [case_id, *peers])
        if own := found.get(case_id):
            return tuple(
                _measure(id, "money", own[id], [found[peer].get(id) for peer in peers if peer in found])
                for id in own
            )
    return ()


def _fees_of_records(results: Results, case_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    if not results.has("records"):
        return {}
    columns = [name for group in fee_groups().values() for name in group.columns]
    table = results.table("records", ["case_id", *columns], case_ids)
    found: dict[str, dict[str, float]] = {case: {} for case in table.column("case_id").to_pylist()}
    for group in fee_groups().values():
        amounts = [_fen(table.column(name)) for name in group.columns if name in table.column_names]
        if not amounts:
            continue
        known = np.any(np.isfinite(np.array(amounts)), axis=0).tolist()
        for case, amount, is_known in zip(found, np.nansum(amounts, axis=0).tolist(), known, strict=True):
            if is_known:
                found[case][group.id] = amount
    return found


def _fees_of_lines(results: Results, case_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    if not results.has("lines"):
        return {}
    table = results.table("lines", None, case_ids)
    names = {name.removeprefix(f"{FEE_LINES}."): name for name in table.column_names}
    if not {"kind", "amount"} <= set(names):
        return {}
    group_of = {kind: group.id for group in fee_groups().values() for kind in group.kinds}
    amounts = _fen(table.column(names["amount"]))
    found: dict[str, dict[str, float]] = {}
    cases, kinds = table.column("case_id").to_pylist(), table.column(names["kind"]).to_pylist()
    for case, kind, amount in zip(cases, kinds, amounts.tolist(), strict=True):
        of_case = found.setdefault(case, {})
        group = group_of.get(kind, "other")
        of_case[group] = of_case.get(group, 0.0) + (0.0 if np.isnan(amount) else amount)
    return found


def _fen(column: pa.ChunkedArray) -> Floats:
    """Amounts in yuan as written, in fen; NaN where not known."""
    return numbers(column) * FEN
