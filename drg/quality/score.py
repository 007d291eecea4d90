"""The score of a record and its grade (``score.toml``), and what is found most: by department, doctor or month."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from drg.errors import input_error
from drg.quality.rule import Rule, Wording
from drg.quality.values import Mask

FULL_SCORE = 100.0
GROUPINGS = ("department", "doctor", "month")


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Band(_Data):
    """A name for scores from ``minimum`` on."""

    minimum: float
    title: Wording


class Items(_Data):
    """Fields (patterns) whose items have the points of a class."""

    item_class: str = Field(alias="class")
    fields: tuple[str, ...]


class Block(_Data):
    """A part of the score: ``total`` points, and its items."""

    id: str
    title: Wording
    total: float
    items: tuple[Items, ...]


class ScoreSheet(_Data):
    """How a record is scored."""

    severities: tuple[str, ...]
    points: dict[str, float]
    bands: tuple[Band, ...]
    grades: tuple[Band, ...]
    blocks: tuple[Block, ...]

    def item_of(self, field: str) -> tuple[int, float]:
        """The block of a field's item (place in ``blocks``) and the points that it costs."""
        for place, block in enumerate(self.blocks):
            for items in block.items:
                if any(fnmatchcase(field, pattern) for pattern in items.fields):
                    return place, self.points[items.item_class]
        raise input_error("quality.score_field", "score.toml", name=field)


SHIPPED = Path(__file__).with_name("score.toml")


@cache
def load_score_sheet(path: Path = SHIPPED) -> ScoreSheet:
    """The shipped score sheet, or that of another file."""
    return ScoreSheet.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


class Scorer:
    """Adds up what the records of one chunk lose. An item is lost once, however many findings point to it."""

    def __init__(self, sheet: ScoreSheet, rules: Sequence[Rule]):
        self._sheet = sheet
        fields = {check.field for rule in rules if rule.severity in sheet.severities for check in rule.checks}
        self._items = {field: sheet.item_of(field) for field in sorted(fields)}

    def begin(self, records: int) -> None:
        """Start a chunk of so many records."""
        self._lost = {field: np.zeros(records, np.bool_) for field in self._items}
        self._records = records

    def lose(self, rule: Rule, field: str, hit: Mask) -> None:
        """Records in ``hit`` lose the item of a field, if the rule costs points."""
        if rule.severity in self._sheet.severities:
            self._lost[field] |= hit

    def scores(self) -> npt.NDArray[np.float64]:
        """The score of each record, 0 to 100."""
        score = np.full(self._records, FULL_SCORE)
        for place, block in enumerate(self._sheet.blocks):
            lost = np.zeros(self._records)
            for field, (of, points) in self._items.items():
                if of == place:
                    lost += points * self._lost[field]
            score -= np.minimum(lost, block.total)
        return score


def named(scores: npt.NDArray[np.float64], bands: Sequence[Band], lang: str = "zh") -> pa.Array:
    """The band of each score."""
    minima = np.array([band.minimum for band in bands])
    places = np.argmax(scores[:, None] >= minima[None, :], axis=1)
    return pa.array([band.title.text(lang) for band in bands], pa.string()).take(pa.array(places))


def top_defects(findings: pa.Table, records: pa.Table, by: str | None = None) -> pa.Table:
    """What is found most among the open findings: in all records, or by ``department``, ``doctor`` or ``month`` (of
    discharge).

    ``findings`` in ``FINDING_SCHEMA``, ``records`` the summaries of the same run; findings of other records are left
    out. Returns by (if given), rule, severity, count, records (of that department and so on) and share (of these
    records with the finding), most frequent first.
    """
    counter = DefectCounter(by)
    counter.add(findings, records)
    return counter.table()


class DefectCounter:
    """:func:`top_defects` over records that come in parts; memory does not grow with their number."""

    def __init__(self, by: str | None = None):
        if by not in (None, *GROUPINGS):
            raise input_error("quality.grouping_unknown", by=by, known=", ".join(GROUPINGS))
        self._keys = [] if by is None else [by]
        names = [*self._keys, "rule", "severity"]
        self._schema = pa.schema([*((name, pa.string()) for name in names), ("count", pa.int64())])
        self._counts = [self._schema.empty_table()]
        sizes = [*((key, pa.string()) for key in self._keys), ("records", pa.int64())]
        self._sizes = [pa.schema(sizes).empty_table()]

    def add(self, findings: pa.Table, records: pa.Table) -> None:
        """Count the findings and the records of a part."""
        found = findings.filter(pc.equal(findings.column("status"), "open"))
        places = pc.index_in(found.column("case_id"), value_set=records.column("case_id").combine_chunks())
        keyed = found.select(["rule", "severity", "case_id"])
        for key in self._keys:
            keyed = keyed.append_column(key, records.column(key).take(places.combine_chunks()))
        names = [*self._keys, "rule", "severity"]
        once = keyed.filter(pc.is_valid(places)).group_by([*names, "case_id"]).aggregate([])
        counted = once.group_by(names).aggregate([("case_id", "count")])
        self._counts.append(counted.rename_columns([*names, "count"]).cast(self._schema))
        sizes = pa.table(
            {key: records.column(key) for key in self._keys} | {"records": pa.repeat(1, len(records))}
        )
        self._sizes.append(_added(sizes, self._keys, "records").cast(self._sizes[0].schema))

    def table(self) -> pa.Table:
        """What :func:`top_defects` returns, of all parts."""
        names = [*self._keys, "rule", "severity"]
        counts = _added(pa.concat_tables(self._counts), names, "count")
        sizes = _added(pa.concat_tables(self._sizes), self._keys, "records")
        place = pa.repeat(0, len(counts))
        for key in self._keys:
            known = sizes.column(key).combine_chunks()
            place = pc.index_in(counts.column(key), value_set=known).combine_chunks()
        counts = counts.append_column("records", sizes.column("records").take(place))
        share = pc.divide(*(counts.column(name).cast(pa.float64()) for name in ("count", "records")))
        order = [("count", "descending"), *((key, "ascending") for key in (*self._keys, "rule"))]
        return counts.append_column("share", share).sort_by(order)


def _added(table: pa.Table, keys: list[str], number: str) -> pa.Table:
    """The sums of a column by ``keys``; without keys one row."""
    if not keys:
        return pa.table({number: pa.array([pc.sum(table.column(number)).as_py() or 0], pa.int64())})
    return table.group_by(keys).aggregate([(number, "sum")]).rename_columns([*keys, number])
