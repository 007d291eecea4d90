"""Why the model scored a claim as it did, which known claims are like it, and what would change its band."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from claims.claim_desk.words import model_reason_text, sensitivity_text
from claims.nightly.results import Results
from claims.risk.api import explain
from claims.risk.store import Stored

FIRST_ROW = "1"
"""What the only row is called where the model knows no id."""
RowKind = Literal["lines", "visits", "peers", "hits", "claim"]


@dataclass(frozen=True)
class Rows:
    """The rows behind a feature: fee lines (of ``fees``, all where empty), visits of ``days`` before, peers, rule hits.

    ``claim``: the claim itself.
    """

    kind: RowKind
    fees: tuple[str, ...] = ()
    days: int = 0


@dataclass(frozen=True)
class ModelReason:
    """A feature, its sentence, its share of the score in log odds, and where its rows are."""

    feature: str
    sentence: str
    contribution: float
    rows: Rows


@dataclass(frozen=True)
class Known:
    """A claim that the model learned from and whose reasons are alike; ``label``: 1 was suspicious, 0 was not."""

    case_id: str
    label: int


@dataclass(frozen=True)
class Assessment:
    """What a model says of a claim; ``model``: its name, a hash. ``changes``: sensitivity, no advice."""

    score: float
    band: str
    model: str
    reasons: tuple[ModelReason, ...]
    known: tuple[Known, ...]
    changes: tuple[str, ...]


def assess(results: Results, stored: Stored, name: str, case_id: str, lang: str) -> Assessment | None:
    """The view of the model that is called ``name``.

    ``None`` where the features of the claim are not in the folder, or the model scores groups of claims.
    Raises ``InputError`` where the features are not those that the model reads.
    """
    if stored.model.schema.unit == "group" or not results.has("features"):
        return None
    features = results.table("features", None, [case_id])
    if not len(features):
        return None
    id_column = stored.model.id_column
    unit = str(features.column(id_column)[0]) if id_column in features.column_names else FIRST_ROW
    told = explain(stored, features.slice(0, 1), unit)
    return Assessment(
        told.score,
        told.band,
        name,
        tuple(
            ModelReason(
                one.feature.column,
                model_reason_text(one, lang),
                one.contribution,
                rows_of(one.feature.column),
            )
            for one in told.reasons
        ),
        tuple(Known(case, label) for case, label in told.similar if case != case_id),
        tuple(sensitivity_text(one, lang) for one in told.sensitivities),
    )


def rows_of(feature: str) -> Rows:
    """Where the rows behind a feature are (``feature_rows.toml``); the claim itself for one that is not listed."""
    return _rows().get(feature, Rows("claim"))


@cache
def _rows() -> Mapping[str, Rows]:
    entries = tomllib.loads(Path(__file__).with_name("feature_rows.toml").read_text(encoding="utf-8"))
    return {
        feature: Rows(entry["rows"], tuple(entry.get("fees", ())), entry.get("days", 0))
        for entry in entries.values()
        for feature in entry["features"]
    }
