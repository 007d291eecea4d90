"""A ranking before any label exists: how far figures are from those of their peers, and which rules were hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims import messages
from claims.errors import input_error
from claims.risk.settings import settings
from claims.risk.table import check_columns
from claims.risk.training import read_labels
from claims.risk.values import Floats, Ints, Mask, groups, numbers

CONSISTENT = 1.4826
"""The standard deviation of normal values is so many times their median absolute deviation."""
QUARTILES = 1.349
"""The distance of the quartiles of normal values is so many times their standard deviation."""
JOIN = "\x1f"


@dataclass(frozen=True)
class Standout:
    """What gives a row points: a figure far from its peers, or a rule hit (then ``times`` is None, ``value`` the hits).

    ``times``: robust deviations above (below where negative) the middle of the peers.
    """

    name: str
    points: float
    value: float
    middle: float | None = None
    times: float | None = None

    def sentence(self, lang: str) -> str:
        """In words, with the name of the column."""
        if self.times is None:
            return messages.text("risk.rule_hit", lang, name=self.name, hits=f"{self.value:g}")
        return messages.text(
            f"risk.peers_{'above' if self.times > 0 else 'below'}",
            lang,
            name=self.name,
            value=f"{self.value:,.6g}",
            middle=f"{self.middle:,.6g}",
            times=f"{abs(self.times):.1f}",
        )


@dataclass(frozen=True)
class Ranking:
    """(rows,) ``points``, ``rank`` (1 stands out most), and what gave the points."""

    points: Floats
    rank: Ints
    standouts: list[list[Standout]]


def ranking(
    table: pa.Table, peers: Sequence[str], values: Sequence[str], rules: Sequence[str] = ()
) -> Ranking:
    """Order rows by how far their figures are from those of their peers, and by rule hits.

    A figure gives points where it is further than ``from`` robust deviations from the median of its peers, at most
    ``most``; a rule hit gives ``rule_points`` (settings, section ``ranking``). Too few peers: all rows are. What is
    true of many rows (``most_share``) stands out in none: the points of such a figure or rule are less for all.
    Raises ``InputError`` where columns are missing.
    """
    check_columns(table, {"--peer": peers, "--value": values, "--rule": rules})
    if not values and not rules:
        raise input_error("risk.nothing_to_rank")
    limits = settings("ranking")
    group = _peers(table, peers)
    points, closeness = np.zeros(len(table)), np.zeros(len(table))
    found: list[list[Standout]] = [[] for _ in range(len(table))]
    for name in values:
        figures = numbers(table.column(name))
        middle, deviation = _of_peers(figures, group)
        away = np.divide(figures - middle, deviation, out=np.zeros(len(figures)), where=deviation > 0)
        away = np.nan_to_num(away)
        limit = _limit(np.abs(away))
        size = np.minimum(np.abs(away) * (limits["from"] / limit), limits["most"])
        given = np.where(np.abs(away) >= limit, size, 0)
        points += given
        closeness += size
        away = np.clip(away, -limits["most"], limits["most"])
        for place in np.flatnonzero(given).tolist():
            figure, usual = float(figures[place]), float(middle[place])
            found[place].append(Standout(name, float(given[place]), figure, usual, float(away[place])))
    for name in rules:
        hits = _hits(table.column(name), name)
        often = max(int(np.count_nonzero(hits)), 1)
        given = limits["rule_points"] * hits * min(1.0, _room(len(hits)) / often)
        points += given
        for place in np.flatnonzero(hits).tolist():
            found[place].append(Standout(name, float(given[place]), float(hits[place])))
    order = np.lexsort((np.arange(len(points)), -closeness, -points))
    place_of = np.empty(len(points), np.int64)
    place_of[order] = np.arange(1, len(points) + 1)
    return Ranking(points, place_of, found)


def rank(
    table: pa.Table,
    peers: Sequence[str],
    values: Sequence[str],
    rules: Sequence[str] = (),
    id_column: str | None = None,
    lang: str = "en",
) -> pa.Table:
    """:func:`ranking` as a table, one row a row: ``row`` (from 1), ``id``, ``points``, ``rank``, ``reasons``.

    Raises ``InputError`` where columns are missing, or a figure has no number at all.
    """
    check_columns(table, {"--id": [id_column], "--value": values})
    for name in values:
        if not np.isfinite(numbers(table.column(name))).any():
            raise input_error("risk.no_numbers", option="--value", column=name)
    found = ranking(table, peers, values, rules)
    ids = table.column(id_column).cast(pa.string()) if id_column else pa.nulls(len(table), pa.string())
    told = [[one.sentence(lang) for one in of_row] for of_row in found.standouts]
    return pa.table(
        {
            "row": pa.array(np.arange(1, len(table) + 1)),
            "id": ids,
            "points": pa.array(found.points),
            "rank": pa.array(found.rank),
            "reasons": pa.array(told, pa.list_(pa.string())),
        }
    )


def _room(rows: int) -> int:
    """How many of so many rows one figure or rule can call unusual."""
    limits = settings("ranking")
    return max(int(limits["most_share"] * rows), int(limits["least_peers"]))


def _limit(size: Floats) -> float:
    """The deviation that stands out: ``from``, or more where more rows reach that than there is room for.

    A deviation of 3.5 is rare where figures lie like a bell; small counts and long tails reach it every day.
    """
    least, room = float(settings("ranking")["from"]), _room(len(size))
    if room >= len(size):
        return least
    first_without_room = np.partition(size, -room - 1)[-room - 1]
    return max(least, float(np.nextafter(first_without_room, np.inf)))


def _peers(table: pa.Table, peers: Sequence[str]) -> Ints:
    """(rows,) the number of each row's peers; all rows are peers where no column is named."""
    if not peers:
        return np.zeros(len(table), np.int64)
    texts = [pc.fill_null(table.column(name).cast(pa.string()), "") for name in peers]
    return groups(pc.binary_join_element_wise(*texts, JOIN))[0]


