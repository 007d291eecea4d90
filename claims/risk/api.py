"""What is done with a model and a table: evaluate, watch for drift, explain one unit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from claims.errors import input_error
from claims.risk import drift, evaluation, store
from claims.risk.drift import Drift
from claims.risk.evaluation import Evaluation
from claims.risk.frame import frame
from claims.risk.reasons import Reason, Sensitivity, reasons, sensitivities, similar
from claims.risk.store import Stored
from claims.risk.table import check_columns
from claims.risk.training import read_labels
from claims.risk.values import groups


@dataclass(frozen=True)
class Explained:
    """One unit: its probability and band, reasons, known cases like it (name, label), what would change the band."""

    id: str
    score: float
    band: str
    reasons: list[Reason]
    similar: list[tuple[str, int]]
    sensitivities: list[Sensitivity]


def evaluate_table(
    stored: Stored,
    table: pa.Table,
    amount: str | None,
    capacity: int | None,
    subgroups: Collection[str],
) -> Evaluation:
    """Figures on the units of a table that were not trained on; the others are counted and left out.

    Raises ``InputError`` where columns are missing, or too little is left to measure.
    """
    model = stored.model
    if model.label not in table.column_names:
        raise input_error("risk.no_label", column=model.label)
    # Without the column by which training units are recognised, they would pass for new ones.
    known_by = model.schema.group or model.id_column
    if known_by is not None and known_by not in table.column_names:
        raise input_error("risk.column_missing", column=known_by)
    check_columns(table, {"--amount": [amount], "--subgroup": subgroups})
    labels, known = read_labels(table.column(model.label), model.positive, model.label)
    table, labels = table.filter(pa.array(known)), labels[known]
    made = frame(table, model.schema)
    if made.names is not None:
        labels = (np.bincount(made.unit_of_row, weights=labels) > 0).astype(np.int64)
    group = model.schema.group
    keys = evaluation.keys_of(table, made, known_by, labels)
    new = evaluation.unseen(keys, stored.split)
    of_row = groups(table.column(group))[0] if group is not None else np.arange(len(table))
    units = evaluation.units_of(table, made, labels, amount, subgroups, of_row).take(new)
    positives = int(units.labels.sum())
    if positives in (0, len(units.labels)):
        raise input_error("risk.one_label", positives=positives, units=len(units.labels))
    scores = model.scores(made.values[new])
    return evaluation.evaluate(units, scores, model.probabilities(scores), capacity, seen=int((~new).sum()))


def drift_of(stored: Stored, table: pa.Table) -> list[Drift]:
    """How far a table is from the training rows: the score first, then the features, those that shifted most first."""
    model = stored.model
    made = frame(table, model.schema)
    probabilities = model.probabilities(model.scores(made.values))
    return drift.compare(model.features, model.reference, made.values, probabilities)


def explain(stored: Stored, table: pa.Table, unit: str, fixed: Collection[str] = ()) -> Explained:
    """One unit of a table: its group, its id, or its row from 1. ``fixed``: columns that could not be otherwise.

    Raises ``InputError`` where there is no such unit or column.
    """
    model = stored.model
    store.check_cases(stored.cases, len(model.features))
    check_columns(table, {"--fixed": fixed})
    made = frame(table, model.schema)
    place = _place(stored, table, made.names, unit, len(made.values))
    row = made.values[place]
    probability = model.probabilities(model.scores(row[None, :]))
    return Explained(
        unit,
        float(probability[0]),
        model.band_names[int(model.band_of(probability)[0])],
        reasons(model, row[None, :])[0],
        similar(model, stored.cases, row),
        sensitivities(model, row, tuple(fixed)),
    )


def _place(stored: Stored, table: pa.Table, names: list[str] | None, unit: str, count: int) -> int:
    id_column = stored.model.id_column
    if names is None and id_column is not None and id_column in table.column_names:
        names = table.column(id_column).cast(pa.string()).to_pylist()
    if names is not None and unit in names:
        return names.index(unit)
    if names is None and unit.isdecimal() and 1 <= int(unit) <= count:
        return int(unit) - 1
    raise input_error("risk.no_unit", unit=unit)
