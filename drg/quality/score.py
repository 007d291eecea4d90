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


def top_defects(findings: pa.Table, records: pa.Table, by: str) -> pa.Table:
    """What is found most among the open findings, by ``department``, ``doctor`` or ``month`` (of discharge).

    ``findings`` in ``FINDING_SCHEMA``, ``records`` the summaries of the same run. Returns by, rule, severity, count,
    records (of that department and so on) and share (of these records with the finding), most frequent first.
    """
    if by not in GROUPINGS:
        raise input_error("quality.grouping_unknown", by=by, known=", ".join(GROUPINGS))
    found = findings.filter(pc.equal(findings.column("status"), "open"))
    places = pc.index_in(found.column("case_id"), value_set=records.column("case_id").combine_chunks())
    keyed = found.select(["rule", "severity", "case_id"]).append_column(
        by, records.column(by).take(places.combine_chunks())
    )
    once = keyed.group_by(["rule", "severity", "case_id", by]).aggregate([])
    counts = once.group_by([by, "rule", "severity"]).aggregate([("case_id", "count")])
    sizes = records.group_by(by).aggregate([("case_id", "count")]).rename_columns([by, "records"])
    place = pc.index_in(counts.column(by), value_set=sizes.column(by).combine_chunks()).combine_chunks()
    of = sizes.column("records").take(place)
    count = counts.column("case_id_count")
    share = pc.divide(count.cast(pa.float64()), of.cast(pa.float64()))
    table = pa.table(
        {
            by: counts.column(by),
            "rule": counts.column("rule"),
            "severity": counts.column("severity"),
            "count": count,
            "records": of,
            "share": share,
        }
    )
    return table.sort_by([("count", "descending"), (by, "ascending"), ("rule", "ascending")])
