"""The claims of a results folder as one table: to train on closed decisions, to evaluate, to watch for drift."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.nightly.results import Results
from claims.risk.values import numbers

LABEL = "label"
DAY = "day"
"""The day on which a claim is known, as its features see it."""
DAYS = ("claim_date", "discharge_date")


def claim_table(results: Results, columns: Collection[str] = (), labels: pa.Table | None = None) -> pa.Table:
    """One row a claim, in the order of the results: ``case_id``, its features, then ``columns`` and ``label``.

    ``columns``: those of the table ``cases``, and ``day``, that the features have not got, such as what a split must
    keep together. ``labels``: as :func:`known_labels` takes them; claims without one are left out.
    Raises ``InputError`` where a table, a column or every label is missing.
    """
    features = results.table("features")
    if labels is not None:
        labels = known_labels(labels)
        is_labelled = pc.is_in(features.column("case_id"), value_set=_ids(labels))
        features = features.filter(is_labelled)
        if not len(features):
            raise input_error("risk.labels_elsewhere", str(results.folder))
        features = features.append_column(LABEL, _of(labels, LABEL, features))
    wanted = [name for name in dict.fromkeys(columns) if name not in features.column_names]
    if not wanted:
        return features
    cases = _with_day(results.table("cases"))
    for name in wanted:
        if name not in cases.column_names:
            raise input_error("risk.option_column", option="--with", column=name)
        features = features.append_column(name, _of(cases, name, features))
    return features


def known_labels(labels: pa.Table) -> pa.Table:
    """``case_id`` and ``label`` (1.0 was suspicious, 0.0 was not): one row a case, of several the last one.

    ``labels``: a table with these two columns, as ``claims.store.labels`` gives it; rows without a label are left out.
    Raises ``InputError`` where a column, or every label, is missing.
    """
    for name in ("case_id", LABEL):
        if name not in labels.column_names:
            raise input_error("risk.option_column", option="--labels", column=name)
    label = pa.array(numbers(labels.column(LABEL)))
    table = pa.table({"case_id": labels.column("case_id").cast(pa.string()), LABEL: label})
    table = table.filter(pc.is_in(table.column(LABEL), value_set=pa.array([0.0, 1.0])))
    if not len(table):
        raise input_error("risk.no_labels")
    last = table.group_by("case_id", use_threads=False).aggregate([(LABEL, "last")])
    return last.rename_columns(["case_id", LABEL])


def _with_day(cases: pa.Table) -> pa.Table:
    return cases.append_column(DAY, pc.coalesce(*(cases.column(name) for name in DAYS)))


def _of(table: pa.Table, name: str, claims: pa.Table) -> pa.ChunkedArray:
    """A column of another table for each of the claims; null for one that is not there."""
    return table.column(name).take(pc.index_in(claims.column("case_id"), value_set=_ids(table)))


def _ids(table: pa.Table) -> pa.Array:
    return table.column("case_id").combine_chunks()
