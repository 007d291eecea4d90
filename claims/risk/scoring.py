"""Scores of new units as a table, in the order of the table that was given."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from claims.risk.frame import Frame, frame
from claims.risk.metrics import flagged
from claims.risk.model import Model
from claims.risk.reasons import reasons
from claims.risk.table import check_columns
from claims.risk.values import Floats, numbers


def score(
    table: pa.Table,
    model: Model,
    amount: str | None = None,
    capacity: int | None = None,
    lang: str = "en",
) -> pa.Table:
    """One row a unit (a row of the table, or a group of rows), in order.

    Columns: ``row`` (from 1; of a group its number), ``id`` (the group, or the id column where the table has it),
    ``score`` (probability, 0 to 1), ``rank`` (1 is the first to look at), ``band``, ``expected_amount`` (where
    ``amount`` names a column: probability times amount), ``flagged`` (among the ``capacity`` first; without a
    capacity those of the highest band), ``reasons`` (sentences, of flagged units only). Equal worth
    is ordered by row.
    Raises ``InputError`` where columns are missing.
    """
    check_columns(table, {"--amount": [amount]})
    made = frame(table, model.schema)
    scores = model.scores(made.values)
    probabilities = model.probabilities(scores)
    # Calibrated probabilities may be equal where scores are not; the order is that of the scores.
    worth = scores
    columns = {
        "row": pa.array(np.arange(1, len(scores) + 1)),
        "id": _ids(table, made, model),
        "score": pa.array(probabilities),
    }
    if amount is not None:
        expected = probabilities * np.nan_to_num(_amounts(table, made, amount))
        columns["expected_amount"] = pa.array(expected)
        worth = expected
    rank = np.empty(len(worth), np.int64)
    rank[np.argsort(-worth, kind="stable")] = np.arange(1, len(worth) + 1)
    band = model.band_of(probabilities)
    is_flagged = band == 0
    if capacity is not None:
        is_flagged = np.zeros(len(worth), bool)
        is_flagged[flagged(worth, capacity)] = True
    columns["rank"] = pa.array(rank)
    columns["band"] = pa.array(np.array(model.band_names, object)[band], pa.string())
    columns["flagged"] = pa.array(is_flagged)
    told: list[list[str] | None] = [None] * len(worth)
    chosen = np.flatnonzero(is_flagged)
    for place, of_unit in zip(chosen.tolist(), reasons(model, made.values[chosen]), strict=True):
        told[place] = [one.sentence(lang) for one in of_unit]
    columns["reasons"] = pa.array(told, pa.list_(pa.string()))
    return pa.table(columns)


def _ids(table: pa.Table, made: Frame, model: Model) -> pa.Array:
    if made.names is not None:
        return pa.array(made.names, pa.string())
    if model.id_column is not None and model.id_column in table.column_names:
        return table.column(model.id_column).cast(pa.string()).combine_chunks()
    return pa.nulls(len(table), pa.string())


def _amounts(table: pa.Table, made: Frame, amount: str) -> Floats:
    values = numbers(table.column(amount))
    if made.names is None:
        return values
    return np.bincount(made.unit_of_row, weights=np.nan_to_num(values), minlength=len(made.names)).astype(
        np.float64
    )
