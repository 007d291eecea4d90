"""Knowledge points as tables that fee lines are joined with by code.

A folder of knowledge points has ``limits.tsv`` (``LIMIT_COLUMNS``) and ``pairs.tsv`` (``PAIR_COLUMNS``); ``kinds.toml``
says what kinds there are and what their values may be. A limit holds from ``from`` to ``to`` (days, either may be
empty).
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import ClaimProblem, input_error
from drg.errors import InputError
from drg.quality.values import Texts, spread

HOME = Path(__file__).parent
LIMIT_COLUMNS = ("code", "name", "kind", "value", "from", "to", "basis")
PAIR_COLUMNS = ("kind", "a", "a_name", "b", "b_name", "basis")
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_PROBLEMS = 50
LONG_AGO, FAR_AHEAD = -(10**6), 10**6
_CATEGORY_RANGE = re.compile(r"([A-Z])(\d\d)-([A-Z])(\d\d)")
_PREFIX = re.compile(r"[A-Z]\d{2}(?:\.[0-9x]{1,7})?")

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Limits:
    """The points of one kind. ``codes``: distinct; point ``first[c]`` to ``first[c + 1]`` belong to code ``c``.

    ``begins`` and ``ends``: days since 1970, both included; ``values``: a text a point.
    """

    codes: pa.Array
    first: Places
    begins: Places
    ends: Places
    values: pa.Array

    def found(self, codes: Texts, days: Places) -> Places:
        """The point that holds for each code on its day; -1 where there is none."""
        places = pc.index_in(codes.distinct, value_set=self.codes).fill_null(-1)
        code = spread(places, codes, -1)
        there = np.flatnonzero(code >= 0)
        found = np.full(len(code), -1, np.int64)
        start, end = self.first[code[there]], self.first[code[there] + 1]
        day = np.broadcast_to(days, code.shape)[there]
        for step in range(int(np.diff(self.first).max(initial=0))):
            point = np.minimum(start + step, end - 1)
            holds = (start + step < end) & (self.begins[point] <= day) & (day <= self.ends[point])
            found[there[holds]] = point[holds]
        return found


@dataclass(frozen=True)
class Pairs:
    """The pairs of one kind, by numbers of ``codes``: ``a[n]`` belongs to ``b[n]``, both in the order of ``a``."""

    codes: pa.Array
    a: Places
    b: Places


@dataclass(frozen=True)
class Knowledge:
    """Knowledge points by kind. Kinds without a point are there, empty."""

    limits: Mapping[str, Limits]
    pairs: Mapping[str, Pairs]

    @property
    def size(self) -> int:
        """How many points there are."""
        return sum(len(one.values) for one in self.limits.values()) + sum(
            len(one.a) for one in self.pairs.values()
        )


@dataclass(frozen=True)
class LimitKind:
    """What the value of a kind of limit may be: ``choice``, ``number``, ``codes``, ``text`` or ``yes``."""

    value: str
    choices: tuple[str, ...]

    def expected(self, text: str) -> str | None:
        """What the value should have been; None where it is right."""
        if self.value == "choice" and text not in self.choices:
            return " / ".join(self.choices)
        if self.value == "number" and not re.fullmatch(r"\d{1,9}(\.\d{1,4})?", text):
            return "0-999999999"
        if self.value == "yes" and text != "yes":
            return "yes"
        if self.value == "codes" and not (text.split() and all(map(_is_code_part, text.split()))):
            return "E10 E11-E14 J18.9"
        return None if text else "text"


@cache
def limit_kinds() -> Mapping[str, LimitKind]:
    """The kinds of limits by name (``kinds.toml``)."""
    return {
        name: LimitKind(entry["value"], tuple(entry.get("choices", ())))
        for name, entry in _kinds("limit").items()
    }


@cache
def pair_kinds() -> tuple[str, ...]:
    """The kinds of pairs."""
    return tuple(_kinds("pair"))


def kind_title(name: str, lang: str) -> str:
    """The title of a kind of limit or pair."""
    title: str = {**_kinds("limit"), **_kinds("pair")}[name]["title"][lang]
    return title


def _kinds(section: str) -> dict[str, Any]:
    kinds: dict[str, Any] = tomllib.loads((HOME / "kinds.toml").read_text(encoding="utf-8"))[section]
    return kinds


def load_knowledge(folder: Path | None = None) -> Knowledge:
    """The knowledge points of a folder, or the sample. Raises ``InputError`` with what is wrong (at most 50)."""
    home = HOME if folder is None else folder
    problems: list[ClaimProblem] = []
    limits = list(_limit_rows(home / "limits.tsv", problems))
    pairs = list(_pair_rows(home / "pairs.tsv", problems))
    if problems:
        raise InputError(problems[:MAX_PROBLEMS])
    return Knowledge(
        {kind: _limits([row for row in limits if row[0] == kind]) for kind in limit_kinds()},
        {kind: _pairs([row for row in pairs if row[0] == kind]) for kind in pair_kinds()},
    )


def prefixes(text: str) -> list[str]:
    """``E10 E11-E14 J18.9`` as prefixes: ranges of categories written out."""
    found = []
    for part in text.split():
        match = _CATEGORY_RANGE.fullmatch(part)
        if match is None:
            found.append(part)
            continue
        letter, low, _, high = match.groups()
        found += [f"{letter}{number:02}" for number in range(int(low), int(high) + 1)]
    return found


def _is_code_part(part: str) -> bool:
    match = _CATEGORY_RANGE.fullmatch(part)
    if match is None:
        return _PREFIX.fullmatch(part) is not None
    return match[1] == match[3] and match[2] <= match[4]


def _rows(
    path: Path, columns: tuple[str, ...], problems: list[ClaimProblem]
) -> Iterator[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise input_error("claims.knowledge_file", str(path.parent), file=path.name)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise input_error("claims.knowledge_large", str(path), most=f"{MAX_FILE_BYTES:,} bytes")
    with path.open(encoding="utf-8-sig") as file:
        if tuple(file.readline().rstrip("\r\n").split("\t")) != columns:
            raise input_error("claims.knowledge_columns", path.name, expected=" ".join(columns))
        for number, line in enumerate(file, start=2):
            cells = [cell.strip() for cell in line.rstrip("\r\n").split("\t")]
            if len(cells) == len(columns):
                yield number, dict(zip(columns, cells, strict=True))
            else:
                params = {"line": number, "count": len(cells), "expected": len(columns)}
                problems.append(ClaimProblem("claims.knowledge_cells", path.name, params))


def _limit_rows(path: Path, problems: list[ClaimProblem]) -> Iterator[tuple[str, str, int, int, str]]:
    """Kind, code, first and last day, value."""
    ends: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for number, row in _rows(path, LIMIT_COLUMNS, problems):
        kind = limit_kinds().get(row["kind"])
        where: dict[str, object] = {"line": number}
        if kind is None:
            params = {**where, "kind": row["kind"], "known": ", ".join(limit_kinds())}
            problems.append(ClaimProblem("claims.knowledge_kind", path.name, params))
            continue
        if expected := kind.expected(row["value"]):
            params = {**where, "kind": row["kind"], "value": row["value"][:60], "expected": expected}
            problems.append(ClaimProblem("claims.knowledge_value", path.name, params))
            continue
        span = _span(row, number, path.name, problems)
        others = ends.setdefault((row["kind"], row["code"]), [])
        if any(span[0] <= last and first <= span[1] for first, last in others):
            params = {**where, "kind": row["kind"], "code": row["code"]}
            problems.append(ClaimProblem("claims.knowledge_twice", path.name, params))
        others.append(span)
        yield row["kind"], row["code"], *span, row["value"]


def _pair_rows(path: Path, problems: list[ClaimProblem]) -> Iterator[tuple[str, str, str]]:
    for number, row in _rows(path, PAIR_COLUMNS, problems):
        if row["kind"] not in pair_kinds():
            params = {"line": number, "kind": row["kind"], "known": ", ".join(pair_kinds())}
            problems.append(ClaimProblem("claims.knowledge_kind", path.name, params))
        elif row["a"] == row["b"]:
            problems.append(
                ClaimProblem("claims.knowledge_pair", path.name, {"line": number, "code": row["a"]})
            )
        else:
            yield row["kind"], row["a"], row["b"]


def _span(row: dict[str, str], number: int, where: str, problems: list[ClaimProblem]) -> tuple[int, int]:
    days = []
    for name, open_end in (("from", LONG_AGO), ("to", FAR_AHEAD)):
        try:
            days.append(day_number(dt.date.fromisoformat(row[name])) if row[name] else open_end)
        except ValueError:
            days.append(open_end)
            problems.append(
                ClaimProblem("claims.knowledge_day", where, {"line": number, "value": row[name][:40]})
            )
    return days[0], days[1]


def day_number(day: dt.date) -> int:
    """Days since 1970."""
    return (day - dt.date(1970, 1, 1)).days


def _limits(rows: list[tuple[str, str, int, int, str]]) -> Limits:
    rows = sorted(rows, key=lambda row: row[1:4])
    codes = sorted({row[1] for row in rows})
    place = {code: number for number, code in enumerate(codes)}
    counts = (
        np.bincount([place[row[1]] for row in rows], minlength=len(codes)) if rows else np.zeros(0, np.int64)
    )
    return Limits(
        pa.array(codes, pa.string()),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([row[2] for row in rows], np.int64),
        np.array([row[3] for row in rows], np.int64),
        pa.array([row[4] for row in rows], pa.string()),
    )


def _pairs(rows: list[tuple[str, str, str]]) -> Pairs:
    codes = sorted({code for row in rows for code in row[1:]})
    place = {code: number for number, code in enumerate(codes)}
    couples = sorted({(place[a], place[b]) for _, a, b in rows})
    table = np.array(couples, np.int64).reshape(-1, 2)
    return Pairs(pa.array(codes, pa.string()), table[:, 0], table[:, 1])
