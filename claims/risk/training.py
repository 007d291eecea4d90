"""Training: from a labelled table to a model and how it did on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.risk import calibration, drift, evaluation, linear, reasons
from claims.risk.boosting import train as train_trees
from claims.risk.columns import Column, detect, single_auc, without_leaks
from claims.risk.evaluation import Evaluation, Units
from claims.risk.frame import Frame, Schema, Unit, frame, is_steady
from claims.risk.metrics import sigmoid
from claims.risk.model import Band, Model
from claims.risk.settings import settings
from claims.risk.split import How, Split, make_split
from claims.risk.table import check_columns
from claims.risk.values import Floats, Ints, Mask, days, groups

MOST_SHOWN = 5


@dataclass(frozen=True)
class Task:
    """What to train for. Names of columns; ``how``: the split, None for what the given columns ask for.

    ``unit``: score rows or groups of rows; None for groups where all rows of every group have one label.
    """

    label: str
    positive: str | None = None
    group: str | None = None
    time: str | None = None
    id_column: str | None = None
    amount: str | None = None
    exclude: Collection[str] = ()
    keep: Collection[str] = ()
    subgroups: Collection[str] = ()
    unit: Unit | None = None
    how: How | None = None
    capacity: int | None = None
    date: str | None = None


@dataclass(frozen=True)
class Result:
    """The model, and what it and a logistic regression did on test rows. ``cases``: known ones, for similar cases."""

    model: Model
    test: Evaluation
    baseline: Evaluation
    split: pa.Table
    cases: pa.Table


@dataclass(frozen=True)
class Prepared:
    """A labelled table, ready to train on. ``labels``: (units,). ``ids``: (units,) what a unit is called.

    ``table``: the rows with a label.
    """

    table: pa.Table
    rows_without_label: int
    schema: Schema
    made: Frame
    labels: Ints
    split: Split
    units: Units
    ids: npt.NDArray[np.object_]


def prepare(table: pa.Table, task: Task) -> Prepared:
    """Read labels, divide, decide what each column is, compute the features. Raises ``InputError``.

    Nothing is learned from test rows: kinds, levels and leaks are judged by training rows alone.
    """
    _check(table, task)
    labels, known = read_labels(table.column(task.label), task.positive, task.label)
    table, labels = table.filter(pa.array(known)), labels[known]
    unit = task.unit or _unit(table, labels, task.group)
    of_row, names = groups(table.column(task.group)) if task.group else (np.arange(len(table)), [])
    split, row_folds = _split(table, task, unit, labels, of_row, names)
    schema = _schema(table, task, unit, labels, row_folds >= 0, of_row)
    made = frame(table, schema)
    if unit == "group":
        labels = _of_units(labels, made)
    schema, made = _without_derived_leaks(table, schema, made, labels, split.train, task.keep)
    units = evaluation.units_of(table, made, labels, task.amount, task.subgroups, of_row)
    unlabelled = int((~known).sum())
    ids = _ids(table, task, made, np.flatnonzero(known) + 1)
    return Prepared(table, unlabelled, schema, made, labels, split, units, ids)


def train(table: pa.Table, task: Task, data_hash: str) -> Result:
    """Train on a table. Raises ``InputError``. ``data_hash``: SHA-256 of the file, kept in the manifest."""
    ready = prepare(table, task)
    split, made = ready.split, ready.made
    labels, folds, values = ready.labels[split.train], split.folds[split.train], made.values[split.train]
    trained = train_trees(made.features, values, labels, folds)
    calibrator, losses = calibration.fit(labels, trained.scores, folds.astype(np.int64))
    probabilities = calibrator.probabilities(trained.scores)
    model = Model(
        schema=ready.schema,
        features=made.features,
        members=trained.members,
        calibrator=calibrator,
        bands=_bands(probabilities),
        label=task.label,
        positive=task.positive,
        id_column=task.id_column,
        amount=task.amount,
        reference=drift.reference(made.features, values, probabilities),
        manifest={
            "rows": len(ready.table),
            "rows_without_label": ready.rows_without_label,
            "data_sha256": data_hash,
            "date": task.date,
            "split": _split_told(split, ready.labels, task),
            "candidates": list(trained.tried),
            "chosen": trained.chosen,
            "calibration_log_loss": {name: round(loss, 6) for name, loss in losses.items()},
        },
    )
    test, baseline = _evaluate(model, task, ready.units, made, split)
    cases = reasons.reference_cases(model, values, labels, ready.ids[split.train])
    known_by = task.group or task.id_column
    kept = evaluation.split_table(ready.table, made, split, known_by, ready.labels)
    return Result(model, test, baseline, kept, cases)


def read_labels(column: pa.ChunkedArray, positive: str | None, name: str) -> tuple[Ints, Mask]:
    """Labels 0 and 1, and which rows have one. Raises ``InputError`` where the values are not two."""
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
    known = np.asarray(pc.is_valid(texts).to_numpy())
    words = settings("label")
    if positive is not None:
        ones = pc.equal(texts, positive.strip().lower())
        return np.asarray(pc.fill_null(ones, False).to_numpy(), np.int64), known
    ones, zeros = (pc.is_in(texts, value_set=pa.array(words[which])) for which in ("positive", "negative"))
    strange = pc.unique(texts.filter(pc.and_(pc.invert(pc.or_(ones, zeros)), pc.is_valid(texts))))
    if len(strange):
        shown = ", ".join(strange.to_pylist()[:MOST_SHOWN])
        raise input_error("risk.label_values", column=name, values=shown)
    return np.asarray(ones.to_numpy(), np.int64), known


def _check(table: pa.Table, task: Task) -> None:
    named: dict[str, Collection[str | None]] = {
        "--label": [task.label],
        "--group": [task.group],
        "--time": [task.time],
        "--id": [task.id_column],
        "--amount": [task.amount],
        "--exclude": task.exclude,
        "--keep": task.keep,
        "--subgroup": task.subgroups,
    }
    check_columns(table, named)
    if (task.unit == "group" or (task.how or "").startswith("group")) and task.group is None:
        raise input_error("risk.no_group")
    if (task.how or "").endswith("time") and task.time is None:
        raise input_error("risk.no_time")
    if task.group is not None and task.how in ("rows", "time"):
        raise input_error("risk.split_breaks_groups")


def _unit(table: pa.Table, labels: Ints, group: str | None) -> Unit:
    """Groups where there are several rows a group and each has one label; else rows."""
    if group is None:
        return "row"
    of_row, names = groups(table.column(group))
    ones = np.bincount(of_row, weights=labels, minlength=len(names))
    rows = np.bincount(of_row, minlength=len(names))
    several = rows > 1
    same = (ones == 0) | (ones == rows)
    return "group" if same.all() and several.mean() > 1 / 2 else "row"


def _split(
    table: pa.Table, task: Task, unit: Unit, labels: Ints, of_row: Ints, names: list[str]
) -> tuple[Split, npt.NDArray[np.int8]]:
    """The split of the units, and the fold of each row."""
    time = days(table.column(task.time)) if task.time is not None else None
    how = task.how or _how(task)
    if unit == "row":
        split = make_split(labels, how, of_row if task.group else None, names, time)
        return split, split.folds
    unit_labels = (np.bincount(of_row, weights=labels, minlength=len(names)) > 0).astype(np.int64)
    first = None
    if time is not None:
        if np.isnan(time).any():
            raise input_error("risk.time_missing", rows=int(np.isnan(time).sum()))
        first = np.full(len(names), np.inf)
        np.minimum.at(first, of_row, time)
    split = make_split(unit_labels, how, np.arange(len(names)), names, first)
    return split, split.folds[of_row]


def _how(task: Task) -> How:
    if task.group is not None:
        return "group-time" if task.time is not None else "group"
    return "time" if task.time is not None else "rows"


def _schema(
    table: pa.Table,
    task: Task,
    unit: Unit,
    labels: Ints,
    trains: Mask,
    of_row: Ints,
) -> Schema:
    """What the columns of the training rows are."""
    roles = {
        task.label: "risk.refused_label",
        task.id_column: "risk.refused_id",
        task.group: "risk.refused_group",
    }
    roles |= dict.fromkeys(task.exclude, "risk.refused_excluded")
    chosen = table.filter(pa.array(trains))
    found = [
        Column(name, "identifier", refused=roles[name])
        if name in roles
        else detect(name, chosen.column(name), task.label)
        for name in table.column_names
    ]
    if unit == "group":
        found = [_for_groups(column, chosen, of_row[trains]) for column in found]
    found = without_leaks(found, chosen, labels[trains], task.time, task.keep)
    if task.time is not None:
        found = [
            replace(column, refused="risk.refused_time") if column.name == task.time else column
            for column in found
        ]
    schema = Schema(unit, tuple(found), task.group, task.time)
    if not schema.used:
        raise input_error("risk.no_features")
    return schema


def _without_derived_leaks(
    table: pa.Table, schema: Schema, made: Frame, labels: Ints, trains: Mask, keep: Collection[str]
) -> tuple[Schema, Frame]:
    """Without the columns of features that tell the label only once they are put together, such as days between dates.

    Of two dates the one that is not the day of the claim, or comes later in the table, is refused.
    """
    most = settings("leak")["auc"]
    leaking: dict[str, float] = {}
    for place, feature in enumerate(made.features):
        if feature.how in ("value", "level"):
            continue
        values = made.values[trains, place]
        told = single_auc(values, labels[trains])
        name = feature.column if not feature.other or feature.how == "share" else feature.other
        name = feature.column if name == schema.time else name
        if told > most and name != schema.group and name not in keep:
            leaking[name] = max(told, leaking.get(name, 0.0))
    if not leaking:
        return schema, made
    columns = tuple(
        replace(
            column,
            kind="unsupported" if column.kind == "identifier" else column.kind,
            refused="risk.refused_leak",
            params={**column.params, "auc": round(leaking[column.name], 4)},
        )
        if column.name in leaking
        else column
        for column in schema.columns
    )
    schema = replace(schema, columns=columns)
    if not schema.used:
        raise input_error("risk.no_features")
    return schema, frame(table, schema)


def _for_groups(column: Column, table: pa.Table, of_row: Ints) -> Column:
    if column.kind == "identifier" and column.refused == "risk.refused_identifier":
        return replace(column, refused="risk.refused_identifier_counted")
    if column.refused or column.kind not in ("number", "category"):
        return column
    return replace(column, steady=is_steady(table, column, of_row))


def _of_units(labels: Ints, made: Frame) -> Ints:
    return (np.bincount(made.unit_of_row, weights=labels) > 0).astype(np.int64)


def _bands(probabilities: Floats) -> tuple[Band, ...]:
    shares: dict[str, float] = settings("bands")
    return tuple(
        Band(name, float(np.quantile(probabilities, 1 - share, method="higher")))
        for name, share in shares.items()
    )


def _ids(table: pa.Table, task: Task, made: Frame, rows: Ints) -> npt.NDArray[np.object_]:
    """(units,) what a unit is called: its group, its id, or its row. ``rows``: numbers from 1."""
    if made.names is not None:
        return np.array(made.names, object)
    if task.id_column is not None:
        return np.array(table.column(task.id_column).cast(pa.string()).to_pylist(), object)
    return np.array([str(row) for row in rows.tolist()], object)


def _split_told(split: Split, labels: Ints, task: Task) -> dict[str, Any]:
    return {
        "how": split.how,
        "group": task.group,
        "time": task.time,
        "last_training_day": None if split.cut is None else str(np.datetime64(int(split.cut), "D")),
        "folds": int(split.folds.max()) + 1,
        "train": {"units": int(split.train.sum()), "positives": int(labels[split.train].sum())},
        "test": {"units": int(split.test.sum()), "positives": int(labels[split.test].sum())},
        "left_out": int((~split.train & ~split.test).sum()),
    }


def _evaluate(
    model: Model, task: Task, units: Units, made: Frame, split: Split
) -> tuple[Evaluation, Evaluation]:
    """The model and a logistic regression with the same features, on the same test units."""
    test = units.take(split.test)
    values = made.values[split.test]
    scores = model.scores(values)
    plain = linear.fit(made.features, made.values[split.train], units.labels[split.train]).log_odds(values)
    return (
        evaluation.evaluate(test, scores, model.probabilities(scores), task.capacity),
        evaluation.evaluate(test, plain, sigmoid(plain), task.capacity),
    )