def _of_peers(figures: Floats, group: Ints) -> tuple[Floats, Floats]:
    """(rows,) median and robust deviation of the peers of each row; those of all rows where the peers are too few.

    Without a deviation (most peers are equal) that of the quartiles, after values at the ends were cut off, is taken.
    """
    known = np.isfinite(figures)
    counts = np.bincount(group[known], minlength=int(group.max()) + 1)
    enough = counts[group] >= settings("ranking")["least_peers"]
    group = np.where(enough, group + 1, 0)
    of_group = _measure(figures, np.where(known & enough, group, -1), int(group.max()) + 1)
    of_all = _measure(figures, np.where(known, 0, -1), 1)
    return tuple(np.where(enough, one[group], other[0]) for one, other in zip(of_group, of_all, strict=True))  # type: ignore[return-value]


def _measure(figures: Floats, group: Ints, count: int) -> tuple[Floats, Floats]:
    """(groups,) median and deviation; a group of -1 is left out."""
    used = group >= 0
    values, group = figures[used], group[used]
    winsor = settings("ranking")["winsor"]
    low, high = (_quantile(values, group, count, share) for share in (winsor, 1 - winsor))
    cut = np.clip(values, low[group], high[group])
    middle = _quantile(cut, group, count, 0.5)
    deviation = CONSISTENT * _quantile(np.abs(cut - middle[group]), group, count, 0.5)
    spread = (_quantile(cut, group, count, 0.75) - _quantile(cut, group, count, 0.25)) / QUARTILES
    return middle, np.where(deviation > 0, deviation, spread)


def _quantile(values: Floats, group: Ints, count: int, share: float) -> Floats:
    """(groups,) the quantile of each group, between two values as far as its place is; NaN for an empty group."""
    order = np.lexsort((values, group))
    starts = np.searchsorted(group[order], np.arange(count + 1))
    sizes = np.diff(starts)
    found = np.full(count, np.nan)
    filled: Mask = sizes > 0
    place = (sizes[filled] - 1) * share
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, sizes[filled] - 1)
    ordered = values[order]
    first = starts[:-1][filled]
    found[filled] = ordered[first + below] + (place - below) * (
        ordered[first + above] - ordered[first + below]
    )
    return found


def _hits(column: pa.ChunkedArray, name: str) -> Floats:
    """(rows,) how often a rule was hit; a missing value is no hit that is known of."""
    figures = numbers(column)
    if np.isfinite(figures).sum() == len(column) - column.null_count:
        return np.clip(np.nan_to_num(figures), 0, None)
    return read_labels(column, None, name)[0].astype(np.float64)
