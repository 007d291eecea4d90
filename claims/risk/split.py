"""Which units train and which test: by group, by time, or both; rows at random only where no group is given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from claims.errors import input_error
from claims.risk.settings import settings
from claims.risk.values import Floats, Ints

How = Literal["rows", "group", "time", "group-time"]
TEST, LEFT_OUT = -1, -2
Folds = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Split:
    """(units,) numbers: 0 and up a fold of training, ``TEST``, or ``LEFT_OUT`` (group and time are on different sides).

    ``cut``: the day since 1970-01-01 after which test begins, for splits by time.
    """

    how: How
    folds: Folds
    cut: float | None = None

    @property
    def train(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.folds >= 0)

    @property
    def test(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.folds == TEST)


def make_split(
    labels: Ints, how: How, groups: Ints | None, group_names: list[str], time: Floats | None
) -> Split:
    """A split that is the same for the same units. ``groups``: (units,) numbers, ``time``: (units,) days.

    Raises ``InputError`` where one side would have too few of either label.
    """
    units = groups if groups is not None else np.arange(len(labels))
    names = group_names if groups is not None else [str(place) for place in range(len(labels))]
    cut = None
    if how in ("time", "group-time") and time is not None:
        cut = _cut(time)
        is_test, left_out = _by_time(time, cut, units)
        if is_test.mean() < settings("split")["test_share"] / 2:
            # Groups span the time: some are drawn for the test, of which only the later rows count.
            drawn = _stratified(labels, units, names, _test_parts(), "test") == 0
            is_test, left_out = (time > cut) & drawn, (time > cut) != drawn
    else:
        is_test, left_out = (
            _stratified(labels, units, names, _test_parts(), "test") == 0,
            np.zeros(len(labels), bool),
        )
    folds = np.full(len(labels), LEFT_OUT, np.int8)
    folds[is_test] = TEST
    trains = ~is_test & ~left_out
    _check(labels, is_test, trains)
    limits = settings("split")
    count = 3 if labels[trains].sum() < limits["few_positives"] else limits["folds"]
    if how == "time" and time is not None:
        folds[trains] = _blocks(time[trains], count)
    else:
        folds[trains] = _stratified(labels[trains], units[trains], names, count, "fold")
    return Split(how, folds, cut)


def _test_parts() -> int:
    return round(1 / float(settings("split")["test_share"]))


def _stratified(labels: Ints, units: Ints, names: list[str], parts: int, salt: str) -> Ints:
    """A part for each row; a group is in one part, groups with and without positives are dealt out in turn.

    The order comes from a hash of the group's name, so that it does not depend on the order of the rows.
    """
    present, place = np.unique(units, return_inverse=True)
    hits = np.bincount(place, weights=labels) > 0
    sizes = np.bincount(place)
    keys = [
        hashlib.sha256(f"{salt}\0{names[unit]}\0{unit if not names[unit] else ''}".encode()).digest()
        for unit in present
    ]
    part = np.zeros(len(present), np.int64)
    for which in (True, False):
        chosen = [number for number in range(len(present)) if bool(hits[number]) is which]
        # Large groups first, so that parts come out even; equal ones by their hash.
        chosen.sort(key=lambda number: (-int(sizes[number]).bit_length(), keys[number]))
        part[chosen] = np.arange(len(chosen)) % parts
    return part[place]


def _cut(time: Floats) -> float:
    """The last day of training: as near to the wanted share as whole days allow."""
    if np.isnan(time).any():
        raise input_error("risk.time_missing", rows=int(np.isnan(time).sum()))
    wanted = np.quantile(time, 1 - settings("split")["test_share"], method="lower")
    cut = float(wanted) if wanted < time.max() else float(np.max(time[time < wanted], initial=-np.inf))
    if not np.isfinite(cut):
        raise input_error("risk.one_day")
    return cut


def _by_time(time: Floats, cut: float, units: Ints) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    late = time > cut
    seen = np.zeros(int(units.max()) + 1, bool)
    seen[units[~late]] = True
    return late & ~seen[units], late & seen[units]


def _blocks(time: Floats, count: int) -> Ints:
    """Blocks of days of about the same size; a day is in one block."""
    edges = np.quantile(time, np.arange(1, count) / count, method="lower")
    return np.searchsorted(np.unique(edges), time, side="left").astype(np.int64)


def _check(labels: Ints, is_test: npt.NDArray[np.bool_], trains: npt.NDArray[np.bool_]) -> None:
    limits = settings("split")
    for which, rows, least in (
        ("train", trains, limits["least_positives"]),
        ("test", is_test, limits["least_test_positives"]),
    ):
        ones = int(labels[rows].sum())
        zeros = int(rows.sum()) - ones
        if min(ones, zeros) < least or (which == "test" and rows.sum() < limits["least_test_rows"]):
            raise input_error(f"risk.few_{which}", positives=ones, negatives=zeros, least=least)
